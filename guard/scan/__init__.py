"""Cleaning data sets: stage 2 run over files, with a ledger, a report and a balance."""

from __future__ import annotations

from guard.scan.run import Setting, StrictError, scan

__all__ = ["Setting", "StrictError", "scan"]
