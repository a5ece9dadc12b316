from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.slurm.nodelist import NodeListError, compress, expand

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
