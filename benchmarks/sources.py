"""The other sources into typed rows: iolake beside pytokio's own parsers, on the same files in the same run, in turns.

    pip install pytokio pandas
    python benchmarks/sources.py SAMPLES [--repeat 5]

SAMPLES is the folder of pytokio's own test inputs. Logs of a few lines are repeated up to some thousand lines, so that
the time is that of reading. pytokio's parsers give dictionaries of text and numbers; iolake gives Arrow tables with
UTC times, bytes and checked types. Without pytokio our times are printed alone.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import importlib.util
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.timing import OURS, Timing, in_turns, report
from iolake.extractors.base import Batch, Span
from iolake.pipelines.registry import extractors
from iolake.schemas.site import Site

_ZONE = "America/Los_Angeles"


class Case(NamedTuple):
    """A source, its file, how often its lines are repeated, and pytokio's way to read it."""

    source: str
    name: str
    repeat: int
    theirs: Callable[[str], Any]
    options: dict[str, Any]


def _tokio(module: str, kind: str, method: str | None = "from_file") -> Callable[[str], Any]:
    def read(path: str) -> Any:
        reader = getattr(importlib.import_module(f"tokio.connectors.{module}"), kind)
        return (getattr(reader, method) if method else reader)(path)

    return read


def _collectd(path: str) -> Any:
    reader = importlib.import_module("tokio.connectors.collectd_es").CollectdEs
    return reader.from_cache(path).to_dataframe()


def _globus(path: str) -> Any:
    reader = importlib.import_module("tokio.connectors.nersc_globuslogs").NerscGlobusLogs
    return reader.from_cache(path).to_dataframe()


def _topology(path: str) -> Any:
    return importlib.import_module("tokio.connectors.craysdb").CraySdbProc(cache_file=path)


CASES = (
    Case("mmperfmon", "mmperfmon.2019-05-15-mini.tgz", 0, _tokio("mmperfmon", "Mmperfmon"), {}),
    Case("mmperfmon", "mmperfmon.tgz", 0, _tokio("mmperfmon", "Mmperfmon"), {}),
    Case("ssd", "sample_nersc_isdct.tgz", 0, _tokio("nersc_isdct", "NerscIsdct", None), {}),
    Case("collectd", "sample_collectdes-full.json.gz", 0, _collectd, {}),
    Case("gridftp", "globuslogs.txt.gz", 1000, _tokio("globuslogs", "GlobusLog"), {}),
    Case("globus", "globuslogs.json.gz", 2000, _globus, {}),
    Case("hpss_ftp", "hpssftplog.txt.gz", 2000, _tokio("hpss", "FtpLog"), {}),
    Case("hsi", "hsilog.txt.gz", 200, _tokio("hpss", "HsiLog"), {}),
    Case("hpss_report", "hpss_daily.txt", 0, _tokio("hpss", "HpssDailyReport"), {}),
    Case("topology", "sample.xtdb2proc.gz", 0, _topology, {}),
)


def main() -> None:
    """Time each case and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    os.environ["TZ"] = _ZONE
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            path = _file(args.samples / case.name, Path(folder), case.repeat)
            ways: dict[str, Callable[[], Any]] = {OURS: _ours(case, path)}
            if importlib.util.find_spec("tokio"):
                ways["pytokio"] = lambda case=case, path=path: case.theirs(str(path))  # type: ignore[misc]
            found = in_turns(ways, args.repeat)
            name = f"{case.source}: {found[OURS].answer:,} rows"
            if len(found) > 1:
                report(name, found)
            else:
                _alone(name, found[OURS])


def _alone(name: str, ours: Timing) -> None:
    print(f"{name:32} {ours.wall_s * 1e3:9.1f} ms", flush=True)


def _file(sample: Path, folder: Path, repeat: int) -> Path:
    """Return the file to read: the sample, or one in the folder that holds its lines or records so many times."""
    if not repeat:
        return sample
    text = gzip.decompress(sample.read_bytes()).decode()
    path = folder / sample.name.removesuffix(".gz")
    if sample.name.endswith(".json.gz"):
        hits = [hit for page in json.loads(text) for hit in page]
        path.write_text(
            json.dumps([[{**hit, "_id": f"{i}.{hit['_id']}"} for hit in hits] for i in range(repeat)] + [[]])
        )
    else:
        path.write_text(text * repeat)
    return path


def _ours(case: Case, path: Path) -> Callable[[], int]:
    """Return a way that reads the file into rows and counts them."""
    extractor = extractors()[case.source]
    owner = {"timezone": _ZONE, case.source: {"files": path.name, "options": case.options}}
    site = Site.model_validate({"root": str(path.parent), f"{extractor.owner}s": {"a": owner}})
    (input,) = extractor.find(site, Span())

    def read() -> int:
        return sum(found.data.num_rows for found in extractor.read(input, site) if isinstance(found, Batch))

    return read


if __name__ == "__main__":
    main()
