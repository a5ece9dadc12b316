"""`iolake init` recognises the files of every source by their content."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import socket
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from iolake.extractors.base import Span
from iolake.pipelines.finding import find
from iolake.pipelines.recognise import Found, look, recognise, source_of
from iolake.pipelines.registry import extractors
from iolake.schemas.site import Site
from tests.extractors import (
    test_collectd,
    test_network,
    test_scale_commands,
    test_scale_counters,
    test_scale_mmperfmon,
    test_schedulers,
    test_ssd,
    test_topology,
    test_transfers,
)

JOBS = "scheduler_id,user_name,start_time,end_time\n7,a,2026-03-01T00:00:00,2026-03-01T01:00:00\n"
SACCT_JOB = {
    "account": "root", "allocation_nodes": 1, "association": {"account": "root", "cluster": "c", "user": "u"},
    "job_id": 7, "time": {"start": 1, "end": 2}, "kill_request_user": None,
}  # fmt: skip
TEXTS = [
    ("collectd", json.dumps(test_collectd.hits(test_collectd.EACH))),
    ("esnet_snmp", json.dumps(test_network.rates())),
    ("interface_counters", test_network.CSV),
    ("flux", json.dumps(test_schedulers.FLUX)),
    ("pbs", test_schedulers.PBS),
    ("lsf", test_schedulers.LSF),
    ("jobs", JOBS),
    ("gpfs_exporter", test_scale_counters.scrape((1,) * 8)),
    ("mmpmon", test_scale_counters.reading(test_scale_counters.TEN, (1,) * 8)),
    ("mmpmon", "mmpmon node 10.0.0.7 name node7 fs_io_s OK\ncluster:        c.example\n"),
    ("mmdf", test_scale_commands.BEGIN + test_scale_commands.MMDF),
    ("mmdf", test_scale_commands.MMDF_Y),
    ("mmlsdisk", test_scale_commands.MMLSDISK),
    ("mmlsfs", test_scale_commands.MMLSFS),
    ("mmperfmon", test_scale_mmperfmon.USAGE),
    ("mmperfmon", test_scale_mmperfmon.WIDE),
    *(("ssd", text) for text in (test_ssd.INFO, test_ssd.SMART)),
    *(("ssd", json.dumps(found)) for found in (test_ssd.SMARTCTL, test_ssd.SMART_LOG, test_ssd.ATA)),
    *(("topology", text) for text in (test_topology.CRAY, test_topology.CSV, test_schedulers.TOPOLOGY)),
    *((extractor.source, text) for extractor, text in test_transfers.EVERY),
    ("params", "net:\n    - net type: lo\n      local NI(s):\n"),
    ("params", "statistics:\n    msgs_alloc: 0\n"),
    ("topology", test_topology.CSV.replace("\n", "\r\n")),
    ("topology", '"node","switch","x"\r\n"n1","s1","1"\r\n'),
    ("slurm", json.dumps({"7": {"jobidraw": "7", "start": 1, "end": 2, "nodelist": ["n1"]}})),
    ("slurm", json.dumps({"jobs": [{**SACCT_JOB, "padding": "x" * (300 << 10)}], "meta": {"Slurm": {}}})),
    ("ssd", json.dumps({"CVF8527500094P0DGN-1": {"timestamp": 1, "node_name": "n1", "percentage_used": 1}})),
    ("ssd", json.dumps({"Devices": [{"DevicePath": "/dev/nvme0n1", "SerialNumber": "7", "ModelNumber": "m"}]})),
    ("ssd", json.dumps(test_ssd.ID_CTRL)),
]
FOUND_IN_THE_DEMO = {"darshan", "slurm", "hdf5", "lmt", "df", "targets"}
ELSEWHERE = {"darshan_index"}
"""tests/real/test_recognise.py looks at pytokio's own index."""


def test_the_samples_are_of_every_registered_source() -> None:
    assert {source for source, _ in TEXTS} | FOUND_IN_THE_DEMO | ELSEWHERE == extractors().keys()


@pytest.mark.parametrize("packed", ["plain", "gzip", "tar"])
def test_a_text_is_of_the_source_that_reads_it(tmp_path: Path, packed: str) -> None:
    """Also compressed, and in an archive; the file's name says nothing."""
    for at, (source, text) in enumerate(TEXTS):
        content = text.encode()
        if packed == "tar":
            archive = io.BytesIO()
            with tarfile.open(fileobj=archive, mode="w:gz") as tar:
                entry = tarfile.TarInfo("node/a.txt")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            content = archive.getvalue()
        path = tmp_path / str(at)
        path.write_bytes(gzip.compress(content) if packed == "gzip" else content)
        found = recognise(path)
        assert found is not None, (source, text[:80])
        assert (found.source, text[:80]) == (source, text[:80])


def test_a_parquet_file_of_jobs_is_recognised_and_another_is_not(tmp_path: Path) -> None:
    frame = pl.read_csv(JOBS.encode())
    frame.write_parquet(tmp_path / "jobs")
    frame.drop("end_time").write_parquet(tmp_path / "other")
    found = recognise(tmp_path / "jobs")
    assert found is not None
    assert (found.source, recognise(tmp_path / "other")) == ("jobs", None)


@pytest.mark.parametrize("text", ["", "hello\n", "{}", "[]", '{"a": {"b": 1}}', "a,b\n1,2\n", "node\nn1\n", "<html>",
    '{"plugin": "x"}', '{"plugin": "x", "hostname": "a"}', '{"SerialNumber": "S1", "owner": "me"}', '{"jobid": 7}',
    '[{"jobid": 7, "end": 1, "start": 0}]', '{"ABCDEFGH": {"a": 1}}', '{"percent_used": 4}', '{"smartctl": 1}',
    '{"jobs": [{"job_id": 7, "name": "build"}]}', "node and switch\n", "node, and the switch x\nof it\n",
    "The node, switch, and cabinet.\n", "node,switch\nare words of prose\n",
])  # fmt: skip
def test_a_file_of_no_source_is_not_recognised(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text(text)
    assert recognise(tmp_path / "a") is None


def test_each_file_of_the_demo_is_of_its_source(demo_centre: Path) -> None:
    """The demo's site.toml is the oracle."""
    seen = set()
    for (source, _owner, _day), inputs in find(Site.read(demo_centre / "site.toml"), (), Span()).items():
        for input in list(inputs)[:2]:
            path = Path(input.uri.removeprefix("sqlite:///").partition("#")[0])
            found = recognise(path) if path.is_file() else None
            if found is not None or path.is_file():
                assert found is not None, path
                assert found.source == source, path
                seen.add(source)
    assert seen >= FOUND_IN_THE_DEMO


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_damaged_file_stops_no_other(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    """P5: the damage is in the middle, which opening the file does not show."""
    packed = bytearray(compress(random.Random(7).randbytes(1 << 16).hex().encode()))
    for at in range(len(packed) // 2, len(packed) // 2 + 200):
        packed[at] ^= 0xFF
    (tmp_path / "bad").write_bytes(packed)
    (tmp_path / "good").write_text(JOBS)
    seen = list(look([tmp_path]))
    assert seen[0] == tmp_path / "bad"
    assert [found.source for found in seen[1:] if isinstance(found, Found)] == ["jobs"]


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    """A pipe that nobody writes to would block its reader for ever."""
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.darshan")
    (tmp_path / "link").symlink_to("pipe")
    seen: list[Found | Path] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        looking = threading.Thread(target=lambda: seen.extend(look([tmp_path])), daemon=True)
        looking.start()
        looking.join(timeout=30)
    assert seen == [tmp_path / name for name in ("link", "pipe", "pipe.darshan", "socket")]


@pytest.mark.parametrize(
    "piece",
    [
        *("\n", "-", "-\n", " ", " \n", "\t", "a", "a,", "a=", "#\n", "[", "{", '"', "x ", '{"a":', "\r\n", "- Intel "),
        *("node switch ", "1 ", "Sun Mar  1 10:00:00 2026 b ", "BEGIN 1\n", "ts\n", "-\t\n"),
    ],
)
def test_any_text_is_looked_at_in_linear_time(piece: str) -> None:
    """P5: a hostile or dull file of the size that is looked at takes a moment; it may not hold up all others."""
    size = (256 if piece in ("\n", "-", " ") else 64) << 10
    for begin in ("", "- Intel", "Sun Mar  1 10:00:00 2026 "):
        text = (begin + piece * (size // len(piece) + 1))[: size - 1] + "!"
        before = time.process_time()
        source_of(text)
        assert time.process_time() - before < 1
