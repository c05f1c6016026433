"""Reading the files of a pack: YAML with exact places in errors, and lexicons."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import yaml

from guard.errors import PolicyError
from guard.policies import schema

FormT = TypeVar("FormT", bound=schema.Form)
LEXICON_COLUMNS = ("word", "category", "action", "note")


class Loader(yaml.CSafeLoader):
    """Safe YAML in which a key given twice is an error, not a silent loss, and only true and false
    are booleans: ``off`` is a key of ours, ``no`` and ``on`` are words."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key_node.value!r} is given twice", key_node.start_mark
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # a date that no calendar has
            raise yaml.constructor.ConstructorError(
                None, None, str(error), node.start_mark
            ) from None


_BOOL = "tag:yaml.org,2002:bool"
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOL]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(_BOOL, re.compile("^(?:true|false)$"), ["t", "f"])


def _line_of(text: str, path: str) -> int | None:
    """The line (from 1) of a msgspec path such as ``$.rules[3].title``."""
    node = yaml.compose(text, yaml.CSafeLoader)
    for name, index in re.findall(r"\.([\w-]+)|\[(\d+|\.\.\.)\]", path):
        if isinstance(node, yaml.SequenceNode) and index.isdigit():
            node = node.value[int(index)]
        elif isinstance(node, yaml.MappingNode):
            node = next((v for k, v in node.value if k.value == name), node)
    return node.start_mark.line + 1 if node is not None else None


#: What was last read from a file, under the digest of its bytes: a reload, a comparison and the
#: policies of tenants read the same packs again, and YAML is most of the time that takes.
_READ: dict[tuple[Path, type], tuple[bytes, schema.Form]] = {}
#: Larger files (bytes) are not kept.
_KEPT = 1 << 20


def read_form(path: Path, form: type[FormT]) -> FormT:
    """A YAML file as one of the forms. Raises PolicyError naming file, line and field."""
    try:
        data = path.read_bytes()
        digest = hashlib.sha256(data).digest()
        kept = _READ.get((path, form))
        if kept is not None and kept[0] == digest:
            return cast(FormT, kept[1])
        read = _parsed(path, data.decode("utf-8"), form)
    except FileNotFoundError:
        raise PolicyError(f"{path}: no such file", "check the name of the pack") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: cannot be read ({error})", "save it as UTF-8") from None
    if len(data) <= _KEPT:
        _READ[path, form] = digest, read
    return read


def _parsed(path: Path, text: str, form: type[FormT]) -> FormT:
    try:
        data = yaml.load(text, Loader)  # noqa: S506 (a subclass of the safe loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f":{mark.line + 1}" if mark else ""
        raise PolicyError(
            f"{path}{line}: not valid YAML: {error.problem}", "mend that line"
        ) from None
    except yaml.YAMLError as error:
        raise PolicyError(f"{path}: not valid YAML: {error}", "mend the file") from None
    try:
        return msgspec.convert(data, form)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        line_number = _line_of(text, place.strip("`")) if place else None
        at = f":{line_number}" if line_number else ""
        shown = f" at {place}" if place else ""
        raise PolicyError(
            f"{path}{at}: {message}{shown}", "see docs/adding-a-rule.md for the form"
        ) from None


def read_lexicon(path: Path) -> list[list[str]]:
    """The rows of a lexicon: UTF-8, tab separated, ``word category action note``, word first."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise PolicyError(f"{path}: no such lexicon", "check `lexicon:` in the rule") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: cannot be read ({error})", "save it as UTF-8") from None
    rows = []
    width = len(LEXICON_COLUMNS)
    for number, line in enumerate(lines, 1):
        cells = line.rstrip("\r").split("\t")
        cells[0] = cells[0].strip()
        if not cells[0] or line.startswith("#"):
            continue
        if cells[0] == "word":
            width = len(cells)
            continue
        if len(cells) > width:
            raise PolicyError(f"{path}:{number}: more cells than columns", "use one tab per column")
        rows.append(cells)
    return rows
