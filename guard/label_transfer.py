"""Labels carried over: re-encoding, resizing and format changes lose them by default."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard.errors import InputError, LabelError
from guard.files import sync_folder
from guard.model import Label
from guard.stages.stage4_label_writer import Labelled, write_label
from guard.watermark import formats, gb45438, xmp
from guard.watermark.blob import FileBlob
from guard.watermark.gb45438 import Found

if TYPE_CHECKING:
    from PIL.Image import Image

#: Where Pillow keeps the XMP packet of a picture it opened: all formats but PNG, then PNG.
_PACKETS = ("xmp", "XML:com.adobe.xmp")


def transplant(src: str | Path, dst: str | Path) -> Labelled:
    """Put the label of ``src`` into ``dst`` in place: all seven fields as they are.

    The files may be of different kinds (a PNG saved anew as WebP, a WAV turned into MP3). Visible
    labels are part of the content and are not drawn again; a C2PA manifest cannot be copied, since
    it is bound to the bytes of the old file: sign anew.

    Raises:
        LabelError: ``src`` has no label, or several that contradict each other, or ``dst`` cannot
            take one. InputError: a file is damaged. OSError. ``dst`` is unchanged then.
    """
    return _relabel(Path(dst), Path(dst), label_of(src))


def label_of(path: str | Path) -> Label:
    """The label of a file, as one that can be written. Raises as :func:`transplant`."""
    with FileBlob(Path(path)) as data:
        fmt = formats.require(data, Path(path).name)
        found = fmt.container.read_labels(data if fmt.plan else data[: len(data)]).found
    return _only(found, str(path))


def save_image(
    image: Image,
    target: str | Path,
    label: Label | str | Path | None = None,
    *,
    visible: bool | None = None,
    **options: Any,
) -> Labelled:
    """``image.save(target, **options)`` that does not lose the label.

    Args:
        image: a Pillow image.
        label: a new label; or the file whose label is kept; or, by default, the one of the picture
            as it was opened (which Pillow keeps through ``resize``, ``crop``, ``convert``, ...).
        visible: draw the visible label; by default for a new label only.

    Raises:
        LabelError: no label is given and the picture came without one. Otherwise as
        :func:`guard.label.label_file` and :meth:`PIL.Image.Image.save`. Nothing is written then.
    """
    target = Path(target)
    if isinstance(label, str | Path):
        label = label_of(label)
        visible = bool(visible)
    elif label is None:
        label = _only(tuple(_carried(image)), "the picture")
        visible = bool(visible)
    draft = target.with_name(f".{target.stem}.{secrets.token_hex(4)}{target.suffix}")
    try:
        image.save(draft, **options)
        return _relabel(draft, target, label, visible=visible)
    finally:
        draft.unlink(missing_ok=True)


def _carried(image: Image) -> list[Found]:
    packets = [image.info[key] for key in _PACKETS if key in image.info]
    found = [
        item
        for packet in packets
        for item in xmp.read(packet.encode() if isinstance(packet, str) else packet)
    ]
    texts = (str(value) for key, value in image.info.items() if key == "AIGC")
    return found + [item for text in texts if (item := gb45438.find("png.text", text))]


def _only(found: tuple[Found, ...], name: str) -> Label:
    fields = [gb45438.as_strings(item.fields) for item in found if item.fields is not None]
    if not fields:
        raise LabelError(f"{name} has no label that could be kept", "give a label to write")
    if any(other != fields[0] for other in fields):
        raise LabelError(
            f"{name} has labels that contradict each other", "look at it with `guard inspect`"
        )
    one: Any = fields[0]
    return Label(
        one["ContentProducer"],
        one["ProduceID"],
        one["Label"],
        one["ContentPropagator"],
        one["PropagateID"],
        one["ReservedCode1"],
        one["ReservedCode2"],
    )


def _relabel(draft: Path, target: Path, label: Label, *, visible: bool | None = False) -> Labelled:
    """``draft`` with the label, under the name ``target``, whole or not at all."""
    ready = target.with_name(f".{target.stem}.{secrets.token_hex(4)}{target.suffix}")
    try:
        written = write_label(draft, ready, label, visible=visible)
        shutil.copymode(draft, ready)
        ready.replace(target)
    except InputError as error:
        raise InputError(error.message.replace(str(draft), str(target)), error.remedy) from None
    except LabelError as error:
        raise LabelError(error.message.replace(str(draft), str(target)), error.remedy) from None
    finally:
        ready.unlink(missing_ok=True)
    sync_folder(target.parent)
    return replace(written, file=str(target), source=str(target))
