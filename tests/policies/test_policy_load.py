"""Reading packs: what is wrong is named by file, line and key, and every byte counts."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from guard import Action, Guard
from guard.errors import GuardError, PolicyError
from guard.policies import load, read, schema
from guard.policies.load import HERE, built_in, load_policy, operator_packs

MakePack = Callable[..., Path]

HEAD = 'id: shop\nversion: "1"\ntitle: {zh: 店, en: Shop}\n'
RULE = """\
rules:
  - id: shop.zorb
    title: {zh: 出售, en: Selling}
    basis: [TC260-003/8.1]
    category: custom.word
    match: {words: [佐布石]}
    action: {prompt: block}
"""
WORDS = "{words: [佐布石]}"


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str, str], Path]:
    """A pack folder from the texts of its two files."""

    def write(head: str, rules: str) -> Path:
        folder = tmp_path / "shop"
        folder.mkdir()
        (folder / "pack.yaml").write_text(head, encoding="utf-8")
        (folder / "rules.yaml").write_text(rules, encoding="utf-8")
        return folder

    return write


def match(text: str) -> str:
    return RULE.replace(WORDS, text)


#: name -> (pack.yaml, rules.yaml, file and line that the message names, what it says)
WRONG = {
    "unknown key": (HEAD + "colour: red\n", RULE, "pack.yaml", "colour"),
    "unknown key in a rule": (HEAD, RULE + "    colour: red\n", "rules.yaml:2", "colour"),
    "missing key": (HEAD.replace("version", "notes"), RULE, "pack.yaml", "version"),
    "missing key in a rule": (HEAD, RULE.replace("category", "reply"), "rules.yaml:2", "category"),
    "wrong type": (HEAD, RULE.replace("[TC260-003/8.1]", "none"), "rules.yaml:4", "basis"),
    "wrong type in a list": (HEAD, match("{words: [110]}"), "rules.yaml:6", "words[0]"),
    "unknown action": (HEAD, RULE.replace("block", "explode"), "rules.yaml:7", "explode"),
    "score above one": (HEAD, RULE + "    threshold: 1.5\n", "rules.yaml:8", "threshold"),
    "no YAML": (HEAD + "\tx: 1\n", RULE, "pack.yaml:4", "cannot start any token"),
    "key twice": (HEAD + "id: shop\n", RULE, "pack.yaml:4", "'id' is given twice"),
    "key twice inside": (HEAD, match("{words: [a], words: [b]}"), "rules.yaml:6", "given twice"),
    "list as key": (HEAD + "? [a, b]\n: c\n", RULE, "pack.yaml:4", "key"),
    "impossible date": (HEAD + "since: 2023-13-45\n", RULE, "pack.yaml:4", "month"),
    "a time for a date": (HEAD + "since: 2023-01-05 10:00:00\n", RULE, "pack.yaml:4", "since"),
    "code": (HEAD + "notes: !!python/name:os.system\n", RULE, "pack.yaml:4", "python/name"),
    "unknown alias": (HEAD + "notes: *nope\n", RULE, "pack.yaml:4", "alias"),
    "NUL": (HEAD + 'notes: "\0"\n', RULE, "pack.yaml", "control characters"),
    "nothing": ("", RULE, "pack.yaml", "null"),
    "no rules": (HEAD, "", "rules.yaml", "null"),
    "bad expression": (HEAD, match("{pattern: '(', anchors: [x]}"), "shop.zorb", "bad pattern"),
    "no anchors": (HEAD, match("{pattern: 'x'}"), "shop.zorb", "anchors"),
    "two kinds": (HEAD, match("{words: [a], group: b}"), "shop.zorb", "words, group"),
    "no kind": (HEAD, match("{words: []}"), "shop.zorb", "none"),
    "one part": (HEAD, match("{near: [{words: [a]}]}"), "shop.zorb", "two parts"),
    "no such group": (HEAD, match("{group: nope}"), "shop.zorb", "'nope'"),
    "no such lexicon": (HEAD, match("{lexicon: nope.tsv}"), "nope.tsv", "no such lexicon"),
    "lexicon elsewhere": (HEAD, match("{lexicon: ../up.tsv}"), "shop.zorb", "../up.tsv"),
    "lexicon of another form": (HEAD, match("{lexicon: words.txt}"), "shop.zorb", "words.txt"),
    "within without near": (HEAD, match("{words: [a], within: 3}"), "shop.zorb", "within"),
    "rule twice": (HEAD, RULE + RULE.partition("\n")[2], "shop.zorb", "exists in pack"),
    "no role": (HEAD, RULE.replace("{prompt: block}", "{}"), "shop.zorb", "names no role"),
    "unknown requirement": (HEAD, RULE.replace("TC260-003/8.1", "X/1"), "shop.zorb", "X/1"),
    "override of nothing": (
        HEAD + "overrides: [{rule: no.such, reason: x, off: true}]\n",
        RULE,
        "no.such",
        "which no pack defines",
    ),
    "waiver of nothing": (
        HEAD + "waivers: [{rule: no.such, reason: x, who: me}]\n",
        RULE,
        "no.such",
        "which no pack defines",
    ),
    "a built-in pack's id": (HEAD.replace("shop", "cn-pipl"), RULE, "pack.yaml", "built-in"),
}


@pytest.mark.parametrize(("head", "rules", "place", "says"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(
    written: Callable[[str, str], Path], head: str, rules: str, place: str, says: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(str(written(head, rules)))
    text = str(caught.value)
    assert place in text
    assert says in text
    assert caught.value.remedy, "and how to mend it"
    assert "\n" not in text


def test_a_pack_in_another_encoding_is_refused(written: Callable[[str, str], Path]) -> None:
    folder = written(HEAD, RULE)
    (folder / "rules.yaml").write_bytes(RULE.encode("gb18030"))
    with pytest.raises(PolicyError, match=r"rules\.yaml: cannot be read"):
        load_policy(str(folder))


def test_a_lexicon_names_its_bad_line(written: Callable[[str, str], Path]) -> None:
    folder = written(HEAD, match("{lexicon: w.tsv}"))
    (folder / "w.tsv").write_text("word\tcategory\n佐布石\n甲\tx\ty\n", encoding="utf-8")
    with pytest.raises(PolicyError, match=r"w\.tsv:3: more cells than columns"):
        load_policy(str(folder))


def test_a_lexicon_is_read_without_its_header_comments_and_blank_lines(
    written: Callable[[str, str], Path],
) -> None:
    folder = written(HEAD, match("{lexicon: w.tsv}"))
    text = "\ufeffword\tcategory\r\n# a comment\r\n\r\n佐布石\tcustom.word\r\n 紫水晶 \r\n"
    (folder / "w.tsv").write_bytes(text.encode())
    assert load_policy(str(folder)).rule("shop.zorb").match.words == ("佐布石", "紫水晶")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("nope", "no policy named 'nope'"),
        ("cn,", "an empty name"),
        ("", "an empty name"),
        ("cn,,cn-pipl", "an empty name"),
        ("tests", "has no pack.yaml"),
    ],
)
def test_an_unknown_policy_is_named(spec: str, says: str, monkeypatch: Any) -> None:
    monkeypatch.chdir(HERE.parent)
    with pytest.raises(PolicyError, match=re.escape(says)):
        load_policy(spec)


def test_only_true_and_false_are_booleans(written: Callable[[str, str], Path]) -> None:
    """``off`` is a key of overrides, and ``no`` a word of English."""
    head = HEAD + "overrides: [{rule: shop.zorb, reason: trial, off: true}]\n"
    policy = load_policy(str(written(head, match("{words: [no, on, yes, off]}"))))
    assert policy.overrides[0].off is True
    assert policy.rule("shop.zorb").match.words == ("no", "on", "yes", "off")


def test_a_rule_is_read_whole(make_pack: MakePack) -> None:
    pack = make_pack(
        [
            {
                "severity": "high",
                "confidence": 0.7,
                "threshold": 0.25,
                "observe": True,
                "since": dt.date(2025, 9, 1),
                "until": dt.date(2030, 1, 1),
                "applies": {"channels": ["reasoning"], "modalities": ["text", "document"]},
                "match": {
                    "near": [
                        {"words": ["买"]},
                        {"any": [{"words": ["佐布石"]}, {"group": "gems"}]},
                    ],
                    "within": 5,
                    "ordered": True,
                    "unless": {"words": ["禁止"]},
                },
            }
        ],
        groups={"gems": ["紫水晶"]},
    )
    (rule,) = load_policy(str(pack)).rules
    assert (rule.severity, rule.confidence, rule.threshold) == ("high", 0.7, 0.25)
    assert (rule.since, rule.until) == (dt.date(2025, 9, 1), dt.date(2030, 1, 1))
    assert rule.observe
    assert (rule.channels, rule.modalities) == (("reasoning",), ("text", "document"))
    assert dict(rule.actions) == {
        "prompt": Action.BLOCK,
        "output": Action.BLOCK,
        "context": Action.REVIEW,
    }
    assert (rule.match.kind, rule.match.within, rule.match.ordered) == ("near", 5, True)
    assert [part.kind for part in rule.match.parts] == ["words", "any"]
    assert rule.match.parts[1].parts[1].words == ("紫水晶",)
    assert rule.match.unless is not None
    assert rule.match.unless.words == ("禁止",)
    assert rule.hits[0].role == "prompt", "a bare sample is tried in the rule's first role"


def test_a_packs_date_is_that_of_its_rules(make_pack: MakePack) -> None:
    pack = make_pack(
        [{}, {"id": "shop.b", "since": dt.date(2026, 1, 1)}], since=dt.date(2025, 1, 1)
    )
    assert [rule.since.year for rule in load_policy(str(pack)).rules if rule.since] == [2025, 2026]


# Several packs as one policy.


def test_packs_combine_in_order(make_pack: MakePack) -> None:
    pack = make_pack()
    policy = load_policy(f"cn,{pack}")
    assert policy.rules[-1].id == "shop.zorb"
    assert [name for name, _ in policy.packs] == [*dict(load_policy("cn").packs), "shop"]
    assert operator_packs(f"cn,{pack}") == [pack]
    assert operator_packs("cn") == []


def test_a_pack_may_change_a_rule_of_another(make_pack: MakePack) -> None:
    first = make_pack()
    second = make_pack(
        [],
        name="trial",
        overrides=[{"rule": "shop.zorb", "reason": "trial", "action": {"prompt": "review"}}],
        waivers=[{"rule": "shop.zorb", "reason": "jeweller", "who": "legal", "tenants": ["acme"]}],
    )
    guard = Guard.load(f"{first},{second}")
    assert guard.check("哪里卖佐布石").action is Action.REVIEW
    waived = guard.check("哪里卖佐布石", tenant="acme")
    assert (waived.action, waived.rules[0].waived) == (Action.PASS, "jeweller (legal)")


def test_the_same_pack_twice_is_one(make_pack: MakePack) -> None:
    pack = make_pack()
    assert load_policy(f"{pack},{pack}").digest == load_policy(str(pack)).digest


def test_a_set_by_path_names_packs_beside_it(make_pack: MakePack, tmp_path: Path) -> None:
    make_pack()
    every = tmp_path / "ours.yaml"
    every.write_text('id: ours\nversion: "3"\npacks: [cn-label-2025, shop]\n', encoding="utf-8")
    assert [name for name, _ in load_policy(str(every)).packs] == ["cn-label-2025", "shop"]


@pytest.mark.parametrize("spec", ["cn", *sorted(built_in())])
def test_every_built_in_policy_loads(spec: str) -> None:
    policy = load_policy(spec)
    assert policy.rules
    assert policy.name.startswith(f"{policy.id}@{policy.version}#{policy.digest[:8]}")


# Every byte counts.


def test_any_changed_byte_is_another_policy(make_pack: MakePack) -> None:
    pack = make_pack([{"match": {"lexicon": "w.tsv"}}])
    (pack / "w.tsv").write_text("佐布石\n", encoding="utf-8")
    digests = {load_policy(str(pack)).digest}
    for name in ("pack.yaml", "rules.yaml", "w.tsv"):
        path = pack / name
        path.write_bytes(path.read_bytes() + b"\n")
        digests.add(load_policy(str(pack)).digest)
    (pack / "rules.yaml").rename(pack / "other.yaml")
    digests.add(load_policy(str(pack)).digest)
    assert len(digests) == 5


def test_shared_files_count_too(tmp_path: Path, monkeypatch: Any) -> None:
    """Replies, taxonomy, requirements and groups decide as well as the rules."""
    copy = tmp_path / "policies"
    shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setattr(load, "HERE", copy)
    spec = "cn-label-2025"
    digests = {load_policy(spec).digest}
    for name in ("groups", "replies"):
        with (copy / f"{name}.yaml").open("a", encoding="utf-8") as file:
            file.write("\n# changed\n")
        digests.add(load_policy(spec).digest)
    assert len(digests) == 3


def test_the_digest_is_the_same_wherever_the_pack_lies(make_pack: MakePack, tmp_path: Path) -> None:
    pack = make_pack()
    moved = tmp_path / "elsewhere" / "renamed"
    shutil.copytree(pack, moved)
    assert load_policy(str(moved)).digest == load_policy(str(pack)).digest


# An operator's pack that contradicts itself.


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        ({"hit": ["哪里卖苹果"]}, "does not fire on its hit sample '哪里卖苹果'"),
        ({"miss": ["哪里卖佐布石"]}, "fires on its miss sample '哪里卖佐布石'"),
    ],
)
def test_a_failing_sample_is_named_and_the_pack_refused(
    make_pack: MakePack, samples: dict[str, list[str]], says: str
) -> None:
    pack = make_pack([{"samples": samples}])
    with pytest.raises(GuardError) as caught:
        Guard.load(str(pack))
    assert says in str(caught.value)
    assert "shop.zorb" in str(caught.value)


def test_a_rule_of_the_future_is_tried_on_its_first_day(make_pack: MakePack) -> None:
    pack = make_pack([{"since": dt.date(2999, 1, 1)}])
    assert Guard.load(str(pack)).check("哪里卖佐布石").action is Action.PASS


# The form as JSON Schema, read by another reader.

SCHEMA = HERE / "pack.schema.json"


def test_the_committed_schema_is_that_of_the_code() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == schema.json_schema(), (
        "run: python -m guard.policies.schema > policies/pack.schema.json"
    )


def _dates_as_text(data: Any) -> Any:
    """YAML's dates as JSON has them."""
    return json.loads(json.dumps(data, default=str))


@pytest.fixture(scope="module")
def validator() -> Any:
    data = json.loads(SCHEMA.read_text(encoding="utf-8"))
    kind = jsonschema.Draft202012Validator
    kind.check_schema(data)
    return kind(data, format_checker=kind.FORMAT_CHECKER)


PACK_FILES = sorted(HERE.glob("*/*.yaml"))


@pytest.mark.parametrize("path", PACK_FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_independent_reader_accepts_every_shipped_file(path: Path, validator: Any) -> None:
    data = yaml.load(path.read_text(encoding="utf-8"), read.Loader)
    validator.validate(_dates_as_text(data))


@pytest.mark.parametrize(
    "name",
    [
        "unknown key in a rule",
        "missing key in a rule",
        "wrong type",
        "unknown action",
        "score above one",
    ],
)
def test_an_independent_reader_refuses_what_we_refuse(name: str, validator: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(_dates_as_text(yaml.safe_load(WRONG[name][1])))
