"""Checks every batch against its table's declaration before it enters the lake.

What passes has exactly the declared columns in their declared types, no null where none may be, rows in the
table's sort order, and no two rows of one key.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from iolake.schemas.errors import PermanentError
from iolake.schemas.table import HOUR_US, Hour, Table

_CHECKED_ROWS = 65_536


class GateError(PermanentError):
    """Rows that don't fit their table's declaration: which table, which column, what is wrong."""

    def __init__(self, table: str, problem: str, columns: tuple[str, ...] = ()) -> None:
        self.table, self.problem, self.columns = table, problem, columns
        super().__init__(f"{table}: {problem}" + (f" ({', '.join(columns)})" if columns else ""))


def conform(table: Table, data: pa.Table, schema: pa.Schema) -> pa.Table:
    """`data` with exactly the columns of `schema`, in its order; GateError names what doesn't fit.

    A dictionary of strings passes for a string: it is the same values, already encoded.
    """
    names = data.schema.names
    if missing := tuple(n for n in schema.names if n not in names):
        raise GateError(table.name, "missing column", missing)
    if unknown := tuple(n for n in names if schema.get_field_index(n) < 0):
        raise GateError(table.name, "unknown column", unknown)
    data = pa.table({name: _without_null_entry(data[name]) for name in schema.names})
    for field, column in zip(schema, data.columns, strict=True):
        if column.type != field.type and not _is_dictionary_of(column.type, field.type):
            raise GateError(table.name, f"wrong type {column.type} instead of {field.type}", (field.name,))
        if not field.nullable and column.null_count:
            raise GateError(table.name, f"null in {column.null_count} of {len(column)} rows", (field.name,))
    return data


def in_sort_order(table: Table, data: pa.Table, presorted: bool = False, one_load: bool = True) -> pa.Table:
    """The rows in the table's sort order, keys last; GateError where two rows of one load have one key.

    It checks `presorted` rows, and sorts them only if they are not in order.
    """
    if presorted and _ascends(table, data, one_load):
        return data
    columns = _sort_columns(table, data)
    data = data.take(pa.array(np.lexsort(tuple(reversed(columns)))))
    _ascends(table, data, one_load)
    return data


def _ascends(table: Table, data: pa.Table, one_load: bool) -> bool:
    """Whether no row should stand before the row above it. GateError for equal keys in the rows of one load."""
    data = _ranked(table, data)
    # In pieces that the processor's cache holds, each with the last row of the piece before.
    for start in range(0, data.num_rows - 1, _CHECKED_ROWS):
        piece = data.slice(start, _CHECKED_ROWS + 1)
        equal = np.ones(piece.num_rows - 1, dtype=bool)
        for column in _sort_columns(table, piece):
            above, below = column[:-1], column[1:]
            if (equal & (below < above)).any():  # type: ignore[operator]
                return False
            equal &= below == above
            if not equal.any():
                break
        if one_load and equal.any():
            row = start + int(np.flatnonzero(equal)[0])
            keys = [c.name for c in table.keys if c.name in data.schema.names]
            values = ", ".join(f"{k}={data[k][row].as_py()}" for k in keys)
            raise GateError(table.name, f"duplicate keys, the first: {values}", tuple(keys))
    return True


def _ranked(table: Table, data: pa.Table) -> pa.Table:
    """The table with the codes of a dictionary in place of its strings where they are in the strings' order."""
    for name in {k.name for k in table.keys} & set(data.schema.names):
        column = data[name]
        if not pa.types.is_dictionary(column.type) or column.null_count or not len(column):
            continue
        strings = column.chunk(0).dictionary.to_pylist()
        alike = all(chunk.dictionary.equals(column.chunk(0).dictionary) for chunk in column.chunks[1:])
        if alike and all(a < b for a, b in pairwise(strings)):
            codes = pa.chunked_array([chunk.indices for chunk in column.chunks])
            data = data.set_column(data.schema.get_field_index(name), name, codes)
    return data


def _sort_columns(table: Table, data: pa.Table) -> list[npt.NDArray[np.generic]]:
    """The sort order as numbers, most significant first: `sort_by`, then what is left of the keys."""
    names = [s if isinstance(s, Hour) else str(s) for s in table.sort_by]
    rest = [k.name for k in table.keys if k.name not in names]
    columns: list[npt.NDArray[np.generic]] = []
    for key in [*names, *rest]:
        name = key.column if isinstance(key, Hour) else key
        if name not in data.schema.names:  # a partition key: one value in every row
            continue
        numbers = _as_numbers(data[name])
        columns.extend(n // HOUR_US for n in numbers) if isinstance(key, Hour) else columns.extend(numbers)
    return columns


def _as_numbers(column: pa.ChunkedArray) -> list[npt.NDArray[np.generic]]:
    """A column as numbers in the same order: values, or ranks of strings; nulls sort first, by a flag of their own."""
    if column.num_chunks == 1 and not column.null_count and _is_number(column.type):
        return [_numpy(column.chunk(0))]
    if _is_number(column.type):
        values = _numpy(pc.fill_null(_storage(column), 0).combine_chunks())
        return [pc.is_valid(column).to_numpy(), values] if column.null_count else [values]
    encoded = column.combine_chunks()
    if not pa.types.is_dictionary(column.type):
        encoded = encoded.dictionary_encode()
    # Ranks, not positions: a dictionary may hold a value twice.
    ranks = np.unique(np.array(encoded.dictionary.to_pylist(), dtype=object), return_inverse=True)[1]
    ranks = np.append(ranks.astype(np.int32), np.int32(-1))
    return [ranks[pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)]]


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_temporal(kind))


def _storage(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Temporal values as the integers that they are stored as."""
    if pa.types.is_temporal(column.type):
        return column.cast(pa.int32() if column.type.bit_width == 32 else pa.int64())
    return column


def _numpy(array: pa.Array) -> npt.NDArray[np.generic]:
    if pa.types.is_temporal(array.type):
        array = array.view(pa.int32() if array.type.bit_width == 32 else pa.int64())
    values: npt.NDArray[np.generic] = array.to_numpy(zero_copy_only=False)
    return values


def _without_null_entry(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with nulls where they belong: Parquet takes none inside a dictionary."""
    if pa.types.is_dictionary(column.type) and any(chunk.dictionary.null_count for chunk in column.chunks):
        return column.cast(column.type.value_type).dictionary_encode()
    return column


def _is_dictionary_of(kind: pa.DataType, value: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind) and kind.value_type == value)
