"""A declaration that contradicts itself is an error when it is made, which names the table and the column."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from iolake import Column, IolakeError, Table
from iolake.schemas.table import CLUSTER, DATE, FILE_SYSTEM, TEXT, TS, TableError, hour

WATTS = Column("watts", pa.float64(), "mean power", unit="W")
RIGHT: dict[str, Any] = {
    "name": "power",
    "doc": "Power of a rack.",
    "keys": [CLUSTER, Column("rack", TEXT, "the rack", nullable=False), TS],
    "columns": [WATTS],
    "partition_by": [CLUSTER, DATE],
    "sort_by": [hour(TS), "rack", "ts"],
    "event_time": "ts",
}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"sort_by": [TS]}, "sort_by: write the name 'ts' in place of the Column"),
        ({"sort_by": ["rakc"]}, "sort_by: no stored column rakc; did you mean rack?"),
        ({"sort_by": ["cluster"]}, "sort_by: no stored column cluster"),
        ({"sort_by": [hour(WATTS), 7]}, "sort_by: 7 is neither"),
        ({"event_time": "tss"}, "event_time: no column tss; did you mean ts?"),
        ({"event_time": "watts"}, "event_time: column watts must have type TIMESTAMP"),
        ({"partition_by": [CLUSTER]}, "partition_by is [CLUSTER, DATE]"),
        ({"partition_by": [FILE_SYSTEM, DATE]}, "partition_by is [CLUSTER, DATE]"),
        ({"partition_by": ["cluster", DATE]}, "partition_by: 'cluster' is not a Column"),
        ({"keys": [TS, CLUSTER]}, "the first key is the owner"),
        ({"keys": []}, "the first key is the owner"),
        ({"columns": [WATTS, WATTS]}, "column watts is declared twice"),
        ({"columns": [Column("rack", TEXT, "again")]}, "column rack is declared twice"),
        ({"columns": [Column("load_id", TEXT, "mine")]}, "column load_id is the lake's own"),
        ({"name": "rack power"}, "a table's name has letters"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_an_error(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(TableError) as caught:
        Table(**(RIGHT | change))
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"table {change.get('name', 'power')}: ")
    assert isinstance(caught.value, IolakeError)


def test_a_right_declaration_is_accepted() -> None:
    assert Table(**RIGHT)["watts"] is WATTS


@pytest.mark.parametrize(("name", "comment"), [("watts", "[W] power (from POSIX_WATTS)"), ("POSIX_WATTS", "[W] power")])
def test_a_comment_names_no_counter_that_keeps_its_name(name: str, comment: str) -> None:
    """P10: the name of such a column is its source."""
    assert Column(name, pa.float64(), "power", unit="W", origin="POSIX_WATTS").comment == comment
