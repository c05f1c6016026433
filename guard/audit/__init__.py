"""The audit log as evidence: an RFC 6962 Merkle tree in SQLite, signed C2SP checkpoints.

>>> from guard.audit import open_log
>>> with open_log("audit/") as log:  # doctest: +SKIP
...     index = log.append(Record(kind="note", body={"text": "..."}))
...     proof = log.prove(index)

Verifying needs only the folder: :func:`verify`. What the log proves, and what no log can prove,
is in docs/audit-log.md.
"""

from __future__ import annotations

from guard.audit.check import Problem, Report, verify
from guard.audit.log import AuditLog, open_log

__all__ = ["AuditLog", "Problem", "Report", "open_log", "verify"]
