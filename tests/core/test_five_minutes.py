"""The five-minute path of the README, run as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples/rules_in_five_minutes.sh"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_import_test_replay_roll_out_undo(tmp_path: Path) -> None:
    done = subprocess.run(
        [SCRIPT, "five"],
        cwd=tmp_path,
        env={**os.environ, "GUARD": f"{sys.executable} -m guard", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    steps = re.split(r"^== (\d)\. .*$", done.stdout, flags=re.MULTILINE)
    told = dict(zip(steps[1::2], steps[2::2], strict=True))
    assert "2 entries" in told["1"]
    assert "0 failed" in told["2"]
    assert "3 rows, 2 changed" in told["3"]
    assert "version 1" in told["4"]
    assert "BLOCK" in told["4"]
    assert "version 0" in told["5"]
    assert "PASS" in told["5"]
