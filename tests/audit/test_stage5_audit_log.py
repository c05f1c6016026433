"""What a decision leaves in the log, and what it must never leave there."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.audit import AuditLog, open_log
from guard.audit.entry import MAX_BYTES
from guard.model import Action, Clause, Content, Decision, Finding, FiredRule, Where
from guard.stages.stage5_audit_log import decision_body, record_decision, record_decisions

# Synthetic: the id's date and region do not exist, the phone is of no issued block.
SECRET = "我的身份证是 110000209902300000，电话 10000000000"
FINDING = Finding(
    "pii_cn@1.0",
    "cn-pipl.id_card",
    "pii.id_card",
    0.98765,
    Where(7, 25, decoded="110000209902300000"),
    evidence="1100**********0000",
    why="checksum",
)
RULE = FiredRule(
    id="cn-pipl.id_card",
    title="身份证号",
    category="pii.id_card",
    action=Action.REDACT,
    severity="high",
    clauses=(Clause("CN-PIPL/28", "个人信息保护法 第二十八条", "A"),),
    findings=(0,),
)
DECISION = Decision(
    action=Action.REDACT,
    text="我的身份证是 [身份证号]，电话 [电话]",
    findings=(FINDING,),
    rules=(RULE,),
    risk=0.9,
    risks={"privacy": 0.9},
    policy="cn@1#abc",
    stage="prompt_filter",
    took_us=123.456,
)
CONTENT = Content(
    SECRET,
    session="s-1",
    tenant="s-1",
    subject="user-1",
    request_id="r-1",
    lang="zh",
    meta={"prompt": "写一封信"},
)


class Sink:
    """Keeps bodies; digests are legible."""

    def __init__(self) -> None:
        self.bodies: list[object] = []

    def append(self, record: object) -> int:
        self.bodies.append(record)
        return len(self.bodies) - 1

    def digest(self, data: str | bytes) -> str:
        return f"<{data if isinstance(data, str) else data.hex()}>"

    def close(self) -> None: ...


def test_a_decision_can_be_explained_and_replayed(log: AuditLog) -> None:
    index = record_decision(log, CONTENT, DECISION, detectors=["lexicon@1", "pii_cn@1.0"])
    record = log.get(index)
    body = record["body"]
    assert (record["kind"], record["stage"], record["request_id"]) == (
        "decision",
        "prompt_filter",
        "r-1",
    )
    assert body["action"] == "REDACT"
    assert body["policy"] == "cn@1#abc"
    assert body["detectors"] == ["lexicon@1", "pii_cn@1.0"]
    assert body["rules"][0]["clauses"] == ["CN-PIPL/28"]
    assert body["findings"][0] == {
        "detector": "pii_cn@1.0",
        "matcher": "cn-pipl.id_card",
        "category": "pii.id_card",
        "score": 0.9877,
        "evidence": "1100**********0000",
        "where": {"start": 7, "end": 25},
    }
    assert (body["complete"], body["took_us"], body["length"]) == (True, 123.5, len(SECRET))
    assert body["session"] != body["tenant"]
    # Whoever holds the text and the key finds the record.
    found = log.search(content=SECRET, subject="user-1", action="REDACT", rule="cn-pipl.id_card")
    assert [r["index"] for r in found] == [index]
    assert log.search(content=SECRET + " ", subject="user-1") == []


def test_checked_released_and_context_are_three_digests() -> None:
    digests = decision_body(Sink(), CONTENT, DECISION)["digests"]
    assert digests == {
        "content": f"<{SECRET}>",
        "released": f"<{DECISION.text}>",
        "context": "<写一封信>",
    }
    picture = Content(b"\x89PNG", modality="image")
    assert decision_body(Sink(), picture, Decision(Action.PASS, ""))["digests"] == {
        "content": "<89504e47>"
    }


def test_no_plain_personal_data_in_any_byte(tmp_path: Path) -> None:
    with open_log(tmp_path / "audit") as log:
        record_decisions(log, [CONTENT] * 3, [DECISION] * 3)
        log.seal()
        record_decision(log, CONTENT, DECISION)
        for path in (p for p in (tmp_path / "audit").rglob("*") if p.is_file()):
            data = path.read_bytes()
            for secret in ("110000209902300000", "10000000000", "我的身份证", "user-1", "s-1"):
                assert secret.encode() not in data, (path.name, secret)


def test_many_decisions_are_recorded_in_order(log: AuditLog) -> None:
    contents = [Content(f"text {n}", id=str(n)) for n in range(50)]
    decisions = [Decision(Action.PASS, c.text, stage="data_cleaner") for c in contents]
    assert record_decisions(log, contents, decisions) == list(range(50))
    assert [log.get(n)["body"]["id"] for n in (0, 49)] == ["0", "49"]
    sink = Sink()
    assert record_decisions(sink, contents, decisions) == list(range(50))
    with pytest.raises(ValueError, match="zip"):
        record_decisions(sink, contents, decisions[:1])


def test_parts_of_a_conversation_are_kept(log: AuditLog) -> None:
    whole = Decision(Action.REDACT, "", parts=(Decision(Action.PASS, "x"), DECISION))
    body = log.get(record_decision(log, Content(""), whole))["body"]
    assert [part["action"] for part in body["parts"]] == ["PASS", "REDACT"]


def test_a_flood_of_findings_still_fits_and_is_counted(log: AuditLog) -> None:
    """10 MB of hostile text may give any number of findings; the record must not be refused."""
    findings = tuple(
        Finding("d@1", "m" * 500, f"c{n % 7}", 1.0, Where(n, n + 1), "证" * 5000)
        for n in range(20_000)
    )
    rules = tuple(
        FiredRule(f"r{n}", "t", "c", Action.BLOCK, "high", (), tuple(range(20_000)))
        for n in range(300)
    )
    flood = Decision(Action.BLOCK, "", findings=findings, rules=rules, parts=(DECISION,) * 200)
    index = record_decision(log, Content("x", request_id="r" * 10**6, id="i" * 10**6), flood)
    body = log.get(index)["body"]
    assert sum(body["finding_counts"].values()) == 20_000
    assert body["cut"]
    assert len(log.raw(index)) <= MAX_BYTES


TEXT = st.text(alphabet=st.characters(), max_size=300)


@given(text=TEXT, other=TEXT)
@settings(max_examples=30)
def test_any_text_can_be_recorded(
    text: str, other: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Lone surrogates, NUL and right-to-left marks included."""
    finding = Finding("d@1", other, "c", 0.5, Where(0, 1), text)
    content = Content(text, id=other, request_id=text, subject=other, session=text, lang=other)
    decision = Decision(Action.PASS, text, findings=(finding,), stage="prompt_filter")
    with open_log(tmp_path_factory.mktemp("any")) as log:
        index = record_decision(log, content, decision)
        assert log.get(index)["body"]["findings"][0]["matcher"] in (other, other[:199] + "…")
