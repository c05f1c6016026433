"""Labels of files: write them (stage 4) and read every layer back.

>>> from guard.label import inspect_file, label_file
>>> from guard.model import Label
>>> label_file("in.png", "out.png", Label("your-code"))  # doctest: +SKIP
>>> inspect_file("out.png").verdict  # doctest: +SKIP
'confirmed'
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard.errors import GuardError, InputError
from guard.label_transfer import save_image, transplant
from guard.model import Inspection, Label, Sink, Standard
from guard.stages.stage4_label_writer import Labelled, label_bytes, write_label
from guard.watermark import explicit, formats, gb45438, invisible, notice, plaintext, standard
from guard.watermark.blob import Blob, FileBlob
from guard.watermark.gb45438 import Reading
from guard.watermark.notice import Style

if TYPE_CHECKING:
    from guard.watermark.formats import Format
    from guard.watermark.provenance import Identity

__all__ = [
    "Labelled",
    "Style",
    "inspect_bytes",
    "inspect_file",
    "label_bytes",
    "label_file",
    "label_files",
    "save_image",
    "transplant",
]

#: Write one label into one file; see the stage.
label_file = write_label


def label_files(
    sources: Sequence[str | Path],
    folder: str | Path,
    label: Label,
    *,
    visible: bool | Style | None = None,
    font: str | Path | None = None,
    c2pa: Identity | str | Path | None = None,
    sign_key: str | Path | None = None,
    watermark_key: str | Path | None = None,
    sink: Sink | None = None,
) -> Iterator[Labelled]:
    """Label files into ``folder`` under their own names, one number each.

    Everything that can be refused beforehand is refused before the first file is written.

    Raises:
        InputError: two inputs of one name, an output that would overwrite its input, a damaged
            file. LabelError: the label may not be written, or one number is given for many files.
    """
    plan = _plan([Path(source) for source in sources], Path(folder))
    shown = bool(visible if visible is not None else label.producer)
    _check_label(label, len(plan), shown)
    for source, _ in plan:
        _check_file(source, shown, bool(c2pa), bool(watermark_key))
    return (
        write_label(
            source,
            target,
            label,
            visible=visible,
            font=font,
            c2pa=c2pa,
            sign_key=sign_key,
            watermark_key=watermark_key,
            sink=sink,
        )
        for source, target in plan
    )


def _plan(sources: list[Path], folder: Path) -> list[tuple[Path, Path]]:
    plan: dict[Path, Path] = {}
    for source in sources:
        target = folder / source.name
        if target in plan:
            raise InputError(
                f"{plan[target]} and {source} would both become {target}",
                "rename one, or label them in two runs",
            )
        if target.exists() and source.exists() and target.samefile(source):
            raise InputError(
                f"{source}: the output would overwrite its own input", "choose another --out"
            )
        plan[target] = source
    return [(source, target) for target, source in plan.items()]


def _check_label(label: Label, files: int, shown: bool) -> None:
    if files > 1 and (label.produce_id or label.propagate_id):
        raise InputError(
            f"one content number is given for {files} files, and numbers are unique",
            "leave it out to draw one for each file, or label the files one by one",
        )
    if shown:
        notice.check_wording(label.text)
    # Fields that come with the file are checked when it is read.
    known = replace(label, produce_id=label.produce_id or "0")
    if not label.producer and label.propagator:
        known = replace(known, producer=label.propagator)
    gb45438.check(known)


def _check_file(source: Path, shown: bool, signed: bool, marked: bool) -> None:
    try:
        with FileBlob(source) as data:
            fmt = formats.require(data, source.name)
        if shown:
            explicit.check(fmt)
        if signed and not fmt.mime:
            raise InputError(f"C2PA cannot be embedded in {fmt.name}", "label it without --c2pa")
        if marked:
            invisible.check(fmt)
    except GuardError as error:
        raise type(error)(f"{source}: {error.message}", error.remedy) from None


def inspect_file(
    path: str | Path,
    *,
    declared: bool = False,
    trust: str | Path | None = None,
    label_key: str | Path | None = None,
    watermark_key: str | Path | None = None,
) -> Inspection:
    """Every mark of a file; ``trust`` is a PEM file. For the rest see :func:`inspect_bytes`.

    ``label_key`` is the Ed25519 key in PEM that checks a signed ReservedCode1; ``watermark_key`` is
    the key file of the invisible mark.

    Raises:
        OSError: the file cannot be read. InputError: ``trust`` holds no certificate, or
            ``label_key`` no key.
    """
    anchors = None
    if trust:
        from guard.watermark.provenance import load_anchors

        anchors = load_anchors(Path(trust))
    with FileBlob(Path(path)) as data:
        seen = _inspect(data, str(path), declared, anchors, watermark_key)
    return replace(seen, signature=_signature(seen, label_key))


def inspect_bytes(
    data: bytes,
    name: str,
    *,
    declared: bool = False,
    trust: bytes | None = None,
    watermark_key: str | Path | None = None,
) -> Inspection:
    """Every mark of a file given as bytes; never raises on bad bytes.

    ``name`` helps where the bytes do not tell (Markdown). ``declared`` says that the user declared
    the content as machine-made (art. 6 of the labelling measures, case 2). ``trust`` holds PEM
    anchors, without which a C2PA signature is at best Valid.
    """
    seen = _inspect(data, name, declared, trust, watermark_key)
    return replace(seen, signature=_signature(seen, None))


def _inspect(
    whole: Blob,
    name: str,
    declared: bool,
    trust: bytes | None,
    watermark_key: str | Path | None,
) -> Inspection:
    fmt = formats.detect(whole, name)
    data = whole if fmt and fmt.plan else whole[: len(whole)]
    reading = fmt.container.read_labels(data) if fmt else Reading(damage=_unknown(data, name))
    watermark = invisible.read(data, name, fmt, watermark_key) if fmt and watermark_key else None
    if watermark and watermark["state"] in ("present", "unsure"):
        reading = replace(reading, traces=(*reading.traces, _trace(watermark)))
    explicit = _explicit(data, fmt)
    c2pa = _c2pa(data, fmt, trust) if fmt and reading.manifest else None
    signed_ai = bool(c2pa and c2pa["ai"] and c2pa["state"] != "Invalid")
    label = next((gb45438.as_strings(f.fields) for f in reading.found if f.fields), None)
    return Inspection(
        file=name,
        format=fmt.name if fmt else "unknown",
        label=label,
        carrier=reading.found[0].carrier if reading.found else None,
        carriers=tuple(found.carrier for found in reading.found),
        standard=_standard(reading, fmt),
        explicit=explicit,
        c2pa=c2pa,
        watermark=watermark,
        verdict=standard.verdict(
            reading, explicit=bool(explicit["found"]), declared=declared, signed_ai=signed_ai
        ),
        traces=reading.traces,
    )


def _trace(watermark: Mapping[str, Any]) -> str:
    if watermark["payload"]:
        return f"invisible mark of your key, number {watermark['payload']}"
    return "invisible mark of your key, number unreadable"


def _signature(seen: Inspection, key: str | Path | None) -> Mapping[str, Any] | None:
    from guard.watermark import reserved_code

    if seen.label is None or not seen.label["ReservedCode1"]:
        return None
    return reserved_code.read(seen.label, reserved_code.load_public(Path(key)) if key else None)


def acceptable(inspection: Inspection) -> bool:
    """Whether a gate lets the file pass: a compliant label, or for plain text its notice."""
    if inspection.format == "text" and inspection.standard.status == "not_found":
        return bool(inspection.explicit["found"])
    return inspection.standard.status == "compliant"


def _standard(reading: Reading, fmt: Format | None) -> Standard:
    judged = standard.judge(reading)
    if fmt and fmt.container is plaintext and judged.status == "not_found":
        return replace(judged, reason="plain text has no place for metadata; see the notice")
    return judged


def _unknown(data: Blob, name: str) -> str:
    try:
        formats.require(data, name)
    except GuardError as error:
        return error.message
    return ""


def _explicit(data: Blob, fmt: Format | None) -> dict[str, Any]:
    """The visible label: searched in what is text; pictures would need character recognition."""
    text = _visible_text(data, fmt) if fmt else None
    if text is None:
        return {"checked": False, "found": None, "text": None}
    found = notice.find(text)
    return {"checked": True, "found": bool(found), "text": found or None}


def _visible_text(data: Blob, fmt: Format) -> str | None:
    """What a reader of the file sees, ``None`` where that is not text."""
    if fmt.notice == "webpage":
        from guard.watermark import webpage

        return webpage.visible_text(data)
    if fmt.notice == "document":
        from guard.watermark import documents

        return documents.visible_text(data)
    if fmt.notice != "text":
        return None
    text = data[: len(data)].decode("utf-8", "replace").lstrip("\ufeff")
    if fmt.name == "markdown":
        from guard.watermark import markdown

        return text[markdown.body_start(text) :]
    return text


def _c2pa(data: Blob, fmt: Format, trust: bytes | None) -> dict[str, Any] | None:
    from guard.watermark import provenance

    return provenance.read(data[: len(data)], fmt.mime, trust)
