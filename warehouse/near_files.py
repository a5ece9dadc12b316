"""The data files of adjacent days, which may have rows of one key: each month's are looked up once an edit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iolake.warehouse.catalog import Catalog
    from iolake.warehouse.records import DataFile

_Month = tuple[str, str, date]
"""Table, owner, first day."""
_DAY = timedelta(days=1)


class NearFiles:
    """The files of a catalog by month, as far as they were asked for. An edit tells what it adds and removes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._months: dict[_Month, dict[str, DataFile]] = {}

    def of(self, file: DataFile) -> list[DataFile]:
        """The files of the same table and owner, of the same day and those beside it, by path."""
        days = (file.date - _DAY, file.date, file.date + _DAY)
        months = {(file.table_name, file.owner, day.replace(day=1)) for day in days}
        there = (f for month in months for f in self._month(month).values())
        return sorted((f for f in there if f.date in days), key=lambda f: f.path)

    def add(self, files: Iterable[DataFile]) -> None:
        """Note files that the catalog gained."""
        for file in files:
            if (month := _month_of(file)) in self._months:
                self._months[month][file.path] = file

    def remove(self, files: Iterable[DataFile]) -> None:
        """Note files that the catalog lost."""
        for file in files:
            self._months.get(_month_of(file), {}).pop(file.path, None)

    def _month(self, month: _Month) -> dict[str, DataFile]:
        if month not in self._months:
            found = self._catalog.files("f.table_name = ? AND owner = ? AND date_trunc('month', date) = ?", month)
            self._months[month] = {f.path: f for f in found}
        return self._months[month]


def _month_of(file: DataFile) -> _Month:
    return file.table_name, file.owner, file.date.replace(day=1)
