"""Stage 4, label writer: what leaves the service says that a machine made it.

Order of the layers, each the fallback of the next: visible label, invisible mark, metadata by
splicing, C2PA last.
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
from guard.files import BackgroundDigest, sync_folder
from guard.model import Action, Label, Record, Sink, Verdict
from guard.watermark import blob, explicit, formats, gb45438, invisible, notice, plaintext, tiff
from guard.watermark.blob import Blob, FileBlob
from guard.watermark.notice import Style

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
    ``watermark`` tells of the invisible mark: its ``payload`` as 16 hex digits (8 in sounds), the
    ``psnr`` or ``snr`` it was allowed to cost (None if unknown), and whether it was ``kept`` from
    before.
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
    watermark: Mapping[str, Any] | None = None
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
    visible: bool | Style | None = None,
    font: Path | None = None,
    c2pa: Identity | None = None,
    watermark_key: str | Path | None = None,
) -> tuple[bytes, Labelled]:
    """``data`` with every layer of its label, and what was written.

    ``visible`` unset draws for producers, and leaves the content alone for propagators, who put
    their notice around it (labelling measures, art. 6); a :class:`Style` says how it is shown.
    ``font`` draws wordings beyond the bundled one. ``c2pa`` is the signer. ``watermark_key`` is
    the key file of the invisible mark (:mod:`guard.watermark.invisible`).

    Raises:
        InputError: the file is damaged or not what its name says. LabelError: the label may not
            be written, or the file cannot hold it.
    """
    fmt = formats.require(data, name)
    if c2pa and not fmt.mime:
        raise LabelError(f"C2PA cannot be embedded in {fmt.name}", "leave --c2pa out for this file")
    if c2pa and fmt.container is tiff and len(tiff.pages(data)) > 1:
        raise LabelError("C2PA would put an empty page into this TIFF", "leave --c2pa out for it")
    before = fmt.container.read_labels(data)
    full = complete(label, before)
    style = _style(label, visible, font)
    out, drawn = explicit.show(data, fmt, full.text, style) if style else (data, None)
    marked = None
    if watermark_key:
        out, marked = invisible.mark_bytes(out, fmt, watermark_key)
    carrier = None
    if fmt.container is not plaintext or not style:
        out = formats.write_label(out, fmt, full)
        carrier = fmt.container.read_labels(out).found[0].carrier
    if c2pa:
        mark = str(marked["payload"]) if marked else ""
        out = _sign(out, fmt, full, c2pa, original=data, created=bool(label.producer), mark=mark)
    written = _describe(name, fmt, full, before, carrier, hashlib.sha256(out).hexdigest())
    broken = before.manifest and c2pa is None and out != data
    return out, replace(
        written,
        visible=drawn,
        c2pa=c2pa is not None,
        c2pa_invalidated=broken,
        watermark=marked,
    )


def label_stream(
    source: Path,
    label: Label,
    fmt: Format,
    draft: Path,
    style: Style | None,
    watermark_key: str | Path | None = None,
) -> Labelled:
    """Write ``source`` with its labels to ``draft``, one piece at a time, and read it back.

    For formats with a ``plan``; with a ``watermark_key``, for those of ``invisible.in_files``.
    Raises as :func:`label_bytes`.
    """
    with FileBlob(source) as data:
        fmt.container.verify(data)
        before = fmt.container.read_labels(data)
        full = complete(label, before)
        if style is None and not watermark_key:
            return _spliced(data, source.name, full, before, fmt, draft)
    kind = fmt.suffixes[0]  # MP3 without tags is known by its name alone
    shown, changed = (draft.with_suffix(step + kind) for step in (".shown", ".marked"))
    last, drawn, marked = source, None, None
    try:
        if style:
            drawn, last = explicit.show_file(last, shown, fmt, full.text, style), shown
        if watermark_key:
            marked, last = invisible.mark_file(last, changed, fmt, watermark_key), changed
        with FileBlob(last) as data:
            written = _spliced(data, source.name, full, before, fmt, draft)
    finally:
        shown.unlink(missing_ok=True)
        changed.unlink(missing_ok=True)
    broken = before.manifest and bool(drawn or (marked and not marked["kept"]))
    broken = broken or written.c2pa_invalidated
    return replace(written, visible=drawn, watermark=marked, c2pa_invalidated=broken)


def _spliced(
    data: Blob, name: str, full: Label, before: gb45438.Reading, fmt: Format, draft: Path
) -> Labelled:
    """``data`` with its metadata label, in ``draft``."""
    assert fmt.plan
    edits = fmt.plan(data, full)
    with BackgroundDigest() as digest, draft.open("xb") as file:

        def write(piece: bytes) -> None:
            digest.update(piece)
            file.write(piece)

        blob.copy(data, edits, write)
        file.flush()
        os.fsync(file.fileno())
        sha256 = digest.hexdigest()
    with FileBlob(draft) as out:
        formats.confirm(out, fmt, full)
        carrier = fmt.container.read_labels(out).found[0].carrier
    written = _describe(name, fmt, full, before, carrier, sha256)
    changed = any(data[start:end] != new for start, end, new in edits)
    return replace(written, c2pa_invalidated=before.manifest and changed)


def _describe(
    name: str,
    fmt: Format,
    full: Label,
    before: gb45438.Reading,
    carrier: str | None,
    sha256: str,
) -> Labelled:
    fields = gb45438.fields(full)
    old = next((gb45438.as_strings(f.fields) for f in before.found if f.fields), None)
    replaced = old if old != fields else None
    return Labelled(name, name, fmt.name, fields, carrier, sha256, replaced=replaced)


def _style(label: Label, visible: bool | Style | None, font: Path | None) -> Style | None:
    """How the explicit label is given, None for not at all."""
    if not (visible if visible is not None else label.producer):
        return None
    style = visible if isinstance(visible, Style) else Style()
    return replace(style, font=font) if font else style


def complete(label: Label, before: gb45438.Reading) -> Label:
    """``label`` with missing numbers drawn, or as a propagator's addition to the label ``before``.

    A propagator may label a file that has none as "2" (its user declared it) or "3" (suspected);
    such a label names no producer (labelling measures, art. 6).

    Raises:
        LabelError: no producer, and no single readable label from which to keep it.
    """
    if label.propagator and not label.propagate_id:
        label = replace(label, propagate_id=uuid.uuid4().hex)
    if label.producer or not label.propagator:
        return label if label.produce_id else replace(label, produce_id=uuid.uuid4().hex)
    if not before.found and label.label != "1":
        return label
    if not before.found:
        raise LabelError(
            "the file has no label to which a propagator could be added",
            "give --producer; or --label 2 if its user declared it, 3 if it is suspected",
        )
    texts = {tuple(gb45438.as_strings(f.fields or {}).items()) for f in before.found}
    if len(texts) > 1:
        raise LabelError(
            "the file has labels that contradict each other", "look at it with `guard inspect`"
        )
    return gb45438.propagated(label, before.found[0])


def signed(label: Label, source: Path, key: Path) -> Label:
    """``label`` with ReservedCode1 signed for the content of ``source``, its number drawn.

    Raises:
        InputError: the key is none, or the label is a propagator's, who signs nothing, or has a
            ReservedCode1 already.
    """
    from guard.watermark import reserved_code

    if not label.producer or label.reserved1:
        reason = (
            "ReservedCode1 is given" if label.reserved1 else "only producers sign ReservedCode1"
        )
        raise InputError(f"--sign-key: {reason}", "leave one of them out")
    private = reserved_code.load_key(key)
    label = label if label.produce_id else replace(label, produce_id=uuid.uuid4().hex)
    with source.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return replace(label, reserved1=reserved_code.issue(gb45438.fields(label), sha256, private))


def write_label(
    source: str | Path,
    target: str | Path,
    label: Label,
    *,
    visible: bool | Style | None = None,
    font: str | Path | None = None,
    c2pa: Identity | str | Path | None = None,
    sign_key: str | Path | None = None,
    watermark_key: str | Path | None = None,
    sink: Sink | None = None,
) -> Labelled:
    """Label the file ``source`` into ``target``, which appears whole or not at all.

    With a ``sink`` the label is recorded before the file appears. ``c2pa`` may name a folder made
    with ``guard label --init-ca``. ``sign_key``, an Ed25519 key in PEM, makes ReservedCode1 a
    signature (:mod:`guard.watermark.reserved_code`). Other options as :func:`label_bytes`.

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
    if sign_key:
        label = signed(label, source, Path(sign_key))
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    options = {
        "visible": visible,
        "font": Path(font) if font else None,
        "c2pa": c2pa,
        "watermark_key": watermark_key,
    }
    try:
        written = _write_draft(source, draft, label, options)
        written = replace(written, file=str(target), source=str(source))
        index = sink.append(_record(written)) if sink else None
        draft.replace(target)
    except GuardError as error:
        raise type(error)(f"{source}: {error.message}", error.remedy) from None
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(target.parent)
    return replace(written, record=index)


def _write_draft(source: Path, draft: Path, label: Label, options: Mapping[str, Any]) -> Labelled:
    """The labelled file beside its target, durable but not yet under its name."""
    with FileBlob(source) as data:
        fmt = formats.detect(data, source.name)
    style = _style(label, options["visible"], options["font"])
    key = options["watermark_key"]
    whole = options["c2pa"] or (key and not (fmt and invisible.in_files(fmt)))
    if fmt and fmt.plan and not whole and (not style or explicit.in_files(fmt)):
        return label_stream(source, label, fmt, draft, style, key)
    with FileBlob(source) as data:
        out, written = label_bytes(data[: len(data)], source.name, label, **options)
    with draft.open("xb") as file:
        file.write(out)
        file.flush()
        os.fsync(file.fileno())
    return written


def _sign(
    data: bytes,
    fmt: Format,
    label: Label,
    identity: Identity,
    *,
    original: bytes,
    created: bool,
    mark: str,
) -> bytes:
    from guard.watermark import provenance

    fields = gb45438.fields(label)
    out = provenance.sign(
        data, fmt.mime, identity, fields, original=original, created=created, mark=mark
    )
    formats.confirm(out, fmt, label)
    return out


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
        "watermark": (written.watermark or {}).get("payload"),
    }
    return Record(kind="label", body=body, stage=STAGE)
