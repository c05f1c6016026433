"""The page where anybody drops a file and sees its marks; the same by HTTP for programs.

A free detector of the provider's marks is what EU AI Act art. 50 (code of practice) and California
SB 942 (§ 22757.2) ask for. Nothing that is uploaded stays: the file is a temporary one without a
name, gone when the answer is sent, and neither its name nor its contents are logged.

An ASGI application: ``uvicorn guard.serve.inspect_page:app`` or ``guard inspect --serve``.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.resources
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import msgspec

from guard.errors import GuardError
from guard.label import inspect_file

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

#: Largest upload, in bytes.
MOST_BYTES: Final = 512 << 20
#: Uploads that are read at the same time; further ones wait.
MOST_AT_ONCE: Final = 4
_SAFE: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
        b" img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
]
_STATIC: Final = {
    "/": ("inspect.html", "text/html; charset=utf-8"),
    "/inspect.css": ("inspect.css", "text/css; charset=utf-8"),
    "/inspect.js": ("inspect.js", "text/javascript; charset=utf-8"),
}


@functools.cache
def _static(name: str) -> bytes:
    return importlib.resources.files("guard.serve").joinpath("pages", name).read_bytes()


class TooLongError(Exception):
    """The upload is longer than allowed."""


class InspectPage:
    """The application.

    Args:
        trust: a PEM file of anchors, without which C2PA signatures are at best Valid.
        most_bytes: largest upload.
    """

    def __init__(self, trust: str | Path | None = None, most_bytes: int = MOST_BYTES) -> None:
        self._trust = trust
        self._most = most_bytes
        self._places = asyncio.Semaphore(MOST_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: ``GET /`` is the page, ``POST /inspect?name=`` takes a file as its body."""
        if scope["type"] == "lifespan":
            return await _live(receive, send)
        if scope["type"] != "http":
            return None
        path, method = scope["path"], scope["method"]
        if path in _STATIC and method in ("GET", "HEAD"):
            name, kind = _STATIC[path]
            return await _answer(send, 200, _static(name), kind)
        if path == "/healthz":
            return await _answer(send, 200, b"ok", "text/plain")
        if path == "/inspect" and method == "POST":
            return await self._inspect(scope, receive, send)
        if path == "/inspect":
            return await _error(send, 405, "use POST, with the file as the body")
        return await _error(send, 404, "there is no such page")

    async def _inspect(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        # The name tells Markdown from text; a path in it is nobody's business.
        name = PurePath(unquote(query.get("name", ["file"])[0]).replace("\\", "/")).name[-200:]
        declared = query.get("declared", ["0"])[0] in ("1", "true")
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._most:
            return await _error(send, 413, self._too_long())
        async with self._places:
            with tempfile.TemporaryDirectory(prefix="inspect-") as folder:
                path = Path(folder, f"upload{PurePath(name).suffix[:16]}")
                try:
                    await _store(path, receive, self._most)
                except TooLongError:
                    return await _error(send, 413, self._too_long())
                except ConnectionError:
                    return None
                body, status = await asyncio.to_thread(self._judge, path, name, declared)
        return await _answer(send, status, body, "application/json")

    def _judge(self, path: Path, name: str, declared: bool) -> tuple[bytes, int]:
        try:
            seen = inspect_file(path, declared=declared, trust=self._trust)
        except GuardError as error:
            return msgspec.json.encode({"error": error.message}), 400
        return msgspec.json.encode(replace(seen, file=name)), 200

    def _too_long(self) -> str:
        return f"the file is larger than {self._most >> 20} MiB; use `guard inspect` for it"


async def _store(path: Path, receive: Receive, most: int) -> None:
    """The body of a request in a file, never whole in memory."""
    size = 0
    with path.open("xb") as file:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError
            piece = message.get("body", b"")
            size += len(piece)
            if size > most:
                raise TooLongError
            file.write(piece)
            more = message.get("more_body", False)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


async def _error(send: Send, status: int, message: str) -> None:
    await _answer(send, status, msgspec.json.encode({"error": message}), "application/json")


async def _answer(send: Send, status: int, body: bytes, kind: str) -> None:
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        *_SAFE,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


app = InspectPage()
