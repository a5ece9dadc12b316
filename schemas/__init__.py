"""The lake's tables, one module a source, and the site's settings."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points

from iolake.schemas.table import Table


@cache
def tables() -> dict[str, Table]:
    """Every declared table by name: those of this package's modules, and of modules under `iolake.schemas`.

    ValueError where two modules declare a table of the same name.
    """
    modules = [importlib.import_module(f"iolake.schemas.{m.name}") for m in pkgutil.iter_modules(__path__)]
    modules += [point.load() for point in entry_points(group="iolake.schemas")]
    found: dict[str, Table] = {}
    for module in modules:
        for value in vars(module).values():
            for table in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(table, Table) and found.setdefault(table.name, table) is not table:
                    raise ValueError(f"two tables are declared as {table.name}")
    return dict(sorted(found.items()))
