"""Listening on an address, with one clear line when that fails."""

from __future__ import annotations

import socket
import sys
from typing import Any

from guard.errors import InputError


def listen(app: Any, host: str, port: int) -> None:
    """Serve an ASGI application until interrupted; the address is printed to stderr first.

    Args:
        port: 0 lets the system pick a free one.

    Raises:
        InputError: uvicorn is not installed, or the address cannot be listened on.
    """
    try:
        import uvicorn
    except ImportError:
        raise InputError(
            "serving needs uvicorn, which is not installed", "pip install 'aigc-guard[server]'"
        ) from None
    with _bound(host, port) as bound:
        shown = f"[{host}]" if ":" in host else host
        print(f"listening on http://{shown}:{bound.getsockname()[1]}", file=sys.stderr, flush=True)
        config = uvicorn.Config(app, log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[bound])


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind)
    except (OSError, OverflowError) as error:
        raise InputError(f"--host {host}: {error}", "name an address of this machine") from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        reason = error.strerror or str(error)
        raise InputError(f"{host}:{port}: {reason}", "free it, or choose another --port") from None
    return bound
