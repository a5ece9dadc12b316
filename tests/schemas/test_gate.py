"""The gate passes rows as declared, and names what is wrong with others."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iolake.schemas.gate import GateError, conform, in_sort_order
from iolake.schemas.table import DATE, FILE_SYSTEM, TEXT, TIMESTAMP, Column, Table, hour

TS = Column("ts", TIMESTAMP, "when", nullable=False)
TABLE = Table(
    "toy",
    "A table for these tests.",
    keys=[FILE_SYSTEM, Column("ost", TEXT, "target", nullable=False), Column("rank", pa.int64(), "rank"), TS],
    columns=[Column("used", pa.int64(), "used")],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=[hour(TS), "ost", "ts"],
    event_time="ts",
)
SCHEMA = TABLE.batch_schema


def data(*rows: tuple[str, int | None, int]) -> pa.Table:
    """Rows of (ost, rank, minute of the day); `used` numbers them."""
    values = [
        {"ost": ost, "rank": rank, "ts": datetime(2020, 1, 1, minute // 60, minute % 60), "used": n}
        for n, (ost, rank, minute) in enumerate(rows)
    ]
    return pa.Table.from_pylist(values, schema=SCHEMA)


def problem(table: pa.Table) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(GateError) as caught:
        conform(TABLE, table, SCHEMA)
    assert str(caught.value).startswith("toy: ")
    return caught.value.problem, caught.value.columns


def test_what_fits_passes_in_the_declared_order() -> None:
    shuffled = data(("a", 1, 0)).select(["used", "ts", "rank", "ost"])
    assert conform(TABLE, shuffled, SCHEMA).schema.names == SCHEMA.names


def test_a_missing_column_is_named() -> None:
    assert problem(data(("a", 1, 0)).drop_columns(["rank"])) == ("missing column", ("rank",))


def test_an_unknown_column_is_named() -> None:
    assert problem(data(("a", 1, 0)).append_column("bogus", [[1]])) == ("unknown column", ("bogus",))


def test_a_wrong_type_is_named() -> None:
    wrong = data(("a", 1, 0)).set_column(3, "used", pa.array([1.0]))
    assert problem(wrong) == ("wrong type double instead of int64", ("used",))


def test_a_null_where_none_may_be_is_named() -> None:
    wrong = data(("a", 1, 0), ("b", 1, 0)).set_column(0, "ost", pa.array(["a", None]))
    assert problem(wrong) == ("null in 1 of 2 rows", ("ost",))


def test_a_null_in_a_key_that_may_be_null_passes() -> None:
    assert conform(TABLE, data(("a", None, 0)), SCHEMA).num_rows == 1


def test_a_dictionary_of_strings_passes_for_strings() -> None:
    encoded = data(("a", 1, 0), ("b", 1, 0))
    encoded = encoded.set_column(0, "ost", encoded["ost"].dictionary_encode())
    assert conform(TABLE, encoded, SCHEMA)["ost"].to_pylist() == ["a", "b"]


@pytest.mark.parametrize("rank", [7, None])
def test_a_duplicate_key_is_named(rank: int | None) -> None:
    twice = data(("a", rank, 5), ("b", rank, 5), ("a", rank, 5))
    with pytest.raises(GateError, match=f"duplicate keys, the first: ost=a, rank={rank}, ts=2020-01-01 00:05:00"):
        in_sort_order(TABLE, twice)
    assert in_sort_order(TABLE, twice, one_load=False).num_rows == 3


def test_null_and_zero_are_two_keys() -> None:
    assert in_sort_order(TABLE, data(("a", 0, 5), ("a", None, 5)))["rank"].to_pylist() == [None, 0]


def test_equal_values_of_a_dictionary_that_holds_them_twice_are_one_key() -> None:
    ost = pa.DictionaryArray.from_arrays(pa.array([1, 0, 2]), pa.array(["b", "a", "b"]))
    with pytest.raises(GateError, match="duplicate"):
        in_sort_order(TABLE, data(("a", 1, 5), ("b", 1, 5), ("b", 1, 5)).set_column(0, "ost", ost))


def test_a_promise_of_order_that_is_wrong_does_no_harm() -> None:
    wrong = data(("b", 1, 0), ("a", 1, 0))
    assert in_sort_order(TABLE, wrong, presorted=True)["ost"].to_pylist() == ["a", "b"]


ROWS = st.lists(
    st.tuples(st.text("abß\U0001f600", max_size=2), st.none() | st.integers(-1, 2), st.integers(0, 180)),
    unique=True,
    max_size=20,
)


def place(row: dict[str, Any]) -> Any:
    """Where a row belongs, by Python's own order: hour, ost, ts, then the rest of the keys, null first."""
    rank = row["rank"]
    return row["ts"].hour, row["ost"], row["ts"], rank is not None, rank or 0


@given(rows=ROWS, presorted=st.booleans(), chunked=st.booleans(), encoded=st.booleans())
def test_rows_come_out_in_the_declared_order_and_none_is_lost(
    rows: list[tuple[str, int | None, int]], presorted: bool, chunked: bool, encoded: bool
) -> None:
    table = data(*rows)
    if encoded and rows:
        table = table.set_column(0, "ost", table["ost"].dictionary_encode())
    if chunked and rows:
        table = pa.concat_tables([table.slice(0, 1), table.slice(1)]).unify_dictionaries()
    assert in_sort_order(TABLE, table, presorted).to_pylist() == sorted(table.to_pylist(), key=place)
