"""The bytes of an entry: canonical JSON, made once, hashed and stored as they are."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Final

import msgspec

from guard.audit.keys import Keys
from guard.errors import EvidenceError, InputError
from guard.model import Record

#: Version of the entry form.
VERSION: Final = 1

#: C2SP tlog-tiles prefixes an entry with a uint16 length.
MAX_BYTES: Final = 65_535

#: The key of a body under which digests of content stand, name -> hex. With a subject they are
#: re-keyed with its key, so that shredding the key makes them untestable.
DIGESTS: Final = "digests"


def now() -> str:
    """UTC with microseconds, RFC 3339: sorts as text."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def encode(record: Record, keys: Keys) -> bytes:
    """The entry of a record. Raises :class:`InputError` if it cannot be one."""
    body: dict[str, Any] = dict(record.body)
    name = ""
    if record.subject:
        subject = keys.subject(record.subject)
        name = subject.name
        if digests := body.get(DIGESTS):
            body[DIGESTS] = {what: subject.bind(digest) for what, digest in digests.items()}
    data = _json(
        {
            "body": body,
            "kind": record.kind,
            "request_id": record.request_id,
            "stage": record.stage,
            "subject": name,
            "time": now(),
            "v": VERSION,
        }
    )
    if len(data) > MAX_BYTES:
        text = f"a {record.kind!r} record of {len(data)} bytes; an entry holds {MAX_BYTES}"
        raise InputError(text, "record a digest instead")
    return data


def _json(value: object) -> bytes:
    try:
        return msgspec.json.encode(value, order="sorted")
    except UnicodeEncodeError:
        # A lone surrogate cannot be UTF-8: it is kept as its JSON escape.
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"a record that is not JSON: {error}", "use plain JSON types") from error


def decode(index: int, data: bytes) -> dict[str, Any]:
    """An entry as a dict, with its ``index``. Raises :class:`EvidenceError` if it is not JSON."""
    try:
        found = json.loads(data)
    except ValueError as error:
        raise EvidenceError(f"record {index} is not JSON", "run `guard audit verify`") from error
    if not isinstance(found, dict):
        raise EvidenceError(f"record {index} is not an object", "run `guard audit verify`")
    return {"index": index, **found}
