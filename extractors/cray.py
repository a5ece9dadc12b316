"""Cray's xtdb2proc as it prints it: the same keys in each line, so that it is read as a CSV of pairs."""

from __future__ import annotations

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
_HEAD: Final = 1 << 16
"""Bytes in which the first line that is no comment is looked for."""
_PADDED: Final = re.compile(r"(?P<prefix>[^{}]*)\{:0(?P<width>\d{1,2})d\}")
"""A format that pads a number with zeros, as most do: Arrow writes such names faster."""


def usual_nodes(content: bytes, name: str) -> pa.Table | None:
    """Return a row for each node, the first of those with the same name; None where a line is not like the first.

    `content` is one snapshot's text, in which comments and empty lines may stand. Where it gives rows, no line has a
    host before it and none is a snapshot's BEGIN. `name` is the format of a node's name.
    """
    if not content.isascii() or b"\0" in content:
        return None
    begin = content[:_HEAD].decode()
    first = next((line for line in begin.splitlines() if is_meaningful(line)), "")
    keys = [field.partition("=")[0] for field in first.split(",")]
    is_usual = len({*keys}) == len(keys) and "processor_id" in keys and keys[0] != "BEGIN"
    if not is_usual or not all(re.fullmatch(r"\w+", key) for key in keys):
        return None
    pairs = _pairs(content, keys)
    if pairs is None:
        return None
    columns = {key: pa.nulls(pairs.num_rows, pa.string()) for key in _WANTED}
    try:
        numbers = _numbers(pairs["processor_id"].combine_chunks())
        for key in {*keys} - {"processor_id"}:
            kind, convert = (pa.float64(), _coordinate) if key.endswith("_coord") else (pa.string(), _same)
            columns[key] = _converted(pairs[key].combine_chunks(), key, kind, convert)
        names = _names(numbers, name)
    except (ValueError, IndexError, KeyError):
        return None
    columns["cabinet"] = pc.coalesce(columns["cabinet"], _joined(columns, ("c", "cab_position", "-", "cab_row")))
    found = {
        "node": names,
        "nid": numbers,
        "location": _joined(columns, ("cabinet", "c", "cage", "s", "slot", "n", "cpu")),
        "cabinet": columns["cabinet"],
        "role": columns["processor_type"],
        "status": columns["processor_status"],
        **{axis: columns[f"{axis}_coord"].cast(pa.float64()) for axis in "xyz"},
    }
    table = pa.table([found.get(f.name, pa.nulls(len(names), f.type)) for f in NODES], schema=NODES)
    if len(names.dictionary_encode().dictionary) == len(names):
        return table
    places = {node: at for at, node in reversed([*enumerate(names.to_pylist())])}
    return table.take(sorted(places.values()))


def is_meaningful(line: str) -> bool:
    """Return whether a line is neither empty nor a comment."""
    text = line.lstrip()
    return text != "" and text[0] != "#"


def _pairs(content: bytes, keys: Sequence[str]) -> pa.Table | None:
    """Return the pairs, `key=value`, a column a key; None where a line has another number of pairs."""
    kinds = dict.fromkeys(keys, pa.dictionary(pa.int32(), pa.string()))
    try:
        return csv.read_csv(
            pa.BufferReader(content),
            csv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=list(keys)),
            csv.ParseOptions(quote_char=False, invalid_row_handler=_other_row),
            csv.ConvertOptions(column_types=kinds | {"processor_id": pa.string()}, strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        return None


def _other_row(row: csv.InvalidRow) -> str:
    """Skip a comment; fail at another row, and at one that Python takes for several lines."""
    return "error" if is_meaningful(row.text) or len(row.text.splitlines()) > 1 else "skip"


def _numbers(pairs: pa.StringArray) -> pa.Int64Array:
    """Return the numbers of pairs of processor_id; ValueError where one has another key, or no number."""
    key = "processor_id="
    digits = pc.utf8_slice_codeunits(pairs, len(key))
    is_number = pc.and_(pc.ascii_is_decimal(digits), pc.less(pc.binary_length(digits), 10))
    if not pc.all(pc.and_(is_number, pc.starts_with(pairs, key))).as_py():
        raise ValueError(key)
    return digits.cast(pa.int64())


def _names(numbers: pa.Int64Array, form: str) -> pa.StringArray:
    """Return the nodes' names; ValueError, IndexError or KeyError where the form is not a format of a number."""
    padded = _PADDED.fullmatch(form)
    if padded is None:
        return pa.array(map(form.format, numbers.to_pylist()), pa.string())
    digits = pc.utf8_lpad(numbers.cast(pa.string()), int(padded["width"]), "0")
    return pc.binary_join_element_wise(padded["prefix"], digits, "")


def _converted(pairs: pa.DictionaryArray, key: str, kind: pa.DataType, convert: Callable[[str], object]) -> pa.Array:
    """Return the values of pairs; ValueError where a pair has another key, or a quote within its value."""
    values = [_value(pair, key) for pair in pairs.dictionary.to_pylist()]
    distinct = pa.array([None if value is None else convert(value) for value in values], kind)
    return distinct.take(pairs.indices)


def _value(pair: str, key: str) -> str | None:
    found, _, value = pair.partition("=")
    bare = value[1:-1] if len(value) > 1 and value[0] == value[-1] == "'" else value
    if found != key or "'" in bare or len(pair.splitlines()) > 1:
        raise ValueError(pair)
    return bare if value != "null" and bare else None


def _same(text: str) -> str:
    return text


def _coordinate(text: str) -> float | None:
    return value if math.isfinite(value := float(text)) else None


def _joined(columns: dict[str, pa.Array], parts: Sequence[str]) -> pa.Array:
    """Return the parts joined, those that name a column by its value; null where one is unknown."""
    return pc.binary_join_element_wise(*(columns.get(part, pa.scalar(part)) for part in parts), "")
