"""The shapes of secrets: which words they contain and what stands around them.

Facts about the formats come from the issuers' public documentation. Patterns are written for the
folded (lower-case) text; ``check`` is tried on the original. Every pattern has a group ``v`` for
the secret itself and only bounded repetition.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

#: Characters of a Latin word: a keyword in the middle of one is none.
_WORD = re.compile("[0-9a-z]")
_END = r"(?![0-9a-z_-])"
#: Between a label and its value: quotes, colon, equals sign or verb, up to a few blanks.
_IS = r"[\"'`]?\s{0,3}(?:=>|:=|=|:|是|为|就是)\s{0,3}[\"'`]?"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_B64URL = "[0-9a-z_-]"


@dataclass(frozen=True, slots=True)
class Shape:
    """A secret's shape.

    ``words`` are lower-case keywords. ``pattern`` is matched where the keyword begins, or with
    ``label`` where it ends. ``check`` sees the original value and returns None to refuse it.
    ``judge`` names the test against placeholders and prose: ``key`` (entropy), ``label`` (entropy
    and a digit, as only the label speaks for it), ``password`` or ``none``.
    """

    id: str
    category: str
    words: tuple[str, ...]
    pattern: re.Pattern[str]
    score: float
    label: bool = False
    check: Callable[[str], object] | None = None
    judge: str = "key"

    def at(self, text: str, begin: int, end: int) -> re.Match[str] | None:
        """The match at the keyword ``begin..end`` of a folded text."""
        if begin and _WORD.match(text, begin) and _WORD.match(text, begin - 1):
            return None
        return self.pattern.match(text, end if self.label else begin)


def jwt_header(token: str) -> dict[str, object] | None:
    """The decoded first part of a JSON web token (RFC 7519), None when it is none."""
    head = token.partition(".")[0]
    try:
        value = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except ValueError:  # also of base64 and UTF-8
        return None
    return value if isinstance(value, dict) else None


def _key(id: str, words: str, pattern: str, case: str = "", score: float = 0.97) -> Shape:
    """A key that its own first characters name; ``case`` is a pattern for the original."""
    check = re.compile(case).match if case else None
    whole = re.compile(rf"(?P<v>(?>{pattern})){_END}")
    return Shape(id, "secret.key", tuple(words.split()), whole, score, check=check)


def _token(id: str, words: str, pattern: str, case: str = "", score: float = 0.97) -> Shape:
    """A token that its own first characters name."""
    shape = _key(id, words, pattern, case, score)
    return Shape(id, "secret.token", shape.words, shape.pattern, score, check=shape.check)


def _behind(category: str, id: str, words: str, value: str, score: float, link: str = _IS) -> Shape:
    """A value that only the label before it makes a secret."""
    pattern = re.compile(rf"{link}(?P<v>(?>{value}))(?![0-9a-z_/+-])")
    return Shape(id, category, tuple(words.split()), pattern, score, label=True, judge="label")


_PEM = re.compile(
    r"(?P<v>-----begin (?:[a-z0-9]{1,10} ){0,3}private key(?: block)?-----\s{0,4}"
    r"(?:proc-type[^\n]{0,80}\s{1,4}dek-info[^\n]{0,80}\s{1,4})?[^-]{40,7000}"
    r"(?:-----end (?:[a-z0-9]{1,10} ){0,3}private key(?: block)?-----)?)"
)
#: RFC 3986 userinfo: scheme://user:password@host.
_URL = re.compile(r"://[^\s:/@\"'<>]{0,64}:(?P<v>[^\s/@\"'<>]{3,80})@[0-9a-z\[]")
_PARAMETER = re.compile(
    r"(?:jdbc:[a-z0-9]{2,20}:|(?:server|data source|host|uid)=)[^\n\"'<>]{0,200}?"
    r"[?&; ](?:password|pwd)=(?P<v>[^\s&;\"'<>]{3,80})"
)
_ORACLE = re.compile(r"jdbc:oracle:thin:[^\s/@:]{1,64}/(?P<v>[^\s/@]{3,80})@")
_PASSWORD = re.compile(rf"{_IS}(?P<v>[!#-&*+./0-9:=?@a-z^_|~\\-]{{5,63}}[0-9a-z!@#$%^&*_~+=?-])")
_COOKIE = re.compile(
    r"\s{0,2}:\s{0,3}(?P<v>[0-9a-z_.-]{2,40}=[^\s;,\"']{12,400}"
    r"(?:;\s?[0-9a-z_.-]{1,40}=[^\s;,\"']{1,400}){0,20})"
)
_SCHEME = r"[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:bearer|basic|token)\s{1,3}"

_BLOCKS: tuple[Shape, ...] = (
    Shape("private key block", "secret.private_key", ("-----begin",), _PEM, 0.99, judge="none"),
    Shape("url with password", "secret.connection", ("://",), _URL, 0.95, judge="none"),
    Shape(
        "connection string",
        "secret.connection",
        ("jdbc:", "server=", "data source=", "host=", "uid="),
        _PARAMETER,
        0.95,
        judge="none",
    ),
    Shape("connection string", "secret.connection", ("jdbc:oracle",), _ORACLE, 0.95, judge="none"),
    Shape(
        "password",
        "secret.password",
        ("password", "passwd", "passphrase", "passcode", "pwd", "pass", "密码", "口令"),
        _PASSWORD,
        0.85,
        label=True,
        judge="password",
    ),
    Shape("cookie header", "secret.token", ("cookie",), _COOKIE, 0.9, label=True, judge="label"),
)

_WORLD: tuple[Shape, ...] = (
    _key("aws access key id", "akia asia abia", r"a[ksb]ia[0-9a-z]{16}", r"[A-Z0-9]{20}\Z"),
    _behind(
        "secret.key",
        "aws secret key",
        "aws_secret_access_key secretaccesskey aws_secret_key",
        r"[0-9a-z/+]{40}",
        0.95,
    ),
    _key("google api key", "aiza", rf"aiza{_B64URL}{{35}}", "AIza"),
    _key("google oauth secret", "gocspx-", rf"gocspx-{_B64URL}{{28}}"),
    _token("google oauth token", "ya29.", rf"ya29\.{_B64URL}{{30,300}}"),
    _behind(
        "secret.key", "azure key", "accountkey sharedaccesskey", r"[0-9a-z+/]{40,86}={0,2}", 0.95
    ),
    _behind("secret.token", "azure signature", "&sig ?sig", r"[0-9a-z%+/]{40,60}(?:=|%3d)", 0.9),
    _token("github token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[0-9a-z]{36,255}"),
    _token("github token", "github_pat_", r"github_pat_[0-9a-z_]{60,255}"),
    _token("gitlab token", "glpat- gldt- glrt- glptt-", r"gl(?:pat|dt|rt|ptt)-[0-9a-z_.-]{20,60}"),
    _token(
        "slack token",
        "xoxb- xoxp- xoxa- xoxr- xoxs- xapp-",
        r"(?:xox[bpars]|xapp)-[0-9a-z-]{10,250}",
    ),
    _token(
        "slack webhook",
        "hooks.slack.com/services/",
        r"hooks\.slack\.com/services/t[0-9a-z]{6,12}/b[0-9a-z]{6,12}/[0-9a-z]{20,30}",
    ),
    _token("npm token", "npm_", r"npm_[0-9a-z]{36}"),
    _token("pypi token", "pypi-ageic", rf"pypi-ageic{_B64URL}{{50,250}}"),
    _key("sendgrid key", "sg.", rf"sg\.{_B64URL}{{22}}\.{_B64URL}{{43}}", r"SG\."),
    _key(
        "stripe key",
        "sk_live_ rk_live_ sk_test_ rk_test_ whsec_",
        r"(?:[sr]k_(?:live|test)|whsec)_[0-9a-z]{20,120}",
    ),
    _key("anthropic key", "sk-ant-", rf"sk-ant-{_B64URL}{{20,160}}"),
    _key(
        "openai key",
        "sk-proj- sk-svcacct- sk-admin- sk-or-v1-",
        rf"sk-(?:proj|svcacct|admin|or-v1)-{_B64URL}{{20,200}}",
    ),
    _token("hugging face token", "hf_", r"hf_[0-9a-z]{30,40}", "hf_"),
    _token("replicate token", "r8_", r"r8_[0-9a-z]{37,40}", "r8_"),
    _key("groq key", "gsk_", r"gsk_[0-9a-z]{40,60}"),
    Shape(
        "json web token",
        "secret.token",
        ("eyj",),
        re.compile(
            rf"(?P<v>eyj{_B64URL}{{10,1000}}\.eyj{_B64URL}{{10,4000}}\.{_B64URL}{{20,1000}}){_END}"
        ),
        0.97,
        check=jwt_header,
    ),
    _behind(
        "secret.token",
        "authorization header",
        "authorization",
        r"[0-9a-z_.~+/-]{12,2000}={0,2}",
        0.95,
        _SCHEME,
    ),
    _behind(
        "secret.token", "bearer token", "bearer", r"[0-9a-z_.~+/-]{24,2000}={0,2}", 0.8, r"\s{1,3}"
    ),
)

_CHINA: tuple[Shape, ...] = (
    # DashScope, DeepSeek, Moonshot, and the first OpenAI keys
    _key("model service key", "sk-", r"sk-[0-9a-z]{32,64}", "sk-", 0.95),
    _key("aliyun access key id", "ltai", r"ltai[0-9a-z]{12,26}", "LTAI"),
    _key("tencent secret id", "akid", r"akid[0-9a-z]{32}", "AKID"),
    _key("volcengine access key", "aklt", r"aklt[0-9a-z]{30,60}", "AKLT"),
    _key("jd cloud access key", "jdc_", r"jdc_[0-9a-z]{28}", "JDC_"),
    _behind(
        "secret.key",
        "aliyun access key secret",
        "accesskeysecret access_key_secret accesskey_secret access-key-secret",
        r"[0-9a-z]{30}",
        0.95,
    ),
    # Huawei, Baidu, Qiniu, Tencent and others: 20 to 64 characters without a mark of their own
    _behind(
        "secret.key",
        "cloud secret key",
        "secretkey secret_key secret-key secret_access_key secretid secret_id sk ak accesskey"
        " access_key",
        r"[0-9a-z/+_-]{20,64}={0,2}",
        0.85,
    ),
    _behind(
        "secret.key",
        "app secret",
        "appsecret app_secret app-secret client_secret clientsecret corpsecret encodingaeskey"
        " apiv3key 应用密钥 应用秘钥",
        r"[0-9a-z_-]{16,64}",
        0.9,
    ),
    _behind(
        "secret.key",
        "api key",
        "apikey api_key api-key api密钥 api秘钥 app_key appkey 密钥 秘钥",
        r"[0-9a-z][0-9a-z_.-]{19,100}",
        0.85,
    ),
    _behind(
        "secret.token",
        "access token",
        "access_token accesstoken access-token refresh_token auth_token authtoken token"
        " session_token sessdata 令牌",
        r"[0-9a-z][0-9a-z_.~+/-]{23,400}={0,2}",
        0.85,
    ),
    _behind(
        "secret.token",
        "dingtalk robot",
        "oapi.dingtalk.com/robot/send?access_token",
        r"[0-9a-f]{64}",
        0.97,
        "=",
    ),
    _key("dingtalk signing secret", "sec", r"sec[0-9a-f]{64}", "SEC"),
    _behind(
        "secret.token",
        "feishu robot",
        "open.feishu.cn/open-apis/bot/v2/hook open.larksuite.com/open-apis/bot/v2/hook",
        _UUID,
        0.97,
        "/",
    ),
    _behind(
        "secret.token",
        "wecom robot",
        "qyapi.weixin.qq.com/cgi-bin/webhook/send?key",
        _UUID,
        0.97,
        "=",
    ),
)

SHAPES: tuple[Shape, ...] = (*_BLOCKS, *_WORLD, *_CHINA)
