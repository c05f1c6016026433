"""Hiding personal data and secrets in a text: reversibly, for good, or under a pseudonym.

    >>> from guard.redaction import Vault, mask
    >>> with Vault() as vault:
    ...     sent = vault.redact(decision, text)      # 请回电【手机号1】
    ...     shown = vault.restore(ask_model(sent))   # the numbers are back

A :class:`Vault` lives as long as one request or conversation and keeps the values in memory only.
:func:`mask` (138****5678) cannot be undone. :func:`pseudonymise` gives a value the same name in
every document under one key, which the law still counts as personal information (PIPL art. 73(3):
de-identified, not anonymous).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, NamedTuple, NoReturn

from guard.errors import InputError
from guard.model import Finding, Redaction, Verdict

Language = Literal["zh", "en"]
Style = Literal["partial", "stars", "label"]
Found = Verdict | Iterable[Finding | Redaction]

#: Placeholder names by category.
KINDS: Final[dict[str, tuple[str, str]]] = {
    "pii.id_card": ("身份证号", "ID_CARD"),
    "pii.phone": ("手机号", "PHONE"),
    "pii.landline": ("固定电话", "LANDLINE"),
    "pii.bank_card": ("银行卡号", "BANK_CARD"),
    "pii.email": ("邮箱", "EMAIL"),
    "pii.passport": ("护照号", "PASSPORT"),
    "pii.hkmo_permit": ("港澳通行证号", "HKMO_PERMIT"),
    "pii.tw_permit": ("台湾通行证号", "TW_PERMIT"),
    "pii.military_id": ("军官证号", "MILITARY_ID"),
    "pii.driving_licence": ("驾驶证号", "DRIVING_LICENCE"),
    "pii.uscc": ("统一社会信用代码", "USCC"),
    "pii.plate": ("车牌号", "PLATE"),
    "pii.wechat": ("微信号", "WECHAT"),
    "pii.qq": ("QQ号", "QQ"),
    "pii.ip": ("IP地址", "IP"),
    "pii.mac": ("MAC地址", "MAC"),
    "pii.address": ("地址", "ADDRESS"),
    "pii.name": ("姓名", "NAME"),
    "pii.medical": ("病历号", "MEDICAL"),
    "pii.student": ("学号", "STUDENT"),
    "secret.key": ("密钥", "KEY"),
    "secret.token": ("令牌", "TOKEN"),
    "secret.private_key": ("私钥", "PRIVATE_KEY"),
    "secret.password": ("口令", "PASSWORD"),
    "secret.connection": ("连接口令", "CONNECTION"),
}
_OTHER: Final = ("信息", "DATA")
#: Stands for text that looked like a placeholder before anything was replaced.
_LITERAL: Final = ("原文", "TEXT")

_NAMES = "|".join(
    sorted(
        {
            re.escape(n).replace("_", r"\\?[_ -]?")
            for pair in (*KINDS.values(), _OTHER, _LITERAL)
            for n in pair
        },
        key=lambda n: (-len(n), n),
    )
)
#: A placeholder as a model may give it back: other brackets, widths, case, blanks, escapes.
_PLACEHOLDER = re.compile(
    r"(?P<escape>\\)?[【\[［〔〖「『(（<《{｛]\s{0,2}"
    rf"(?P<kind>{_NAMES})(?:\\?[_-]|\s){{0,2}}(?P<n>\d{{1,6}})"
    r"\s{0,2}(?(escape)\\)[】\]］〕〗」』)）>》}｝]",
    re.IGNORECASE,
)


class _Stretch(NamedTuple):
    start: int
    end: int
    category: str


def _places(found: Found) -> Iterator[_Stretch]:
    for item in found.redactions if isinstance(found, Verdict) else found:
        if isinstance(item, Redaction):
            yield _Stretch(item.start, item.end, item.category)
        elif item.where is not None:
            yield from (_Stretch(start, end, item.category) for start, end in item.where.pieces())


def _stretches(found: Found, length: int) -> list[_Stretch]:
    """The places to hide in order, overlapping ones joined under the category of the longest."""
    joined: list[_Stretch] = []
    widest = 0
    for start, end, category in sorted(_places(found), key=lambda p: (p.start, -p.end)):
        start, end = max(0, start), min(end, length)
        if start >= end:
            continue
        if joined and start < joined[-1].end:
            last = joined[-1]
            named = category if end - start > widest else last.category
            joined[-1] = _Stretch(last.start, max(last.end, end), named)
        else:
            joined.append(_Stretch(start, end, category))
            widest = 0
        widest = max(widest, end - start)
    return joined


def _replaced(text: str, places: Iterable[_Stretch], shown: Callable[[str, str], str]) -> str:
    pieces, done = [], 0
    for start, end, category in places:
        pieces += [text[done:start], shown(text[start:end], category)]
        done = end
    return "".join([*pieces, text[done:]])


class Vault:
    """Placeholders of one request or conversation, and the values behind them.

    Equal values get equal placeholders. A value that was found once is replaced wherever it stands
    (from two characters on), also in later texts. The vault holds the values in memory only, shows
    none of them, cannot be copied to disk by pickling, and forgets them when it is closed.

    Args:
        language: of the placeholders, ``zh`` (【手机号1】) or ``en`` ([PHONE_1]).
    """

    def __init__(self, language: Language = "zh") -> None:
        if language not in ("zh", "en"):
            raise InputError(f"language is {language!r}", "use 'zh' or 'en'")
        self._language: Language = language
        self._key = secrets.token_bytes(32)
        self._names: dict[bytes, str] = {}  # keyed digest of a value -> placeholder
        self._values: dict[tuple[str, int], bytearray] = {}  # (kind, number) -> value
        self._counts: dict[str, int] = {}
        self._closed = False

    def __repr__(self) -> str:
        return f"<Vault: {'closed' if self._closed else f'{len(self._values)} values'}>"

    def __len__(self) -> int:
        return len(self._values)

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vault is never stored or copied")

    def close(self) -> None:
        """Overwrite and forget every value. The vault cannot be used afterwards."""
        for value in self._values.values():
            value[:] = bytes(len(value))
        self._values.clear()
        self._names.clear()
        self._key = b""
        self._closed = True

    def _open(self) -> None:
        if self._closed:
            raise InputError("the vault is closed", "make a new one for each request")

    def _placeholder(self, value: str, category: str) -> str:
        data = value.encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._key, data, "sha256")
        if digest not in self._names:
            pair = KINDS.get(category, _LITERAL if category == "literal" else _OTHER)
            kind = pair[self._language == "en"]
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            self._values[_canonical(kind), number] = bytearray(data)
            self._names[digest] = (
                f"[{kind}_{number}]" if self._language == "en" else f"【{kind}{number}】"
            )
        return self._names[digest]

    def _known(self) -> re.Pattern[str] | None:
        values = {v.decode("utf-8", "surrogatepass") for v in self._values.values()}
        long = sorted((v for v in values if len(v) > 1), key=lambda v: (-len(v), v))
        return re.compile("|".join(map(re.escape, long))) if long else None

    def _again(self, text: str, places: list[_Stretch]) -> Iterator[_Stretch]:
        """The places, and between them whatever is known to the vault already."""
        known, done = self._known(), 0
        for place in [*places, _Stretch(len(text), len(text), "")]:
            if known is not None:
                for match in known.finditer(text, done, place.start):
                    yield _Stretch(*match.span(), "known")
            if place.start < place.end:
                yield place
            done = place.end

    def redact(self, found: Found, text: str) -> str:
        """``text`` with a placeholder for each value.

        Args:
            found: a decision (its redactions are hidden: what the policy wants hidden) or findings.
            text: the original text that the decision or the findings speak of.

        Raises:
            InputError: the vault is closed.
        """
        self._open()
        places = _stretches(found, len(text))
        # What looks like a placeholder already is a value too: restoring must not touch it.
        literal = (_Stretch(*m.span(), "literal") for m in _PLACEHOLDER.finditer(text))
        taken = [p for p in literal if not any(p.start < q.end and q.start < p.end for q in places)]
        places = sorted(places + taken)
        for start, end, category in places:
            self._placeholder(text[start:end], category)
        return _replaced(text, list(self._again(text, places)), self._placeholder)

    def restore(self, text: str) -> str:
        """``text`` with the values back in the place of this vault's placeholders.

        Other brackets, full-width digits, blanks and case make no difference; placeholders that
        this vault did not give out stay.

        Raises:
            InputError: the vault is closed.
        """
        self._open()

        def value(match: re.Match[str]) -> str:
            held = self._values.get((_canonical(match["kind"]), int(match["n"])))
            return match.group() if held is None else held.decode("utf-8", "surrogatepass")

        return _PLACEHOLDER.sub(value, text)


def _canonical(kind: str) -> str:
    return re.sub(r"[\\_ -]", "", kind).upper()


#: Letters and digits that stay at the beginning and the end, by category.
_SHOWN = {
    "pii.phone": (3, 4),
    "pii.landline": (4, 2),
    "pii.id_card": (3, 2),
    "pii.bank_card": (4, 4),
    "pii.name": (1, 0),
    "pii.wechat": (2, 1),
    "pii.qq": (2, 1),
    "pii.plate": (2, 1),
    "pii.email": (1, 0),
    "pii.ip": (2, 0),
}
_DISTRICT = re.compile(r".{2,12}?[市州盟](?:.{1,7}?[区县旗市])?|.{2,8}?[省县区]")


def _partial(value: str, category: str) -> str:
    if category == "pii.email":
        local, at, host = value.partition("@")
        return _starred(local, 1, 0) + at + host if at else _starred(value, 1, 0)
    if category == "pii.address" and (head := _DISTRICT.match(value)) and head.end() < len(value):
        return head.group() + "*" * (len(value) - head.end())
    if category.startswith("secret."):
        return "*" * 8
    return _starred(value, *_SHOWN.get(category, (2, 2)))


def _starred(value: str, head: int, tail: int) -> str:
    """Stars for letters and digits but the first and last few; at least a third stay hidden."""
    places = [i for i, char in enumerate(value) if char.isalnum()]
    if (head + tail) * 3 > len(places) * 2:
        head, tail = min(head, len(places) // 3), 0
    if len(places) > 1:
        head = max(head, int(tail == 0 and head > 0))
    hidden = set(places[head : len(places) - tail])
    return "".join("*" if i in hidden or not places else char for i, char in enumerate(value))


def _shown(value: str, category: str, style: Style) -> str:
    if style == "label":
        return f"【{KINDS.get(category, _OTHER)[0]}】"
    return "*" * len(value) if style == "stars" else _partial(value, category)


def mask(text: str, found: Found, style: Style = "partial") -> str:
    """``text`` with the values made unreadable for good.

    Args:
        style: ``partial`` shows what people need to recognise their own data (138****5678, 王**,
            杭州市西湖区****), and nothing of secrets; ``stars`` shows only lengths; ``label`` only
            the kind (【手机号】).

    Raises:
        InputError: an unknown style.
    """
    if style not in ("partial", "stars", "label"):
        raise InputError(f"style is {style!r}", "use 'partial', 'stars' or 'label'")
    return _replaced(text, _stretches(found, len(text)), lambda v, c: _shown(v, c, style))


_SEPARATORS = re.compile(r"[\s·•.\-–—‐_()]")


def pseudonym(value: str, category: str, key: bytes, language: Language = "zh") -> str:
    """A name for a value that is the same wherever the key is: 【手机号#9f2c41d07a】.

    40 bits of HMAC-SHA-256 over the category and the value; spacing, width and case do not matter.
    Telephone numbers are few enough to be tried out, so who has the key can undo it: keep it apart.

    Raises:
        InputError: the key has fewer than 16 bytes.
    """
    if len(key) < 16:
        raise InputError(
            f"the key has {len(key)} bytes", "use at least 16, e.g. secrets.token_bytes(32)"
        )
    plain = _SEPARATORS.sub("", unicodedata.normalize("NFKC", value).casefold())
    data = f"{category}\0{plain}".encode("utf-8", "surrogatepass")
    code = hmac.new(key, data, hashlib.sha256).hexdigest()[:10]
    kind = KINDS.get(category, _OTHER)[language == "en"]
    return f"[{kind}#{code}]" if language == "en" else f"【{kind}#{code}】"


def pseudonymise(text: str, found: Found, key: bytes, language: Language = "zh") -> str:
    """``text`` with the :func:`pseudonym` of each value in its place. Raises as it does."""
    places = _stretches(found, len(text))
    return _replaced(text, places, lambda v, c: pseudonym(v, c, key, language))
