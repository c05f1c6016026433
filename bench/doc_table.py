"""Lines put between two marks of a page: ``<!-- name -->`` and ``<!-- /name -->``."""

from __future__ import annotations

import re
from pathlib import Path


def put(page: Path | None, name: str, lines: list[str]) -> None:
    """Print the lines, or put them into the page. Raises ValueError when it has no such marks."""
    if page is None:
        print("\n".join(lines))
        return
    text = page.read_text(encoding="utf-8")
    marks = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
    body = "\n".join(lines) + "\n"
    new, count = re.subn(marks, lambda m: m[1] + body + m[2], text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"{page} has no place for {name}")
    page.write_text(new, encoding="utf-8")
