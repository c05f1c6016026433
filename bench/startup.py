"""What it costs to start: import and load, CPU time, wall time and resident memory, beside peers.

Prints a table and writes ``out/startup.json``. Every figure is from a fresh process, best of three
(the second and third find the files in the page cache: a warm start). Limits are held against CPU
time, since other work on the machine lengthens the wall time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
OURS = ".venv"
#: (name, environment, code, limit in seconds or None, limit in MB or None)
CASES: tuple[tuple[str, str, str, float | None, float | None], ...] = (
    ("python alone", OURS, "", None, None),
    ("import guard", OURS, "import guard", 0.3, 60),
    ("from guard import Guard, Action", OURS, "from guard import Guard, Action", 0.3, 60),
    ("Guard.load() and one check", OURS, "from guard import Guard; Guard.load().check('今天天气怎么样')", 1.0, 150),
    ("Guard.load with 60,000 own words and one check", OURS, "from guard import Guard; Guard.load(policy='cn,PACK').check('今天天气怎么样')", None, 150),
    ("import presidio_analyzer", ".venv-presidio", "import presidio_analyzer", None, None),
    ("presidio pattern recognisers loaded", ".venv-presidio", "from presidio_analyzer import RecognizerRegistry as R; R().load_predefined_recognizers()", None, None),
    ("import llm_guard", ".venv-llmguard", "import llm_guard", None, None),
    ("llm-guard BanSubstrings made", ".venv-llmguard", "from llm_guard.input_scanners import BanSubstrings as B; B(['x'])", None, None),
)  # fmt: skip
#: Measured inside the child: from its first line to the end of the case, imports included.
CHILD = """
import time; wall, cpu = time.perf_counter(), time.process_time()
{code}
import sys; wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
kb = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))
sys.stdout.write("\\n%f %f %f" % (wall, cpu, kb / 1024))
"""
#: The 60,000 words alone: what their pack adds to a load (parsing, folding, automaton).
PACK_LIMIT = 1.0


def measure(python: Path, code: str) -> tuple[float, float, float] | None:
    """(wall seconds, CPU seconds, resident MB) of the best of three runs; None if it cannot run."""
    best: tuple[float, float, float] | None = None
    for _ in range(3):
        done = subprocess.run(
            [str(python), "-c", CHILD.format(code=code)],
            cwd=HERE,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        if done.returncode:
            return None
        wall, cpu, mb = map(float, done.stdout.splitlines()[-1].split())
        best = (wall, cpu, mb) if best is None else min(best, (wall, cpu, mb))
    return best


def _row(
    name: str, venv: str, code: str, seconds: float | None, mb: float | None
) -> dict[str, Any]:
    python = HERE / venv / "bin/python"
    measured = measure(python, code) if python.is_file() else None
    if measured is None:
        return {"name": name, "missing": "not installed"}
    wall, cpu, resident = measured
    met = (seconds is None or cpu <= seconds) and (mb is None or resident <= mb)
    return {"name": name, "wall_s": round(wall, 3), "cpu_s": round(cpu, 3), "rss_mb": round(resident, 1),
            "limit_s": seconds, "limit_mb": mb, "met": met if seconds or mb else None}  # fmt: skip


def _pack(folder: str) -> str:
    """The 60,000-word pack, made by our own environment."""
    code = f"import json, ours; from pathlib import Path; print(ours.pack(Path({folder!r}), json.load(open('out/input.json'))['words']))"
    done = subprocess.run(
        [str(HERE / OURS / "bin/python"), "-c", code],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def main() -> int:
    """Measure every case, print, write."""
    with tempfile.TemporaryDirectory() as folder:
        pack = _pack(folder)
        rows = [
            _row(name, venv, code.replace("PACK", pack), s, mb) for name, venv, code, s, mb in CASES
        ]
    at = {row["name"]: row for row in rows}
    with_words, without = at[CASES[4][0]], at[CASES[3][0]]
    if "missing" not in with_words and "missing" not in without:
        added = round(with_words["cpu_s"] - without["cpu_s"], 3)
        rows.insert(5, {"name": "of that, the 60,000 words", "wall_s": added, "cpu_s": added,
                        "rss_mb": round(with_words["rss_mb"] - without["rss_mb"], 1),
                        "limit_s": PACK_LIMIT, "limit_mb": None, "met": added <= PACK_LIMIT})  # fmt: skip
    print(f"{'fresh process':<48} {'wall s':>8} {'CPU s':>8} {'MB':>8}")
    for row in rows:
        if "missing" in row:
            print(f"{row['name']:<48} {row['missing']}")
        else:
            verdict = {True: "met", False: "MISSED", None: ""}[row["met"]]
            print(
                f"{row['name']:<48} {row['wall_s']:>8.3f} {row['cpu_s']:>8.3f} {row['rss_mb']:>8.1f}  {verdict}"
            )
    (HERE / "out" / "startup.json").write_text(
        json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
