"""Pages, and pictures as functions that return Altair charts: `reports.bandwidth(lake, ...)`.

Their names are imported on first use, so that what needs no picture loads no library for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iolake.reports.pictures import bandwidth, bytes_by_day, fullness, job_timeline, metadata, target_heat

__all__ = ["bandwidth", "bytes_by_day", "fullness", "job_timeline", "metadata", "target_heat"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'iolake.reports' has no attribute {name!r}")
    return getattr(importlib.import_module("iolake.reports.pictures"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
