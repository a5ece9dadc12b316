"""Damaged logs of Darshan 1 and 2, and bytes that may follow a whole one."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iolake.demo.formats.darshan.lookup8 import record_id
from iolake.demo.formats.darshan_legacy import VERSIONS, LegacyLog, LegacyRecord, encode
from iolake.extractors.base import InputError
from iolake.extractors.darshan.decoded import Group
from iolake.extractors.darshan.legacy import open_log, pieces
from tests.extractors.test_darshan_legacy import HOLD, MOUNTS, log_of, opened, rows_of


def refused(content: bytes) -> str:
    with pytest.raises(InputError) as error:
        open_log(content, "log", HOLD)
    return error.value.reason


def inflated(log: LegacyLog) -> bytes:
    return encode(LegacyLog(**{**vars(log), "compression": "none"}))


def test_what_is_not_a_log_of_a_known_format_is_refused_by_name() -> None:
    plain = inflated(log_of(version="1.24"))
    assert "format 1.4 is older" in refused(gzip.compress(b"1.4\0".ljust(5472, b"\0")))
    assert "format 2.07 is unknown" in refused(gzip.compress(b"2.07" + inflated(log_of())[4:]))
    assert "format 2.4 is unknown" in refused(gzip.compress(b"2.4\0" + inflated(log_of())[4:]))
    assert "is not a Darshan log" in refused(gzip.compress(b"hello"))
    assert "is not a Darshan log" in refused(gzip.compress(b""))
    assert "Darshan 3 log that was compressed" in refused(gzip.compress(b"3.41".ljust(2000, b"\0")))
    assert "magic number" in refused(gzip.compress(b"2.06" + plain[4:]))


def test_a_damaged_log_is_refused_whole() -> None:
    log = log_of(LegacyRecord(1, 0, "/a"), LegacyRecord(2, 1, "/a"), streams=2)
    content, plain = encode(log), inflated(log)
    assert "remainder of 1" in refused(gzip.compress(plain + b"x"))
    assert "middle of a compressed stream" in refused(content[:-9])
    assert "does not inflate" in refused(content[:50] + b"\xff" * 60 + content[110:])
    assert "cut off in its header" in refused(gzip.compress(plain[:4000]))
    assert "rank 1 in a log of 1 processes" in refused(encode(log_of(*log.records, nprocs=1)))
    assert "rank -2" in refused(encode(log_of(LegacyRecord(1, -2, "/a"))))
    assert "is not a time" in refused(encode(log_of(start_s=1 << 60)))


@pytest.mark.parametrize("zeros", [1, 512, 100_000])
@pytest.mark.parametrize("hold", [1 << 10, HOLD])
def test_zeros_behind_the_last_stream_are_padding(zeros: int, hold: int) -> None:
    """Zeros may follow, as in gzip. A second log is left out and named; anything else is damage."""
    content = encode(log_of(LegacyRecord(1, 0, "/a"), LegacyRecord(2, 1, "/b"), streams=2))
    padded = content + bytes(zeros)
    assert gzip.decompress(padded) == gzip.decompress(content)
    assert open_log(padded, "log", hold).head == open_log(content, "log", hold).head
    assert b"".join(pieces(padded, "log")) == b"".join(pieces(content, "log"))
    assert (
        open_log(padded + content, "log", hold).left_out[0][0] == f"bytes {len(padded)} to {2 * len(content) + zeros}"
    )
    assert "does not inflate" in refused(padded + b"x")


@pytest.mark.parametrize("version", ["1.24", "2.06"])
def test_a_hash_that_a_rank_has_twice_keeps_both_rows(version: str) -> None:
    """P5: `copy` counts the records of one hash and rank."""
    records = [LegacyRecord(hash_, rank, "/a") for hash_ in (0, 7) for rank in (-1, 0, 1)]
    region = opened(log_of(*records, records[4], version=version)).regions[0]
    rows = rows_of(Group.of(region.layout, np.arange(1), [region.data or b""]))["darshan_posix"]
    assert [(row["record_id"], row["rank"], row["copy"]) for row in rows if row["record_id"] == 7] == [
        (7, -1, 0), (7, 0, 0), (7, 0, 1), (7, 1, 0),
    ]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(VERSIONS), st.data())
def test_damage_that_compression_does_not_show_is_refused_or_read(version: str, data: st.DataObject) -> None:
    record = LegacyRecord(record_id("/pvfs/a"), -1, "/pvfs/a", {"CP_POSIX_OPENS": 1})
    metadata = {"h": "a=b"} if version > "2.00" and "pre1" not in version else {}
    content = bytearray(inflated(log_of(record, version=version, mounts=MOUNTS, metadata=metadata)))
    for _ in range(data.draw(st.integers(1, 8))):
        where = data.draw(st.one_of(st.integers(0, 200), st.integers(0, len(content) - 1)))
        content[where] = data.draw(st.sampled_from([0, 1, 10, 0x7F, 0x80, 0xFF, ord("="), ord("\t"), ord("-")]))
    try:
        log = open_log(bytes(content), "log", HOLD)
    except InputError as error:
        assert error.reason
    else:
        rows = rows_of(Group.of(log.regions[0].layout, np.arange(1), [log.regions[0].data or b""]))
        assert len(rows["darshan_legacy"]) == 1


def test_a_1x_log_of_another_machine_is_refused_by_its_values() -> None:
    content = bytearray(inflated(log_of(version="1.24")))
    for at in (12, 16, 20, 24):
        content[at : at + 4] = content[at : at + 4][::-1]
    assert "32-bit PowerPC" in refused(gzip.compress(bytes(content)))
