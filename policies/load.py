"""Read rule packs into a :class:`~guard.policies.policy.Policy`.

A policy is named by a comma-separated list: a built-in set (``cn``), a built-in pack
(``cn-pipl``) or the path of an operator's pack folder. Everything is checked on the way in; an
error names the file, the line and the mend.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from guard.errors import PolicyError
from guard.model import Action, Requirement, Rule
from guard.policies import schema
from guard.policies.pack import Pack, actions_of
from guard.policies.policy import Answer, Category, Override, Policy, Taxonomy, Waiver
from guard.policies.provenance import Block, accepted, blocks, changes
from guard.policies.read import read_form
from guard.policies.signing import pack_files, verify_pack

HERE = Path(__file__).resolve().parent


def read_requirements(path: Path = HERE / "requirements.yaml") -> dict[str, Requirement]:
    """The requirement list by id."""
    form = read_form(path, schema.RequirementsFile)
    found: dict[str, Requirement] = {}
    for item in form.requirements:
        if item.id in found:
            raise PolicyError(f"{path}: requirement {item.id} is listed twice", "keep one of them")
        found[item.id] = Requirement(**msgspec.structs.asdict(item))
    return found


def read_taxonomy(path: Path = HERE / "taxonomy.yaml") -> Taxonomy:
    """The table of categories and risks."""
    form = read_form(path, schema.TaxonomyFile)
    categories = {
        slug: Category(c.coarse, tuple(c.risks), c.zh, c.en) for slug, c in form.categories.items()
    }
    for slug, category in categories.items():
        unknown = [risk for risk in category.risks if risk not in form.risks]
        if unknown or category.coarse not in form.coarse:
            raise PolicyError(f"{path}: category {slug} names an unknown class or risk", "mend it")
    risks = {risk: msgspec.structs.asdict(value) for risk, value in form.risks.items()}
    return Taxonomy(form.version, form.standard, tuple(form.coarse), risks, categories)


def read_answers(
    groups: Mapping[str, Sequence[str]], path: Path = HERE / "answers.yaml"
) -> tuple[Answer, ...]:
    """The safe answers, in their order."""
    head = schema.PackFile("answers", "1", schema.Bilingual("代答", "answers"))
    pack = Pack(path.parent, head, groups)
    return tuple(
        Answer(
            form.id,
            pack.matcher(form.match, form.id, "", f"{path}: answer {form.id}"),
            form.zh,
            form.en,
            form.fallback,
            tuple(form.asks),
        )
        for form in read_form(path, schema.AnswersFile).answers
    )


def built_in() -> dict[str, Path]:
    """Names of the built-in packs and sets, and where they are."""
    packs = {path.parent.name: path.parent for path in sorted(HERE.glob("*/pack.yaml"))}
    names = {"requirements", "taxonomy", "groups", "replies", "answers"}
    sets = {path.stem: path for path in sorted(HERE.glob("*.yaml")) if path.stem not in names}
    return packs | sets


def _folders(spec: str) -> Iterator[Path]:
    """The pack folders a policy specification names, in order."""
    known = built_in()
    for name in (part.strip() for part in spec.split(",")):
        if not name:
            raise PolicyError(f"policy {spec!r}: an empty name", "separate names by one comma")
        path = known.get(name) or Path(name)
        if path.is_dir():
            if not (path / "pack.yaml").is_file():
                raise PolicyError(f"{path}: has no pack.yaml", "give the folder of a rule pack")
            yield path
        elif path.is_file() and path.suffix in (".yaml", ".yml"):
            for member in read_form(path, schema.SetFile).packs:
                yield known.get(member) or path.parent / member
        else:
            raise PolicyError(
                f"no policy named {name!r}",
                f"built in are {', '.join(sorted(known))}; or give the path of a pack folder",
            )


def _digest(files: Sequence[tuple[str, Path]]) -> str:
    """SHA-256 over names and contents, so that one changed byte is another policy."""
    total = hashlib.sha256()
    for name, path in files:
        total.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read from one pack folder."""

    head: schema.PackFile
    rules: tuple[Rule, ...]
    blocks: tuple[Block, ...]
    files: tuple[Path, ...]


def _read_pack(folder: Path, shared: Mapping[str, Sequence[str]]) -> _Read:
    head = read_form(folder / "pack.yaml", schema.PackFile)
    if head.id in built_in() and folder.resolve().parent != HERE:
        raise PolicyError(
            f"{folder / 'pack.yaml'}: the id {head.id} is that of a built-in pack", "choose another"
        )
    pack = Pack(folder, head, {**shared, **head.groups})
    files = pack_files(folder)
    forms = [
        (path, form)
        for path in files
        if path.suffix != ".tsv" and path.name != "pack.yaml"
        for form in read_form(path, schema.RuleFile).rules
    ]
    rules = tuple(pack.rule(form, f"{path}: rule {form.id}") for path, form in forms)
    known = blocks(head, (form for _, form in forms), pack.lexicons)
    return _Read(head, rules, tuple(known), tuple(files))


def _overrides(head: schema.PackFile) -> tuple[Override, ...]:
    return tuple(
        Override(
            o.rule, o.reason, actions_of(o.action) if o.action else None, o.observe, o.off, o.until
        )
        for o in head.overrides
    )


def _waivers(head: schema.PackFile) -> tuple[Waiver, ...]:
    return tuple(
        Waiver(w.rule, w.reason, w.who, tuple(w.tenants), tuple(w.words), w.until)
        for w in head.waivers
    )


def load_policy(spec: str = "cn", trusted: Collection[str] = ()) -> Policy:
    """The policy of a specification such as ``cn`` or ``cn,./our-words``.

    Args:
        trusted: public keys; if there are any, a pack that is not the library's must be signed by
            one of them.

    Raises:
        PolicyError: a pack that is missing, wrong or not signed, naming file, line and field.
    """
    shared = read_form(HERE / "groups.yaml", schema.GroupsFile).groups
    folders = list(dict.fromkeys(_followed(folder) for folder in _folders(spec)))
    for folder in folders if trusted else ():
        if _is_own(folder):
            verify_pack(folder, trusted)
    rules: dict[str, Rule] = {}
    read = [_read_pack(folder, shared) for folder in folders]
    heads = [pack.head for pack in read]
    files = [(f"{pack.head.id}/{path.name}", path) for pack in read for path in pack.files]
    for folder, pack in zip(folders, read, strict=True):
        for rule in pack.rules:
            if rule.id in rules:
                raise PolicyError(
                    f"{folder}: rule {rule.id} exists in pack {rules[rule.id].pack}",
                    "give it another id, or use `overrides` to change the other one",
                )
            rules[rule.id] = rule
    around = ("groups", "replies", "requirements", "taxonomy", "answers")
    files += [(name, HERE / f"{name}.yaml") for name in around]
    set_name = spec if spec in built_in() and (HERE / f"{spec}.yaml").is_file() else ""
    version = (
        read_form(HERE / f"{spec}.yaml", schema.SetFile).version
        if set_name
        else "+".join(head.version for head in heads)
    )
    replies = read_form(HERE / "replies.yaml", schema.RepliesFile).replies
    answers = read_answers(shared)
    policy = Policy(
        id=set_name or "+".join(head.id for head in heads),
        version=version,
        digest=_digest(files),
        rules=tuple(rules.values()),
        requirements=read_requirements(),
        taxonomy=read_taxonomy(),
        replies={
            **{key: (text.zh, text.en) for key, text in replies.items()},
            **{answer.id: (answer.zh, answer.en) for answer in answers},
        },
        answers=answers,
        overrides=tuple(o for head in heads for o in _overrides(head)),
        waivers=tuple(w for head in heads for w in _waivers(head)),
        on_failure={
            name: Action[action.upper()]
            for head in heads
            for name, action in head.on_failure.items()
        },
        packs=tuple((head.id, head.version) for head in heads),
        blocks=tuple(block for pack in read for block in pack.blocks),
        changes=tuple(change for head in heads for change in changes(head)),
        accepted=tuple(item for head in heads for item in accepted(head)),
    )
    _check_references(policy)
    return policy


def _check_references(policy: Policy) -> None:
    """Rules cite known requirements; overrides and waivers name rules that exist."""
    ids = {rule.id for rule in policy.rules}
    for rule in policy.rules:
        unknown = [id for id in rule.basis if id not in policy.requirements]
        if unknown:
            raise PolicyError(
                f"rule {rule.id}: unknown requirement {unknown[0]}",
                "cite an id of requirements.yaml (`guard policy coverage` lists them)",
            )
    changing = (*(o.rule for o in policy.overrides), *(w.rule for w in policy.waivers))
    for named in (*changing, *(item.rule for item in policy.accepted if item.rule)):
        if named not in ids:
            raise PolicyError(
                f"an override, waiver or accepted text names {named}, which no pack defines",
                "check the id",
            )


def operator_packs(spec: str) -> list[Path]:
    """The pack folders of a specification that are not part of the library."""
    return [path for path in _folders(spec) if _is_own(path)]


def _is_own(folder: Path) -> bool:
    return HERE not in folder.resolve().parents


def _followed(folder: Path) -> Path:
    """Where a link leads, once: were it changed while files are read, they would be a mixture."""
    return folder.resolve() if folder.is_symlink() else folder
