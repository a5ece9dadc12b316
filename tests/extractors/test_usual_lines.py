"""The fast reading of lines as a tool prints them finds what the careful reader finds, or leaves a line to it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from iolake.extractors import topology
from iolake.extractors.cray import usual_nodes
from iolake.extractors.members import MAX_LINE, members
from iolake.extractors.topology import _cray
from iolake.extractors.transfers.gridftp import _by_key, _by_place
from iolake.extractors.transfers.hpss import _FTP, _USUAL_FTP
from iolake.extractors.transfers.report import _numbers
from iolake.schemas.site import Site
from tests.extractors.reading import everything

ODD = (" ", "  ", "\t", "\u00a0", "\u0663", "ü", "'", ",", "=", "x", "7", "-1", "1e3", "", "FILE=", " FILE=/y", "null")
GRIDFTP = (
    "DATE=20190731073044.992375", " HOST=", "dtn11", " PROG=globus-gridftp-server", " NL.EVNT=", "FTP_INFO",
    " START=20190731073030.432241", " USER=", "glock", " FILE=", "/home/x", " BUFFER=", "87040", " BLOCK=262144",
    " NBYTES=", "1456", " VOLUME=", "/", " STREAMS=4", " STRIPES=1", " DEST=", "[192.101.102.150]", " TYPE=STOR",
    " CODE=226", "", " TASKID=98b",
)  # fmt: skip
FTP = (
    "Mon", " ", "Dec 31", " 00:06:46 2018", " ", "0.010", " dtn01", " ", "33", " ", "/home/o/opera...", " b", " o",
    " PRTR", "_Cmd", " r ftp", " operator", " fd 0", "", "", " b o RETR_Cmd r ftp u",
)  # fmt: skip
GRIDFTP_LINE, FTP_LINE = "".join(GRIDFTP), "".join(FTP[:18])
CRAY = (
    "cpu=1", ",slot=2", ",cage=", "0", ",cabinet=", "null", ",cab_position=2,cab_row=3", ",x_coord=", "13",
    ",y_coord=0,z_coord=2", ",processor_status='up'", ",processor_type=", "'compute'", ",alloc_mode=", "'interactive'",
    ",processor_id=", "5000", ",spec=null",
)  # fmt: skip
CRAY_LINE = "".join(CRAY)


def changed(parts: tuple[str, ...]) -> st.SearchStrategy[str]:
    """A line in which up to three parts are others, longer, or missing."""

    def line(changes: list[tuple[int, str, bool]]) -> str:
        found = [*parts]
        for at, odd, is_added in changes:
            found[at] = found[at] + odd if is_added else odd
        return "".join(found)

    change = st.tuples(st.integers(0, len(parts) - 1), st.sampled_from([*ODD, *parts]), st.booleans())
    return st.lists(change, max_size=3).map(line)


@settings(max_examples=300)
@given(st.lists(changed(GRIDFTP), min_size=1, max_size=4))
@example([GRIDFTP_LINE])
@example(["".join(GRIDFTP[:-1])])
def test_a_gridftp_lines_pairs_are_the_same_by_place_and_by_key(lines: list[str]) -> None:
    frame = pl.DataFrame({"line": lines, "number": range(len(lines))})
    placed = _by_place(frame)
    fits = placed["date"].is_not_null() & placed["bytes"].is_not_null()
    assert placed.filter(fits).to_dicts() == _by_key(frame.filter(fits)).select(placed.columns).to_dicts()
    assert fits[lines.index(GRIDFTP_LINE)] if GRIDFTP_LINE in lines else True


@settings(max_examples=300)
@given(st.lists(changed(FTP), min_size=1, max_size=4))
@example([FTP_LINE])
@example([FTP_LINE.replace("Dec 31", "Dec  1")])
@example(["".join(FTP[:17])])
def test_an_ftp_line_that_has_the_usual_form_has_the_other_with_the_same_values(lines: list[str]) -> None:
    line = pl.Series(lines)
    usual, every = line.str.extract_groups(_USUAL_FTP), line.str.extract_groups(_FTP)
    fits = usual.struct.field("when").is_not_null()
    assert usual.filter(fits).to_list() == every.filter(fits).to_list()
    assert fits[lines.index(FTP_LINE)] if FTP_LINE in lines else True


@settings(max_examples=300)
@given(st.lists(changed(CRAY), min_size=1, max_size=4))
@example([CRAY_LINE] * 2)
def test_usual_nodes_are_those_of_the_careful_reader(lines: list[str]) -> None:
    found = usual_nodes("\n".join(["# cpu=0", *lines]).encode(), "nid{:05d}")
    if found is None:
        assert CRAY_LINE not in lines or {*lines} != {CRAY_LINE}
        return
    careful = {node["node"]: node for node in reversed([*_cray("a", lines, "nid{:05d}", [])])}
    for row in found.to_pylist():
        node = careful.pop(row["node"])
        assert row == {name: node.get(name) for name in row}
    assert not careful


@pytest.mark.parametrize("ends", ["\n", ""])
def test_lists_of_lines_hold_each_line_once_and_no_list_is_long(tmp_path: Path, ends: str) -> None:
    lines = [f"{at} {'x' * 90}" for at in range(60_000)]
    (tmp_path / "a").write_text("\n".join(lines) + ends)
    lists = [found for member in members(str(tmp_path / "a")) for found in member.line_lists()]
    assert [line for found in lists for line in found] == lines
    assert len(lists) > 1
    assert max(sum(map(len, found)) for found in lists) < 5 * MAX_LINE


NUMBERS = (
    *("7", " 5", "74318.5", "0", "-0", "-1", "", "  ", "x", "1_0", "1e3", "nan", "inf", "0-01:00:00", "\u0663"),
    str(1 << 63),
)


@given(st.lists(st.sampled_from(NUMBERS), max_size=5), st.sampled_from([pa.int64(), pa.float64()]))
def test_a_column_of_numbers_is_read_as_each_text_alone(texts: list[str], kind: pa.DataType) -> None:
    """P6: what is no number is null and named, whatever stands beside it."""
    apart: list[str] = []
    together: list[str] = []
    alone = [number for text in texts for number in pa.array(_numbers([text], kind, apart), kind).to_pylist()]
    assert pa.array(_numbers(texts, kind, together), kind).to_pylist() == alone
    assert together == apart


OTHERS = st.sampled_from(["# a,b", "", " ", "BEGIN 1500000000", "BEGIN=1,processor_id=5", "host: cpu=0", "# OST0001"])
ENDS = st.sampled_from(["\n", "\n", "\r\n", "\f", "\r"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.one_of(st.just(CRAY_LINE), changed(CRAY), OTHERS), ENDS), max_size=5))
def test_a_file_of_nodes_gives_what_it_gives_the_careful_reader(tmp_path: Path, lines: list[tuple[str, str]]) -> None:
    """P5: comments, snapshots' begins and other ends of lines are read alike by both."""
    text = "".join(f"{line}{end}" for line, end in lines)
    (tmp_path / "a").write_text(text, newline="")
    source = {"clusters": {"edison": {"topology": {"files": "*"}}}}
    site = Site.model_validate({"root": str(tmp_path), **source})
    found = everything(topology.Topology(), site)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topology, "usual_nodes", lambda *_: None)
        assert everything(topology.Topology(), site) == found
