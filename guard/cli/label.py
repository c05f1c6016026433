"""``guard label``: write visible label, GB 45438 metadata and C2PA into files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard.cli.output import print_json, print_table, progress
from guard.errors import InputError
from guard.model import Label

if TYPE_CHECKING:
    from guard.stages.stage4_label_writer import Labelled
    from guard.watermark.provenance import Identity


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help="kinds: docs/labels.md")
    parser.add_argument("--out", metavar="DIR", help="folder of the labelled files, names kept")
    who = parser.add_argument_group("who made it, who passed it on")
    who.add_argument("--producer", default="", metavar="CODE", help="the provider's code or name")
    who.add_argument("--produce-id", default="", metavar="ID", help="drawn for each file if absent")
    who.add_argument(
        "--propagator", default="", metavar="CODE", help="platform; the file's producer is kept"
    )
    who.add_argument("--propagate-id", default="", metavar="ID", help="drawn if absent")
    who.add_argument(
        "--label",
        choices=("1", "2", "3"),
        default="1",
        help="1 generated; a platform's own label of a file without one: 2 its user declared it,"
        " 3 suspected",
    )
    asked = parser.add_argument_group("without a visible label, on the user's request (art. 9)")
    asked.add_argument("--agreement", metavar="TERMS", help="which terms the user agreed to")
    asked.add_argument("--subject", default="", metavar="USER", help="recorded as a pseudonym")
    asked.add_argument("--reason", default="", metavar="TEXT", help="what the user wants it for")
    shown = parser.add_argument_group("visible label")
    shown.add_argument(
        "--visible",
        action=argparse.BooleanOptionalAction,
        help="draw it or not; on for producers, off for propagators",
    )
    shown.add_argument("--text", default="AI生成", metavar="WORDING", help="default: %(default)s")
    shown.add_argument("--font", metavar="FILE", help="for wordings beyond the bundled font")
    shown.add_argument(
        "--visible-at",
        choices=("start", "middle", "end"),
        help="place in a sound (start, middle, end) or a text (start, end); default: start",
    )
    shown.add_argument(
        "--visible-seconds",
        type=float,
        metavar="N",
        help="how long a film shows it, 2 or more, 0 for the whole film; default: 2",
    )
    shown.add_argument("--visible-pages", choices=("first", "all"), help="of a PDF; default: first")
    shown.add_argument(
        "--notice-clip", metavar="FILE", help="a spoken notice in place of the rhythm cue of sounds"
    )
    marked = parser.add_argument_group("invisible mark, for PNG, JPEG, still WebP, sound, film")
    marked.add_argument(
        "--watermark",
        action="store_true",
        help="write a number drawn for each file (64 bits, 32 in sounds)",
    )
    marked.add_argument(
        "--watermark-key", metavar="FILE", help="secret of 16 bytes or more, needed to read it"
    )
    signed = parser.add_argument_group("signatures")
    signed.add_argument(
        "--sign-key", metavar="PEM", help="Ed25519 key that signs the label in ReservedCode1"
    )
    signed.add_argument("--c2pa", metavar="DIR", help="sign with the chain of a --init-ca folder")
    signed.add_argument("--c2pa-cert", metavar="PEM", help="certificate chain, leaf first")
    signed.add_argument("--c2pa-key", metavar="PEM", help="its private key")
    signed.add_argument("--init-ca", metavar="DIR", help="make a local test chain, then stop")
    parser.add_argument("--audit", metavar="DIR", help="record each label in this log")
    parser.add_argument("--json", action="store_true", help="one JSON object per file")


def run(args: argparse.Namespace) -> int:
    if args.init_ca:
        return _init_ca(Path(args.init_ca), args.json)
    if not args.files or not args.out:
        raise InputError("FILE and --out are needed", "see `guard label --help`")
    from guard.label import label_files

    label = Label(
        producer=args.producer,
        produce_id=args.produce_id,
        label=args.label,
        propagator=args.propagator,
        propagate_id=args.propagate_id,
        text=args.text,
    )
    with _log(args.audit) as sink:
        if args.agreement is not None:
            written = _on_request(args, label, sink)
        else:
            written = label_files(
                args.files,
                args.out,
                label,
                visible=_visible(args),
                font=args.font,
                c2pa=_identity(args),
                sign_key=args.sign_key,
                watermark_key=_mark_key(args),
                sink=sink,
            )
        results = []
        for item in progress(written, "label", total=len(args.files)):
            results.append(item)
            if args.json:
                print_json(item)
    if not args.json:
        _show(results)
    return 0


def _on_request(args: argparse.Namespace, label: Label, sink: Any) -> Iterator[Labelled]:
    """Copies without a visible label, each with its record (labelling measures, art. 9)."""
    from guard.duties.unlabelled import supply_unlabelled

    if sink is None:
        raise InputError("--agreement needs --audit", "art. 9 wants a record kept for six months")
    if args.visible or len(args.files) > 1:
        raise InputError("--agreement is for one file without a visible label", "give one FILE")
    about = {"agreement": args.agreement, "subject": args.subject, "reason": args.reason}
    for file in args.files:
        target = Path(args.out) / Path(file).name
        yield supply_unlabelled(file, target, label, sink=sink, **about)


def _visible(args: argparse.Namespace) -> Any:
    """True or False, None for the default, or the style when one was asked for."""
    from guard.label import Style

    given: dict[str, Any] = {
        "at": args.visible_at,
        "seconds": args.visible_seconds,
        "every_page": None if args.visible_pages is None else args.visible_pages == "all",
        "clip": Path(args.notice_clip) if args.notice_clip else None,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if given and args.visible is False:
        raise InputError("--no-visible leaves nothing to be placed", "leave one of them out")
    if args.notice_clip and not Path(args.notice_clip).is_file():
        raise InputError(f"{args.notice_clip}: no such file", "name a sound file")
    return Style(**given) if given else args.visible


def _mark_key(args: argparse.Namespace) -> str | None:
    if bool(args.watermark) != bool(args.watermark_key):
        raise InputError("--watermark and --watermark-key belong together", "give both")
    return str(args.watermark_key) if args.watermark else None


def _log(folder: str | None) -> Any:
    if not folder:
        return nullcontext()
    from guard.audit import open_log

    return open_log(folder)


def _identity(args: argparse.Namespace) -> Identity | None:
    from guard.watermark import provenance

    if args.c2pa and (args.c2pa_cert or args.c2pa_key):
        raise InputError("--c2pa and --c2pa-cert/--c2pa-key exclude each other", "give one of them")
    if bool(args.c2pa_cert) != bool(args.c2pa_key):
        raise InputError("--c2pa-cert and --c2pa-key belong together", "give both")
    if args.c2pa:
        return provenance.local_identity(Path(args.c2pa))
    if args.c2pa_cert:
        return provenance.load_identity(Path(args.c2pa_cert), Path(args.c2pa_key))
    return None


def _init_ca(folder: Path, as_json: bool) -> int:
    from guard.watermark import localca

    paths = localca.create(folder)
    if as_json:
        print_json({path.stem: str(path) for path in paths})
    else:
        uses = ("anchor for --c2pa-trust", "leaf and intermediate", "private key: keep it")
        print_table("", ("file", "what it is"), zip(paths, uses, strict=True))
    return 0


def _show(results: list[Labelled]) -> None:
    rows = [
        (
            item.file,
            item.carrier or "-",
            item.label["ProduceID"],
            (item.visible or {}).get("text", "-"),
            "signed" if item.c2pa else "INVALIDATED" if item.c2pa_invalidated else "-",
            (item.watermark or {}).get("payload", "-"),
            "-" if item.record is None else item.record,
        )
        for item in results
    ]
    columns = ("file", "carrier", "ProduceID", "visible", "C2PA", "watermark", "record")
    print_table("", columns, rows)
