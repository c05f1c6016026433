"""What GB 45438-2025 says of the labels that were read, each problem with its clause.

Clause texts of certainty A or B make a file noncompliant; C only warns (依据待复核).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from guard.model import Problem, Standard
from guard.watermark.gb45438 import (
    KEYS,
    LABELS,
    PLATFORM_REQUIRED,
    REQUIRED,
    Found,
    Reading,
    as_strings,
    code_problem,
    in_charset,
    of_platform,
)

#: How well each clause is known (policies/requirements.yaml has the sources).
CERTAINTY: Final[dict[str, Literal["A", "B", "C"]]] = {
    "CN-LABEL-2025/5": "A",
    "CN-LABEL-2025/6.2": "A",
    "GB45438/6.1.a": "A",
    "GB45438/6.1.c": "A",
    "GB45438/E.label": "B",
    "GB45438/E.charset": "B",
    "GB45438/E.keys": "B",
    "TC260-PG/20252A": "B",
    "TC260-PG/20259A": "C",
}
#: Places that the practice guides name; labels elsewhere are read but remarked on.
_GUIDED = (
    *("xmp", "png.text", "exif.usercomment", "front-matter"),
    *("riff.aigc", "riff.info", "id3.txxx", "vorbis", "mp4.keys"),
    *("matroska.tag", "flv.onmetadata", "ooxml.custom", "pdf.info"),
)


def judge(reading: Reading) -> Standard:
    """``compliant``, ``noncompliant``, ``not_found``, or ``inconclusive`` for a damaged file."""
    problems = [p for found in reading.found for p in _one(found)]
    problems += _together(reading.found)
    if any(p.certainty != "C" for p in problems):
        return Standard("noncompliant", tuple(problems), reading.damage)
    if reading.damage:
        return Standard("inconclusive", tuple(problems), reading.damage)
    return Standard("compliant" if reading.found else "not_found", tuple(problems))


def verdict(
    reading: Reading, *, explicit: bool, declared: bool, signed_ai: bool
) -> Literal["confirmed", "possible", "suspected", "none"]:
    """The case of the labelling measures, art. 6. A trace alone never confirms."""
    stated = {str((found.fields or {}).get("Label", "")) for found in reading.found}
    if stated == {"1"}:
        return "confirmed"
    if stated == {"2"} or (not reading.found and declared):
        return "possible"
    traces = reading.found or reading.traces or explicit or signed_ai
    return "suspected" if traces else "none"


def _together(found: tuple[Found, ...]) -> Iterator[Problem]:
    if len(found) < 2:
        return
    places = ", ".join(item.carrier for item in found)
    yield _problem("GB45438/6.1.c", f"{len(found)} labels in one file ({places}); it keeps one")
    if len({tuple(as_strings(item.fields or {}).items()) for item in found}) > 1:
        yield _problem("GB45438/6.1.c", "the labels contradict each other")


def _one(found: Found) -> Iterator[Problem]:
    if found.fields is None:
        yield _problem(
            "GB45438/E.keys", f"the text in {found.carrier} is no JSON object of annex E"
        )
        return
    yield from _keys(found)
    yield from _values(found)
    if found.carrier not in _GUIDED:
        yield _problem(
            "TC260-PG/20259A", f"{found.carrier} is no place that the practice guides name"
        )


def _keys(found: Found) -> Iterator[Problem]:
    members = found.fields or {}
    platform = of_platform(members)
    for key in PLATFORM_REQUIRED if platform else REQUIRED:
        if not members.get(key):
            clause = "CN-LABEL-2025/6.2" if platform else "CN-LABEL-2025/5"
            yield _problem(clause, f"{key} is missing or empty")
    for key in KEYS[3:]:
        if key not in members:
            # Two readings of annex E exist: seven keys always, or three and the rest as needed.
            yield _problem("GB45438/6.1.a", f"{key} is absent", "C")
    for key in members:
        if key not in KEYS:
            yield _problem("GB45438/E.keys", f"unknown key {key[:60]!r}")
    for key in found.repeated:
        yield _problem("GB45438/E.keys", f"key {key[:60]!r} occurs twice")


def _values(found: Found) -> Iterator[Problem]:
    members = found.fields or {}
    for key in KEYS:
        value = members.get(key, "")
        if not isinstance(value, str):
            yield _problem("GB45438/E.charset", f"{key} is not a string")
        elif not in_charset(value):
            yield _problem(
                "GB45438/E.charset", f"{key} has a character outside 0x21-0x7E or a backslash"
            )
    label = members.get("Label")
    if label and label not in tuple(LABELS):
        yield _problem("GB45438/E.label", f'Label is {str(label)[:20]!r}, not "1", "2" or "3"')
    for key in ("ContentProducer", "ContentPropagator"):
        if wrong := code_problem(as_strings(members)[key]):
            yield _problem("TC260-PG/20252A", f"{key}: {wrong}")


def _problem(clause: str, message: str, certainty: Literal["A", "B", "C", ""] = "") -> Problem:
    known = certainty or CERTAINTY[clause]
    return Problem(clause, known, message + (" (依据待复核)" if known == "C" else ""))
