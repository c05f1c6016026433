"""Stages 4 and 5 of the demo: label what was generated and read it back; verify the log."""

from __future__ import annotations

import base64
import dataclasses
import io
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from guard.demo.outcome import Labelled, Log
from guard.demo.pictures import draw_all
from guard.model import Action, Decision, Label

if TYPE_CHECKING:
    from guard.pipeline import Guard

#: A made-up provider: plain text is allowed where there is no 27-character code (annex E).
PRODUCER: Final = "AIGC-GUARD-DEMO"
_PREVIEW: Final = 440


def label_all(guard: Guard, folder: Path, answers: Sequence[Decision]) -> list[Labelled]:
    """Draw pictures, take some released answers, label them all into ``labelled``.

    The pictures are signed (C2PA) with a chain made here, which nobody trusts but the demo.
    """
    from guard.watermark import localca

    generated, labelled, chain = (
        folder / "input" / "generated",
        folder / "labelled",
        folder / "c2pa",
    )
    generated.mkdir()
    labelled.mkdir()
    localca.create(chain)
    files = [*draw_all(generated), *_texts(generated, answers)]
    return [_label(guard, source, labelled / source.name, chain) for source in files]


def _texts(folder: Path, answers: Sequence[Decision]) -> Iterator[Path]:
    """One answer that passed as Markdown, one that was redacted, and one as plain text."""
    passed = [one for one in answers if one.action is Action.PASS]
    redacted = [one for one in answers if one.action is Action.REDACT]
    chosen = [(passed[0], ".md"), *((one, ".md") for one in redacted[:1]), (passed[1], ".txt")]
    for decision, suffix in chosen:
        path = folder / f"answer-{decision.id}{suffix}"
        path.write_text(decision.text + "\n", encoding="utf-8")
        yield path


def _label(guard: Guard, source: Path, target: Path, chain: Path) -> Labelled:
    picture = source.suffix in (".png", ".jpg")
    label = Label(producer=PRODUCER, produce_id="", text="AI生成")
    written = guard.label(source, target, label, c2pa=chain if picture else None)
    read = guard.inspect(target, trust=chain / "root.pem" if picture else None)
    name = f"labelled/{target.name}"
    facts: dict[str, Any] = {**dataclasses.asdict(read), "file": name}
    return Labelled(name, {**facts, "visible": dict(written.visible or {})})


def previews(folder: Path, labelled: Iterable[Labelled]) -> dict[str, str]:
    """A small JPEG, Base64, of every labelled picture, by its place."""
    pictures = [one.file for one in labelled if one.file.endswith((".png", ".jpg"))]
    return {file: _preview(folder / file) for file in pictures}


def _preview(path: Path) -> str:
    from PIL import Image

    small = io.BytesIO()
    with Image.open(path) as picture:
        picture.thumbnail((_PREVIEW, _PREVIEW))
        picture.save(small, "JPEG", quality=82)
    return base64.b64encode(small.getvalue()).decode()


def verify_log(audit: Path) -> Log:
    """Verify the log, and a copy of it in which one bit is changed."""
    from guard.audit import open_log, verify

    report = verify(audit)
    with open_log(audit, create=False) as log:
        checkpoint = log.stats()["checkpoint"]
    with tempfile.TemporaryDirectory(dir=audit.parent) as box:
        copy = shutil.copytree(audit, Path(box) / "audit")
        _change_one_bit(copy / "log.db")
        found = verify(copy).problems
    tampered = "; ".join(f"{problem.where}: {problem.what}" for problem in found)
    return Log(report.records, checkpoint, report.verified, tampered)


def _change_one_bit(path: Path) -> None:
    """As somebody would who wants one decision to read otherwise: inside a record's text."""
    data = bytearray(path.read_bytes())
    data[data.rfind(b'"action":') + len(b'"action":"')] ^= 1
    path.write_bytes(data)
