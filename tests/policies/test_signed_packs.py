"""Signed packs: with trusted keys nothing else is loaded, and every changed byte is noticed."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from guard import Action, Guard
from guard.cli import main
from guard.config import Config
from guard.errors import InputError, PolicyError
from guard.policies.load import load_policy
from guard.policies.signing import SIGNATURE, pack_digest, pack_files, sign_pack

MakePack = Callable[..., Path]


def key_file(path: Path, kind: type = Ed25519PrivateKey) -> Path:
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(kind.generate().private_bytes(*form))
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return key_file(tmp_path / "key.pem")


def test_a_signed_pack_is_taken_and_an_unsigned_is_not(make_pack: MakePack, key: Path) -> None:
    pack = make_pack()
    public = sign_pack(pack, key)
    assert load_policy(f"cn-label-2025,{pack}", (public,)).rules
    (pack / SIGNATURE).unlink()
    with pytest.raises(PolicyError, match="not signed"):
        load_policy(f"cn-label-2025,{pack}", (public,))
    assert load_policy(str(pack)), "without trusted keys nobody asks"


def test_the_library_s_own_packs_need_no_signature(key: Path, make_pack: MakePack) -> None:
    assert load_policy("cn", (sign_pack(make_pack(), key),))


def test_another_key_is_not_trusted(make_pack: MakePack, key: Path, tmp_path: Path) -> None:
    pack = make_pack()
    trusted = sign_pack(pack, key)
    sign_pack(pack, key_file(tmp_path / "other.pem"))
    with pytest.raises(PolicyError, match="not trusted"):
        load_policy(str(pack), (trusted,))


def test_every_changed_byte_and_name_breaks_the_signature(make_pack: MakePack, key: Path) -> None:
    pack = make_pack()
    (pack / "words.tsv").write_text("甲乙丙\n", encoding="utf-8")
    public = sign_pack(pack, key)

    def refused() -> None:
        with pytest.raises(PolicyError, match="changed since"):
            load_policy(str(pack), (public,))

    for path in pack_files(pack):
        data = path.read_bytes()
        for at in range(0, len(data), 7):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            refused()
        path.write_bytes(data)
    (pack / "words.tsv").rename(pack / "others.tsv")
    refused()
    (pack / "others.tsv").rename(pack / "words.tsv")
    (pack / "more.yaml").write_text("rules: []\n", encoding="utf-8")
    refused()
    (pack / "more.yaml").unlink()
    assert load_policy(str(pack), (public,))


@pytest.mark.parametrize("text", ["", "x", "a b", "a b c", "\xff", "{key} AAAA", "{key} ????"])
def test_a_broken_signature_is_refused(make_pack: MakePack, key: Path, text: str) -> None:
    pack = make_pack()
    public = sign_pack(pack, key)
    (pack / SIGNATURE).write_text(text.format(key=public), encoding="utf-8")
    with pytest.raises(PolicyError, match=SIGNATURE):
        load_policy(str(pack), (public,))


def test_a_signature_moved_to_another_pack_is_refused(
    make_pack: MakePack, key: Path, tmp_path: Path
) -> None:
    pack = make_pack()
    public = sign_pack(pack, key)
    other = tmp_path / "other" / "shop"
    shutil.copytree(pack, other)
    rules = (other / "rules.yaml").read_text(encoding="utf-8")
    (other / "rules.yaml").write_text(rules.replace("佐布石", "紫水晶"), encoding="utf-8")
    with pytest.raises(PolicyError, match="changed since"):
        load_policy(str(other), (public,))


def test_a_guard_asks_for_signatures_at_start_and_on_reload(make_pack: MakePack, key: Path) -> None:
    pack = make_pack()
    config = Config(policy=str(pack), trusted_keys=(sign_pack(pack, key),))
    guard = Guard.load(config=config)
    rules = (pack / "rules.yaml").read_text(encoding="utf-8")
    (pack / "rules.yaml").write_text(rules.replace("佐布石", "紫水晶"), encoding="utf-8")
    with pytest.raises(PolicyError, match="changed since"):
        guard.reload()
    assert guard.check("哪里卖佐布石").action is Action.BLOCK
    sign_pack(pack, key)
    assert guard.reload().swapped
    with pytest.raises(InputError, match="trusted key"):
        Guard.load(config=Config(policy=str(pack), trusted_keys=("short",)))


def test_the_configuration_names_trusted_keys(
    make_pack: MakePack, tmp_path: Path, capsys: pytest.CaptureFixture[str], key: Path
) -> None:
    pack = make_pack()
    assert main(["policy", "sign", str(pack), "--key", str(key), "--json"]) == 0
    public = json.loads(capsys.readouterr().out)["key"]
    file = tmp_path / "guard.toml"
    file.write_text(f'policy = "{pack}"\ntrusted_keys = ["{public}"]\n', encoding="utf-8")
    assert main(["check", "你好", "--config", str(file)]) == 0
    (pack / SIGNATURE).unlink()
    assert main(["check", "你好", "--config", str(file)]) == 2
    assert "not signed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["replay", "ROWS", "--policy", "PACK", "--against", "gb45438"],
        ["replay", "ROWS", "--policy", "gb45438", "--against", "PACK"],
        ["replay", "LOG", "--texts", "ROWS", "--policy", "PACK"],
        ["diff", "gb45438", "PACK"],
        ["diff", "PACK", "gb45438"],
        *([verb, "--policy", "PACK"] for verb in ("list", "lint", "test", "coverage")),
        ["show", "shop.zorb", "--policy", "PACK"],
        ["list"],
    ],
    ids=" ".join,
)
def test_every_verb_asks_for_signatures(
    make_pack: MakePack, tmp_path: Path, capsys: pytest.CaptureFixture[str], key: Path,
    command: list[str],
) -> None:  # fmt: skip
    pack, rows, log = make_pack(), tmp_path / "rows.jsonl", tmp_path / "log"
    rows.write_text('{"text": "佐布石"}\n', encoding="utf-8")
    Guard.load("gb45438", audit=log).close()
    config = tmp_path / "guard.toml"
    config.write_text(
        f'policy = "{pack}"\ntrusted_keys = ["{sign_pack(pack, key)}"]\n', encoding="utf-8"
    )
    paths = {"PACK": str(pack), "ROWS": str(rows), "LOG": str(log)}
    words = ["policy", *(paths.get(word, word) for word in command), "--config", str(config)]
    assert main(words) == 0
    (pack / "more.yaml").write_text("rules: []\n", encoding="utf-8")
    capsys.readouterr()
    assert main(words) == 2
    assert "changed since" in capsys.readouterr().err


def test_a_key_that_is_not_trusted_signs_nothing(
    make_pack: MakePack, tmp_path: Path, capsys: pytest.CaptureFixture[str], key: Path
) -> None:
    pack, config = make_pack(), tmp_path / "guard.toml"
    other = sign_pack(pack, key_file(tmp_path / "other.pem"))
    (pack / SIGNATURE).unlink()
    config.write_text(f'trusted_keys = ["{other}"]\n', encoding="utf-8")
    assert main(["policy", "sign", str(pack), "--key", str(key), "--config", str(config)]) == 2
    assert "not among trusted_keys" in capsys.readouterr().err
    assert not (pack / SIGNATURE).exists()


def test_wrong_keys_and_folders_are_named(make_pack: MakePack, tmp_path: Path, key: Path) -> None:
    pack = make_pack()
    other = key_file(tmp_path / "x25519.pem", X25519PrivateKey)
    none, text = tmp_path / "none.pem", tmp_path / "text.pem"
    text.write_text("no key", encoding="utf-8")
    for folder, path in [(pack, none), (pack, text), (pack, other), (tmp_path, key)]:
        with pytest.raises(InputError) as caught:
            sign_pack(folder, path)
        assert caught.value.remedy
    assert not (pack / SIGNATURE).exists()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_made_the_key_and_agrees_with_the_signature(
    make_pack: MakePack, tmp_path: Path
) -> None:
    key, pack = tmp_path / "k.pem", make_pack()
    run = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(key)]
    subprocess.run(run, check=True, capture_output=True, timeout=60)
    sign_pack(pack, key)
    signature = (pack / SIGNATURE).read_text(encoding="ascii").split()[1]
    (tmp_path / "sig").write_bytes(base64.b64decode(signature))
    (tmp_path / "data").write_bytes(b"aigc-guard rule pack v1\n" + pack_digest(pack))
    files = ["-inkey", key, "-rawin", "-in", tmp_path / "data", "-sigfile", tmp_path / "sig"]
    check = ["openssl", "pkeyutl", "-verify", *map(str, files)]
    subprocess.run(check, check=True, capture_output=True, timeout=60)
