"""Writes espeak_seconds.json: how long espeak-ng speaks each text, slow, at its usual rate, and fast.

Run it where espeak-ng is installed: python tests/text/measure_espeak.py
"""

import io
import json
import subprocess
import wave
from pathlib import Path

TABLE = Path(__file__).with_name("espeak_seconds.json")
USUAL_RATE = 175  # words per minute
SPEEDS = (0.6, 1.0, 1.7)

ENGLISH = """\
Yes.
No!
Hello.
Good morning.
How are you today?
I don't think so.
Thank you very much.
The quick brown fox jumps over the lazy dog.
She sells sea shells by the sea shore.
It was a bright cold day in April, and the clocks were striking thirteen.
Please call me back as soon as you can; it is rather urgent.
Scientists have discovered an extraordinary characteristic of electromagnetic radiation.
The United States and the European Union agreed on a new treaty last week.
NASA and the FBI use the same WWW server in the USA.
Wait... what?
Strengths.
A.
I.
Ok.
The internationalization of telecommunications infrastructure requires interdisciplinary collaboration.
We have 3 cats, 2 dogs and 15 fish.
The year 1984 was long ago.
It costs $25.
My number is 555 123 4567.
The meeting is at 10:30 on May 5, 2024.
Over 1,234,567 people live here.
About 50% of them agreed.
Visit www.example.com for more.
twenty-five dollars and ninety-nine cents
Oh, well, then, so be it, he said, and left.
The rain in Spain stays mainly in the plain.
Ask not what your country can do for you; ask what you can do for your country.
To be, or not to be, that is the question.
Speech synthesis is the artificial production of human speech.
Queues of people were waiting in the heat, and nobody knew when the doors would open, or whether they would at all.
One two three four five six seven eight nine ten.
Supercalifragilisticexpialidocious!
Rhythm.
He lives at 221B Baker Street, London.
I've been there, done that, and I wouldn't do it again, not for all the tea in China.
The temperature fell to minus five degrees Celsius overnight.
Turn left, then right, then left again.
"Where are you going?" she asked. "Home," he replied.
My favourite languages are Python, Rust and C.
Once upon a time there was a little girl who lived near the forest. Whenever she went out, she wore a red cloak.
"""
CHINESE = """\
好。
你好！
谢谢你。
今天天气怎么样？
我们明天早上八点在车站见面。
人工智能正在改变我们的生活方式。
中华人民共和国成立于一九四九年十月一日。
这个苹果又大又红，看起来非常好吃。
春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。
他说：“你好，请问去火车站怎么走？”
一二三四五六七八九十。
北京是中国的首都，也是全国的政治、文化中心。
如果明天下雨的话，我们就不去公园了，改去图书馆看书。
今天是2024年5月1日。
一共有1234个人参加了比赛。
价格是一百二十五元。
增长了百分之五。
我的手机号码是13800138000。
语音合成是通过机械的、电子的方法产生人造语音的技术。
请把门关上。
电脑、手机、电视，样样都有。
从前有一个小女孩，她住在森林旁边的村子里。每当她出门的时候，总是穿着一件红色的斗篷，所以村里的人都叫她小红帽。
"""


def espeak_seconds(text: str, voice: str, speed: float) -> float:
    """Seconds of speech that espeak-ng makes."""
    rate = str(round(USUAL_RATE * speed))
    command = ["espeak-ng", "-v", voice, "-s", rate, "--stdout", text]
    sound = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(sound)) as wav:
        data_bytes = len(wav.readframes(2**30))
        return data_bytes / wav.getsampwidth() / wav.getnchannels() / wav.getframerate()


def main() -> None:
    rows = []
    for voice, texts in (("en-us", ENGLISH), ("cmn", CHINESE)):
        for text in texts.splitlines():
            seconds = {str(speed): round(espeak_seconds(text, voice, speed), 2) for speed in SPEEDS}
            rows.append({"text": text, "seconds": seconds})
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    TABLE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
