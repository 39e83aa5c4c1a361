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
    "days behind on": [
        ("on 7/10 we met; We met on 7/10.", "on July tenth we met; We met on July tenth."),
        ("On 7/10, the shop closes.", "On July tenth, the shop closes."),
        ("See you on 3/4 at noon!", "See you on March fourth at noon!"),
        ("open on 7/10 and closed on 1/2.", "open on July tenth and closed on January second."),
        ("open on 7/10 and 7/11, 1/2 of it", "open on July tenth and July eleventh, one half of it"),
        ("on 7/10/2024 we met", "on July tenth, twenty twenty-four we met"),
        ("On 9/11, the towers fell.", "On nine eleven, the towers fell."),
        ("We agree on 8/10 points.", "We agree on eight out of ten points."),
        ("They settled on 7/10, I think.", "They settled on seven out of ten, I think."),
        ("rated on 7/10 I guess, on 3/4 of it", "rated on seven out of ten I guess, on three quarters of it"),
        ("you on 1/2, me on 1/2; on 13/13 we met", "you on one half, me on one half; on 13/13 we met"),
    ],
    "minutes of a match": [
        ("In the 23' minute, in the 90+3' minute", "In the twenty-third minute, in the ninety plus third minute"),
        ("\"the 23' minute\", 45'+22", '"the twenty-third minute", forty-five plus twenty-two minutes'),
        ("He scored in the 90+3'.", "He scored in the ninety plus third minute."),
        ("She headed it home in the 67’.", "She headed it home in the sixty-seventh minute."),
        (
            "Jones 45'+2, Lee 90+4', Kim 120+1' and others",
            "Jones forty-five plus two minutes, Lee ninety plus four minutes, "
            "Kim one hundred twenty plus one minutes and others",
        ),
        ("a 23' wall, it is 23' long", "a twenty-three-foot wall, it is twenty-three feet long"),
        ("He built it in the 40'.", "He built it in the forty feet."),
        ("a 90+3' pole", "a ninety plus three feet pole"),
        ("5'10\" tall, 45'+2\" long", "five foot ten tall, forty-five'plus two inches long"),
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
        ("7k likes, 4.5m users, a 2m rope", "seven thousand likes, four point five million users, a two meter rope"),
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
        ("He left (at once)⁶ “so.”⁷ Then,⁸ )⁶", "He left (at once) “so.” Then, )⁶"),
        ("so[^7] it, a[0] = b", "so it, a[zero] = b"),
        ("ﬂame, oﬀer, 𝐛𝐨𝐥𝐝", "flame, offer, bold"),
        ("snake_case, https://a.com/b_c", "snake case, a dot com slash b underscore c"),
    ],
    "formulas of assistants": [
        (r"where \( a \) and \( b \) are \[ x = 5 \]", "where a and b are x equals five"),
        (
            r"\[ x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a} \]",
            "x equals minus b plus or minus square root of b squared minus four ac over two a",
        ),
        ("$$\nF = G \\frac{m_1 m_2}{r^{2}}\n$$", "F equals G m one m two over r squared"),
        (r"get $\boxed{15}$, $\pi r^2$, $90^\circ$", "get fifteen, pi r squared, ninety degrees"),
        (r"$5 \times 3 = 15$ and $10\%$", "five times three equals fifteen and ten percent"),
        (r"\text{Area} = 78.5 \text{ cm}^2", "Area equals seventy-eight point five square centimeters"),
        (r"\$5 is 50\% \*off\*", "five dollars is fifty percent off"),
        ("9.8 m/s^2, 5^2, 2^10", "nine point eight meters per second squared, five squared, two to the power of ten"),
        ("α = 0.05, 2πr, β-carotene", "alpha equals zero point zero five, two pi r, beta-carotene"),
        ("√16 = 4, 2√3, (x+2)", "square root of sixteen equals four, two square root of three, (x plus two)"),
    ],
    "chat": [
        ("fun :) ok :-D. See you ;-)", "fun ok. See you"),
        ("thanks:) ¯\\_(ツ)_/¯ ^_^ 10/10", "thanks ten out of ten"),
        ("(see note 8) and a :b: at 1:3", "(see note eight) and a :b: at one to three"),
        ("Good morning 😊 How are you? Fine :) I will", "Good morning. How are you? Fine. I will"),
        ("I ❤️ New York. I ❤️ The Beatles", "I New York. I The Beatles"),
        ("1) Open it.\n2) Save it.", "one, Open it.\nTwo, Save it."),
        ("<https://foo.bar/a> <a@b.com> <b> ", "foo dot bar slash a a at b dot com <b>"),
        ("See `the guide <https://foo.bar/a>`_ or Notes<https://foo.bar>.", "See the guide or Notes foo dot bar."),
        ("– dash\n— em", "dash\nem"),
        ("See bit.ly/ab. → Next", "See bit dot ly slash ab. → Next"),
        ("a 7B model, 1.5B, 2.5M, i7-13700K", "a 7B model, one point five billion, two point five million, i7-13700K"),
    ],
    "other characters": [
        ("cafe\u0301 Ⓗⓔⓛⓛⓞ", "café Hello"),
        ("1⁄2 cup, 2-1/2 cups", "one half cup, two and a half cups"),
    ],
    "days and times": [
        ("Mon–Fri 9am, Sat. 10-4, closed Sun.", "Monday to Friday nine a m, Saturday ten to four, closed Sunday."),
        ("Tue, Mar 5, Wed 4 Mar. Fri 3/1", "Tuesday, March fifth, Wednesday the fourth of March. Friday March first"),
        ("Mon. Jan. 2, Mon, Wed & Fri", "Monday January second, Monday, Wednesday and Friday"),
        ("The cat Sat down. The Sun. He Wed her.", "The cat Sat down. The Sun. He Wed her."),
        ("on Tuesday, 3/5 at 10", "on Tuesday, March fifth at ten"),
        ("at 5 p.m. Tuesday, 5 P.M. EST", "at five p m Tuesday, five p m EST"),
        ("in 2m 30s, 1m5s, a 2m rope", "in two minutes thirty seconds, one minute five seconds, a two meter rope"),
        ("at 00:00, at 0:30", "at midnight, at zero thirty"),
        ("summer of '69, the '00s, Jun '23", "summer of sixty-nine, the two thousands, June twenty twenty-three"),
        ("'12 came,' he said", "'twelve came,' he said"),
        ("under-18s, over 65s", "under-eighteens, over sixty-fives"),
        ("(c. 1450), c.1900, c. 18", "(circa fourteen fifty), circa nineteen hundred, c. eighteen"),
    ],
    "abbreviations of papers": [
        ("p.5, vol.2, Approx. 50, Rte. 66", "page five, volume two, Approximately fifty, Route sixty-six"),
        ("In Salem, Ore., (D-Calif.) said. Ill. Mass.", "In Salem, Oregon, (D-California) said. Ill. Mass."),
        ("(w/v), w/ a dog, §§ 2-5", "(w/v), with a dog, sections two to five"),
    ],
    "amounts with units and names": [
        ("a 5-km run, a 12-oz can, 3-D", "a five kilometer run, a twelve ounce can, three-D"),
        (
            "40C (104F), -5C, 10-12C",
            "forty degrees Celsius (one hundred four degrees Fahrenheit), minus five degrees Celsius, "
            "ten to twelve degrees Celsius",
        ),
        ("Seat 12C, size 36C, iPhone 5C, 4C hair, 0x1F", "Seat 12C, size 36C, iPhone 5C, 4C hair, 0x1F"),
        ("a 20-C model, a 12-F one", "a twenty-C model, a twelve-F one"),
        ("rose 25 bps, 2 Tbsp. butter", "rose twenty-five basis points, two tablespoons butter"),
        ('5\' 11" tall, 9" x 13"', "five foot eleven tall, nine inches by thirteen inches"),
        ("a 7/10, 3/10 of it, 80/20", "a seven out of ten, three tenths of it, eighty twenty"),
        ("55 W. 42nd St., a 55 W bulb", "fifty-five West forty-second Street, a fifty-five watt bulb"),
        ("1600 Elm Ave. NW, 67th St", "sixteen hundred Elm Avenue Northwest, sixty-seventh St"),
        ("12345 67th St NE", "one two three four five sixty-seventh Street Northeast"),
        ("Malcolm X, Malcolm III, 24-7", "Malcolm X, Malcolm the Third, twenty-four seven"),
        ("07700 900123", "zero seven seven zero zero, nine zero zero one two three"),
        ("01 23 45 67 89", "zero one, two three, four five, six seven, eight nine"),
    ],
    "mathematics": [
        ("so $y-2$ is", "so y minus two is"),
        ("g(x)=3x-1", "g(x) equals three x minus one"),
        (r"\(a \times b\) and $x^2$", "a times b and x squared"),
        ("between $5 and $7", "between five dollars and seven dollars"),
    ],
    "spans that are no telephone, dates with a zero": [
        (
            "500-1000 words, 725-1450 km",
            "five hundred to one thousand words, seven hundred twenty-five to one thousand "
            "four hundred fifty kilometers",
        ),
        ("Call 500-1000, 555-1234", "Call five zero zero, one zero zero zero, five five five, one two three four"),
        (
            "555-867-5309 x12, 19 x18",
            "five five five, eight six seven, five three zero nine extension one two, nineteen by eighteen",
        ),
        ("ETA 12/05, 5/12 of it, step 03/10", "ETA December fifth, five twelfths of it, step three out of ten"),
    ],
    "saints, sizes, verses and the like": [
        ("Lake St. Clair, Port St. Lucie", "Lake Saint Clair, Port Saint Lucie"),
        (
            "He lives on Lake St. He left 12 Lake St. Helen",
            "He lives on Lake Street. He left twelve Lake Street. Helen",
        ),
        ("error 0x80070005, 2 x 3", "error 0x80070005, two by three"),
        ('6"-8" wide, 5\'-6\', 3/8"-16', "six to eight inches wide, five to six feet, three eighths inch-sixteen"),
        ("(5)-3 and =-5, (-5)", "(five)-three and equals minus five, (minus five)"),
        ("100s of people, 10,000s of them", "hundreds of people, tens of thousands of them"),
        ("ID: 845 1234 5678", "ID: eight four five, one two three four, five six seven eight"),
        ("x**2 + 2 ** 3, **2** of **x**", "x squared plus two cubed, two of x"),
        ("6 mos. & 2 wks. later", "six months and two weeks later"),
        ("Acme Inc.® and Foo®", "Acme Incorporated and Foo"),
        ("12 noon–1 p.m., 11 a.m.-noon", "twelve noon to one p m, eleven a m to noon"),
        ("nos. 3–7, No. 5", "numbers three to seven, number five"),
        ("John 3:16-18, 9:30-11am", "John three sixteen to eighteen, nine thirty to eleven a m"),
    ],
    "what one thing is like": [
        ("a $5 bill, the $700 billion bailout", "a five dollar bill, the seven hundred billion dollar bailout"),
        ("a $20-an-hour job, its $5m fine", "a twenty dollar-an-hour job, its five million dollar fine"),
        ("a $5-million grant, a $2.50 fee", "a five million dollar grant, a two dollar and fifty cent fee"),
        ("a new £10 note, the $5 he paid", "a new ten pound note, the five dollars he paid"),
        (
            "a record $2 billion last year, a full 5 km south",
            "a record two billion dollars last year, a full five kilometers south",
        ),
        ("the $50 covers it, the $5 spent", "the fifty dollars covers it, the five dollars spent"),
        (
            "a 400g tin, the 10 km race, 5 km away",
            "a four hundred gram tin, the ten kilometer race, five kilometers away",
        ),
        ("a 1½ km walk, a 30 x 20 cm box", "a one and a half kilometer walk, a thirty by twenty centimeter box"),
        ('a 72" TV, it is 5 km to us', "a seventy-two-inch TV, it is five kilometers to us"),
    ],
    "months without a day": [
        ("In Dec. it snows. By Nov., all", "In December it snows. By November, all"),
        ("since Sept, early Jan., in Oct", "since September, early January, in October"),
        ("Jan.-Mar. 2024, Apr–June", "January to March twenty twenty-four, April to June"),
        ("Jan. 5–Feb. 10, 2023", "January fifth to February tenth, twenty twenty-three"),
        ("Ask Jan and Mar, from Jan to Mar", "Ask Jan and Mar, from January to March"),
        ("I met Jan. By Jan Novak. Mar. it", "I met Jan. By Jan Novak. Mar. it"),
        ("It was in Mar. We left.", "It was in March. We left."),
        (
            "10/2025, Jan 1, '24, 01-Jan-24",
            "October twenty twenty-five, January first, twenty twenty-four, the first of January, twenty twenty-four",
        ),
        (
            "Q1 2024 vs Q2 2023, Est. 1850, c.1750",
            "Q1 twenty twenty-four versus Q2 twenty twenty-three, Est. eighteen fifty, circa seventeen fifty",
        ),
    ],
    "subtitles, tables and lists": [
        ("1\n00:00:01,000 --> 00:00:04,074\nHi.\n\n2\n00:00:04,500 --> 00:00:07,250\nHo.", "Hi.\n\nHo."),
        ("WEBVTT\n\n00:01.000 --> 00:04.000\n- Hi.", "Hi."),
        ("| a | ❌ | ✅ |\n| b | ✔️ | ok ✅ |", "a, no, yes\nb, yes, ok"),
        ("★★★★☆ good, 4.5★, ⭐⭐⭐⭐⭐ ⭐ tip", "four stars good, four point five stars, five stars tip"),
        ("I. Aims\nII. Methods\nIV. End", "One, Aims\nTwo, Methods\nFour, End"),
        ("I. A. Smith\nV. Bell\nI. Kant wrote it.", "I. A. Smith\nV. Bell\nI. Kant wrote it."),
        ('see [it][1].\n\n[1]: https://a.com "A"', "see it."),
        ("*Note:* 6 × 7, x ** 2.", "Note: six times seven, x squared."),
    ],
    "numbers as others write them": [
        (
            "1'234.50, 1.234.567,89, 1.234,56",
            "one thousand two hundred thirty-four point five zero, one million two hundred "
            "thirty-four thousand five hundred sixty-seven point eight nine, one thousand two hundred "
            "thirty-four point five six",
        ),
        (
            "1 234 567,89, 10.000.000",
            "one million two hundred thirty-four thousand five hundred sixty-seven point eight nine, ten million",
        ),
        ("$(0.34), $(1.2) million", "minus thirty-four cents, minus one point two million dollars"),
        (
            "Rs 500/-, $3/bbl, a 25bp cut",
            "five hundred rupees, three dollars per barrel, a twenty-five basis point cut",
        ),
        ("1-1½ hrs, ½–¾ cup, 3-4x", "one to one and a half hours, one half to three quarters cup, three to four times"),
        ("1:50,000, 1:29.708", "one to fifty thousand, one twenty-nine point seven zero eight"),
        ("25:20, 23:25, at 23:25", "twenty-five to twenty, twenty-three to twenty-five, at twenty-three twenty-five"),
        ("6:00a-10:00p, 8a–8p", "six a m to ten p m, eight a m to eight p m"),
    ],
    "measures of laboratories": [
        (
            "7.2 x10^9/L, 3x10^6/mL",
            "seven point two times ten to the power of nine per liter, three times ten to the power "
            "of six per milliliter",
        ),
        ("0.5 mg/kg/day, 4 mEq/L", "zero point five milligrams per kilogram per day, four milliequivalents per liter"),
        ("in km/h or mg/dL. a/m/s", "in kilometers per hour or milligrams per deciliter. a/m/s"),
        (
            "175°C/gas 4, 50mg/100ml",
            "one hundred seventy-five degrees Celsius/gas four, fifty milligrams per one hundred milliliters",
        ),
        ("5 MIN, 6 FT, PER 12 HRS", "five minutes, six feet, PER twelve hours"),
    ],
    "books and planes": [
        ("Genesis 1:1, Rom. 8:28", "Genesis one one, Romans eight twenty-eight"),
        (
            "1 Cor. 13:4-7, Ps. 119:105",
            "First Corinthians thirteen four to seven, Psalm one hundred nineteen one hundred five",
        ),
        ("Mark 3:45 pm", "Mark three forty-five p m"),
        ("Boeing 737-800, the 747-8", "Boeing seven thirty-seven eight hundred, the seven forty-seven eight"),
    ],
    "codes with letters": [
        ("Order #A-1029384, #5A, C#7", "Order number A-one zero two nine three eight four, number 5A, C#seven"),
        ("CVE-2021-44228", "CVE-twenty twenty-one-four four two two eight"),
        (
            "DE89 3704 0044 0532 0130 00",
            "D E eight nine, three seven zero four, zero zero four four, zero five three two, "
            "zero one three zero, zero zero",
        ),
        ("(600519.SH), DOI 10.1000/182", "(six zero zero five one nine.SH), DOI 10.1000/182"),
        ("platform 3A, dep. 08:05, arr. 9:10", "platform 3A, departs eight oh five, arrives nine ten"),
        ("§ 77d, para. 2, sec. 4.2", "section 77d, paragraph two, section four point two"),
    ],
    "names of firms": [
        ("Apple Inc. CEO Tim, Acme Co. Ltd.", "Apple Incorporated CEO Tim, Acme Company Limited."),
        ("at Acme Inc. He left", "at Acme Incorporated. He left"),
    ],
    "formulas with bounds": [
        (r"$$\int_0^1 x^2 \, dx$$", "integral from zero to one of x squared dx"),
        (r"$\sum_{i=1}^{n} i$ is", "sum from i equals one to n of i is"),
        (r"$\lim_{x \to 0} f(x)$, $f: \mathbb{R} \to \mathbb{R}$", "limit as x goes to zero of f(x), f : R to R"),
    ],
    "spans of years long ago": [
        (
            "Bach (1685–1750), from 1642-1651",
            "Bach (sixteen eighty-five to seventeen fifty), from sixteen forty-two to sixteen fifty-one",
        ),
        (
            "c. 1500–1550, 1500-1550 words",
            "circa fifteen hundred to fifteen fifty, one thousand five hundred to one thousand "
            "five hundred fifty words",
        ),
    ],
    "rates and charges": [
        (
            "5 m s⁻², 3 × 10^-4 s^-1, 450 x10³/µL",
            "five meters per second squared, three times ten to the power of minus four "
            "per second, four hundred fifty times ten to the power of three per microliter",
        ),
        ("Fe³⁺ and OH⁻", "Fe three plus and OH minus"),
        (
            "4 g/24 h, $5/user/month, 300/sq mi",
            "four grams per twenty-four hours, five dollars per user per month, three hundred per square mile",
        ),
        ("EUR/USD 1.0850, USD 5", "EUR/USD one point zero eight five zero, five US dollars"),
        (r"$\vec{v}$, $\hat{y}$, $P(A \mid B)$", "vector v, y hat, P (A given B)"),
    ],
    "sizes, eyes and tables": [
        ('Snow 2-4". He said "2-4" is', 'Snow two to four inches. He said "two to four" is'),
        ("20/40 vision, OD 20/25, 20/40 of it", "twenty forty vision, OD twenty twenty-five, twenty fortieths of it"),
        ("Table 4-1, Figures 4-6", "Table four dash one, Figures four to six"),
        (
            "ran 34:12, in 28:05, Cat. 5, Rm. 12",
            "ran thirty-four twelve, in twenty-eight oh five, Category five, Room twelve",
        ),
        ("THE 3RD ANNUAL", "THE third ANNUAL"),
    ],
    "parties, saints and what stands side by side": [
        (
            "Roe v. Wade, Ito et al. v. Lee, England v France",
            "Roe versus Wade, Ito and others versus Lee, England versus France",
        ),
        ("(v. 2.0), part v. It", "(v. two point zero), part v. It"),
        ("12 St. James St. St. Louis", "twelve Saint James Street. Saint Louis"),
        ("98.6 deg. F. It is 30 deg.", "ninety-eight point six degrees Fahrenheit. It is thirty degrees."),
        (
            "Free • In stock | 20 min, P(A | B), a || b, 5 · 3",
            "Free, In stock, twenty minutes, P(A | B), a || b, five · three",
        ),
    ],
    "addresses with brackets and other letters": [
        (
            "see https://en.wikipedia.org/wiki/Foo_(bar).",
            "see en dot wikipedia dot org slash wiki slash Foo bar.",
        ),
        ("[it](https://a.b/c_(d)) and http://a.b/%ff", "it and a dot b slash percent ff"),
        ("http://a.b/c%20d-é%E2%9D%A4", "a dot b slash c d dash é"),
    ],
    "rates, spans and shares": [
        ("3x/day, w/in 2 hrs, max 8/24h", "three times per day, within two hours, max 8/24h"),
        ("TR 10-10:50am, 1-2:15pm", "TR ten to ten fifty a m, one to two fifteen p m"),
        ("1⅛ in, 2½ in", "one and an eighth in, two and a half in"),
        ("(r. 1509–47), the 00s, Gm. 6 on", "(r. fifteen oh nine to forty-seven), the two thousands, Gm. six on"),
    ],
    "hearts": [("ur the best <3", "ur the best"), ("so it <3 <3", "so it"), ("love u <3", "love u")],
}
CHINESE = {
    "what people chat and note": [
        ("一、题\n1. 下列？\nA. 3>2", "一、题\n一. 下列？\nA. 三大于二"),
        ("我是小明, born in 2006.", "我是小明, born in two thousand six."),
        ("花了￥86.50，1,688.00元，报1.0850元", "花了八十六点五元，一千六百八十八元，报一点零八五零元"),
        ("方法：\n1. 用它\n2. Docker：docker run", "方法：\n一, 用它\n二, Docker：docker run"),
        ("血糖6.1；BMI=22.5kg/m²。", "血糖六点一；BMI等于二十二点五千克每平方米。"),
        ("周六（5/18），12A号，60次/min", "周六（五月十八日），12A号，六十次每分钟"),
        ("决赛21-18、19-21、21-15", "决赛二十一比十八、十九比二十一、二十一比十五"),
        ("标准GB/T 19001-2016，5.1劳动节打2针", "标准GB/T 一九零零一杠二零一六，五一劳动节打两针"),
        ("1. 打开 → 2. 选择", "一, 打开，二, 选择"),
        ("666，太6了！666元", "六六六，太六了！六百六十六元"),
        ("今天是3/15，住5楼502", "今天是三月十五日，住五楼五零二"),
        ("比分为25:20、23:25，23:25到", "比分为二十五比二十、二十三比二十五，二十三点二十五分到"),
        ("约翰福音3:16，诗篇23:1-3", "约翰福音三章十六节，诗篇二十三章一到三节"),
        ("电话(010)6234-5678，6.5×10^9/L", "电话零幺零，六二三四，五六七八，六点五乘十的九次方每升"),
        ("温度-20℃～+60℃，10w+，7.5L/100km", "温度零下二十摄氏度到正六十摄氏度，十万加，七点五升每一百公里"),
        ("| 支持 | ✅ |\n评分★★★☆☆", "支持, 是\n评分三星"),
    ],
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
    "what the papers and people write": [
        ("浓度35微克/立方米，5毫克/升", "浓度三十五微克每立方米，五毫克每升"),
        ("¥5,000/月，老人/小孩，男/女", "五千元每月，老人/小孩，男/女"),
        ("12A座，5A景区，2A电流", "12A座，5A景区，两安电流"),
        ("1米75，9秒83，3米25个", "一米七五，九秒八三，三米二十五个"),
        ("24年3月，95年出生，10年后", "二四年三月，九五年出生，十年后"),
        ("取件码3-2-1024，2场，2例病例", "取件码三，二，一零二四，两场，两例病例"),
        ("205会议室，QQ：12345", "二零五会议室，QQ：幺二三四五"),
        ("电话010-8888 6666，9.18事变", "电话零幺零，八八八八，六六六六，九一八事变"),
    ],
    "units and ratios": [
        ("尿酸420μmol/L", "尿酸四百二十微摩尔每升"),
        ("血压130/85，130/85mmHg", "血压一百三十比八十五，一百三十比八十五毫米汞柱"),
        ("比例尺1:2000", "比例尺一比两千"),
        ("配比1:3，按1:30兑水", "配比一比三，按一比三十兑水"),
    ],
    "spans that are no telephone": [("约700-1400元，电话123-4567", "约七百到一千四百元，电话幺二三，四五六七")],
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


@pytest.mark.parametrize(
    "written",
    [
        "at 5 p.m. Tuesday",
        "See Rte. 66",
        "on feb. 3 in York",
        "It cost Rs. 250 then",
        "Read Vol. IV now",
        "5 ft. 3 of it",
    ],
)
def test_abbreviations_before_numbers_end_no_sentence(written: str) -> None:
    assert len(split(normalize(written), join_below=0)) == 1
