"""Answers as programs read them."""

from __future__ import annotations

import io
import json
from typing import Any

import duckdb

from iolake.pipelines.output import write


def _json(query: str) -> Any:
    out = io.TextIOWrapper(io.BytesIO())
    answer = duckdb.connect().sql(query)
    write(answer, "json", out)
    return json.loads(out.buffer.getvalue(), parse_constant=str)


def test_json_has_null_for_numbers_that_it_has_no_word_for() -> None:
    """P6: a damaged log may hold an infinite time, and jq stops at Infinity."""
    query = """SELECT 'inf'::DOUBLE AS "a b", 'nan'::FLOAT AS c, 1.5::DOUBLE AS d, 7 AS e, 'inf' AS f"""
    assert _json(query) == {"a b": None, "c": None, "d": 1.5, "e": 7, "f": "inf"}


def test_json_of_two_columns_of_one_name_is_written() -> None:
    assert _json("SELECT 1.5::DOUBLE AS a, 2.5::DOUBLE AS A") in ({"a": 1.5, "A": 2.5}, {"a": 1.5, "A_1": 2.5})


def test_json_has_null_for_such_numbers_within_lists_and_structs_and_beside_twins() -> None:
    """P6: texts that look like them stay as they are."""
    query = """
        SELECT ['nan'::DOUBLE, 1, '-inf'] AS l, {'x': 'inf'::DOUBLE, 'NaN': 2} AS s,
            MAP {'nan'::FLOAT: 'nan'::FLOAT} AS m, 'a "NaN, -Infinity\\' AS t, 'nan'::DOUBLE AS t,
            12345678901234567890.123456789::DECIMAL(38, 9) AS d
    """
    out = io.TextIOWrapper(io.BytesIO())
    write(duckdb.connect().sql(f"{query} UNION ALL {query}"), "json", out)
    line = (
        rb'{"l":[null,1.0,null],"s":{"x":null,"NaN":2},"m":{"nan":null},"t":"a \"NaN, -Infinity\\","t_1":null,'
        rb'"d":12345678901234567890.123456789}'
    )
    assert out.buffer.getvalue() == 2 * (line + b"\n")
