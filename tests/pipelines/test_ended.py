"""A run that a signal ends prints one line, exits with the status that shells expect, and leaves nothing behind."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iolake.pipelines import cli, reader
from iolake.pipelines.limits import Limits
from iolake.schemas.errors import is_transient
from iolake.schemas.site import Site
from iolake.warehouse import scratch
from iolake.warehouse.processes import who
from iolake.warehouse.store import Store

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_with_one_line(tmp_path: Path, sent: signal.Signals, status: int) -> None:
    """P3: the process that was reading ends at once too, and no temporary folder is left."""
    command, asked, folder = tmp_path / "sacct", tmp_path / "asked", tmp_path / "tmp"
    command.write_text(f"#!/bin/sh\ntouch {asked}\nexec sleep 60\n")
    command.chmod(0o755)
    folder.mkdir()
    (tmp_path / "site.toml").write_text(f'[clusters.c]\ntimezone = "UTC"\nslurm = {{ command = "{command}" }}\n')
    run = subprocess.Popen(
        [
            *(sys.executable, "-c", "from iolake.pipelines.entry import main; main()", "ingest"),
            *("--since", "2026-01-01", "--until", "2026-01-02", "--site", str(tmp_path / "site.toml")),
        ],
        cwd=CHECKOUT,
        env=os.environ | {"TMPDIR": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 100
    while not asked.exists() and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    run.send_signal(sent)
    _, printed = run.communicate(timeout=30)
    assert run.returncode == status
    (line,) = printed.strip().splitlines()
    assert line.startswith(f"iolake: ended by {sent.name}; nothing half-done is visible")
    assert not list(folder.glob("iolake-*"))


def test_temporary_folders_of_dead_processes_are_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P3: only folders of killed processes are removed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with subprocess.Popen(["sleep", "60"]) as process:
        dead = who(process.pid)
        process.kill()
    for name in (f"iolake-{dead}-abc", "iolake-of-somebody", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / f"iolake-{dead}-abc" / "catalog.duckdb").write_text("half")
    with scratch.scratch() as mine:
        assert scratch.collect() == 1
        assert {p.name for p in tmp_path.iterdir()} == {"iolake-of-somebody", "other", Path(mine).name}


def test_an_error_of_the_disk_names_the_path(tmp_path: Path) -> None:
    """The system's error of a failed write names no file; the lake's error does."""
    store = Store(str(tmp_path / "lake"))
    store.put(bytes(1 << 17), "catalog/0.duckdb")
    (tmp_path / "temporary").mkdir()
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        with pytest.raises(OSError, match=r"catalog/1\.duckdb"):
            store.put_if_absent(bytes(1 << 17), "catalog/1.duckdb")
        with pytest.raises(OSError, match=r"t/a\.parquet"), store.create("t/a.parquet") as file:
            file.write(bytes(1 << 17))
        with pytest.raises(OSError, match="temporary/copy") as full:
            store.copy("catalog/0.duckdb", tmp_path / "temporary" / "copy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert [p.name for p in (tmp_path / "lake").rglob("*") if p.is_file()] == ["0.duckdb"]
    assert cli._one_line(full.value).endswith("file too large; make room there, and run it again")


@pytest.mark.parametrize(
    ("error", "said"),
    [(RuntimeError("can't start new thread"), "allows no further thread"), (MemoryError(), "has no memory left")],
)
def test_a_lack_of_threads_or_memory_ends_a_run_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, said: str
) -> None:
    """P5: as under a low `pids.max`. The inputs are not rejected, and the same run may succeed later."""

    def lacking(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "cli", lacking)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert (ended.value.code, said in line, is_transient(error)) == (1, True, True)


def test_a_run_that_does_not_end_in_order_ends_in_time() -> None:
    """P3: a library may swallow the interrupt, or wait for ever; the line and the status are the same."""
    code = (
        "import time, threading, iolake.pipelines.cli as cli\n"
        "from iolake.pipelines import entry\n"
        "def swallow():\n"
        "    try:\n"
        "        print('asked', flush=True)\n"
        "        time.sleep(60)\n"
        "    except KeyboardInterrupt: threading.Event().wait()\n"
        "cli.main, entry.PATIENCE_S = swallow, 0.5\n"
        "entry.main()"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code], cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert run.stdout and run.stdout.readline() == "asked\n"
    run.send_signal(signal.SIGTERM)
    _, printed = run.communicate(timeout=30)
    (line,) = printed.splitlines()
    assert (run.returncode, line.startswith("iolake: ended by SIGTERM;")) == (143, True)


def test_a_reader_that_gets_no_thread_blames_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """P5: as under a low `ulimit -u`. The line names the limit, and the same run may succeed later."""
    lacking = (
        "import threading\n"
        'def start(self): raise RuntimeError("can\'t start new thread")\n'
        "threading.Thread.start = start\n"
    )
    monkeypatch.setattr(reader, "_CODE", lacking + reader._CODE)
    one = reader.Reader()
    with pytest.raises(reader.CannotStart, match=r"allows no further thread; raise the limit \(ulimit -u"):
        one.stage([], Site.model_validate({"root": "/"}), Limits.of([], 1 << 30))
    one.end()
