"""The other sources into typed rows: iolake beside pytokio's own parsers, on the same files in the same run, in turns.

    pip install pytokio pandas
    python -m benchmarks.sources SAMPLES [--repeat 5] [--only SOURCE]

SAMPLES is the folder of pytokio's own test inputs. Each is read twice: as it is, where fixed costs rule in files of a
few lines, and stretched to the size of a centre's day. pytokio's parsers give dictionaries of text and numbers, or a
pandas frame; iolake gives Arrow tables with UTC times, bytes and checked types. Without pytokio our
times are printed beside the floor alone: inflating the file and splitting its lines, or decoding its JSON with orjson.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import stretch
from benchmarks.floor import decode, show
from benchmarks.stretch import Stretch
from benchmarks.timing import FLOOR, OURS, in_turns, report
from iolake.extractors.base import Batch, Span
from iolake.pipelines.registry import extractors
from iolake.schemas.site import Site

_ZONE = "America/Los_Angeles"


class Case(NamedTuple):
    """A source, its sample, how it is stretched and how often, and pytokio's way to read it."""

    source: str
    name: str
    stretch: Stretch
    times: int
    theirs: Callable[[str], Any]


def _tokio(module: str, kind: str, method: str | None = "from_file") -> Callable[[str], Any]:
    def read(path: str) -> Any:
        reader = getattr(importlib.import_module(f"tokio.connectors.{module}"), kind)
        return (getattr(reader, method) if method else reader)(path)

    return read


def _hits(module: str, kind: str) -> Callable[[str], Any]:
    """Return pytokio's way to saved hits: they stand in for a server's pages, and a search makes a frame of them."""

    def read(path: str) -> Any:
        search = getattr(importlib.import_module(f"tokio.connectors.{module}"), kind).from_cache(path)
        search.query_and_scroll({}, filter_function=search.filter_function)
        frame = search.to_dataframe()
        assert len(frame), "pytokio read nothing"
        return frame

    return read


def _topology(path: str) -> Any:
    return importlib.import_module("tokio.connectors.craysdb").CraySdbProc(cache_file=path)


_MMPERFMON = _tokio("mmperfmon", "Mmperfmon")
CASES = (
    Case("mmperfmon", "mmperfmon.2019-05-15-mini.tgz", stretch.reports, 4, _MMPERFMON),
    Case("mmperfmon", "mmperfmon.tgz", stretch.reports, 4, _MMPERFMON),
    Case("ssd", "sample_nersc_isdct.tgz", stretch.drives, 20, _tokio("nersc_isdct", "NerscIsdct", None)),
    Case("collectd", "sample_collectdes-full.json.gz", stretch.days, 10, _hits("collectd_es", "CollectdEs")),
    Case("gridftp", "globuslogs.txt.gz", stretch.lines, 1000, _tokio("globuslogs", "GlobusLog")),
    Case("globus", "globuslogs.json.gz", stretch.hits, 4000, _hits("nersc_globuslogs", "NerscGlobusLogs")),
    Case("hpss_ftp", "hpssftplog.txt.gz", stretch.lines, 2000, _tokio("hpss", "FtpLog")),
    Case("hsi", "hsilog.txt.gz", stretch.lines, 200, _tokio("hpss", "HsiLog")),
    Case("hpss_report", "hpss_daily.txt", stretch.systems, 20, _tokio("hpss", "HpssDailyReport")),
    Case("topology", "sample.xtdb2proc.gz", stretch.processors, 20, _topology),
)


def main() -> None:
    """Time each case and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", help="one source")
    args = parser.parse_args()
    os.environ["TZ"] = _ZONE
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            if args.only in {None, case.source}:
                _compare(case, args.samples / case.name, "sample", args.repeat)
                day = stretch.stretched(args.samples / case.name, Path(folder), case.stretch, case.times)
                _compare(case, day, "a day", args.repeat)


def _compare(case: Case, path: Path, size: str, repeat: int) -> None:
    ways: dict[str, Callable[[], Any]] = {OURS: _ours(case, path), FLOOR: lambda: decode(path)}
    if importlib.util.find_spec("tokio"):
        ways["pytokio"] = lambda: case.theirs(str(path))
    found = in_turns(ways, repeat)
    name = f"{case.source}, {size}: {found[OURS].answer:,} rows"
    report(name, found)
    show(name, found)


def _ours(case: Case, path: Path) -> Callable[[], int]:
    """Return a way that reads the file into rows and counts them."""
    extractor = extractors()[case.source]
    owner = {"timezone": _ZONE, case.source: {"files": path.name}}
    site = Site.model_validate({"root": str(path.parent), f"{extractor.owner}s": {"a": owner}})
    (input,) = extractor.find(site, Span())

    def read() -> int:
        return sum(found.data.num_rows for found in extractor.read(input, site) if isinstance(found, Batch))

    return read


if __name__ == "__main__":
    main()
