"""Logs to work on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.audit import AuditLog, open_log
from guard.model import Record


def fill(log: AuditLog, start: int, end: int) -> None:
    records = [Record("note", {"number": i}, subject=f"user-{i % 3}") for i in range(start, end)]
    log.append_many(records)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    with open_log(tmp_path / "audit") as opened:
        yield opened


@pytest.fixture(scope="session")
def small_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed log of 300 records with three checkpoints. Copy it before changing it."""
    folder = tmp_path_factory.mktemp("small") / "audit"
    with open_log(folder, origin="test.example/log") as made:
        fill(made, 0, 40)
        made.checkpoint()
        fill(made, 40, 300)
    return folder
