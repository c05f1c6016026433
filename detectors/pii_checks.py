"""Check digits and code tables behind the identifiers of persons and organisations.

Pure functions on already extracted characters; nothing here knows where in a text they stood.
"""

from __future__ import annotations

import calendar
import functools
from collections.abc import Iterator
from pathlib import Path

_DATA = Path(__file__).parent / "data"

#: GB 11643-1999 (ISO 7064 MOD 11-2): weights of the first 17 digits, check character by remainder.
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECK = "10x98765432"
#: GB 32100-2015: alphabet (no I O S V Z) and weights 3**i mod 31 of the first 17 characters.
USCC_ALPHABET = "0123456789abcdefghjklmnpqrtuwxy"
_USCC_VALUE = {c: i for i, c in enumerate(USCC_ALPHABET)}
_USCC_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
#: GB 11714-1997: weights of the first 8 characters of an organisation code, MOD 11.
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_LUHN_DOUBLE = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

#: Years of birth that are accepted. Fixed, not read from the clock, so that a decision can be
#: replayed at any later time.
BIRTH_YEARS = range(1890, 2041)


def _rows(name: str) -> Iterator[list[str]]:
    for line in (_DATA / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


@functools.cache
def regions() -> tuple[frozenset[str], frozenset[str]]:
    """(prefecture prefixes of 4 digits, county codes of 6) of GB/T 2260, all revisions."""
    prefectures: set[str] = set()
    counties: set[str] = set()
    for prefix, _, suffixes in _rows("regions.tsv"):
        prefectures.add(prefix)
        counties |= {prefix + suffixes[i : i + 2] for i in range(0, len(suffixes), 2)}
    return frozenset(prefectures), frozenset(counties)


@functools.cache
def region_names() -> tuple[str, ...]:
    """Names of provinces and prefectures, full and without 省/市/州, longest first."""
    names: set[str] = set()
    for _, name, _ in _rows("regions.tsv"):
        if (
            len(name) < 3
            or name in ("市辖区", "台湾居民居住证")
            or "直辖" in name
            or "行政" in name
        ):
            continue
        names |= {name, name[:-1]} if name[-1] in "省市" else {name}
    names |= {"内蒙古", "广西", "西藏", "宁夏", "新疆", "香港", "澳门", "台湾"}
    return tuple(sorted(names, key=lambda n: (-len(n), n)))


@functools.cache
def card_issuers() -> frozenset[str]:
    """Issuer identification numbers (first 6 digits) of cards issued in China."""
    return frozenset(
        head + tail for head, tails in _rows("bank_bins.tsv") for tail in tails.split()
    )


def id_check_digit(first17: str) -> str:
    """The 18th character of a resident ID: a digit or a lower-case ``x``."""
    return _ID_CHECK[sum(int(c) * w for c, w in zip(first17, _ID_WEIGHTS, strict=True)) % 11]


def is_date(year: str, month: str, day: str) -> bool:
    """Whether a four-digit year, month and day can be somebody's date of birth."""
    y, m, d = int(year), int(month), int(day)
    return y in BIRTH_YEARS and 1 <= m <= 12 and 1 <= d <= calendar.monthrange(y, m)[1]


def id_region(code: str) -> str:
    """The part of a six-digit region code that is known (6, 4 or 0 characters of it)."""
    prefectures, counties = regions()
    if code in counties:
        return code
    if code[:4] in prefectures and code[4:] != "00":
        return code[:4]
    # 2023 permanent residence card of foreigners: 9, province, nationality (ISO 3166 numeric).
    return code[:3] if code[0] == "9" and code[1:3] + "00" in prefectures else ""


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B check of a card number."""
    values = [int(c) for c in reversed(digits)]
    return (sum(values[::2]) + sum(_LUHN_DOUBLE[v] for v in values[1::2])) % 10 == 0


def card_network(digits: str) -> str:
    """How well the issuer is known: ``issuer`` (in the table), ``network`` (range only), or ``""``.

    Ranges with their lengths: UnionPay 62 (16 to 19), Visa 4 and Mastercard 51-55 and 2221-2720
    (16), JCB 3528-3589 (16).
    """
    if digits[:6] in card_issuers():
        return "issuer"
    if digits.startswith("62"):
        return "network"
    head = int(digits[:4])
    wide = 4000 <= head < 5000 or 5100 <= head < 5600 or 2221 <= head <= 2720
    return "network" if len(digits) == 16 and (wide or 3528 <= head <= 3589) else ""


def uscc_check_char(first17: str) -> str:
    """The 18th character of a unified social credit code (lower case)."""
    total = sum(_USCC_VALUE[c] * w for c, w in zip(first17, _USCC_WEIGHTS, strict=True))
    return USCC_ALPHABET[-total % 31]


def organisation_check_char(first8: str) -> str:
    """The 9th character of an organisation code (lower case), itself the 17th of a USCC."""
    total = sum(_USCC_VALUE[c] * w for c, w in zip(first8, _ORG_WEIGHTS, strict=True))
    return "0123456789x0"[11 - total % 11]


def is_uscc(code: str) -> bool:
    """Whether 18 lower-case characters are a unified social credit code.

    Region and check character; of one without letters, which any long number may look like, also
    the check character of the organisation code inside.
    """
    region = code[2:8]
    if not (region == "100000" or (region.isdecimal() and id_region(region))):
        return False
    if code[17] != uscc_check_char(code[:17]):
        return False
    return not code.isdecimal() or code[16] == organisation_check_char(code[8:16])
