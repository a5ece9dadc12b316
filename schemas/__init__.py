"""The lake's tables, one module for each source, and the site's settings."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from iolake.schemas.errors import PermanentError

if TYPE_CHECKING:  # a command that asks one question need not load pyarrow, which the declarations rest on
    from iolake.schemas.table import Table


class DeclaredTwice(PermanentError, ValueError):
    """Two modules or extractors declare different tables of one name."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(f"two tables are declared as {table}; rename one of them")


@cache
def tables() -> dict[str, Table]:
    """Every declared table by name.

    Tables of this package's modules, of the plug-in extractors under the entry-point group `iolake.extractors`, and of
    the modules under `iolake.schemas`. Raises DeclaredTwice.
    """
    found: dict[str, Table] = {}
    for table in _declared():
        if found.setdefault(table.name, table) is not table:
            raise DeclaredTwice(table.name)
    return dict(sorted(found.items()))


def _declared() -> Iterator[Table]:
    modules = [importlib.import_module(f"iolake.schemas.{m.name}") for m in pkgutil.iter_modules(__path__)]
    modules += [point.load() for point in entry_points(group="iolake.schemas")]
    for module in modules:
        for value in vars(module).values():
            yield from _tables_in(value)
    for point in entry_points(group="iolake.extractors"):
        if not point.value.startswith("iolake."):
            yield from _tables_in(getattr(point.load(), "tables", ()))


def _tables_in(value: Any) -> Iterator[Table]:
    from iolake.schemas.table import Table

    for item in value if isinstance(value, (list, tuple)) else (value,):
        if isinstance(item, Table):
            yield item
