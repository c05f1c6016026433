"""HTML with the notice as first element of the page, in letters that every encoding has."""

from __future__ import annotations

import re
from typing import Any, Final

from guard.watermark import notice, webpage
from guard.watermark.blob import Blob
from guard.watermark.splice import Edit

_BODY = re.compile(rb"<body(?:\s[^<>]*)?>", re.IGNORECASE)
_END = re.compile(rb"</body\s*>|</html\s*>", re.IGNORECASE)
_STYLE: Final = (
    "margin:0;padding:.5em 1em;background:#101010;color:#fff;font:bold 1rem/1.4 sans-serif"
)


def plan(data: Blob, text: str) -> tuple[list[Edit], dict[str, Any]]:
    """The edit that puts the notice at the top of the page, unless it is there.

    A page that has no ``<body>`` tag gets it at its end: before the first text it would end the
    page's head.

    Raises:
        LabelError: the wording lacks an element. InputError: the page is in UTF-16.
    """
    notice.check_wording(text)
    webpage.verify(data)
    # References instead of letters: the page may be in any encoding.
    escaped = notice.line(text).replace("&", "&amp;").replace("<", "&lt;")
    line = escaped.encode("ascii", "xmlcharrefreplace")
    new = b'<p role="note" style="%s">%s</p>' % (_STYLE.encode(), line)
    drawn = {"text": notice.line(text)}
    if new in (whole := data[: len(data)]):
        return [], drawn
    shown = webpage._shown(whole)
    body = _BODY.search(shown)
    end = next(_END.finditer(shown), None)
    at = body.end() if body else end.start() if end else len(data)
    return [(at, at, new)], drawn
