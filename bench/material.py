# ruff: noqa: SIM905 (lists of Chinese phrases read better without quotes and commas)
"""The input of the benchmark, made by seeded chance: prompts, word lists and planted items.

Every sentence part is written for this file. The words of the lists are random characters, the
personal information is synthetic with right check digits, the secrets are random in the shape of
real ones.
"""

from __future__ import annotations

import json
import random
import string
from pathlib import Path
from typing import Any

SIZES = (50, 1_000, 10_000, 60_000)

_WHO = "我 我妈妈 我们班 公司新来的同事 隔壁邻居 一个朋友 我弟弟 部门经理 社区医院 物业 老师 我爷爷".split()
_WHEN = "昨天 这个周末 下个月 上学期 最近 每天早上 国庆假期 明年春天 今晚 去年冬天".split()
_DOES = (
    "想学做番茄炒蛋 打算去昆明旅行 在准备英语演讲 要写一份年终总结 刚开始练习游泳 想给阳台种些花 需要修改简历"
    " 计划买一台笔记本电脑 在读一本讲宋朝历史的书 要组织一次团建活动 想搞清楚房贷利率怎么算 正在准备初中物理考试"
    " 要把旧照片整理成相册 想教孩子认识星座 在比较几款空气净化器 打算参加半程马拉松 想用表格统计家里的开支"
).split()
_ASK = (
    "能不能给我一个详细的步骤 请帮我列一个清单 有哪些容易忽略的地方 大概需要花多少时间和钱 请用简单的话解释一下原理"
    " 帮我写一段两百字左右的开头 有没有适合新手的建议 请比较两种做法的优缺点 应该先从哪里入手 可以举三个生活里的例子吗"
    " 怎么安排才不会太累 请把要点整理成表格"
).split()
_BUT = "但时间不多 不过没有经验 可是不知道选哪个 又怕做不好 已经试过一次 而且只有周末有空".split()
_TAIL = [
    "",
    "，谢谢",
    "，越具体越好",
    "，不要太长",
    "，最好今天就能用上",
    "，语气轻松一点",
    "，预算不超过三千元",
]

_EN_LEAD = (
    "Please explain|Could you summarise|Write a short note about|Give me three tips on|Help me plan"
    "|What should I know about|Compare two ways of|Draft an e-mail about"
).split("|")
_EN_TOPIC = (
    "keeping tomatoes on a balcony|the water cycle for ten-year-olds|moving a small team to a new office"
    "|reading contracts before signing them|training for a first half marathon|choosing a used bicycle"
    "|sorting a large list in Python|the history of paper money|saving power in an old flat"
    "|preparing slides for Monday|baking bread without a machine|learning to swim as an adult"
).split("|")
_EN_TAIL = "", " please", " in plain words", " with an example", " in under 200 words"

#: Sentences into which items are planted; {} stands between Han characters on both sides.
_AROUND = (
    "听说最近有人在卖{}的东西你怎么看",
    "请帮我写一段关于{}的介绍发到群里",
    "昨天他在电话里反复提到{}让我赶紧办",
    "网上到处都是{}这样的消息是真的吗",
    "朋友推荐我去了解一下{}到底是什么",
)
_TOUCHING = ("请联系{}谢谢", "资料已登记为{}麻烦核对", "他留下的是{}你记一下", "帮我把{}填到表格里")


def _words(rng: random.Random) -> list[str]:
    """60,000 distinct words of two to five of the 3,755 commonest characters, in random order."""
    common = [
        bytes([high, low]).decode("gb2312")
        for high in range(0xB0, 0xD8)
        for low in range(0xA1, 0xFF)
        if not (high == 0xD7 and low > 0xF9)
    ]
    words: dict[str, None] = {}
    while len(words) < max(SIZES):
        # Three and more for those that get planted, so that none stands in a plain prompt by chance.
        length = rng.choice((3, 4, 5) if len(words) < 50 else (2, 3, 3, 4, 4, 5))
        words.setdefault("".join(rng.sample(common, length)))
    return list(words)


def _id_card(rng: random.Random) -> str:
    body = f"110101{rng.randint(1950, 2005)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}{rng.randint(0, 999):03}"
    total = sum(
        int(c) * w
        for c, w in zip(body, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), strict=True)
    )
    return body + "10X98765432"[total % 11]


def _card(rng: random.Random) -> str:
    body = "62220200000" + "".join(rng.choices(string.digits, k=7))
    double = [int(c) * (2 - n % 2) for n, c in enumerate(reversed(body))]
    return body + str(-sum(d // 10 + d % 10 for d in double) % 10)


def _phone(rng: random.Random) -> str:
    return rng.choice(("138", "159", "186")) + "0000" + "".join(rng.choices(string.digits, k=4))


def _email(rng: random.Random) -> str:
    return (
        "".join(rng.choices(string.ascii_lowercase, k=7))
        + str(rng.randint(1, 99))
        + "@mailbox-made-up.cn"
    )


def _secret(rng: random.Random, kind: int) -> str:
    upper, mixed = string.ascii_uppercase + string.digits, string.ascii_letters + string.digits
    return (
        "AKIA" + "".join(rng.choices(upper, k=16)),
        "ghp" + "_" + "".join(rng.choices(mixed, k=36)),
        "sk_live" + "_" + "".join(rng.choices(mixed, k=24)),
        "xoxb"
        + f"-{rng.randint(10**11, 10**12)}-{rng.randint(10**11, 10**12)}-"
        + "".join(rng.choices(mixed, k=24)),
    )[kind]


def _disguise(word: str, kind: int) -> str:
    if kind == 0:
        return "\u200b".join(word)
    if kind == 1:
        return " ".join(word)
    if kind == 2:
        return "*".join(word)
    return "".join(c * 2 for c in word)


def _planted(rng: random.Random, words: list[str]) -> dict[str, list[str]]:
    def put(places: tuple[str, ...], items: list[str]) -> list[str]:
        return [rng.choice(places).format(item) for item in items]

    makers = (_id_card, _card, _phone, _email)
    return {
        "word": put(_AROUND, [words[n % 50] for n in range(100)]),
        "disguised": put(_AROUND, [_disguise(words[n % 50], n % 4) for n in range(60)]),
        "pii": put(_TOUCHING, [makers[n % 4](rng) for n in range(60)]),
        "secret": put(_TOUCHING, [f" {_secret(rng, n % 4)} " for n in range(40)]),
    }


def _chinese(rng: random.Random) -> str:
    who, when, does, ask = (rng.choice(part) for part in (_WHO, _WHEN, _DOES, _ASK))
    order = f"{who}{when}{does}" if rng.random() < 0.7 else f"{when}{who}{does}"
    return f"{order}，{rng.choice(_BUT)}，{ask}{rng.choice(_TAIL)}{rng.choice('？。')}"


def _english(rng: random.Random) -> str:
    return f"{rng.choice(_EN_LEAD)} {rng.choice(_EN_TOPIC)}{rng.choice(_EN_TAIL)}{rng.choice('.?')}"


def make(seed: int = 20261122) -> dict[str, Any]:
    """``sizes`` of the word lists, ``words`` (the longest list; shorter ones are its beginnings), ``planted`` texts by kind,
    ``chinese`` and ``english`` plain prompts, ``forty`` (the Chinese ones of 36 to 44 characters)
    and ``all`` of them shuffled: about 2,000."""
    rng = random.Random(seed)
    words = _words(rng)
    planted = _planted(rng, words)
    chinese = [_chinese(rng) for _ in range(1_000)]
    english = [_english(rng) for _ in range(740)]
    everything = [*chinese, *english, *(text for texts in planted.values() for text in texts)]
    rng.shuffle(everything)
    forty = [text for text in chinese if 36 <= len(text) <= 44]
    return {
        "sizes": SIZES,
        "words": words,
        "planted": planted,
        "chinese": chinese,
        "english": english,
        "forty": forty,
        "all": everything,
    }


def write(path: Path) -> dict[str, Any]:
    """The material, also written as JSON for the environments of the peers."""
    made = make()
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
    return made
