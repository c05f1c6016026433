"""Stage 4, label writer: what leaves the service says that a machine made it.

Order of the layers, each the fallback of the next: visible label, metadata by splicing, C2PA last.
The file appears under its name only when it is whole, was read back, and its record is in the log.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from guard.errors import GuardError, InputError, LabelError
from guard.files import sync_folder
from guard.model import Action, Label, Record, Sink, Verdict
from guard.watermark import formats, gb45438, markdown, notice, plaintext

if TYPE_CHECKING:
    from guard.watermark.formats import Format
    from guard.watermark.provenance import Identity

STAGE: Final = "label_writer"


@dataclass(frozen=True, slots=True)
class Labelled:
    """What was written. ``label`` has the seven fields, ``carrier`` their place in the file.

    ``carrier`` is None for plain text, which has no metadata. ``visible`` describes the visible
    label or is None. ``replaced`` is another label that the file had before. ``c2pa_invalidated``
    says that the file came with a manifest that the new bytes break, since nobody signed again.
    """

    file: str
    source: str
    format: str
    label: Mapping[str, str]
    carrier: str | None
    sha256: str
    visible: Mapping[str, Any] | None = None
    replaced: Mapping[str, str] | None = None
    c2pa: bool = False
    c2pa_invalidated: bool = False
    record: int | None = None


def label_text(text: str | Verdict, label: Label, *, at: Literal["start", "end"] = "start") -> str:
    """A text with the visible notice, for services that send text and no file (clause 5.1).

    Raises:
        LabelError: the wording lacks an element, or the decision withholds the text.
    """
    if isinstance(text, Verdict):
        if text.action is Action.BLOCK:
            raise LabelError("a blocked text is not released", "send the decision's reply instead")
        text = text.text
    return notice.add(text, label.text, at=at)


def label_bytes(
    data: bytes,
    name: str,
    label: Label,
    *,
    visible: bool | None = None,
    font: Path | None = None,
    c2pa: Identity | None = None,
) -> tuple[bytes, Labelled]:
    """``data`` with every layer of its label, and what was written.

    ``visible`` unset draws for producers, and leaves the picture alone for propagators, who put
    their notice around it (labelling measures, art. 6). ``c2pa`` is the signer.

    Raises:
        InputError: the file is damaged or not what its name says. LabelError: the label may not
            be written, or the file cannot hold it.
    """
    fmt = formats.require(data, name)
    if c2pa and not fmt.mime:
        raise LabelError(f"C2PA cannot be embedded in {fmt.name}", "leave --c2pa out for this file")
    before = fmt.container.read_labels(data)
    full = complete(label, before)
    shown = visible if visible is not None else bool(label.producer)
    out, drawn = _draw(data, fmt, full, font) if shown else (data, None)
    carrier = None
    if fmt.container is not plaintext or not shown:
        out = formats.write_label(out, fmt, full)
        carrier = fmt.container.read_labels(out).found[0].carrier
    if c2pa:
        out = _sign(out, fmt, full, c2pa, original=data, created=bool(label.producer))
    fields = gb45438.fields(full)
    old = next((gb45438.as_strings(f.fields) for f in before.found if f.fields), None)
    written = Labelled(
        file=name,
        source=name,
        format=fmt.name,
        label=fields,
        carrier=carrier,
        sha256=hashlib.sha256(out).hexdigest(),
        visible=drawn,
        replaced=old if old != fields else None,
        c2pa=c2pa is not None,
        c2pa_invalidated=before.manifest and c2pa is None and out != data,
    )
    return out, written


def complete(label: Label, before: gb45438.Reading) -> Label:
    """``label`` with missing numbers drawn, or as a propagator's addition to the label ``before``.

    Raises:
        LabelError: no producer, and no single readable label from which to keep it.
    """
    if label.propagator and not label.propagate_id:
        label = replace(label, propagate_id=uuid.uuid4().hex)
    if label.producer or not label.propagator:
        return label if label.produce_id else replace(label, produce_id=uuid.uuid4().hex)
    if not before.found:
        raise LabelError(
            "the file has no label to which a propagator could be added", "give --producer"
        )
    texts = {tuple(gb45438.as_strings(f.fields or {}).items()) for f in before.found}
    if len(texts) > 1:
        raise LabelError(
            "the file has labels that contradict each other", "look at it with `guard inspect`"
        )
    return gb45438.propagated(label, before.found[0])


def write_label(
    source: str | Path,
    target: str | Path,
    label: Label,
    *,
    visible: bool | None = None,
    font: str | Path | None = None,
    c2pa: Identity | str | Path | None = None,
    sink: Sink | None = None,
) -> Labelled:
    """Label the file ``source`` into ``target``, which appears whole or not at all.

    With a ``sink`` the label is recorded before the file appears. ``c2pa`` may name a folder made
    with ``guard label --init-ca``. Other options as :func:`label_bytes`.

    Raises:
        InputError, LabelError: naming the file. OSError: the target cannot be written.
    """
    source, target = Path(source), Path(target)
    if isinstance(c2pa, str | Path):
        from guard.watermark.provenance import local_identity

        c2pa = local_identity(Path(c2pa))
    if target.exists() and target.samefile(source):
        raise InputError(
            f"{source}: the output would overwrite its own input", "choose another folder"
        )
    try:
        out, written = label_bytes(
            source.read_bytes(),
            source.name,
            label,
            visible=visible,
            font=Path(font) if font else None,
            c2pa=c2pa,
        )
    except GuardError as error:
        raise type(error)(f"{source}: {error.message}", error.remedy) from None
    written = replace(written, file=str(target), source=str(source))
    record = _publish(target, out, written, sink)
    return replace(written, record=record)


def _draw(
    data: bytes, fmt: Format, label: Label, font: Path | None
) -> tuple[bytes, dict[str, Any]]:
    """The visible label: a notice in a text, a box on a picture."""
    if fmt.mime:
        from guard.watermark import picture

        drawn = picture.draw(data, label.text, font)
        size = {"box": list(drawn.box), "ink_height": drawn.ink_height, "contrast": drawn.contrast}
        return drawn.data, {"text": label.text, **size}
    text = plaintext.decode(data)
    start = markdown.body_start(text) if fmt.container is markdown else int(text[:1] == "\ufeff")
    body = notice.add(text[start:], label.text)
    return (text[:start] + body).encode(), {"text": notice.line(label.text)}


def _sign(
    data: bytes, fmt: Format, label: Label, identity: Identity, *, original: bytes, created: bool
) -> bytes:
    from guard.watermark import provenance

    fields = gb45438.fields(label)
    out = provenance.sign(data, fmt.mime, identity, fields, original=original, created=created)
    formats.confirm(out, fmt, label)
    return out


def _publish(target: Path, data: bytes, written: Labelled, sink: Sink | None) -> int | None:
    """Write beside the target, make it durable, record it, and only then give it its name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        index = sink.append(_record(written)) if sink else None
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(target.parent)
    return index


def _record(written: Labelled) -> Record:
    """ProduceID and digest of the output, so that a file that turns up is found in the log."""
    body = {
        "produce_id": written.label["ProduceID"],
        "sha256": written.sha256,
        "carrier": written.carrier,
        "format": written.format,
        "label": dict(written.label),
        "visible": (written.visible or {}).get("text"),
        "replaced": dict(written.replaced) if written.replaced else None,
        "c2pa": written.c2pa,
        "c2pa_invalidated": written.c2pa_invalidated,
    }
    return Record(kind="label", body=body, stage=STAGE)
