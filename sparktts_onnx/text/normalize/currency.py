"""Amounts of money: a sign or a code before or after a number."""

import re
from dataclasses import dataclass
from decimal import Decimal, localcontext

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.rule import AMOUNT, DASH, END, START, Found, Rule


@dataclass(frozen=True)
class _Unit:
    one: str
    many: str
    chinese: str
    cent: str = "cent"
    cents: str = "cents"


_DOLLAR = _Unit("dollar", "dollars", "美元")
_YUAN = _Unit("yuan", "yuan", "元", "", "")
_YEN = _Unit("yen", "yen", "日元", "", "")
_EURO = _Unit("euro", "euros", "欧元")
_POUND = _Unit("pound", "pounds", "英镑", "penny", "pence")
_RUPEE = _Unit("rupee", "rupees", "卢比", "", "")
_WON = _Unit("won", "won", "韩元", "", "")
_UNITS = {
    "$": _DOLLAR,
    "€": _EURO,
    "£": _POUND,
    "¥": _Unit("yen", "yen", "元", "", ""),
    "￥": _Unit("yen", "yen", "元", "", ""),
    "₹": _RUPEE,
    "₩": _WON,
    "₽": _Unit("ruble", "rubles", "卢布", "", ""),
    "₿": _Unit("bitcoin", "bitcoins", "比特币", "", ""),
    "EUR": _EURO,
    "GBP": _POUND,
    "JPY": _YEN,
    "CNY": _YUAN,
    "RMB": _Unit("yuan", "yuan", "人民币", "", ""),
    "INR": _RUPEE,
    "KRW": _WON,
    "CHF": _Unit("Swiss franc", "Swiss francs", "瑞士法郎", "centime", "centimes"),
    "R$": _Unit("real", "reais", "雷亚尔", "centavo", "centavos"),
    "MX$": _Unit("Mexican peso", "Mexican pesos", "墨西哥比索", "centavo", "centavos"),
}
_DOLLARS = {
    "US": ("US$ USD$ USD", "美元"),
    "Australian": ("A$ AU$ AUD$ AUD", "澳元"),
    "Canadian": ("C$ CA$ CAD$ CAD", "加元"),
    "Hong Kong": ("HK$ HKD$ HKD", "港元"),
    "New Zealand": ("NZ$ NZD$ NZD", "新西兰元"),
    "Singapore": ("S$ SG$ SGD$", "新加坡元"),
    "Taiwan": ("NT$ TWD$ TWD", "新台币"),
}
_UNITS |= {
    sign: _Unit(f"{country} dollar", f"{country} dollars", spoken)
    for country, (signs, spoken) in _DOLLARS.items()
    for sign in signs.split()
}
_SCALES = {
    "k": (10**3, "thousand"),
    "thousand": (10**3, "thousand"),
    "m": (10**6, "million"),
    "mn": (10**6, "million"),
    "million": (10**6, "million"),
    "b": (10**9, "billion"),
    "bn": (10**9, "billion"),
    "billion": (10**9, "billion"),
    "t": (10**12, "trillion"),
    "tn": (10**12, "trillion"),
    "trillion": (10**12, "trillion"),
    "万": (10**4, "万"),
    "亿": (10**8, "亿"),
    "万亿": (10**12, "万亿"),
}
_SIGNS = "|".join(sorted(map(re.escape, (sign for sign in _UNITS if not sign.isalpha())), key=len, reverse=True))
_CODES = "|".join(code for code in _UNITS if code.isalpha())
_LONG_SCALE = r"\s?(?:(?:thousand|million|billion|trillion)(?![a-z])|万亿|万|亿)"
_SCALE = rf"(?:{_LONG_SCALE}|(?:[kKmMbBtT]|mn|bn|tn)(?!{LETTER_OR_DIGIT}))"
_NUMBER = rf"{AMOUNT}{_SCALE}?"
_RANGE = rf"{_NUMBER}(?:(?:{_SIGNS})?{DASH}(?:{_SIGNS})?{_NUMBER})?"
SIGN_BEHIND = rf"(?:[$€£¥￥₽₩₹]|{_CODES})(?!{LETTER_OR_DIGIT})"
_CENTS = rf"{AMOUNT}\s?¢"

_MINUS = re.compile(r"\D*[-−]")
"""-$5 and $-5"""

_PARTS = re.compile(
    rf"[-−]?\s?(?P<unit>{_SIGNS}|{_CODES})?\s?[-−]?(?P<low>{AMOUNT})(?P<low_scale>{_SCALE})?"
    rf"(?:(?:{_SIGNS})?{DASH}(?:{_SIGNS})?(?P<high>{AMOUNT})(?P<high_scale>{_SCALE})?)?\s?(?P<unit_after>{_SIGNS}|{_CODES})?"
)


def _english_amount(amount: str, scale: str | None, unit: _Unit) -> str:
    if scale:
        return f"{english.number(amount)} {_SCALES[scale.strip().lower()][1]} {unit.many}"
    whole, _, cents = amount.replace(",", "").partition(".")
    if len(cents) == 2 and unit.cent:
        return _english_coins(whole or "0", int(cents), unit)
    return f"{english.number(amount)} {unit.one if whole == '1' and not cents else unit.many}"


def _english_coins(whole: str, cents: int, unit: _Unit) -> str:
    large = f"{english.number(whole)} {unit.one if whole == '1' else unit.many}"
    small = f"{english.cardinal(cents)} {unit.cent if cents == 1 else unit.cents}"
    if not cents:
        return large
    return f"{large} and {small}" if whole.strip("0") else small


def _chinese_amount(amount: str, scale: str | None) -> str:
    if not scale:
        return "两" if amount == "2" else chinese.number(amount)
    factor, word = _SCALES[scale.strip().lower()]
    if word in ("万", "亿", "万亿"):
        return ("两" if amount == "2" else chinese.number(amount)) + word
    with localcontext(prec=len(amount) + 16):
        value = f"{Decimal(amount.replace(',', '')) * factor:f}"
    return chinese.number(value.rstrip("0").rstrip(".") if "." in value else value)


def _english(found: Found) -> str | None:
    parts = _PARTS.fullmatch(found.text)
    if parts is None:
        return None
    unit = _UNITS[parts["unit"] or parts["unit_after"]]
    minus = "minus " if _MINUS.match(found.text) else ""
    if parts["high"]:
        low = english.number(parts["low"])
        if parts["low_scale"]:
            low += " " + _SCALES[parts["low_scale"].strip().lower()][1]
        return f"{minus}{low} to {_english_amount(parts['high'], parts['high_scale'], unit)}"
    return minus + _english_amount(parts["low"], parts["low_scale"], unit)


def _chinese(found: Found) -> str | None:
    parts = _PARTS.fullmatch(found.text)
    if parts is None:
        return None
    unit = _UNITS[parts["unit"] or parts["unit_after"]]
    spoken = "负" if _MINUS.match(found.text) else ""
    spoken += _chinese_amount(parts["low"], parts["low_scale"])
    if parts["high"]:
        spoken += "到" + _chinese_amount(parts["high"], parts["high_scale"])
    return spoken + ("" if found.after.startswith(unit.chinese) else unit.chinese)


def _english_cents(found: Found) -> str:
    amount = found.text.rstrip("¢ ")
    return f"{english.number(amount)} {'cent' if amount == '1' else 'cents'}"


def _chinese_cents(found: Found) -> str:
    return chinese.number(found.text.rstrip("¢ ")) + "美分"


RULES = (
    Rule("currency", rf"(?<!{LETTER_OR_DIGIT})[-−]?(?:{_SIGNS})\s?[-−]?{_RANGE}{END}", _english, _chinese),
    Rule("currency", rf"{START}(?:{_CODES})\s?{_RANGE}{END}", _english, _chinese),
    Rule("currency", rf"{START}[-−]?{_RANGE}\s?{SIGN_BEHIND}", _english, _chinese),
    Rule("currency", rf"{START}{_CENTS}", _english_cents, _chinese_cents),
)
