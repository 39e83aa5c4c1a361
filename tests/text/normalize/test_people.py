"""What people, chat programs and web pages write, by kind of difficulty."""

import pytest

from sparktts_onnx.text.normalize import normalize
from sparktts_onnx.text.segments import split

ENGLISH = {
    "addresses of houses": [
        ("2788 San Tomas Expy, 12 S 1st st", "twenty-seven eighty-eight San Tomas Expressway, twelve S first Street"),
        (
            "1211 E Arques Ave, 708 N 1st St.",
            "twelve eleven East Arques Avenue, seven hundred eight North first Street.",
        ),
        ("He has 3 St, and 4 Ct.", "He has three St, and four Ct."),
    ],
    "formulas and signs that others write": [
        ("y=x +1, 1⋅2=3, 6∙7", "y equals x plus one, one times two equals three, six times seven"),
        ("4≦5, 2⊆3, 8∕2", "four is at most five, two is a subset of three, eight divided by two"),
        ("1/2kg, 3/4lb", "one half kilogram, three quarters pound"),
        ("$12@12%, and 114...48", "twelve dollars at twelve percent, and one hundred fourteen...forty-eight"),
        ("Due Jan-15 or May-5", "Due January fifteenth or May fifth"),
    ],
    "months in any case": [
        ("august 9 2015, by april 30", "august ninth, twenty fifteen, by april thirtieth"),
        ("3 may 1999, the 2nd of march", "the third of may, nineteen ninety-nine, the second of march"),
        ("FEB 2 2021, 5 DEC 2020", "February second, twenty twenty-one, the fifth of December, twenty twenty"),
        ("on feb. 3 in York, on may 5", "on february third in York, on may fifth"),
        ("in march 1790", "in march seventeen ninety"),
        ("You may 3 or march 5 miles", "You may three or march five miles"),
        ("17-June-2006", "the seventeenth of June, two thousand six"),
        ("2019-07", "July twenty nineteen"),
        ("Jan-15-2020", "January fifteenth, twenty twenty"),
    ],
    "years": [
        ("820 BC, AD 79, 1200 BC", "eight hundred twenty BC, AD seventy-nine, twelve hundred BC"),
        ("the 1980s-90s", "the nineteen eighties to nineties"),
        ("2019's winner, the 1960's", "twenty nineteen's winner, the nineteen sixties"),
    ],
    "Roman numerals": [
        ("Ramesses XI, Ivan IV, John XXIII", "Ramesses the Eleventh, Ivan the Fourth, John the Twenty-Third"),
        ("Apollo XIII, Mark III, Title IX", "Apollo Thirteen, Mark Three, Title Nine"),
        ("Vol. IV, CHAPTER III, PART II", "Volume Four, CHAPTER Three, PART Two"),
        ("Start IV fluids. Size XL. Type Ⅱ", "Start IV fluids. Size XL. Type two"),
    ],
    "counts": [
        ("7k likes, 4.5m users, a 2m rope", "seven thousand likes, four point five million users, a two meters rope"),
        ("8M views, 2bn, 600k", "eight million views, two billion, six hundred thousand"),
        ("a 4K film, 64k of it, a 10k run", "a 4K film, 64k of it, a 10k run"),
        ("2210 Oak Ave.", "twenty-two ten Oak Avenue."),
        ("12,50,000 rupees", "one million two hundred fifty thousand rupees"),
    ],
    "units": [
        ("18ºC, 110V, 60W, 15A", "eighteen degrees Celsius, one hundred ten volts, sixty watts, fifteen amps"),
        ("seat 15A, flight 12A", "seat 15A, flight 12A"),
        ("30fps, 990 hPa, 3 yrs", "thirty frames per second, nine hundred ninety hectopascals, three years"),
        ("5 gal, 10 mbps, 7KG", "five gallons, ten megabits per second, seven kilograms"),
        ("5 million km, 3 mg/dL", "five million kilometers, three milligrams per deciliter"),
        ("€15/mo, $80/hr, £3/d", "fifteen euros per month, eighty dollars per hour, three pounds per day"),
        ("5 ft 9 in, a 10 in. pipe", "five feet nine inches, a ten-inch pipe"),
        ('a 3/4" pipe', "a three-quarter-inch pipe"),
        ("a 2\" nail, 8' wide, 5 ft. long", "a two-inch nail, eight feet wide, five feet long"),
        ('He said "I have 2". So', 'He said "I have two". So'),
        (
            "BP 130/85, blood pressure of 90/60",
            "BP one hundred thirty over eighty-five, blood pressure of ninety over sixty",
        ),
    ],
    "amounts": [
        ("$20.00-$35.00", "twenty to thirty-five dollars"),
        ("$4.500, $4.505", "four dollars and fifty cents, four point five zero five dollars"),
        ("It is Rs. 250 now", "It is two hundred fifty rupees now"),
        ("3 @ $5", "three at five dollars"),
    ],
    "digits that are names": [
        ("card ending in 4417", "card ending in four four one seven"),
        ("my PIN is 0932, code: 404", "my PIN is zero nine three two, code: four zero four"),
        ("order number 5512 of 300", "order number five five one two of three hundred"),
        ("403(b) plan, 501(c)(3)", "four oh three b plan, five oh one c three"),
        ("call (020)-555-7788", "call zero two zero, five five five, seven seven eight eight"),
        ("10.1.2.3:443", "ten point one point two point three port four four three"),
        ("172.16.0.0/12", "one seven two point sixteen point zero point zero slash twelve"),
    ],
    "times and fractions": [
        ("at 2.45 p.m. today", "at two forty-five p m today"),
        ("10:30EST", "ten thirty E S T"),
        ("2/3rd, 3/8ths, -2/5", "two thirds, three eighths, minus two fifths"),
    ],
    "markup": [
        ("It&#39;s &quot;yes&quot;&nbsp;now", 'It\'s "yes" now'),
        ("a&mdash;b, &amp;gt;", "a—b, >"),
        ('<i>so</i> x<br/>y <div class="a">z', "so x\ny\nz"),
        ("the <table> element, a < b", "the <table> element, a < b"),
        ("~~gone~~ here", "gone here"),
        ("> said\n>> more", "said\nmore"),
        ("![a dog](dog.png) [that](../x.md)", "a dog that"),
        ("| a | b |\n|---|---|\n| c | d |", "a, b\nc, d"),
        ("┌──┐ ──── ●", ""),
        ("+ item\n* Title *\n- [x] done", "item\nTitle\ndone"),
        ("```python\nprint\n```", "print"),
        ("end.[4] It", "end. It"),
        ("a word² he said[12] so¹, note¹", "a word he said so¹, note"),
        ("so[^7] it, a[0] = b", "so it, a[zero] = b"),
        ("ﬂame, oﬀer, 𝐛𝐨𝐥𝐝", "flame, offer, bold"),
        ("snake_case, https://a.com/b_c", "snake case, a dot com slash b underscore c"),
    ],
    "mathematics": [
        ("so $y-2$ is", "so y minus two is"),
        ("g(x)=3x-1", "g(x) equals three x minus one"),
        (r"\(a \times b\) and $x^2$", "a times b and x squared"),
        ("between $5 and $7", "between five dollars and seven dollars"),
    ],
}
CHINESE = {
    "dates and shares that others write": [
        ("公元2934年，2019·2·10", "公元二九三四年，二零一九年二月十日"),
        ("2015年08月08号", "二零一五年八月八号"),
        ("在08-2008，改到03/2024，08-08，05/21", "在二零零八年八月，改到二零二四年三月，八月八日，五月二十一日"),
        ("第03-05集", "第零三到零五集"),
        ("放1/2kg，-百分之1", "放二分之一千克，负百分之一"),
    ],
    "numbers that are dialed": [
        ("快打110！拨了120。", "快打幺幺零！拨了幺二零。"),
        ("打12306订票，95588客服", "打幺二三零六订票，九五五八八客服"),
        ("请打112，跑了110米，打120分", "请打幺幺二，跑了一百一十米，打一百二十分"),
    ],
    "numbers that are names": [
        ("卡号尾号5521", "卡号尾号五五二幺"),
        ("房间号1203", "房间号幺二零三"),
        ("验证码是4096", "验证码是四零九六"),
        ("985高校，985个", "九八五高校，九百八十五个"),
        ("996工作制", "九九六工作制"),
        ("9·11事件", "九一一事件"),
        ("00后和75后", "零零后和七五后"),
    ],
    "fractions, dates, measures": [
        ("为-2/5", "为负五分之二"),
        ("占3 / 4", "占四分之三"),
        ("自2019-07起，2019/07", "自二零一九年七月起，二零一九年七月"),
        ("买2两茶", "买二两茶"),
        ("Ⅲ期，第Ⅴ卷，II型", "三期，第五卷，二型"),
        ("200w用户，3w粉丝，60W灯泡", "两百万用户，三万粉丝，六十瓦灯泡"),
    ],
    "units and ratios": [
        ("尿酸420μmol/L", "尿酸四百二十微摩尔每升"),
        ("血压130/85，130/85mmHg", "血压一百三十比八十五，一百三十比八十五毫米汞柱"),
        ("比例尺1:2000", "比例尺一比两千"),
        ("配比1:3，按1:30兑水", "配比一比三，按一比三十兑水"),
    ],
}
CASES = [
    pytest.param(*case, id=f"{kind}-{case[0]}")
    for table in (ENGLISH, CHINESE)
    for kind, cases in table.items()
    for case in cases
]


@pytest.mark.parametrize(("written", "normalized"), CASES)
def test_what_people_write_is_read(written: str, normalized: str) -> None:
    assert normalize(written) == normalized


@pytest.mark.parametrize("written", ["on feb. 3 in York", "It cost Rs. 250 then", "Read Vol. IV now", "5 ft. 3 of it"])
def test_abbreviations_before_numbers_end_no_sentence(written: str) -> None:
    assert len(split(normalize(written), join_below=0)) == 1
