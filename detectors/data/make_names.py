"""Makes not_names.txt: ordinary words that begin like a Chinese name (needs the package jieba).

    python detectors/data/make_names.py

A word counts when it begins with a surname of surnames.txt, is not marked as a name in jieba's
dictionary, and was counted there at least MIN times.
"""

from __future__ import annotations

from pathlib import Path

import jieba  # type: ignore[import-untyped]

HERE = Path(__file__).parent
MIN = 50


def words() -> list[str]:
    singles = set((HERE / "surnames.txt").read_text(encoding="utf-8").splitlines()[1])
    rows = (Path(jieba.__file__).parent / "dict.txt").read_text(encoding="utf-8").splitlines()
    found = []
    for word, count, tag in (row.split(" ") for row in rows):
        if len(word) == 2 and word[0] in singles and int(count) >= MIN and tag[:2] != "nr":
            found.append(word)
    return sorted(found)


def main() -> None:
    head = "# Ordinary words that begin like a Chinese name; see make_names.py and LICENSES.md.\n"
    seconds: dict[str, str] = {}
    for word in words():
        seconds[word[0]] = seconds.get(word[0], "") + word[1]
    body = "".join(f"{first}\t{rest}\n" for first, rest in seconds.items())
    (HERE / "not_names.txt").write_text(head + body, encoding="utf-8")


if __name__ == "__main__":
    main()
