"""Tables about names: surnames, characters of given names, words around names, and no names."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import NamedTuple

_DATA = Path(__file__).parent / "data"

#: Characters that do not stand in given names: they begin what follows a name.
NOT_GIVEN = frozenset(
    "的了是在有和与及或也都就不我你他她它们这那哪今岁住电手身性男女号来去到说做叫被把给让从对向为吗呢吧啊呀"
    "个些什么怎没很太最还又再只并而但而几多少份人者们您该此其于因所着过会能要想看下里"
)
#: Titles: what stands before them may be a name.
TITLE = re.compile(
    "[总哥姐叔姨某]|先生|女士|小姐|太太|师傅|老师|阿姨|叔叔|大爷|大妈|大叔|大婶|大伯|医生|护士|警官|律师|经理|主任|同学|老板"
    "|教授|院长|校长|同志|大夫"
)
#: Compounds that begin like a name and are none, beyond the word list.
_NO_NAME = re.compile(
    r"马里奥|百里香|金砖|冷知识|王者|司机|平台|水平|车主|车辆|车牌|房东|房主|店家|店长|花园|华为|沙发|华人|管家|金额|方便|阳台|程序|应该"
    r"|公司|单位|项目|文件|时间|任务|高级|安全|全部|成员|万元|万一|和[他她你我]|[经关于]于"
)


class _Tables(NamedTuple):
    firsts: frozenset[str]
    singles: frozenset[str]
    compounds: frozenset[str]
    given: frozenset[str]
    words: frozenset[str]


@functools.cache
def name_tables() -> _Tables:
    """Surnames, characters of given names, and ordinary words that begin like a name."""
    _, singles, compounds = (_DATA / "surnames.txt").read_text(encoding="utf-8").splitlines()
    rows = (_DATA / "not_names.txt").read_text(encoding="utf-8").splitlines()[1:]
    words = {row[0] + second for row in rows for second in row[2:]}
    given = (_DATA / "given.txt").read_text(encoding="utf-8").split("\n", 1)[1]
    return _Tables(
        frozenset(singles) | {name[0] for name in compounds.split()},
        frozenset(singles),
        frozenset(compounds.split()),
        frozenset(given) - NOT_GIVEN - {"\n"},
        frozenset(words),
    )


@functools.cache
def word_kinds() -> dict[str, str]:
    """Words around names with their kind, as the table has them; ``famous`` are persons."""
    kinds: dict[str, str] = {}
    for line in (_DATA / "name_words.txt").read_text(encoding="utf-8").splitlines()[1:]:
        kind, words = line.split("\t")
        kinds |= {word.replace("_", " "): kind for word in words.split()}
    return kinds


def refused_name(name: str) -> bool:
    """Whether this is a famous or fictional person, or a word that begins like a name."""
    return word_kinds().get(name) == "famous" or _NO_NAME.match(name) is not None
