"""What the scanners of personal information share: hits, context before a value, masks."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

#: How far before a value a label still counts, in characters of the folded text.
CONTEXT = 20


class Hit(NamedTuple):
    """A value found in the folded text: ``start..end`` covers it without its label."""

    start: int
    end: int
    category: str
    score: float
    why: str


def label_before(words: str) -> re.Pattern[str]:
    """A pattern for ``.search(text, start - CONTEXT, start)``: one of ``words`` (a regular
    expression), then at most a few characters that belong neither to a value nor to a new clause.
    """
    return re.compile(rf"(?:{words})[^0-9,。;；!?、\n]{{0,10}}\Z")


#: Numbers of things, not of persons: what follows such a word is left alone unless a check digit
#: proves it.
THING = label_before(
    "订单|单号|流水|运单|快递|物流|编号|序列|追踪|货号|条形?码|版本|时间戳|批次|型号|案号|发票|工单|任务|商品"
    "|isbn|issn|imei|timestamp|order|serial|tracking|invoice|doi|uid|version|ticket|sku"
)


#: What cannot stand between a label and its value, nor end a label.
_NO_GAP = frozenset("0123456789,。;；!?、\n")


def labelled(pattern: re.Pattern[str], text: str, start: int) -> bool:
    """Whether a label of ``pattern`` stands directly before ``start``."""
    if start == 0 or text[start - 1] in _NO_GAP:
        return False
    return pattern.search(text, max(0, start - CONTEXT), start) is not None


_start = attrgetter("start")
#: A service word that the value belongs to: in the same clause, and not about one of its clients.
_SERVICE = re.compile(
    r"(?:客服|官方|官网|公众|商务|热线|合作|举报|投诉|支持|总机|前台|服务)"
    r"(?![^,;。!?\n]{0,8}(?:用户|客户|本人|我的))[^,;。!?\n]{0,10}\Z"
)
_SERVICE_STARTS = frozenset("客官公商热合举投支总前服")
_CONTACTS = frozenset({"pii.phone", "pii.landline", "pii.email", "pii.qq", "pii.wechat"})


def as_service(text: str, hit: Hit) -> Hit:
    """The hit, with at most 0.45 where the words before it say that it is a service's contact."""
    if hit.category not in _CONTACTS:
        return hit
    before = text[max(0, hit.start - 12) : hit.start]
    if not _SERVICE_STARTS.isdisjoint(before) and _SERVICE.search(before):
        return hit._replace(score=min(hit.score, 0.45), why=f"{hit.why}, service contact")
    return hit


def settle(hits: Iterable[Hit]) -> list[Hit]:
    """One hit per stretch: of overlapping ones the surest, then the longest, in text order."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (-h.score, h.start - h.end, h.start)):
        at = bisect_left(kept, hit.start, key=_start)  # kept ones do not overlap: look at two
        if (at == 0 or kept[at - 1].end <= hit.start) and (
            at == len(kept) or kept[at].start >= hit.end
        ):
            kept.insert(at, hit)
    return kept


#: Characters shown of a value before and behind the mask.
_SHOWN = {
    "pii.phone": (3, 4),
    "pii.bank_card": (3, 4),
    "pii.id_card": (3, 2),
    "pii.email": (2, 4),
    "pii.address": (3, 0),
    "pii.name": (1, 0),
}


def mask(value: str, category: str) -> str:
    """A masked excerpt: at most 3 characters, four stars, at most 4; at least 4 stay hidden."""
    head, tail = _SHOWN.get(category, (2, 2))
    if head + tail > len(value) - 4:
        head, tail = min(1, len(value) // 2), 0
    return f"{value[:head]}****{value[len(value) - tail :] if tail else ''}"
