"""The I/O telemetry of an HPC centre in one Parquet lake.

`Lake` reads a lake. `Table`, `Column`, `Extractor`, `Input`, `Batch`, `Reject` and `InputError` add a source to it;
`Site` is a site.toml. Every error that iolake raises on purpose is an `IolakeError`.
Names are imported on first use, so that `import iolake` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject
    from iolake.schemas.errors import IolakeError
    from iolake.schemas.site import Site
    from iolake.schemas.table import Column, Table
    from iolake.warehouse.lake import Lake

__all__ = [
    "Batch",
    "Column",
    "Extractor",
    "Input",
    "InputError",
    "IolakeError",
    "Lake",
    "Reject",
    "Site",
    "Table",
    "__version__",
]

_HOMES = {
    "Batch": "extractors.base",
    "Column": "schemas.table",
    "Extractor": "extractors.base",
    "Input": "extractors.base",
    "InputError": "extractors.base",
    "IolakeError": "schemas.errors",
    "Lake": "warehouse.lake",
    "Reject": "extractors.base",
    "Site": "schemas.site",
    "Table": "schemas.table",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("iolake")
    if name not in _HOMES:
        raise AttributeError(f"module 'iolake' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"iolake.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
