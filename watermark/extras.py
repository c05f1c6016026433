"""Parts that need an optional extra, imported when they are first used."""

from __future__ import annotations

import importlib
from typing import Any

from guard.errors import InputError


def image_mark() -> Any:
    """The module :mod:`guard.watermark.image_mark`.

    Raises:
        InputError: numpy or Pillow is not installed.
    """
    try:
        return importlib.import_module("guard.watermark.image_mark")
    except ModuleNotFoundError as error:
        raise InputError(
            f"the invisible mark needs {error.name}", "pip install 'aigc-guard[image]'"
        ) from None
