from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iolake.extractors.slurm.nodelist import NodeListError, compress, expand
from iolake.extractors.slurm.nodes import node_lists

NAME = st.from_regex(r"[a-z][a-z0-9-]{0,4}[0-9]{0,4}(-ib|\.x)?", fullmatch=True)


def test_a_range_keeps_the_width_of_its_lower_end() -> None:
    assert expand("nid0[5032-5034,6000]") == ["nid05032", "nid05033", "nid05034", "nid06000"]
    assert expand("n[8-11]") == ["n8", "n9", "n10", "n11"]
    assert expand("n[08-11]") == ["n08", "n09", "n10", "n11"]


def test_a_large_list_has_every_name_once() -> None:
    names = expand("nid[03156-10047]")
    assert (len(names), len(set(names))) == (6892, 6892)
    assert (names[0], names[-1]) == ("nid03156", "nid10047")


def test_several_brackets_multiply_with_the_last_one_fastest() -> None:
    assert expand("r[0-1]n[08-09]-ib,login") == ["r0n08-ib", "r0n09-ib", "r1n08-ib", "r1n09-ib", "login"]


@pytest.mark.parametrize(
    "text", ["", "n[1-", "n1]", "n[2-1]", "n[a-b]", "a,,b", "n[]", "n[1-99999999]", "a[0-9999]b[0-9999]", "n[[1]]"]
)
def test_a_malformed_or_boundless_list_is_an_error(text: str) -> None:
    with pytest.raises(NodeListError):
        expand(text)


@given(st.sets(NAME, min_size=1, max_size=30))
def test_compacting_and_expanding_gives_the_same_names(names: set[str]) -> None:
    again = expand(compress(names))
    assert sorted(again) == sorted(names)


@given(st.integers(0, 2000), st.integers(0, 300), st.integers(0, 6))
def test_a_run_compacts_to_one_range(first: int, length: int, width: int) -> None:
    names = [f"nid{n:0{width}d}" for n in range(first, first + length + 1)]
    low, high = f"{first:0{width}d}", f"{first + length:0{width}d}"
    assert compress(names) == (f"nid{low}" if length == 0 else f"nid[{low}-{high}]")


RANGE = st.tuples(st.integers(0, 130), st.integers(-1, 40), st.integers(1, 4)).map(
    lambda r: f"{r[0]:0{r[2]}d}-{r[0] + r[1]:0{r[2]}d}" if r[1] else f"{r[0]:0{r[2]}d}"
)
BRACKET = st.lists(RANGE, min_size=1, max_size=3).map(lambda ranges: f"[{','.join(ranges)}]")
PART = st.lists(st.sampled_from(["n", "nid", "-ib", "x9"]) | BRACKET, min_size=1, max_size=3).map("".join)
LIST = st.lists(PART, min_size=1, max_size=3).map(",".join) | st.sampled_from(
    ["", "n[1-", "a,,b", "n[1-99999999]", "n[999999998-999999999]", "n[99999999999]"]
)


def by_scalar(text: str | None) -> list[str] | None:
    try:
        return None if text is None else expand(text)
    except NodeListError:
        return None


@given(st.lists(st.none() | LIST, max_size=12))
@settings(deadline=None)
def test_a_column_of_lists_is_each_list_written_out(texts: list[str | None]) -> None:
    lists = node_lists(pl.Series(texts, dtype=pl.String))
    expected = [by_scalar(text) for text in texts]
    assert lists.is_null().to_list() == [names is None for names in expected]
    assert lists.lengths().to_list() == [None if names is None else len(names) for names in expected]
    odd = pl.Series([place % 2 == 1 for place in range(len(texts))], dtype=pl.Boolean)
    for rows, wanted in ((~odd, expected[::2]), (odd, expected[1::2])):
        found = lists.arrow(rows)
        found.validate(full=True)
        assert found.to_pylist() == wanted
