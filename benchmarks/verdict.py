"""How often job_verdict names the right cause, on simulated centres whose truth is known.

    python benchmarks/verdict.py --seed 11 --seed 12 --jobs 600

For each seed it simulates a centre, ingests it and prints how the verdicts answer the truth: rows are what happened,
columns what was said. The aims are the right cause for 9 of 10 affected jobs, and at most 1 of 20 others blamed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from iolake import Lake
from iolake.demo.centre import simulate
from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site

Pairs = Counter[tuple[str, str]]
NOTHING, UNWATCHED = "-", "unwatched"


def confusion(truth: Path, lake: Lake) -> Pairs:
    """How often each (true cause, said cause) occurs; `NOTHING` is no cause. `truth` is a centre's truth.json.

    A job that something slowed which no source saw has the cause `UNWATCHED`. Its verdict is right where it blames
    nobody and says that the servers were not watched.
    """
    said: dict[tuple[str, int, int], str | None] = {
        (cluster, job_id, round(start)): cause or (UNWATCHED if "were watched for" in sentence else None)
        for cluster, job_id, start, cause, sentence in lake.sql(
            "SELECT v.cluster, v.job_id, epoch(s.start_time), v.cause, v.sentence FROM job_verdict v "
            "JOIN job_summary s USING (cluster, run_id) WHERE s.start_time IS NOT NULL"
        ).fetchall()
    }
    pairs: Pairs = Counter()
    jobs: list[dict[str, Any]] = json.loads(truth.read_text())["jobs"]
    for job in jobs:
        if job["start"] is not None and job["end"] is not None and not job["doubtful"]:
            answer = said.get((job["cluster"], job["job_id"], job["start"]))
            pairs[job["cause"] or NOTHING, answer or NOTHING] += 1
    return pairs


def table(pairs: Pairs) -> str:
    """The pairs as a table of text, and both aims below it."""
    causes = sorted({cause for pair in pairs for cause in pair})
    width = max(map(len, causes))
    lines = [" " * width + "".join(f"  {cause:>{max(3, len(cause))}}" for cause in causes)]
    for true in causes:
        cells = "".join(f"  {pairs[true, said]:>{max(3, len(said))}}" for said in causes)
        lines.append(f"{true:<{width}}{cells}")
    affected = sum(n for (true, _), n in pairs.items() if true != NOTHING)
    right = sum(n for (true, said), n in pairs.items() if true != NOTHING and true == said)
    others = sum(n for (true, _), n in pairs.items() if true == NOTHING)
    blamed = sum(n for (true, said), n in pairs.items() if true == NOTHING and said not in (NOTHING, UNWATCHED))
    lines.append(f"right for {right} of {affected} affected jobs ({right / max(affected, 1):.1%}; aim 90 %)")
    lines.append(f"blamed {blamed} of {others} other jobs ({blamed / max(others, 1):.1%}; aim at most 5 %)")
    return "\n".join(lines)


def main() -> None:
    """Judge the seeds of the command line, each alone and all together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="seed of a centre; give it several times for more")
    parser.add_argument("--jobs", type=int, default=600)
    parser.add_argument("--days", type=int, default=3)
    asked = parser.parse_args()
    total: Pairs = Counter()
    for seed in asked.seed or [11, 12, 13]:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "centre"
            simulate(root, seed=seed, jobs=asked.jobs, days=asked.days)
            ingest(Site.read(root / "site.toml"))
            pairs = confusion(root / "truth.json", Lake(root / "lake"))
        print(f"seed {seed}, rows: what happened, columns: what was said\n{table(pairs)}\n", flush=True)
        total += pairs
    print(f"all seeds\n{table(total)}")


if __name__ == "__main__":
    main()
