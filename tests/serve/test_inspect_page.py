"""The page on which anybody sees the marks of a file: by HTTP, and in Chromium."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from guard.label import inspect_file, label_file
from guard.model import Label
from guard.serve.inspect_page import InspectPage
from guard.watermark.localca import create

Serve = Callable[[Any], str]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    Image.effect_mandelbrot((200, 150), (-2, -1.5, 1, 1.5), 40).save(tmp_path / "plain.png")
    create(tmp_path / "ca")
    label_file(
        tmp_path / "plain.png",
        tmp_path / "labelled.png",
        Label("maker", "number-1"),
        visible=False,
        c2pa=tmp_path / "ca",
    )
    return tmp_path / "labelled.png"


def post(address: str, path: Path, **query: str) -> httpx.Response:
    return httpx.post(
        f"{address}/inspect", params={"name": path.name, **query}, content=path.read_bytes()
    )


def test_the_answer_is_that_of_the_command(serve: Serve, labelled: Path, tmp_path: Path) -> None:
    trust = tmp_path / "ca" / "root.pem"
    got = post(serve(InspectPage(trust)), labelled).json()
    assert got["c2pa"]["state"] == "Trusted"
    words = [sys.executable, "-m", "guard", "inspect", str(labelled), "--json"]
    shown = subprocess.run(
        [*words, "--c2pa-trust", str(trust)], capture_output=True, check=True, timeout=60
    )
    assert got == json.loads(shown.stdout) | {"file": "labelled.png"}


def test_an_upload_leaves_nothing_behind(
    serve: Serve, labelled: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    address = serve(InspectPage())
    assert post(address, labelled).status_code == 200
    assert post(address, labelled, name="../../etc/passwd.png").json()["file"] == "passwd.png"
    assert list((tmp_path / "temporary").iterdir()) == []


def test_what_is_too_long_is_refused_before_it_fills_the_disk(serve: Serve, tmp_path: Path) -> None:
    address = serve(InspectPage(most_bytes=1000))
    (tmp_path / "long.png").write_bytes(bytes(1001))
    refused = post(address, tmp_path / "long.png")
    assert (refused.status_code, "larger than" in refused.json()["error"]) == (413, True)

    def pieces() -> Any:
        yield from (bytes(300) for _ in range(5))  # no length is announced

    assert httpx.post(f"{address}/inspect", content=pieces()).status_code == 413


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"RIFF", b"%PDF-1.7", b"\0" * 5000])
def test_damaged_and_unknown_files_get_an_answer(serve: Serve, content: bytes) -> None:
    got = httpx.post(f"{serve(InspectPage())}/inspect?name=x.png", content=content)
    assert got.status_code == 200
    assert got.json()["standard"]["status"] in ("inconclusive", "not_found")


def test_other_addresses_and_methods(serve: Serve) -> None:
    address = serve(InspectPage())
    assert httpx.get(f"{address}/inspect").status_code == 405
    assert httpx.get(f"{address}/secret").status_code == 404
    assert httpx.get(f"{address}/healthz").text == "ok"
    page = httpx.get(address)
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_a_caller_who_hangs_up_does_not_stop_the_others(serve: Serve, labelled: Path) -> None:
    address = serve(InspectPage())
    for _ in range(8):
        caller = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
        caller.putrequest("POST", "/inspect?name=x.png")
        caller.putheader("Content-Length", "100000")
        caller.endheaders(b"half of it")
        caller.close()
    assert post(address, labelled).json()["verdict"] == "confirmed"


def test_a_taken_address_is_one_line(serve: Serve) -> None:
    port = serve(InspectPage()).rpartition(":")[2]
    words = [sys.executable, "-m", "guard", "inspect", "--serve", "--port", port]
    done = subprocess.run(words, capture_output=True, timeout=60, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert port in done.stderr


def dropped(page: Any, path: Path) -> None:
    """Drop a file on the page, as a person does."""
    data = base64.b64encode(path.read_bytes()).decode()
    transfer = page.evaluate_handle(
        """([data, name]) => {
          const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], name));
          return transfer;
        }""",
        [data, path.name],
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})


def test_a_person_drops_a_file_and_sees_its_marks(
    serve: Serve, browser: Any, labelled: Path, tmp_path: Path
) -> None:
    page = browser.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(serve(InspectPage(tmp_path / "ca" / "root.pem")))
    dropped(page, labelled)
    card = page.locator("article").first
    card.locator(".verdict").wait_for()
    shown = card.inner_text()
    for words in ("确认", "maker", "number-1", "签名可信", "符合 GB 45438-2025"):
        assert words in shown
    evil = tmp_path / "<img src=x onerror=alert(1)>.png"
    evil.write_bytes((tmp_path / "plain.png").read_bytes())
    page.set_input_files("#file", str(evil))
    page.locator("article:nth-child(2)").wait_for()
    page.locator("article").first.locator(".verdict").wait_for()
    assert "未见标识" in page.locator("article").first.inner_text()
    assert page.locator("article img").count() == 0, "a file's name is text, not markup"
    assert faults == []
    page.close()


def test_a_folder_is_read_with_all_in_it(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from guard.cli import main

    deep = tmp_path / "data" / "deeper"
    deep.mkdir(parents=True)
    (deep / "a.png").write_bytes(labelled.read_bytes())
    (tmp_path / "data" / "b.png").write_bytes((tmp_path / "plain.png").read_bytes())
    (tmp_path / "data" / ".hidden.png").write_bytes(b"")
    (tmp_path / "data" / "link.png").symlink_to(labelled)
    assert main(["inspect", str(tmp_path / "data"), "--json"]) == 0
    seen = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(item["file"]).name for item in seen] == ["b.png", "a.png"]
    assert main(["inspect", str(tmp_path / "data"), "--gate"]) == 1
    capsys.readouterr()
    for number in range(60):
        (deep / f"{number}.png").write_bytes(labelled.read_bytes())
    (deep / "cut.png").write_bytes(labelled.read_bytes()[:-40])
    assert main(["inspect", str(tmp_path / "data")]) == 0
    table = capsys.readouterr().out
    assert "63 files" in table
    assert "cut.png" in table
    assert "59.png" not in table
    assert inspect_file(deep / "cut.png").standard.status == "inconclusive"
