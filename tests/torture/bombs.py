"""Small inputs that expand without bound: each is read in a child with bounded memory and time."""

from __future__ import annotations

import bz2
import gzip
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from iolake.extractors.base import Outcome, Span
from iolake.pipelines import registry
from iolake.schemas.site import Site

CHECKOUT = Path(__file__).resolve().parents[2]
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
                if said := read_in_child(source, site):
                    violations.append(f"{name} as {source}: {said}")
    return counts, violations


def read_in_child(source: str, site: Site) -> str:
    """What went wrong; empty where the input ended. A fork would inherit the locks of the libraries' threads."""
    command = [sys.executable, "-m", "tests.torture.bombs", source]
    child = subprocess.run(command, cwd=CHECKOUT, input=site.model_dump_json(), text=True, check=False)
    if child.returncode < 0:
        return f"ended by signal {-child.returncode}"
    return {0: "", 1: "raised", 2: "did not end its input"}[child.returncode]


def main() -> None:
    """Read the one bomb of the site on stdin, with bounded memory and time."""
    site = Site.model_validate_json(sys.stdin.read())
    extractor = registry.extractors()[sys.argv[1]]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    results = extractor.read_many(list(extractor.find(site, Span())), site)
    sys.exit(0 if sum(isinstance(r, Outcome) for r in results) == 1 else 2)


if __name__ == "__main__":
    main()
