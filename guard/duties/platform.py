"""What a platform owes for a file that a user uploads (labelling measures, art. 6).

Three cases: the file carries a label (the content *is* machine-made), it carries none but the user
declares it (*may be*), or other traces are found (*suspected*). Each has its notice around the
content, and adds the platform's name and number to the metadata. A trace never confirms.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from guard.errors import LabelError
from guard.files import write_with
from guard.label import inspect_file, label_file
from guard.model import Inspection, Label, Record, Sink
from guard.stages.stage4_label_writer import Labelled

Case = Literal["confirmed", "possible", "suspected", "none"]

#: The notice to be shown prominently around the content, per case (zh, en).
NOTICES: Final[Mapping[Case, tuple[str, str]]] = {
    "confirmed": ("本内容由人工智能生成或合成", "This content is generated or synthesised by AI"),
    "possible": (
        "本内容可能由人工智能生成或合成（发布者声明）",
        "This content may be generated or synthesised by AI (declared by its publisher)",
    ),
    "suspected": (
        "本内容疑似由人工智能生成或合成",
        "This content is suspected to be generated or synthesised by AI",
    ),
    "none": ("", ""),
}
#: Art. 6 (4): beside the upload button, with a way to declare.
REMINDER: Final = (
    "如内容由人工智能生成或合成，请在发布前声明。",
    "If AI generated or synthesised this content, declare it before you publish.",
)
#: ``Label`` of a file that came without one.
_ATTRIBUTE: Final[Mapping[Case, Literal["2", "3"]]] = {"possible": "2", "suspected": "3"}


@dataclass(frozen=True, slots=True)
class Received:
    """An upload: its case, the notice to show, and what was written into the file.

    ``written`` is None where nothing had to be added or could be; ``problem`` then says why the
    file is passed on as it came.
    """

    file: str
    case: Case
    notice_zh: str
    notice_en: str
    inspection: Inspection
    written: Labelled | None = None
    problem: str = ""
    record: int | None = None


def receive(
    source: str | Path,
    target: str | Path,
    *,
    propagator: str,
    propagate_id: str = "",
    declared: bool = False,
    subject: str = "",
    sink: Sink | None = None,
) -> Received:
    """Take an upload in: find its case, add the platform's fields, say which notice to show.

    Args:
        target: where the file is passed on; it appears whole or not at all.
        propagator: the platform's code or ASCII name; ``propagate_id`` its number of this
            content, drawn when empty.
        declared: the user said that a machine made it. The declaration is recorded with a
            ``sink``, for ``subject``.

    Raises:
        OSError: a file cannot be read or written.
    """
    seen = inspect_file(source, declared=declared)
    case: Case = seen.verdict
    label = Label(
        "",
        label=_ATTRIBUTE.get(case, "1") if seen.label is None else "1",
        propagator=propagator,
        propagate_id=propagate_id,
    )
    index = _record(sink, seen, declared, subject) if sink else None
    written, problem = None, ""
    if case != "none":
        try:
            written = label_file(source, target, label, visible=False, sink=sink)
        except LabelError as error:
            problem = f"{error.message} ({error.remedy})" if error.remedy else error.message
    if written is None:
        _pass_on(Path(source), Path(target))
    zh, en = NOTICES[case]
    got = Received(str(target), case, zh, en, seen, written, problem)
    return replace(got, record=written.record if written else index)


def _pass_on(source: Path, target: Path) -> None:
    """The file as it came. A file that cannot take the fields is still shown with its notice."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as whole:
        write_with(target, lambda file: shutil.copyfileobj(whole, file))


def _record(sink: Sink, seen: Inspection, declared: bool, subject: str) -> int:
    body = {
        "case": seen.verdict,
        "declared": declared,
        "produce_id": (seen.label or {}).get("ProduceID"),
        "traces": list(seen.traces),
        "standard": seen.standard.status,
    }
    return sink.append(Record("upload", body, stage="label_reader", subject=subject))
