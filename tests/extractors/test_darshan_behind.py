"""What lies behind a Darshan log in its file, and logs that were never finished."""

from __future__ import annotations

from pathlib import Path

import pytest

from iolake.demo.formats.darshan import Log, encode
from iolake.demo.formats.darshan_legacy import LegacyLog, LegacyRecord
from iolake.demo.formats.darshan_legacy import encode as encode_legacy
from iolake.extractors.base import Input
from iolake.extractors.darshan import second
from tests.extractors.test_darshan import log, results, write


def test_a_second_log_in_one_file_is_a_reject_of_its_own(tmp_path: Path) -> None:
    """P5: the first loads, and the file's other bytes are named."""
    first = encode(log())
    rows, (reject,), status = results(write(tmp_path, [first + encode(log(nprocs=9))]))
    assert len(rows["darshan_logs"]) == 1
    assert reject.part == f"bytes {len(first)} to {len(first + encode(log(nprocs=9)))}"
    assert "second log" in reject.reason
    assert set(status.values()) == {"loaded"}


_OLD = [
    encode_legacy(LegacyLog("2.06", 1, 1_400_000_000, 1_400_000_100, 2, "/bin/a", compression=packed))
    for packed in ("gzip", "bzip2")
]


@pytest.mark.parametrize("first", [0, 1, 2, 3])
@pytest.mark.parametrize("behind", [b"", bytes(5000)])
def test_a_log_of_any_release_behind_another_is_a_reject_of_its_own(tmp_path: Path, first: int, behind: bytes) -> None:
    """P5: Darshan 1 and 2 compress a log whole, and a file of their streams could be taken for one log."""
    logs = [encode(log()), encode(Log(1, 1, 1_700_000_000, 1_700_000_100, 1, "x")), *_OLD]
    for other in logs:
        rows, (reject,), status = results(write(tmp_path, [logs[first] + other + behind]))
        assert (len(rows["darshan_logs"]), set(status.values())) == (1, {"loaded"})
        assert reject.part == f"bytes {len(logs[first])} to {len(logs[first] + other + behind)}"


def test_zeros_behind_a_log_are_padding(tmp_path: Path) -> None:
    """Tapes and block devices pad files; no region of a log is all zeros."""
    rows, rejects, _ = results(write(tmp_path, [encode(log()) + bytes(4097)]))
    assert (len(rows["darshan_logs"]), rejects) == (1, [])


@pytest.mark.parametrize(
    ("name", "content"), [("1.darshan_partial", b"3.21" + bytes(9000)), ("2.darshan", bytes(9000))]
)
def test_a_log_that_was_never_finished_is_refused_as_such(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    _, (reject,), _ = results([Input("darshan", "c", str(path))])
    assert "never finished" in reject.reason


@pytest.mark.parametrize(
    ("name", "behind"), [("1.darshan_partial", b""), ("2.darshan", b"\n"), ("3.darshan", b"\0\r\n ")]
)
def test_a_whole_log_is_read_whatever_its_name_and_padding(tmp_path: Path, name: str, behind: bytes) -> None:
    """P5: a process may end between the last write of a log and its renaming."""
    path = tmp_path / name
    path.write_bytes(encode(log()) + behind)
    rows, rejects, _ = results([Input("darshan", "c", str(path))])
    assert not rejects
    assert len(rows["darshan_logs"]) == 1


@pytest.mark.parametrize("padding", [b"\n", bytes(512), b"\r\n\0\0 "])
@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_second_log_behind_padding_is_a_reject_of_its_own(tmp_path: Path, padding: bytes, first: int) -> None:
    """P5: a newline or zeros between two logs cost the first one, too."""
    start = [encode(log()), *_OLD][first]
    second_one = encode(log(nprocs=9))
    rows, (reject,), status = results(write(tmp_path, [start + padding + second_one]))
    assert (len(rows["darshan_logs"]), set(status.values())) == (1, {"loaded"})
    assert "second log" in reject.reason and reject.part.endswith(f"to {len(start + padding + second_one)}")


@pytest.mark.parametrize("first", [1, 2])
def test_a_newline_behind_an_old_log_is_padding(tmp_path: Path, first: int) -> None:
    """P5: as behind a log of Darshan 3."""
    rows, rejects, _ = results(write(tmp_path, [[encode(log()), *_OLD][first] + b"\n"]))
    assert (len(rows["darshan_logs"]), rejects) == (1, [])


@pytest.mark.parametrize(
    ("at", "content", "reason"),
    [
        (0, b"4.00", "format 4.00 is unknown"),
        (0, bytes(8), "names no version"),
        (8, bytes(8), "is not a Darshan log"),
    ],
)
def test_the_head_of_a_log_says_what_is_wrong_with_it(tmp_path: Path, at: int, content: bytes, reason: str) -> None:
    """P5: a log of a later format needs a newer iolake, not another pattern."""
    whole = encode(log())
    _, (reject,), _ = results(write(tmp_path, [whole[:at] + content + whole[at + len(content) :]]))
    assert reason in reject.reason


@pytest.mark.parametrize("length", [3, 8, 15, 16, 400])
def test_a_log_that_ends_within_its_head_is_cut_off(tmp_path: Path, length: int) -> None:
    """P5: its first bytes are a log's."""
    _, (reject,), _ = results(write(tmp_path, [encode(log())[:length]]))
    assert reject.reason.startswith(f"cut off in its header: {length} bytes")


def test_a_head_without_ids_and_times_has_nulls(tmp_path: Path) -> None:
    """P6: -1 says that something was not recorded; the records are sound all the same."""
    unknown = {"start_s": -1, "end_s": -1, "job_id": -1, "uid": -1, "nprocs": -1}
    old = LegacyLog("2.06", -1, -1, -1, -1, "/bin/a", records=[LegacyRecord(1, 3, "/a")])
    rows, rejects, _ = results(write(tmp_path, [encode(log(**unknown)), encode_legacy(old)]))
    for row in rows["darshan_logs"]:
        names = ("start_time", "end_time", "run_time_s", "uid", "nprocs")
        assert [row[name] for name in names] == [None] * len(names)
    assert [row["rank"] for row in rows["darshan_legacy"]] == [3]
    assert not rejects


def test_streams_that_only_seem_to_begin_cost_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """P5: 100 MB of such beginnings would take minutes."""
    tried: list[int] = []
    inflated = second._inflated

    def counted(content: bytes, at: int) -> bytes | None:
        tried.append(at)
        return inflated(content, at)

    monkeypatch.setattr(second, "_inflated", counted)
    assert second.second_log(b"x" + b"\x1f\x8b\x08\0" * 20_000) is None
    assert len(tried) == second._MOST_FAILURES + 1
