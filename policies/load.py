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
import regex

from guard.errors import PolicyError
from guard.model import Action, Matcher, Requirement, Role, Rule, Sample
from guard.policies import schema
from guard.policies.policy import Answer, Category, Override, Policy, Taxonomy, Waiver
from guard.policies.read import read_form, read_lexicon
from guard.policies.signing import pack_files, verify_pack

HERE = Path(__file__).resolve().parent
_LIST_KEYS = ("words", "any", "all", "near")
_NAME_KEYS = ("group", "lexicon", "pattern", "category")


@dataclass(frozen=True, slots=True)
class _Pack:
    """A pack folder while it is being read."""

    folder: Path
    head: schema.PackFile
    groups: Mapping[str, Sequence[str]]

    def matcher(self, form: schema.MatchForm, id: str, category: str, where: str) -> Matcher:
        """The matcher of a form; ``where`` names the rule in errors."""
        given = [key for key in (*_LIST_KEYS, *_NAME_KEYS) if getattr(form, key)]
        if len(given) != 1:
            found = ", ".join(given) or "none"
            raise PolicyError(
                f"{where}: a match needs exactly one of words, group, lexicon, pattern, category, "
                f"any, all, near (found: {found})",
                "split it into parts",
            )
        unless = self.matcher(form.unless, f"{id}/unless", "", where) if form.unless else None
        kind = given[0]
        if kind in ("any", "all", "near"):
            return self._composite(form, kind, id, category, unless, where)
        if form.within is not None or form.ordered:
            raise PolicyError(f"{where}: `within` and `ordered` belong to `near`", "remove them")
        if kind == "category":
            return Matcher(f"category:{form.category}", "category", category=form.category)
        if kind == "pattern":
            return self._pattern(form, id, category, unless, where)
        return Matcher(
            id,
            "words",
            self._words(form, where),
            category=category,
            # Groups hold everyday words, and an excuse must be plain to excuse.
            plain=bool(form.group) or id.endswith("/unless"),
            unless=unless,
        )

    def _composite(
        self,
        form: schema.MatchForm,
        kind: str,
        id: str,
        category: str,
        unless: Matcher | None,
        where: str,
    ) -> Matcher:
        parts: list[schema.MatchForm] = getattr(form, kind)
        if kind != "any" and len(parts) < 2:
            raise PolicyError(f"{where}: `{kind}` needs at least two parts", "add a part")
        made = tuple(
            self.matcher(part, f"{id}/{n}", category, where) for n, part in enumerate(parts)
        )
        if any(part.kind == "category" for part in made):
            raise PolicyError(f"{where}: `category` stands alone", "make it a rule of its own")
        return Matcher(
            id,
            kind,  # type: ignore[arg-type] # one of any, all, near: checked by the caller
            category=category,
            parts=made,
            within=12 if form.within is None else form.within,
            ordered=form.ordered,
            unless=unless,
        )

    def _pattern(
        self, form: schema.MatchForm, id: str, category: str, unless: Matcher | None, where: str
    ) -> Matcher:
        try:
            regex.compile(form.pattern)
        except regex.error as error:
            raise PolicyError(f"{where}: bad pattern: {error}", "mend the expression") from None
        if not form.anchors:
            raise PolicyError(
                f"{where}: a pattern needs `anchors`",
                "list literals one of which every match holds",
            )
        return Matcher(
            id,
            "pattern",
            pattern=form.pattern,
            anchors=tuple(form.anchors),
            category=category,
            unless=unless,
        )

    def _words(self, form: schema.MatchForm, where: str) -> tuple[str, ...]:
        if form.words:
            return tuple(form.words)
        if form.lexicon:
            # In the folder, or the policy's digest would not cover it.
            if Path(form.lexicon).name != form.lexicon or not form.lexicon.endswith(".tsv"):
                raise PolicyError(
                    f"{where}: lexicon {form.lexicon!r} is not a .tsv beside the rules",
                    "move it into the folder of the pack",
                )
            return tuple(row[0] for row in read_lexicon(self.folder / form.lexicon))
        if form.group not in self.groups:
            raise PolicyError(f"{where}: no group named {form.group!r}", "define it in pack.yaml")
        return tuple(self.groups[form.group])

    def rule(self, form: schema.RuleForm, where: str) -> Rule:
        """The rule of a form."""
        match = self.matcher(form.match, f"{form.id}", form.category, where)
        actions = _actions(form.action)
        if not actions:
            raise PolicyError(
                f"{where}: `action` names no role", "give one per role, e.g. prompt: block"
            )
        return Rule(
            id=form.id,
            title_zh=form.title.zh,
            title_en=form.title.en,
            basis=tuple(form.basis),
            category=form.category,
            match=match,
            actions=actions,
            severity=form.severity,
            confidence=form.confidence,
            threshold=max(form.threshold, form.match.min_score or 0.0),
            modalities=tuple(form.applies.modalities),
            channels=tuple(form.applies.channels),
            reply=form.reply,
            status=form.status,
            observe=form.observe,
            since=form.since or self.head.since,
            until=form.until,
            falsepositives=form.falsepositives,
            hits=_samples(form.samples.hit, actions),
            misses=_samples(form.samples.miss, actions),
            pack=self.head.id,
        )


def _actions(form: schema.ActionsForm) -> dict[Role, Action]:
    named: dict[Role, schema.ActionName | None] = {
        "prompt": form.prompt,
        "context": form.context,
        "output": form.output,
        "training": form.training,
    }
    return {role: Action[name.upper()] for role, name in named.items() if name is not None}


def _samples(
    forms: Sequence[str | schema.SampleForm], actions: Mapping[Role, Action]
) -> tuple[Sample, ...]:
    """Samples; a bare text is tried in the first role that the rule acts on."""
    role = next(iter(actions))
    return tuple(
        Sample(form, role) if isinstance(form, str) else Sample(form.text, form.role)
        for form in forms
    )


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
    pack = _Pack(path.parent, head, groups)
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


def _read_pack(
    folder: Path, shared: Mapping[str, Sequence[str]]
) -> tuple[_Pack, tuple[Rule, ...], list[Path]]:
    head = read_form(folder / "pack.yaml", schema.PackFile)
    if head.id in built_in() and folder.resolve().parent != HERE:
        raise PolicyError(
            f"{folder / 'pack.yaml'}: the id {head.id} is that of a built-in pack", "choose another"
        )
    pack = _Pack(folder, head, {**shared, **head.groups})
    rules = []
    files = pack_files(folder)
    for path in files:
        if path.suffix == ".tsv" or path.name == "pack.yaml":
            continue
        forms = read_form(path, schema.RuleFile).rules
        rules += [pack.rule(form, f"{path}: rule {form.id}") for form in forms]
    return pack, tuple(rules), files


def _overrides(head: schema.PackFile) -> tuple[Override, ...]:
    return tuple(
        Override(
            o.rule, o.reason, _actions(o.action) if o.action else None, o.observe, o.off, o.until
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
    folders = list(dict.fromkeys(_folders(spec)))
    for folder in operator_packs(spec) if trusted else ():
        verify_pack(folder, trusted)
    rules: dict[str, Rule] = {}
    heads, files = [], []
    for folder in folders:
        pack, pack_rules, its_files = _read_pack(folder, shared)
        heads.append(pack.head)
        files += [(f"{pack.head.id}/{path.name}", path) for path in its_files]
        for rule in pack_rules:
            if rule.id in rules:
                raise PolicyError(
                    f"{folder}: rule {rule.id} exists in pack {rules[rule.id].pack}",
                    "give it another id, or use `overrides` to change the other one",
                )
            rules[rule.id] = rule
    for name in ("groups", "replies", "requirements", "taxonomy", "answers"):
        files.append((name, HERE / f"{name}.yaml"))
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
    for named in (*(o.rule for o in policy.overrides), *(w.rule for w in policy.waivers)):
        if named not in ids:
            raise PolicyError(
                f"an override or waiver names {named}, which no pack defines", "check the id"
            )


def operator_packs(spec: str) -> list[Path]:
    """The pack folders of a specification that are not part of the library."""
    return [path for path in _folders(spec) if HERE not in path.resolve().parents]
