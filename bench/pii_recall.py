"""Personal information and secrets: recall, precision, decoys and speed, beside peers.

    python bench/pii_recall.py [--json]

Values are generated (fixed seed), with their check digits, and put into Chinese sentences in several
forms: set apart by blanks, glued to Han characters, full-width, separated, in Chinese numerals.
Decoys are the same with a wrong check digit, or the nearest thing that is none. A value is found
when a finding of its kind covers exactly it. Peers run on the same texts in their own environments
(``bench/.venv-presidio``, ``bench/.venv-llmguard``), else they are shown as "not installed".
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import re
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

Hits = list[tuple[str, int, int]]
Finder = Callable[[str], Hits]
Rows = list[dict[str, Any]]

PER_FORM = 200
AROUND = (
    "昨天{}刚登记过",
    "麻烦看看{}对不对",
    "这里写的是{}没错吧",
    "我把{}抄下来了",
    "表里有{}这一行",
)
PLAIN = (
    "清晨的码头还很安静，渔民把网晾在木架上。2023年全县有12个渔港投入使用，年捕捞量3.5万吨。",
    "订单20241108009327465已发货，运费12.50元，预计3天后送达，商品编号6901234567892。",
    "本次更新到v3.12.4，修复了127个问题，包大小为48.6MB，构建号20240711。",
    "会议定于2024年6月18日14:30召开，地点在三楼302会议室，参会28人。",
    "圆周率约为3.14159265358979，自然常数约为2.718281828459045。",
)
FULL = {ord(c): ord(c) + 0xFEE0 for c in map(chr, range(0x21, 0x7F))}
HAN_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")


# --- personal information: makers of values and of decoys ----------------------------------------


def _digits(rng: random.Random, n: int) -> str:
    return "".join(rng.choices(string.digits, k=n))


def _other(rng: random.Random, char: str, alphabet: str = string.digits) -> str:
    return rng.choice([c for c in alphabet if c != char])


def id_card(rng: random.Random) -> str:
    region = rng.choice(("110101", "310104", "440305", "510107", "330106", "420106", "650102"))
    born = f"{rng.randint(1940, 2015)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    body = f"{region}{born}{_digits(rng, 3)}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, weights, strict=True)) % 11]


def bank_card(rng: random.Random) -> str:
    body = rng.choice(("622202", "622848", "621700", "622588", "621661")) + _digits(
        rng, rng.choice((9, 12))
    )
    double = [int(c) * (2 - n % 2) for n, c in enumerate(reversed(body))]
    return body + str(-sum(d // 10 + d % 10 for d in double) % 10)


def uscc(rng: random.Random) -> str:
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    first = rng.choice(("91", "92", "52", "12")) + rng.choice(("110101", "310104", "440305"))
    organisation = "".join(rng.choices(alphabet, k=8))
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    values = [int(c, 36) for c in organisation]
    check = 11 - sum(v * w for v, w in zip(values, weights, strict=True)) % 11
    body = first + organisation + "0123456789X0"[check]
    total = sum(alphabet.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return body + alphabet[-total % 31]


def phone(rng: random.Random) -> str:
    return rng.choice(("134", "138", "150", "159", "177", "186", "191", "199")) + _digits(rng, 8)


def landline(rng: random.Random) -> str:
    return rng.choice(("010-6", "021-5", "0755-2", "0571-8", "028-8")) + _digits(rng, 7)


def email(rng: random.Random) -> str:
    name = "".join(rng.choices(string.ascii_lowercase, k=6))
    return f"{name}{rng.randint(1, 999)}@{rng.choice(('qq.com', '163.com', 'made-up.cn'))}"


def plate(rng: random.Random) -> str:
    head = rng.choice("京沪粤苏浙川鲁豫") + rng.choice("ABCDEFG")
    return head + rng.choice(("", "D", "F")) + _digits(rng, 5)


def ip(rng: random.Random) -> str:
    return f"{rng.choice((36, 58, 61, 111, 119, 123, 218))}.{rng.randint(100, 250)}.{rng.randint(1, 250)}.{rng.randint(100, 250)}"


def mac(rng: random.Random) -> str:
    return ":".join("".join(rng.choices("0123456789abcdef", k=2)) for _ in range(5)) + ":3e"


def _behind(label: str, pattern: str) -> Callable[[random.Random], str]:
    """A maker for ``label`` and a value: A letter, 9 digit."""

    def make(rng: random.Random) -> str:
        table = {"A": string.ascii_uppercase, "9": string.digits}
        return label + "".join(rng.choice(table[c]) if c in table else c for c in pattern)

    return make


Maker = Callable[[random.Random], str]
#: kind -> (maker, maker of decoys, forms beyond spaced, glued and full-width).
KINDS: dict[str, tuple[Maker, Maker, tuple[str, ...]]] = {
    "id_card": (
        id_card,
        lambda r: (lambda v: v[:17] + _other(r, v[17], "0123456789X"))(id_card(r)),
        ("separated", "numerals"),
    ),
    "bank_card": (
        bank_card,
        lambda r: (lambda v: v[:-1] + _other(r, v[-1]))(bank_card(r)),
        ("separated",),
    ),
    "uscc": (uscc, lambda r: (lambda v: v[:17] + _other(r, v[17]))(uscc(r)), ()),
    "phone": (
        phone,
        lambda r: r.choice(("120", "100", "142", "154")) + _digits(r, 8),
        ("separated", "numerals"),
    ),
    "landline": (
        landline,
        lambda r: f"{r.choice(('400', '800'))}-{_digits(r, 3)}-{_digits(r, 4)}",
        (),
    ),
    "email": (email, lambda r: f"icon{r.randint(1, 99)}@2x.png", ()),
    "plate": (plate, lambda r: f"京I{_digits(r, 5)}", ()),
    "ip": (
        ip,
        lambda r: f"{r.randint(256, 999)}.{r.randint(100, 250)}.1.{r.randint(256, 300)}",
        (),
    ),
    "mac": (mac, lambda r: f"{r.randint(10, 23)}:{r.randint(10, 59)}:{r.randint(10, 59)}", ()),
    "passport": (_behind("护照", "E99999999"), _behind("护照", "E99999999999"), ()),
    "hkmo_permit": (_behind("回乡证", "H99999999"), _behind("回乡证", "K99999"), ()),
    "tw_permit": (_behind("台胞证", "99999999"), _behind("台胞证", "999"), ()),
    "driving_licence": (_behind("驾驶证档案编号", "440399999999"), _behind("驾驶证", "999"), ()),
    "medical": (_behind("住院号", "99999999"), _behind("住院", "99"), ()),
    "student": (_behind("学号", "2023999999"), _behind("学号", "99"), ()),
    "qq": (_behind("QQ号", "1999999999"), _behind("QQ", "99"), ()),
}
THRESHOLDS = {"name": 0.7, "address": 0.8, "landline": 0.7, "plate": 0.7}
SEPARATED = {"id_card": (6, 8, 4), "bank_card": (4, 4, 4, 4, 3), "phone": (3, 4, 4)}


def _shaped(rng: random.Random, kind: str, form: str, value: str) -> str:
    if form == "full-width":
        return value.translate(FULL)
    if form == "numerals":
        return value.translate(HAN_DIGITS)
    if form == "separated":
        groups, at = [], 0
        for size in SEPARATED[kind]:
            groups.append(value[at : at + size])
            at += size
        return rng.choice("- ").join(group for group in groups if group)
    return value


def _text(rng: random.Random, form: str, value: str) -> tuple[str, int]:
    """A sentence and where the value begins in it."""
    before, behind = rng.choice(AROUND).split("{}")
    gap = " " if form == "spaced" else ""
    return f"{before}{gap}{value}{gap}{behind}", len(before) + len(gap)


def corpus() -> Rows:
    """Texts with kind, form, whether a decoy, and the stretch of the value (labels left out)."""
    rng = random.Random(11)
    rows: Rows = []
    for kind, (maker, decoy, extra) in KINDS.items():
        for form in ("spaced", "glued", "full-width", *extra, "decoy"):
            for _ in range(PER_FORM):
                value = (decoy if form == "decoy" else maker)(rng)
                label = re.match("[护照回乡证台胞驾驶档案编住院学号]*|QQ号?", value)
                skip = label.end() if label and kind != "plate" else 0
                if kind == "qq":
                    skip = 3 if value.startswith("QQ号") else 2
                shaped = value[:skip] + _shaped(rng, kind, form, value[skip:])
                text, at = _text(rng, form, shaped)
                rows.append(
                    {"kind": kind, "form": form, "text": text, "at": [at + skip, at + len(shaped)]}
                )
    rows += [{"kind": "", "form": "plain", "text": text, "at": [0, 0]} for text in PLAIN * 100]
    return rows


# --- the sides ------------------------------------------------------------------------------------


def ours() -> Finder:
    from guard.detectors.pii import PiiDetector
    from guard.model import Content

    detector = PiiDetector()

    def find(text: str) -> Hits:
        return [
            (f.category[4:], f.where.start, f.where.end)
            for f in detector.find([Content(text)])[0]
            if f.where and f.score >= THRESHOLDS.get(f.category[4:], 0.6)
        ]

    return find


#: What one writes first: \\b beside Han characters never matches.
PLAIN_RE = {
    "id_card": r"\b[1-9]\d{5}(?:19|20)\d{9}[\dXx]\b",
    "bank_card": r"\b\d{16,19}\b",
    "uscc": r"\b[0-9A-Z]{18}\b",
    "phone": r"\b1[3-9]\d{9}\b",
    "landline": r"\b0\d{2,3}-\d{7,8}\b",
    "email": r"\b[\w.+-]+@[\w-]+\.[\w.]+\b",
    "plate": r"\b[京沪粤苏浙川鲁豫][A-Z][0-9A-Z]{5,6}\b",
    "ip": r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
    "mac": r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b",
    "passport": r"\b[EG]\d{8}\b",
    "hkmo_permit": r"\b[HM]\d{8}\b",
}


def plain_re() -> Finder:
    patterns = [
        (kind, re.compile(pattern, re.ASCII if kind != "plate" else 0))
        for kind, pattern in PLAIN_RE.items()
    ]
    patterns = [(kind, re.compile(p.pattern)) for kind, p in patterns]

    def find(text: str) -> Hits:
        return [(kind, *m.span()) for kind, p in patterns for m in p.finditer(text)]

    return find


PRESIDIO_KINDS = {
    "CREDIT_CARD": "bank_card",
    "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip",
    "PHONE_NUMBER": "phone",
    "MAC_ADDRESS": "mac",
}


def presidio() -> Finder:
    """The pattern recognisers and the phone recogniser for China; no NLP engine, no context."""
    from presidio_analyzer import PatternRecognizer, RecognizerRegistry
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    sides: list[Any] = [r for r in registry.recognizers if isinstance(r, PatternRecognizer)]
    sides = [r for r in sides if set(r.supported_entities) & set(PRESIDIO_KINDS)]
    sides.append(PhoneRecognizer(supported_regions=["CN"]))

    def find(text: str) -> Hits:
        hits: Hits = []
        for side in sides:
            for hit in side.analyze(text, side.supported_entities, None) or ():
                if hit.entity_type in PRESIDIO_KINDS:
                    hits.append((PRESIDIO_KINDS[hit.entity_type], hit.start, hit.end))
        return hits

    return find


# --- secrets --------------------------------------------------------------------------------------

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
LOWER = string.ascii_lowercase + string.digits
#: name -> (text before, parts of the value). A part is a literal or (length, alphabet).
Part = str | tuple[int, str]
SECRETS: dict[str, tuple[str, tuple[Part, ...]]] = {
    "aliyun key id": ("", ("LTAI5t", (18, ALNUM))),
    "aliyun secret": ("AccessKeySecret = ", ((30, ALNUM),)),
    "tencent cloud id": ("", ("AKID", (32, ALNUM))),
    "tencent cloud key": ("SecretKey = ", ((32, ALNUM),)),
    "huawei cloud sk": ("SK = ", ((40, ALNUM),)),
    "volcengine key": ("", ("AKLT", (43, ALNUM))),
    "jd cloud key": ("", ("JDC_", (28, UPPER))),
    "dashscope key": ("", ("sk-", (32, HEX))),
    "wechat appsecret": ("appsecret = ", ((32, HEX),)),
    "dingtalk robot": ("https://oapi.dingtalk.com/robot/send?access_token=", ((64, HEX),)),
    "feishu robot": (
        "https://open.feishu.cn/open-apis/bot/v2/hook/",
        ((8, HEX), "-", (4, HEX), "-", (4, HEX), "-", (4, HEX), "-", (12, HEX)),
    ),
    "aws access key": ("", ("AKIA", (16, UPPER))),
    "aws secret key": ("aws_secret_access_key = ", ((40, ALNUM),)),
    "azure storage": ("AccountKey=", ((86, ALNUM), "==")),
    "basic auth url": ("https://admin:", ((14, ALNUM),)),
    "github token": ("", ("ghp_", (36, ALNUM))),
    "gitlab token": ("", ("glpat-", (20, ALNUM))),
    "google api key": ("", ("AIza", (35, ALNUM))),
    "openai project key": ("", ("sk-proj-", (48, ALNUM))),
    "anthropic key": ("", ("sk-ant-api03-", (93, ALNUM))),
    "hugging face token": ("", ("hf_", (34, string.ascii_letters))),
    "json web token": (
        "",
        ("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NSJ9.", (43, ALNUM)),
    ),
    "mailchimp key": ("", ((32, HEX), "-us12")),
    "npm token": ("//registry.npmjs.org/:_authToken=", ("npm_", (36, ALNUM))),
    "pypi token": ("", ("pypi-AgEIcHlwaS5vcmc", (70, ALNUM))),
    "private key": (
        "-----BEGIN RSA PRIVATE KEY-----\n",
        ((64, ALNUM), "\n", (64, ALNUM), "\n-----END RSA PRIVATE KEY-----"),
    ),
    "sendgrid key": ("", ("SG.", (22, ALNUM), ".", (43, ALNUM))),
    "slack token": ("", ("xoxb-", (12, string.digits), "-", (12, string.digits), "-", (24, ALNUM))),
    "square token": ("", ("sq0csp-", (43, ALNUM))),
    "stripe key": ("", ("sk_live_", (24, ALNUM))),
    "twilio key": ("", ("SK", (32, HEX))),
    "artifactory key": ("", ("AKCp8", (64, ALNUM))),
    "telegram bot": ("1234567890:", ("AA", (33, ALNUM))),
    "digitalocean token": ("", ("dop_v1_", (64, HEX))),
    "databricks token": ("", ("dapi", (32, HEX))),
    "shopify token": ("", ("shpat_", (32, HEX))),
    "postman key": ("", ("PMAK-", (24, HEX), "-", (34, HEX))),
    "keyword: password": ("password = ", ((16, ALNUM),)),
    "keyword: api key": ("api_key = ", ((40, ALNUM),)),
}
SECRET_AROUND = (
    "配置如下：\n{}\n请尽快更换。",
    'const k = "{}";',
    "export KEY='{}'",
    "日志里出现了 {} ，已上报。",
)


def secret_rows() -> Rows:
    rng = random.Random(5)
    rows: Rows = []
    for kind, (before, parts) in SECRETS.items():
        for n in range(40):
            value = "".join(
                p if isinstance(p, str) else "".join(rng.choices(p[1], k=p[0])) for p in parts
            )
            # Behind a label the value is quoted as code does it; a bare key stands in a sentence.
            if "= " in before:
                shown = f'\n{before}"{value}"\n'
            else:
                tail = "@db.example.internal/x" if kind == "basic auth url" else ""
                shown = SECRET_AROUND[n % 4].format(before + value + tail)
            rows.append({"kind": kind, "text": shown, "value": value})
    return rows


def hides_ours() -> Callable[[str, str], bool]:
    from guard.detectors.secrets import SecretsDetector
    from guard.model import Content

    detector = SecretsDetector()

    def hides(text: str, value: str) -> bool:
        start = text.index(value)
        middle = start + len(value) // 2
        places = [f.where for f in detector.find([Content(text)])[0] if f.where]
        return any(w.start <= middle < w.end for w in places)

    return hides


def hides_llmguard() -> Callable[[str, str], bool]:
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    from llm_guard.input_scanners import Secrets

    scanner = Secrets()

    def hides(text: str, value: str) -> bool:
        return value not in scanner.scan(text)[0]

    return hides


# --- measuring ------------------------------------------------------------------------------------


PROSE = (
    "老人数了数今天要带的冰块，又检查了一遍柴油。孩子坐在船头读课本，偶尔抬头看看海鸥。"
    "气象台预报，下午风力会增强到6级，小船应当尽早返航。集市上卖菜的人渐渐多起来，吆喝声此起彼伏。"
    "春天的山坡开满了野花，蜜蜂忙着采蜜，远处传来牧童的笛声。他把旧书一本本擦干净，整齐地放回架子上。"
)


def documents(length: int, count: int, dense: bool = False) -> list[str]:
    """Prose of about ``length`` characters, a planted value in every tenth; ``dense`` with orders,
    versions and dates in most sentences."""
    rng = random.Random(3)
    chosen = PLAIN if dense else (*PLAIN[:2], PROSE, PROSE)
    sentences = [s for text in chosen for s in re.split("(?<=[。])", text) if s]
    made = []
    for n in range(count):
        parts: list[str] = []
        while sum(map(len, parts)) < length:
            parts.append(rng.choice(sentences))
        if n % 10 == 0:
            parts.insert(rng.randrange(len(parts) + 1), f"请联系{phone(rng)}谢谢。")
        made.append("".join(parts)[: max(length, 40) + 40])
    return made


def megabytes(call: Callable[[str], object], texts: Iterable[str], rounds: int = 3) -> float:
    """MB of JSONL input per CPU-second, parsing the lines included; the best of some rounds."""
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    size = sum(len(line.encode()) + 1 for line in lines) / 1e6
    best = float("inf")
    for _ in range(rounds):
        begun = time.process_time()
        for line in lines:
            call(json.loads(line)["text"])
        best = min(best, time.process_time() - begun)
    return round(size / best, 3)


def score(find: Finder) -> dict[str, Any]:
    table: dict[str, dict[str, list[int]]] = {}
    wrong: dict[str, int] = {}
    right: dict[str, int] = {}
    for row in corpus():
        kind, form, span = row["kind"], row["form"], tuple(row["at"])
        hits = find(row["text"])
        if kind:
            cell = table.setdefault(kind, {}).setdefault(form, [0, 0])
            touched = any(k == kind and s < span[1] and span[0] < e for k, s, e in hits)
            exact = any((k, s, e) == (kind, *span) for k, s, e in hits)
            cell[0] += touched if form == "decoy" else exact
            cell[1] += 1
        for k, s, e in hits:
            true = k == kind and form != "decoy" and s < span[1] and span[0] < e
            counter = right if true else wrong
            counter[k] = counter.get(k, 0) + 1
    return {"table": table, "right": right, "wrong": wrong}


def side(name: str) -> dict[str, Any]:
    """All figures of one side, measured in this process."""
    logging.disable(logging.CRITICAL)
    if name == "llm-guard":
        hides = hides_llmguard()
        return {
            "secrets": _secret_recall(hides),
            "speed": _secret_speed(lambda t: hides(t, "\0"), 12),
        }
    find = {"ours": ours, "re": plain_re, "presidio": presidio}[name]()
    count = 20 if name == "presidio" else 1000
    figures = score(find)
    figures["MB/s documents"] = megabytes(find, documents(1000, count))
    figures["MB/s documents full of numbers"] = megabytes(find, documents(1000, count, dense=True))
    figures["MB/s short rows"] = megabytes(find, documents(40, count * 10))
    if name == "ours":
        from guard.detectors.secrets import SecretsDetector
        from guard.model import Content

        detector = SecretsDetector()
        figures["secrets"] = _secret_recall(hides_ours())
        figures["speed"] = _secret_speed(lambda t: detector.find([Content(t)]), 1000)
    return figures


def _secret_recall(hides: Callable[[str, str], bool]) -> dict[str, float]:
    found: dict[str, list[bool]] = {}
    for row in secret_rows():
        found.setdefault(row["kind"], []).append(hides(row["text"], row["value"]))
    return {kind: sum(hit) / len(hit) for kind, hit in found.items()}


def _secret_speed(call: Callable[[str], object], count: int) -> dict[str, float]:
    planted = [row["text"] for row in secret_rows()][:: max(1, 1560 // count)]
    return {
        "MB/s documents": megabytes(call, documents(1000, count), 2),
        "MB/s short rows with secrets": megabytes(call, planted, 2),
    }


PEERS = {"presidio": ".venv-presidio", "llm-guard": ".venv-llmguard"}


def run_peer(name: str) -> dict[str, Any] | str:
    python = HERE / PEERS[name] / "bin" / "python"
    if not python.exists():
        return "not installed"
    command = [str(python), __file__, "--side", name]
    with tempfile.TemporaryDirectory() as cold:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=cold)
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if done.returncode == 0 and lines else "could not be run"


def _percent(cell: list[int] | None) -> str:
    return f"{100 * cell[0] / cell[1]:.1f}" if cell else "-"


def report(results: dict[str, Any]) -> None:
    for name in ("ours", "re", "presidio"):
        figures = results[name]
        print(f"\n## {name}")
        if isinstance(figures, str):
            print(figures)
            continue
        forms = ("spaced", "glued", "full-width", "separated", "numerals", "decoy")
        print(f"{'kind':<16}" + "".join(f"{form:>12}" for form in (*forms, "precision")))
        for kind, row in figures["table"].items():
            right, wrong = figures["right"].get(kind, 0), figures["wrong"].get(kind, 0)
            precision = f"{100 * right / (right + wrong):.1f}" if right + wrong else "-"
            cells = "".join(f"{_percent(row.get(form)):>12}" for form in forms)
            print(f"{kind:<16}{cells}{precision:>12}")
        print({key: value for key, value in figures.items() if key.startswith("MB/s")})
    print("\n## secrets, recall in %")
    ours_found, peer = results["ours"]["secrets"], results["llm-guard"]
    for kind, found in ours_found.items():
        other = f"{100 * peer['secrets'][kind]:.0f}" if isinstance(peer, dict) else "-"
        print(f"{kind:<24}{100 * found:>6.0f}{other:>12}")
    mean = sum(ours_found.values()) / len(ours_found)
    print(f"{'all':<24}{100 * mean:>6.1f}", end="")
    if not isinstance(peer, dict):
        print(f"   llm-guard {peer}\n", results["ours"]["speed"])
        return
    print(f"{100 * sum(peer['secrets'].values()) / len(peer['secrets']):>12.1f}")
    for what, speed in results["ours"]["speed"].items():
        times = speed / peer["speed"][what]
        print(f"{what}: ours {speed}, llm-guard {peer['speed'][what]}, {times:.0f} times as fast")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--side", choices=("ours", "re", *PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--no-peers", action="store_true", help="ours and plain re only")
    args = parser.parse_args()
    if args.side:
        print(json.dumps(side(args.side)))
        return
    results: dict[str, Any] = {name: side(name) for name in ("ours", "re")}
    for name in PEERS:
        results[name] = "left out" if args.no_peers else run_peer(name)
    print(json.dumps(results, ensure_ascii=False)) if args.json else report(results)


if __name__ == "__main__":
    main()
