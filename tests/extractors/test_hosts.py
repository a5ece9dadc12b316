"""Output that pdsh or clush collects, a host's name before each line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iolake.extractors import hosts
from iolake.extractors.base import Batch, InputError, Span
from iolake.extractors.hosts import by_host, texts_by_host
from iolake.extractors.lfs import LctlTargets, LfsDf
from iolake.extractors.params import Params
from iolake.schemas.site import Site

NOISE = "pdsh@admin: oss9: ssh exited with exit code 255"
LINES = st.lists(st.text("ab :=.-\t", max_size=8), max_size=9)


def dump(target: str, seconds: int, value: int) -> str:
    """One server's parameters."""
    return (
        f"obdfilter.fs-{target}.stats=\nsnapshot_time             {1_772_323_200 + seconds}.5 secs.usecs\n"
        f"read_bytes  1 samples [bytes] 4096 4096 {value}\n\n"
        f"obdfilter.fs-{target}.job_stats=\njob_stats:\n- job_id:          5\n"
        f"  snapshot_time:   {1_772_323_200 + seconds}\n"
        f"  write_bytes:     {{ samples: 1, unit: bytes, min: 1, max: 1, sum: {value} }}\n"
        f"jobid_var=procname_{target}\n"
    )


def prefixed(of: dict[str, str], turn: int = 1) -> str:
    """The hosts' lines in turns of `turn` lines, each behind its host."""
    left = {host: text.splitlines() for host, text in of.items()}
    out = [NOISE]
    while any(left.values()):
        for host, lines in left.items():
            out += [f"{host}: {line}" for line in lines[:turn]]
            del lines[:turn]
    return "\n".join(out) + "\n"


def rows(extractor: Any, root: Path, files: str) -> dict[str, list[Any]]:
    """Table to its rows, in any order; `dump` is the file's own and left out. No part may be rejected."""
    site = Site.model_validate({"root": str(root), "file_systems": {"f": {extractor.source: {"files": files}}}})
    found: dict[str, list[Any]] = {}
    for input in extractor.find(site, Span()):
        for result in extractor.read(input, site):
            assert isinstance(result, Batch), result
            table = pa.table(result.data)
            table = table.drop_columns(["dump"]) if "dump" in table.column_names else table
            found.setdefault(result.table.name, []).extend(map(repr, table.to_pylist()))
    return {name: sorted(found[name]) for name in found}


@pytest.mark.parametrize("turn", [1, 3, 100])
def test_dumps_of_many_hosts_in_one_file_are_those_of_a_file_a_host(tmp_path: Path, turn: int) -> None:
    """P5: however the hosts' lines are mixed; what two hosts say of one parameter is kept apart."""
    for seconds, value in ((0, 100), (600, 900)):
        of = {f"oss-{n}.site": dump(f"OST000{n}", seconds + n, value * n) for n in (1, 2)}
        for host, text in of.items():
            (tmp_path / f"apart-2026-03-01-{seconds:06}-{host}.txt").write_text(text)
        (tmp_path / f"one-2026-03-01-{seconds:06}.txt").write_text(prefixed(of, turn))
    apart = rows(Params(), tmp_path, "apart-%Y-%m-%d-%H%M%S-*.txt")
    assert rows(Params(), tmp_path, "one-%Y-%m-%d-%H%M%S.txt") == apart
    assert any("800" in row for row in apart["lustre_ost"])
    assert sum("'read_bytes': 1600" in row for row in apart["lustre_ost"]) == 1


def test_lists_of_many_clients_are_read_host_by_host(tmp_path: Path) -> None:
    """P5: with BEGIN before each snapshot, or behind the host too."""
    head = "UUID 1K-blocks Used Available Use% Mounted on\n"
    df = {f"n{n}": f"{head}f-OST000{n}_UUID 10 {n} 1 1% /f[OST:{n}]\n\n" for n in (1, 2)}
    (tmp_path / "df").write_text("BEGIN 1772323200\n" + prefixed(df) + "BEGIN 1772323800\n" + prefixed(df, 9))
    assert len(rows(LfsDf(), tmp_path, "df")["lustre_df"]) == 4
    own = "BEGIN 1772323200\n  3 UP osc f-OST0001-osc-ff 8dbd 5 10.0.0.25@tcp\n"
    (tmp_path / "dl").write_text(prefixed({"n1": own}))
    (row,) = rows(LctlTargets(), tmp_path, "dl")["lustre_target"]
    assert "10.0.0.25" in row


@pytest.mark.parametrize("turn", [1, 100])
def test_each_host_has_its_own_begins(tmp_path: Path, turn: int) -> None:
    """P5: those of one second are one snapshot, and no host's rows have another host's time."""
    head = "UUID 1K-blocks Used Available Use% Mounted on\n"
    of = {
        f"n{n}": "".join(f"BEGIN {at}\n{head}f-OST000{n}_UUID 10 {n} 1 1% /f[OST:{n}]\n" for at in times)
        for n, times in ((1, (1772323200, 1772323800)), (2, (1772323200, 1772324400)))
    }
    (tmp_path / "df").write_text(prefixed(of, turn))
    found = rows(LfsDf(), tmp_path, "df")["lustre_df"]
    assert sorted((target, minute) for row in found for target in ("OST0001", "OST0002") for minute in (0, 10, 20)
                  if target in row and f"2026, 3, 1, 0, {minute})" in row) == [
        ("OST0001", 0), ("OST0001", 10), ("OST0002", 0), ("OST0002", 20),
    ]  # fmt: skip


@pytest.mark.parametrize("heading", ["{}", "{} (1)"])
def test_blocks_of_hosts_are_those_of_a_file_a_host(tmp_path: Path, heading: str) -> None:
    """P5: `clush -b` and dshbak; what two hosts say of one parameter is kept apart."""
    of = {f"oss{n}": dump(f"OST000{n}", n, n) for n in (1, 2)}
    for host, text in of.items():
        (tmp_path / f"apart-2026-03-01-{host}.txt").write_text(text)
    rule = "-" * 15
    blocks = "".join(f"{rule}\n{heading.format(host)}\n{rule}\n{text}" for host, text in of.items())
    (tmp_path / "one-2026-03-01.txt").write_text(blocks)
    assert rows(Params(), tmp_path, "one-%Y-%m-%d.txt") == rows(Params(), tmp_path, "apart-%Y-%m-%d-*.txt")
    blocks += f"{rule}\n{heading.format('c[1-2]')}\n{rule}\n----\na\nb"
    found = {host: "".join(text) for host, text in texts_by_host("x", iter([blocks[:99], *blocks[99:]]))}
    assert found == of | {"c[1-2]": "----\na\nb\n"}


@pytest.mark.parametrize("at", [0, 1, 40_000])
def test_a_line_without_a_host_among_lines_with_one_is_named(at: int) -> None:
    """P5: neither it nor the others are left out in silence."""
    lines = [f"oss1: obdfilter.fs-OST0001.x{n}=1" for n in range(50_000)]
    lines.insert(at, "Connection to oss1 closed.")
    blocks = iter(["\n".join(lines[k : k + 1000]) + "\n" for k in range(0, len(lines), 1000)])
    with pytest.raises(InputError, match=r"but not 'Connection to oss1 closed\.'"):
        list(texts_by_host("x", blocks))


@given(st.dictionaries(st.sampled_from(["n1", "n2.site", "oss-3"]), LINES, min_size=1), st.booleans(), st.data())
def test_each_hosts_lines_come_back_in_order(of: dict[str, list[str]], cut: bool, data: Any) -> None:
    """A law, for any mixture and any blocks."""
    of["n1"] = ["obdfilter.f-OST0000.stats=1", *of.get("n1", [])]
    left = {host: list(lines) for host, lines in of.items()}
    mixed = [f"n1: {left['n1'].pop(0)}"]
    while any(left.values()):
        host = data.draw(st.sampled_from([host for host in left if left[host]]))
        mixed.append(f"{host}: {left[host].pop(0)}")
    assert sorted(by_host("x", mixed)) == sorted(line for lines in of.values() for line in lines)
    text = "\n".join(mixed) + "\n"
    at = data.draw(st.integers(len(mixed[0]) + 1, len(text))) if cut else len(text)
    found = {host: "".join(blocks) for host, blocks in texts_by_host("x", iter([text[:at], text[at:]]))}
    assert found == {host: "".join(f"{line}\n" for line in lines) for host, lines in of.items() if lines}


@pytest.mark.parametrize("text", [
    "status: COMPLETE\nrecovery_start: 1\nOST: 1\n", "OST0000: inactive device\nOST0001: inactive device\n",
    "obdfilter.f-OST0000.stats=\na: f-OST0000\n", "0: fs-OST0000_UUID ACTIVE\n1: fs-OST0001_UUID ACTIVE\n",
    "net:\n    - net type: lo\n", "",
])  # fmt: skip
def test_a_text_with_colons_of_its_own_is_left_as_it_is(text: str) -> None:
    """A word and a colon alone are no host."""
    assert by_host("x", text.splitlines()) == text.splitlines()
    assert [(host, "".join(blocks)) for host, blocks in texts_by_host("x", iter([text]))] == [("", text)]


def test_more_than_fits_is_refused_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """P5."""
    monkeypatch.setattr(hosts, "MAX_MEMBER", 100)
    with pytest.raises(InputError, match="write a file a host"):
        list(texts_by_host("x", iter(["n1: obdfilter.f-OST0000.stats=\n", "n1: a\n" * 30])))
    monkeypatch.setattr(hosts, "MAX_LINE", 50)
    with pytest.raises(InputError, match="a line longer than 50"):
        list(texts_by_host("x", iter(["n1: obdfilter.f-OST0000.stats=\n", f"n1: {'a' * 60}"])))
