"""Secrets: which shapes are found, and which placeholders and look-alikes stay silent.

Every key here is made on the spot from a seeded generator; none was ever issued.
"""

from __future__ import annotations

import base64
import itertools
import json
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.detectors.secret_shapes import SHAPES
from guard.detectors.secrets import CATEGORIES, SecretsDetector, entropy, is_password
from guard.model import Content, Detector

detector = SecretsDetector()
rng = random.Random(7)
ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def made(length: int, alphabet: str = ALNUM) -> str:
    """Random characters, with a digit for certain."""
    return "".join(rng.choices(alphabet, k=length - 1)) + "7"


def found(text: str) -> list[tuple[str, str]]:
    (findings,) = detector.find([Content(text)])
    return [(f.category, text[f.where.start : f.where.end]) for f in findings if f.where]


def token(header: object) -> str:
    parts = [json.dumps(header).encode(), b'{"sub":"nobody","n":12345}']
    encoded = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, made(43)])


UUID = "12ab34cd-0000-4000-8000-12ab34cd56ef"
JWT = token({"alg": "HS256", "typ": "JWT"})
BLOCK = f"-----BEGIN RSA PRIVATE KEY-----\n{made(64)}\n{made(64)}\n-----END RSA PRIVATE KEY-----"
TRUNCATED = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{made(64)}\n{made(64)}"

#: (text with {} where the value stands, category, value)
FOUND = [
    ("key是{}，保密", "secret.key", "AKIA" + made(16, string.ascii_uppercase + string.digits)),
    ("aws_secret_access_key = {}", "secret.key", made(40)),
    ("{}", "secret.key", "AIza" + made(35)),
    ("GOCSPX {}", "secret.key", "GOCSPX-" + made(28)),
    ("{}", "secret.token", "ya29." + made(60)),
    ("AccountKey={};", "secret.key", made(86) + "=="),
    ("https://x.blob/y?sv=1&sig={}", "secret.token", made(43) + "%3D"),
    ("用{}登录", "secret.token", "ghp_" + made(36)),
    ("{}", "secret.token", "github_pat_" + made(82)),
    ("{}", "secret.token", "glpat-" + made(20)),
    ("{}", "secret.token", "xoxb-" + made(12, string.digits) + "-" + made(24)),
    ("https://{}", "secret.token", f"hooks.slack.com/services/T{made(8)}/B{made(8)}/{made(24)}"),
    ("{}", "secret.token", "npm_" + made(36)),
    ("{}", "secret.token", "pypi-AgEIc" + made(60)),
    ("{}", "secret.key", f"SG.{made(22)}.{made(43)}"),
    ("{}", "secret.key", "sk_live_" + made(24)),
    ("我的{}泄露了", "secret.key", "sk-ant-api03-" + made(80)),
    ("{}", "secret.key", "sk-proj-" + made(48)),
    ("密钥{}给你", "secret.key", "sk-" + made(32, HEX)),
    ("OPENAI_API_KEY={}", "secret.key", "sk-" + made(48)),
    ("{}", "secret.token", "hf_" + made(34)),
    ("{}", "secret.token", "r8_" + made(37)),
    ("{}", "secret.key", "gsk_" + made(52)),
    ("阿里云{}的", "secret.key", "LTAI5t" + made(18)),
    ("AccessKeySecret：{}", "secret.key", made(30)),
    ("{}", "secret.key", "AKID" + made(32)),
    ("{}", "secret.key", "AKLT" + made(40)),
    ("{}", "secret.key", "JDC_" + made(28)),
    ("SecretKey：{}", "secret.key", made(32)),
    ('qiniu: SK = "{}"', "secret.key", made(40)),
    ("微信AppSecret是{}", "secret.key", made(32, HEX)),
    ('"api_key": "{}"', "secret.key", made(32, HEX)),
    ("access_token={}", "secret.token", made(64)),
    ("https://oapi.dingtalk.com/robot/send?access_token={}", "secret.token", made(64, HEX)),
    ("加签{}", "secret.key", "SEC" + made(64, HEX)),
    ("https://open.feishu.cn/open-apis/bot/v2/hook/{}", "secret.token", UUID),
    ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={}", "secret.token", UUID),
    ("令牌 {} 过期", "secret.token", JWT),
    ("Authorization: Bearer {}", "secret.token", made(40)),
    ("Authorization: Basic {}", "secret.token", made(24)),
    ("curl -H 'bearer {}'", "secret.token", made(40)),
    ("Cookie: {}", "secret.token", f"SESSION={made(24)}; uid=42"),
    ("如下：\n{}\n请收好", "secret.private_key", BLOCK),
    ("{}", "secret.private_key", TRUNCATED),
    ("mysql://root:{}@db.internal:3306/app", "secret.connection", "p4ss_W0rd"),
    ("postgres://u:{}@10.0.0.1/x", "secret.connection", "S3cr3t!!"),
    ("mongodb+srv://u:{}@c.mongodb.net", "secret.connection", "qW3rTy99"),
    ("redis://:{}@127.0.0.1:6379/0", "secret.connection", "r3disPw77"),
    ("jdbc:mysql://h:3306/db?user=root&password={}", "secret.connection", "J4vaPw99"),
    ("jdbc:oracle:thin:scott/{}@h:1521:x", "secret.connection", "t1gerT1ger"),
    ("Server=db;Uid=sa;Pwd={};", "secret.connection", "Qwe123!z"),
    ("密码：{}，别告诉别人", "secret.password", "Abc12345!"),
    ("password={}", "secret.password", "hunter2x"),
    ("DB_PASSWORD: '{}'", "secret.password", "t0ps3cret"),
    ("口令是{}", "secret.password", "k7Xw99qz"),
    ("支付密码：{}", "secret.password", "847293"),
]

SILENT = [
    "",
    "忘记密码怎么办？",
    "密码：点击这里重置",
    "密码必须包含大写字母和数字",
    "password: string",
    "password = user.password",
    "password=${DB_PASSWORD}",
    "password: {{ vault_pw }}",
    "password=<your-password>",
    "password=xxxxxxxx",
    "password=********",
    "password=changeme1",
    "密码是123456",
    "password=os.environ['PW1']",
    "api_key = 'your-api-key-here-1234567890'",
    "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "sk-" + "a" * 40,
    "AKIAIOSFODNN7EXAMPLE",
    "AKIA00000000",
    "task-1234567890abcdef1234567890abcdef12",
    "token: the quick brown fox",
    "token=path/to/some/longer/file/name/here",
    "token 数量是 4096",
    "mysql://localhost:3306/db",
    "http://host:8080/@user",
    "mysql://user:password_here@host/db",
    "mysql://user:password@localhost/db",
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "-----BEGIN CERTIFICATE-----\n" + "A1b2" * 40 + "\n-----END CERTIFICATE-----",
    "eyJub3QganNvbiBhdCBhbGwgYXQgYWxsfQ.eyJub3QganNvbiBhdCBhbGwgYXQgYWxsfQ." + "a1B2c3" * 8,
    "Authorization: Bearer <token>",
    "Authorization: Bearer $TOKEN",
    "Set a cookie: yes or no",
    "commit 3f2a9c4e5b6d7f8091a2b3c4d5e6f708192a3b4c",
    "the secretkey: is on the table",
    "学习通sk=技能",
]


@pytest.mark.parametrize(("text", "category", "value"), FOUND)
def test_found(text: str, category: str, value: str) -> None:
    assert found(text.format(value)) == [(category, value)]


@pytest.mark.parametrize("text", SILENT)
def test_silent(text: str) -> None:
    assert found(text) == []


def test_disguises_do_not_help() -> None:
    key = "sk-" + made(32, HEX)
    wide = "".join(chr(ord(c) + 0xFEE0) for c in key)
    split = "\u200b".join(key)
    assert found(f"我的{wide}") == [("secret.key", wide)]
    assert found(f"我的{split}") == [("secret.key", split)]


def test_evidence_shows_three_characters_at_most() -> None:
    for text, _, value in FOUND:
        (findings,) = detector.find([Content(text.format(value))])
        assert len(findings[0].evidence.rstrip("*")) <= 3


def test_every_shape_has_a_text_that_it_finds() -> None:
    batch = [Content(text.format(value)) for text, _, value in FOUND]
    seen = {f.why for findings in detector.find(batch) for f in findings}
    assert seen == {shape.id for shape in SHAPES}
    assert {shape.category for shape in SHAPES} == set(CATEGORIES)


def test_it_is_a_detector() -> None:
    assert isinstance(detector, Detector)


def test_entropy_and_password_judgement() -> None:
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2
    assert is_password("Tr0ub4dor")
    assert not is_password("password")
    assert not is_password("db_password")


@given(st.text(alphabet="ABCxyz0123456789+/=-_.:@密码token ", max_size=120))
def test_no_text_breaks_it(text: str) -> None:
    for keyword in ("password=", "sk-", "://", "eyJ", "Cookie: "):
        (findings,) = detector.find([Content(keyword + text)])
        ends = [f.where for f in findings if f.where]
        assert all(a.end <= b.start for a, b in itertools.pairwise(ends))


@pytest.mark.parametrize(
    "text", ["\x00", "\ud800", "eyJ" * 10000, "password=" * 3000, "://" * 10000]
)
def test_hostile_text_is_checked(text: str) -> None:
    assert isinstance(detector.find([Content(text)]), list)


@pytest.mark.parametrize(
    "value",
    [
        "dop_v1_" + made(64, HEX),
        "shpat_" + made(32, HEX),
        "PMAK-" + made(24, HEX) + "-" + made(34, HEX),
        "dapi" + made(32, HEX),
        "SK" + made(32, HEX),
        "AKCp8" + made(64),
        "hvs." + made(95),
        "pul-" + made(40, HEX),
        "lin_api_" + made(40),
        "rubygems_" + made(48, HEX),
        "shippo_live_" + made(40, HEX),
        "sq0csp-" + made(43),
    ],
)
def test_keys_of_further_services(value: str) -> None:
    assert found(f"日志里有{value}，请处理") == [(found(value)[0][0], value)]


def test_a_key_behind_its_owner_is_found_inside_longer_forms() -> None:
    assert found(f"{made(32, HEX)}-us12")[0][1].endswith("-us")
    token = "AA" + made(33)
    assert found(f"123456789:{token}") == [("secret.key", token)]
