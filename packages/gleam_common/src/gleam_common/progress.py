"""One look for every progress bar: ten times a second for a person, a line every ten seconds in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

__all__ = ["progress"]


def progress(items: Iterable[Any] | None = None, **options: Any) -> tqdm[Any]:
    """Return a bar on stderr over ``items`` (or one to ``update``); ``options`` are tqdm's."""
    pace = {"mininterval": 0.1} if sys.stderr.isatty() else {"mininterval": 10.0, "maxinterval": 30.0}
    return tqdm(items, **{**pace, "dynamic_ncols": True, **options})
