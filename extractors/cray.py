"""Cray's xtdb2proc as it prints it: the same keys in each line, so that it is read as a CSV of pairs."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from iolake.schemas.topology import TOPOLOGY

NODES: Final = pa.schema([field for field in TOPOLOGY.batch_schema if field.name != "ts"])
"""The columns of a node without the time of its snapshot."""
_WANTED: Final = (
    "processor_id", "processor_type", "processor_status", "cabinet", "x_coord", "y_coord", "z_coord",
    "cab_position", "cab_row", "cage", "slot", "cpu",
)  # fmt: skip
_BLOCK: Final = 1 << 24
_ODD_QUOTES: Final = re.compile(r"='[^',\n]*(?:[,\n]|'[^,\n]|\Z)")
"""A quoted value that holds a comma, does not end, or does not end its pair."""


def usual_nodes(lines: Sequence[str], name: str) -> pa.Table | None:
    """Return a row for each node, the first of those with the same name; None where a line is not like the first.

    `name` is the format of a node's name.
    """
    keys = [field.partition("=")[0] for field in lines[0].split(",")]
    if len(set(keys)) < len(keys) or "processor_id" not in keys or not all(re.fullmatch(r"\w+", key) for key in keys):
        return None
    text = "\n".join(lines)
    if _ODD_QUOTES.search(text) or any(text.count(f"{key}=") != (key in keys) * len(lines) for key in _WANTED):
        return None
    pairs = _pairs(text, keys)
    if pairs is None:
        return None
    count = pairs.num_rows
    columns = {key: pa.nulls(count, pa.string()) for key in _WANTED if key not in keys}
    try:
        for key in pairs.column_names:
            kind, convert = (pa.float64(), _coordinate) if key.endswith("_coord") else (pa.string(), _same)
            columns[key] = _converted(pairs[key].combine_chunks(), key, kind, convert)
        nids = [_number(text) for text in columns["processor_id"].to_pylist()]
        names = [name.format(nid) for nid in nids]
    except (ValueError, IndexError, KeyError):
        return None
    cabinet = pc.coalesce(columns["cabinet"], _joined(columns, ("c", "cab_position", "-", "cab_row")))
    below = _joined(columns, ("c", "cage", "s", "slot", "n", "cpu"))
    found = {
        "node": pa.array(names, pa.string()),
        "nid": pa.array(nids, pa.int64()),
        "location": pc.binary_join_element_wise(cabinet, below, ""),
        "cabinet": cabinet,
        "role": columns["processor_type"],
        "status": columns["processor_status"],
        **{axis: columns[f"{axis}_coord"].cast(pa.float64()) for axis in "xyz"},
    }
    table = pa.table([found.get(f.name, pa.nulls(count, f.type)) for f in NODES], schema=NODES)
    first = {node: at for at, node in reversed([*enumerate(names)])}
    return table if len(first) == count else table.take(sorted(first.values()))


def _pairs(text: str, keys: Sequence[str]) -> pa.Table | None:
    """Return the wanted pairs, `key=value`, a column a key; None where a line has another number of pairs."""
    wanted = [key for key in keys if key in _WANTED]
    try:
        return csv.read_csv(
            io.BytesIO(text.encode()),
            csv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=list(keys)),
            csv.ParseOptions(quote_char=False),
            csv.ConvertOptions(
                include_columns=wanted,
                column_types=dict.fromkeys(wanted, pa.dictionary(pa.int32(), pa.string())),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None


def _converted(pairs: pa.Array, key: str, kind: pa.DataType, convert: Callable[[str], object]) -> pa.Array:
    """Return the values of pairs; ValueError where a pair has another key, or a quote within its value."""
    values = [_value(pair, key) for pair in pairs.dictionary.to_pylist()]
    distinct = pa.array([None if value is None else convert(value) for value in values], kind)
    return distinct.take(pairs.indices)


def _value(pair: str, key: str) -> str | None:
    found, _, value = pair.partition("=")
    bare = value[1:-1] if len(value) > 1 and value[0] == value[-1] == "'" else value
    if found != key or "'" in bare:
        raise ValueError(pair)
    return bare if value != "null" and bare else None


def _same(text: str) -> str:
    return text


def _coordinate(text: str) -> float | None:
    return value if math.isfinite(value := float(text)) else None


def _number(text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise ValueError(text)
    return int(text)


def _joined(columns: dict[str, pa.Array], parts: Sequence[str]) -> pa.Array:
    """Return the parts joined, those that name a column by its value; null where one is unknown."""
    return pc.binary_join_element_wise(*(columns.get(part, pa.scalar(part)) for part in parts), "")
