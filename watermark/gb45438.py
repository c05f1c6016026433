"""The metadata label of GB 45438-2025 annex E: seven strings, in this order, as one JSON object.

Writing is strict (annex E character set, all seven keys, a code that checks out). Reading accepts
what is seen in real files: wrapped in ``{"AIGC": ...}``, entity-encoded, values that are no
strings. What is wrong with a label that was read is said by ``guard.watermark.standard``.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from guard.errors import LabelError
from guard.model import Label

#: Annex E, in the order of the standard.
KEYS: Final = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
#: Without these three there is no label (labelling measures art. 5: attribute, provider, number).
REQUIRED: Final = KEYS[:3]
#: A platform that labels an upload as possibly generated or suspected knows no producer: art. 6
#: asks it for the attribute, its own name and its own number.
PLATFORM_REQUIRED: Final = ("Label", "ContentPropagator", "PropagateID")
#: Meaning of ``Label``.
LABELS: Final = {"1": "generated", "2": "possibly generated", "3": "suspected"}

#: Annex E j): printable single bytes 0x21-0x7E, without the backslash.
_VALUE = re.compile(r"[\x21-\x5b\x5d-\x7e]*")
#: Longest text in which a label is looked for; real ones have 200 to 4,000 characters.
_LONGEST = 65_536

_USCC_DIGITS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CODE = re.compile(r"00[0-9A-Z]{25}")
_MEANT_AS_CODE = re.compile(r"00[0-9][0-9A-Za-z]{17,}")


@dataclass(frozen=True, slots=True)
class Found:
    """One label found in a file, as it stands there.

    ``carrier`` is its place (``xmp``, ``png.text``, ``exif.usercomment``, ``front-matter``, ...),
    ``fields`` its JSON members, ``None`` when the place is a label's but the text is not readable.
    ``repeated`` lists keys that occur twice in the JSON.
    """

    carrier: str
    text: str
    fields: Mapping[str, Any] | None
    repeated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a container holds: labels in file order, why it could not be read to the end, traces.

    ``traces`` are weaker signs of AI origin (IPTC digital source type, other vendors' schemas);
    ``manifest`` says that a C2PA manifest store is embedded.
    """

    found: tuple[Found, ...] = ()
    damage: str = ""
    traces: tuple[str, ...] = ()
    manifest: bool = False


def fields(label: Label) -> dict[str, str]:
    """The seven members of ``label`` in order. A first writer's propagator mirrors the producer."""
    return {
        "Label": label.label,
        "ContentProducer": label.producer,
        "ProduceID": label.produce_id,
        "ReservedCode1": label.reserved1,
        "ContentPropagator": label.propagator or label.producer,
        "PropagateID": label.propagate_id or label.produce_id,
        "ReservedCode2": label.reserved2,
    }


def to_json(label: Label) -> str:
    """The JSON text that goes into a container. Raises :class:`LabelError` as :func:`check`."""
    check(label)
    return json.dumps(fields(label), separators=(",", ":"))


def check(label: Label) -> None:
    """Refuse a label that may not be written.

    Raises:
        LabelError: the producer or the number is missing, ``label`` is not "1", "2" or "3", a
            value leaves the character set of annex E j), or a provider code does not check out.
    """
    values = fields(label)
    if not of_platform(values) and not label.producer:
        raise LabelError(
            "ContentProducer is missing",
            "give the provider's own code or ASCII name with --producer; it is never invented",
        )
    if not of_platform(values) and not label.produce_id:
        raise LabelError("ProduceID is missing", "give the unique number of this content")
    if label.label not in LABELS:
        raise LabelError(
            f"Label is {label.label!r}", 'use "1" generated, "2" possibly, "3" suspected'
        )
    for key, value in values.items():
        if not _VALUE.fullmatch(value):
            raise LabelError(
                f"{key} has a character outside annex E j): {_first_bad(value)}",
                "use printable ASCII without spaces and backslashes; for a Chinese name its code",
            )
    for key in ("ContentProducer", "ContentPropagator"):
        problem = code_problem(values[key])
        if problem:
            raise LabelError(f"{key} {values[key]!r}: {problem}", "check the provider code")


def of_platform(members: Mapping[str, Any]) -> bool:
    """Whether a label is a platform's own, of a file that came without one."""
    own = members.get("Label") in ("2", "3") and members.get("ContentPropagator")
    return bool(own) and not members.get("ContentProducer")


def _first_bad(value: str) -> str:
    at = next(i for i, char in enumerate(value) if not _VALUE.fullmatch(char))
    return f"U+{ord(value[at]):04X} at position {at + 1}"


def in_charset(value: str) -> bool:
    """Whether ``value`` keeps to annex E j)."""
    return _VALUE.fullmatch(value) is not None


def code_problem(name: str) -> str:
    """What is wrong with a provider code; empty for a good code and for a name that is no code.

    Layout (provider coding rules of 2025): ``00``, subject type, binding, 18-character subject
    code, service type (1 generation, 2 propagation), 4 characters of the provider's own; the last
    five are ``00000`` when unused. With prefix ``0011`` the subject code is the unified social
    credit code, whose check character is verified.
    """
    if not _MEANT_AS_CODE.fullmatch(name):
        return ""
    if not _CODE.fullmatch(name):
        return f"a provider code has 27 digits and capital letters, this has {len(name)} characters"
    if name[22] not in "12" and name[22:] != "00000":
        return f"character 23 is {name[22]!r}, neither 1 (generation) nor 2 (propagation)"
    if name.startswith("0011") and not uscc_valid(name[4:22]):
        return "the check character of its unified social credit code is wrong"
    return ""


def uscc_valid(code: str) -> bool:
    """Whether an 18-character unified social credit code has its check character (GB 32100)."""
    if len(code) != 18 or any(char not in _USCC_DIGITS for char in code):
        return False
    total = sum(_USCC_DIGITS.index(c) * pow(3, i, 31) for i, c in enumerate(code[:17]))
    return _USCC_DIGITS[-total % 31] == code[17]


def propagated(label: Label, found: Found) -> Label:
    """The label a propagator writes: ``found``'s producer fields, ``label``'s propagator fields.

    Raises:
        LabelError: the label found is not readable, so that there is nothing to keep.
    """
    if found.fields is None:
        raise LabelError(
            "the label in the file cannot be read", "give --producer to write a new one"
        )
    old = as_strings(found.fields)
    kept: Any = old["Label"]
    return replace(
        label,
        label=kept,
        producer=old["ContentProducer"],
        produce_id=old["ProduceID"],
        reserved1=old["ReservedCode1"],
    )


def as_strings(members: Mapping[str, Any]) -> dict[str, str]:
    """The seven fields as strings, empty where absent, nested values as compact JSON."""
    return {key: _as_string(members.get(key, "")) for key in KEYS}


def _as_string(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def find(carrier: str, text: str, *, sure: bool = False) -> Found | None:
    """The label in ``text``, or ``None``.

    A text is a label only if its JSON object has a key of annex E: the bare word ``AIGC`` proves
    nothing. With ``sure`` the place itself is a label's (``TC260:AIGC``), and a text that cannot
    be read is reported with ``fields=None`` instead.
    """
    for candidate in _decodings(text):
        parsed = _parse(candidate)
        if parsed is not None:
            members, repeated = parsed
            return Found(carrier, text, members, repeated)
    return Found(carrier, text[:200], None) if sure else None


def from_mapping(carrier: str, members: Mapping[str, Any], text: str = "") -> Found | None:
    """The label in an already parsed mapping (front matter), or ``None``."""
    known = any(key in members for key in KEYS)
    return Found(carrier, text, dict(members)) if known else None


def _decodings(text: str) -> list[str]:
    once = html.unescape(text)
    twice = html.unescape(once)
    return list(dict.fromkeys((text, once, twice)))


def _parse(text: str) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    start = text.find("{")
    if start < 0:
        return None
    repeated: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        repeated.extend(name for name in set(names) if names.count(name) > 1)
        return dict(pairs)

    try:
        decoder = json.JSONDecoder(object_pairs_hook=members)
        value, _ = decoder.raw_decode(text[start : start + _LONGEST])
        if isinstance(value.get("AIGC"), str):
            value = decoder.decode(value["AIGC"])
    except (ValueError, RecursionError):
        return None
    value = value.get("AIGC", value) if isinstance(value, dict) else value
    if not isinstance(value, dict) or not any(key in value for key in KEYS):
        return None
    return value, tuple(sorted(repeated))
