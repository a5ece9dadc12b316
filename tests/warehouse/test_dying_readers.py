"""Inputs that kill the process reading them, or exceed its limits of memory and time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iolake.extractors.base import Batch, Input, InputError, Reject
from iolake.pipelines import limits, registry
from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from tests.warehouse.toy import TOYS, Centre, Toy, df, expected, rows

_KILLER = '''
"""A toy source that does to its process what a file's "do" says; a plug-in, for its processes to have it too."""

import os, signal
from pathlib import Path

from tests.warehouse.toy import Toy


class Killer(Toy):
    source = "killer"

    def read(self, input, site):
        text = Path(input.uri).read_text()
        for name in ("KILL", "SEGV"):
            if name in text:
                os.kill(os.getpid(), getattr(signal, "SIG" + name))
        while "memory" in text:
            held = [b"x" * (64 << 20) for _ in range(100)]
        while "time" in text:
            pass
        if "once" in text and not os.path.exists(input.uri + ".read"):
            Path(input.uri + ".read").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield from super().read(input, site)
'''


@pytest.fixture
def killer(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> Centre:
    """A centre whose source `killer` is a plug-in of a folder."""
    info = centre.root / "plugins" / "killer-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: killer\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[iolake.extractors]\nkiller = killer:Killer\n")
    (centre.root / "plugins" / "killer.py").write_text(_KILLER)
    monkeypatch.syspath_prepend(str(centre.root / "plugins"))
    known = registry._Installed()["killer"]
    monkeypatch.setattr(registry, "extractors", lambda: {"killer": known})
    centre.sources = ("killer",)
    return centre


def rejects(centre: Centre) -> dict[str, str]:
    """The reason of each reject, by the name of its file."""
    return {Path(uri).stem: reason for uri, reason in centre.lake.sql("SELECT uri, reason FROM rejects").fetchall()}


def test_inputs_that_kill_their_readers_are_rejected_by_name_and_all_others_are_loaded(
    killer: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P3, P5: two processes die at once, one of them not by an input's fault; their staged files are removed."""
    monkeypatch.setattr("iolake.pipelines.ingest._BUNDLE_INPUTS", 2)
    killer.write("2017-03-20-a.json", "KILL", "killer")
    killer.write("2017-03-20-b.json", {"lustre_df": [df("OST1", 1, 1)]}, "killer")
    killer.write("2017-03-21-c.json", "SEGV", "killer")
    killer.write("2017-03-21-d.json", {"lustre_df": [df("OST2", 2, 1)]}, "killer")
    killer.write("2017-03-22-e.json", {"lustre_df": [df("OST3", 3, 1)], "once": []}, "killer")
    ingest(killer.site, workers=2)
    assert rows(killer.lake) == expected("lustre_df", *(df(f"OST{n}", n, 1) for n in (1, 2, 3)))
    reasons = rejects(killer)
    assert reasons["2017-03-20-a"].startswith("the process that read it died (signal 9): probably because")
    assert "died (signal 11)" in reasons["2017-03-21-c"]
    left = {name for name, reason in reasons.items() if "died" in reason}
    assert left == {"2017-03-20-a", "2017-03-21-c"}
    files = {str(p.relative_to(killer.root / "lake")) for p in (killer.root / "lake").rglob("*.parquet")}
    assert files == {path for (path,) in killer.lake.sql("SELECT path FROM files").fetchall()}


def test_an_input_beyond_its_limits_is_rejected(killer: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """P5: an endless input is stopped by the limits of memory and time."""
    monkeypatch.setattr("iolake.pipelines.ingest._BUNDLE_INPUTS", 1)
    monkeypatch.setattr(limits, "_LEAST_MEMORY", 400 << 20)
    monkeypatch.setattr(limits, "_LEAST_CPU_S", 4.0)
    killer.write("2017-03-20.json", "memory", "killer")
    killer.write("2017-03-21.json", "time", "killer")
    ingest(killer.site, workers=2)
    reasons = rejects(killer)
    assert reasons["2017-03-20"].startswith("reading it takes more than 400.00 MiB of memory")
    assert reasons["2017-03-21"].startswith("reading it takes more than 4 s of CPU time")


class Lacking(Toy):
    """A source whose reading exhausts a resource of the machine."""

    error: Exception = MemoryError()

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        if "lack" in Path(input.uri).read_text():
            raise self.error
        yield from super().read(input, site)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("can't start new thread"), OSError(24, "Too many files")]
)
def test_what_the_machine_lacked_is_tried_again_in_a_few_runs_and_after_a_change(
    centre: Centre, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """P5: an input that exhausts the machine is tried in a few runs only, so that no run fails on it for ever."""
    source: Any = Lacking()
    source.error = error
    monkeypatch.setattr(registry, "extractors", lambda: TOYS | {"toy": source})
    centre.write("2017-03-20.json", "lack")
    centre.write("2017-03-20-b.json", {"lustre_df": [df("OST0", 1, 1)]})
    for run in range(1, 6):
        centre.ingest()
        assert rows(centre.lake) == expected("lustre_df", df("OST0", 1, 1))
        ((tries, reason),) = centre.lake.sql("SELECT tries, reason FROM inputs WHERE status = 'rejected'").fetchall()
        if not isinstance(error, OSError):
            assert tries == min(run, 3)
            assert ("the next run tries it again" in reason) == (run < 3)
        assert "report it" not in reason
    centre.write("2017-03-20.json", {"lustre_df": [df("OST2", 2, 1)]})
    centre.ingest()
    assert rows(centre.lake) == expected("lustre_df", df("OST0", 1, 1), df("OST2", 2, 1))
    assert not rejects(centre)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("Exceeds the limit (4300 digits) for integer string conversion"), "holds a number larger than"),
        (OverflowError("Python int too large to convert to C long"), "holds a number larger than any column does"),
        (RecursionError("maximum recursion depth exceeded"), "holds lists or objects too deep in each other"),
        (InputError("u", f"names {'9' * 5000}", "check it"), "names 999"),
    ],
)
def test_what_no_program_reads_is_the_inputs_fault_in_one_short_line(
    centre: Centre, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    """P5: in every source a reject names numbers of thousands of digits and endless nesting; none is called a bug."""
    source: Any = Lacking()
    source.error = error
    monkeypatch.setattr(registry, "extractors", lambda: TOYS | {"toy": source})
    centre.write("2017-03-20.json", "lack")
    centre.ingest()
    (said,) = rejects(centre).values()
    assert said.startswith(reason) and said.endswith(("check it", "check what it holds"))
    assert "report" not in said and len(said) < 600
