"""Slurm's inputs: compressed, damaged and empty files, and the day in a file's name."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from iolake.extractors.base import Input, Span
from iolake.extractors.slurm import Slurm
from iolake.schemas.site import Site
from tests.extractors.reading import everything
from tests.extractors.slurm_files import HEADER, newer_job, read, text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sacct.txt"


def test_a_compressed_file_is_read_by_its_name(path: Path) -> None:
    body = gzip.compress(text("1|1|FAILED|10|20|30|10").encode())
    tables, _, _ = read(path.with_suffix(".txt.gz"), body)
    assert [j["job_id"] for j in tables["slurm_jobs"]] == [1]


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
@pytest.mark.parametrize("kind", ["text", "json"])
def test_a_compressed_file_that_is_cut_off_or_damaged_is_rejected_with_the_mend(
    path: Path, pack: Callable[[bytes], bytes], kind: str
) -> None:
    body = text(*(f"{i}|{i}|FAILED|10|20|{i * 7919}|10" for i in range(1, 999)))
    whole = pack(body.encode() if kind == "text" else json.dumps({"jobs": [newer_job()]}).encode())
    middle = len(whole) // 2
    damaged = whole[:middle] + bytes(8 * [0xFF]) + whole[middle + 8 :]
    place = path.with_suffix(".gz" if pack is gzip.compress else ".xz")
    for content in (whole[:middle], damaged, b"nothing of the kind"):
        _, rejects, outcome = read(place, content)
        assert outcome == "rejected" and "is cut off or damaged" in rejects[""] and "copy it again" in rejects[""]


def zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, "" if name.endswith("/") else text("1|1|FAILED|10|20|30|10"))
    return packed.getvalue()


def encrypted(content: bytes) -> bytes:
    """The zip with the flag of an encrypted file, in both headers."""
    return content.replace(b"PK\3\4\x14\0\0", b"PK\3\4\x14\0\1").replace(
        b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1"
    )


@pytest.mark.parametrize("name", ["sacct.zip", "sacct.txt"])
@pytest.mark.parametrize(
    ("content", "jobs", "reason"),
    [
        (zipped("a.txt"), 1, ""),
        (zipped("a/", "a/a.txt"), 1, ""),
        (zipped("a.txt", "b.txt"), 0, "is a zip archive that holds 2 files; unpack it"),
        (zipped(), 0, "is a zip archive that holds 0 files; unpack it"),
        (encrypted(zipped("a.txt")), 0, "is a zip archive that cannot be opened"),
        (zipped("a.txt")[:-9], 0, "is cut off or damaged"),
    ],
)
def test_a_zip_of_other_than_one_file_is_rejected(
    tmp_path: Path, name: str, content: bytes, jobs: int, reason: str
) -> None:
    """P1, P5: fsspec reads the first entry only. Small files that are read together say the same."""
    tables, rejects, _ = read(tmp_path / name, content)
    assert (len(tables["slurm_jobs"]), reason in rejects.get("", "")) == (jobs, True)
    (tmp_path / "other.txt").write_text(text("2|2|FAILED|10|20|30|10"))
    (tmp_path / "another.txt").write_text(text("3|3|FAILED|10|20|30|10"))
    site = Site.model_validate({"clusters": {"c": {"timezone": "UTC", "slurm": {"files": str(tmp_path / "*")}}}})
    tables, rejects, _ = everything(Slurm(), site)
    assert (len(tables["slurm_jobs"]), reason in rejects.get("", "")) == (2 + jobs, True)


def test_a_file_without_jobs_is_loaded_with_no_rows(path: Path) -> None:
    """P5: nothing vanishes."""
    assert read(path, HEADER + "\n") == ({"slurm_jobs": [], "slurm_steps": [], "slurm_running": []}, {}, "loaded")


def test_files_are_found_by_the_day_in_their_name(tmp_path: Path) -> None:
    (tmp_path / "2017-03-20.txt").write_text(HEADER)
    site = Site.model_validate({"clusters": {"c": {"slurm": {"files": str(tmp_path / "%Y-%m-%d.txt")}}}})
    (found,) = Slurm().find(site, Span(date(2017, 3, 20), date(2017, 3, 21)))
    assert isinstance(found, Input) and found.day == date(2017, 3, 20)
    assert list(Slurm().find(site, Span(date(2017, 3, 21)))) == []
