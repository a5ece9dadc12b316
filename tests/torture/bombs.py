"""Small inputs that expand without bound: each is read in a child with bounded memory and time."""

from __future__ import annotations

import bz2
import gzip
import os
import resource
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from iolake.extractors.base import Outcome, Span
from iolake.pipelines import registry
from iolake.schemas.site import Site

MEMORY = 3 << 30
SECONDS = 60
_HUGE = 1 << 29
SOURCES = {"df": ("file_systems", "txt"), "targets": ("file_systems", "txt"), "params": ("file_systems", "txt"),
            "slurm": ("clusters", "txt"), "jobs": ("clusters", "csv")}  # fmt: skip


def contents() -> Iterator[tuple[str, bytes, str]]:
    """(name, content, suffix) of each bomb."""
    yield "zeros in gzip", gzip.compress(bytes(_HUGE), 1), ".gz"
    yield "zeros in bzip2", bz2.compress(bytes(_HUGE // 8), 1), ".bz2"
    yield "one long line", b"x" * (64 << 20), ""
    yield "lines of BEGIN", b"BEGIN 1500000000\n" * (1 << 20), ""
    yield "lists in lists", b"[" * (1 << 20), ""
    yield "jobs that are numbers", b'{"jobs": [' + b"0," * (4 << 20) + b"0]}", ""
    nodes = ",".join(["1-999999999"] * 40)
    yield "node list", f"JobID|JobIDRaw|State|Start|End|NodeList\n1|1|COMPLETED|10|20|n[{nodes}]\n".encode(), ""


def burst() -> tuple[Counter[str], list[str]]:
    """(counts, violations): every bomb ends as a reject or with rows, and within its bounds."""
    counts: Counter[str] = Counter()
    violations: list[str] = []
    for name, content, suffix in contents():
        for source, (kind, form) in SOURCES.items():
            with tempfile.TemporaryDirectory(prefix="iolake-bomb-") as folder:
                (Path(folder) / f"2017-03-20.{form}{suffix}").write_bytes(content)
                where = {"files": f"%Y-%m-%d.{form}{suffix}"}
                site = Site.model_validate({"root": folder, "lake": {"uri": folder}, kind: {"one": {source: where}}})
                counts["bombs"] += 1
                if said := _read_in_child(source, site):
                    violations.append(f"{name} as {source}: {said}")
    return counts, violations


def _read_in_child(source: str, site: Site) -> str:
    """What went wrong; empty where the input ended."""
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        signal.alarm(SECONDS)
        extractor = registry.extractors()[source]
        try:
            ended = [r for r in extractor.read_many(list(extractor.find(site, Span())), site) if isinstance(r, Outcome)]
            os._exit(0 if len(ended) == 1 else 2)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"ended by signal {os.WTERMSIG(status)}"
    return {0: "", 1: "raised", 2: "did not end its input"}[os.WEXITSTATUS(status)]
