"""aigc-guard: a compliance and content-safety pipeline for generative-AI services.

>>> from guard import Guard
>>> g = Guard.load()
>>> g.check("今天天气怎么样？", role="prompt").action.name
'PASS'

The five stages are in ``guard/stages``: prompt filter, data cleaner, output classifier, label
writer, audit log. Names are loaded on first use, so that ``import guard`` stays light.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# In a bare checkout policies/, detectors/ and watermark/ stand beside this folder; in an
# installation they are inside it. See docs/decisions/0001-packaging.md.
_root = Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "detectors" / "__init__.py").is_file():
    __path__.append(str(_root))

if TYPE_CHECKING:
    from guard.errors import GuardError
    from guard.model import Action, Content, Decision, Finding, Label, Matcher, Record, Rule
    from guard.pipeline import Guard
    from guard.policies.policy import Policy

_EXPORTS = {
    "Action": "guard.model",
    "Content": "guard.model",
    "Decision": "guard.model",
    "Finding": "guard.model",
    "Guard": "guard.pipeline",
    "GuardError": "guard.errors",
    "Label": "guard.model",
    "Matcher": "guard.model",
    "Policy": "guard.policies.policy",
    "Record": "guard.model",
    "Rule": "guard.model",
}

__all__ = [
    "Action",
    "Content",
    "Decision",
    "Finding",
    "Guard",
    "GuardError",
    "Label",
    "Matcher",
    "Policy",
    "Record",
    "Rule",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'guard' has no attribute {name!r}")
    value = getattr(importlib.import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
