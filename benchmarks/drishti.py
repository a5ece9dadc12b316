"""How iolake's findings agree with Drishti's on the same logs: the table of docs/drishti.md.

    python -m venv scratch && scratch/bin/pip install drishti-io
    scratch/bin/python benchmarks/drishti.py codes LOG ... > codes.json
    python benchmarks/drishti.py compare codes.json LAKE

The first command runs Drishti's checks on each log, and the second holds them against the findings of a lake of these
logs. A run of several logs is left out: its findings are those of all of them.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

CODES = {
    "S01": "stdio-heavy", "P03": "write-intensive", "P04": "read-intensive", "P05": "small-reads",
    "P06": "small-writes", "P07": "misaligned-in-memory", "P08": "misaligned-in-file", "P09": "redundant-reads",
    "P10": "redundant-writes", "P11": "random-reads", "P13": "random-writes", "P15": "small-shared",
    "P16": "small-shared", "P17": "long-metadata", "P18": "byte-imbalance", "P19": "time-imbalance", "M01": "no-mpiio",
    "P21": "write-imbalance", "P22": "read-imbalance",
    "M02": "no-collective", "M03": "no-collective", "M06": "no-nonblocking", "M07": "no-nonblocking",
    "M08": "fewer-aggregators-than-nodes", "M09": "more-aggregators-than-nodes", "M10": "one-aggregator-a-node",
}  # fmt: skip
"""Drishti's codes that iolake has a rule for."""
SECONDS_A_LOG = 90
_FOUND = """
SELECT l.file_name, list(f.code) FILTER (f.code IS NOT NULL)
FROM logs_of_runs(NULL, NULL, NULL) r
JOIN darshan_logs l USING (cluster, date, log_id)
LEFT JOIN findings f ON f.cluster = r.cluster AND f.run_id = r.run_id
WHERE (r.cluster, r.run_id) IN (
  SELECT (cluster, run_id) FROM logs_of_runs(NULL, NULL, NULL) GROUP BY cluster, run_id HAVING count(*) = 1
)
GROUP BY l.file_name
"""


def codes(logs: list[str]) -> dict[str, list[str] | None]:
    """The codes that Drishti gives each log, by file name; None for a log that it gives up on or takes too long for."""
    here = Path(__file__).resolve().parent
    sys.path = [place for place in sys.path if Path(place).resolve() != here]  # this file has the package's name
    sys.argv = ["drishti", "log"]  # Drishti reads the command line when it is imported
    checks: Any = __import__("drishti.includes.module", fromlist=["message"])
    handler: Any = __import__("drishti.handlers.handle_darshan", fromlist=["handler"])
    seen: set[str] = set()
    original = checks.message

    def message(code: str, *args: Any, **kwargs: Any) -> Any:
        seen.add(code)
        return original(code, *args, **kwargs)

    def nothing(*_args: Any, **_kwargs: Any) -> None:
        raise FileNotFoundError  # there is no sacct to ask about these jobs

    checks.message, handler.subprocess.run = message, nothing
    for shown in ("display_content", "display_thresholds", "display_footer", "export_html", "export_svg", "export_csv"):
        setattr(handler, shown, lambda *_args: None)
    return {Path(log).name: _in_a_child(handler, log, seen) for log in logs}


def _in_a_child(handler: Any, log: str, seen: set[str]) -> list[str] | None:
    reading, writing = os.pipe()
    if child := os.fork():
        os.close(writing)
        with os.fdopen(reading) as answer:
            text = answer.read()
        os.waitpid(child, 0)
        return json.loads(text) if text else None
    signal.alarm(SECONDS_A_LOG)
    handler.args.log_path = log
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit, Exception):
        handler.handler()  # a handler that fails after its checks has reported them
        seen.add("")
    os.write(writing, json.dumps(sorted(seen - {""})).encode() if seen else b"")
    os._exit(0)


def compare(drishtis: dict[str, list[str] | None], lake: str) -> str:
    """A Markdown table: rule, Drishti's codes, and logs that both, only one, or neither finds something in."""
    from iolake import Lake

    ours = {Path(name).name: set(found or ()) for name, found in Lake(lake).sql(_FOUND).fetchall()}
    logs = [name for name, found in drishtis.items() if found is not None and name in ours]
    by_rule: dict[str, list[str]] = defaultdict(list)
    for code, rule in CODES.items():
        by_rule[rule].append(code)
    lines = [
        f"{len(logs)} logs",
        "",
        "| rule | Drishti | both | Drishti alone | iolake alone | neither |",
        "|---" * 6 + "|",
    ]
    for rule, names in by_rule.items():
        theirs = {log for log in logs if set(drishtis[log] or ()) & set(names)}
        own = {log for log in logs if rule in ours[log]}
        counts = (theirs & own, theirs - own, own - theirs, set(logs) - theirs - own)
        lines.append(f"| `{rule}` | {', '.join(names)} | " + " | ".join(str(len(c)) for c in counts) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["codes"]:
        print(json.dumps(codes(sys.argv[2:]), indent=1))
    elif sys.argv[1:2] == ["compare"] and len(sys.argv) == 4:
        print(compare(json.loads(Path(sys.argv[2]).read_text()), sys.argv[3]))
    else:
        sys.exit(__doc__)
