"""The rules of findings: the value that each looks at, its threshold and severity, and what to do about it.

Drishti's and WisIO's thresholds are those of these tools; the others are iolake's own. The view finding_rules shows
them with the thresholds that site.toml changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from iolake.schemas.coverage import SEEN_ENOUGH_PCT

Severity = Literal["high", "medium", "low", "info"]
Subject = Literal["application", "file system", "neighbour", "scheduler"]
Scope = Literal["run", "day", "both"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: a value beyond `threshold` on its `side` is a finding.

    `scope` says what it judges: a run, a file system's day, or both.
    """

    code: str
    severity: Severity
    subject: Subject
    side: Literal["above", "below"]
    threshold: float
    unit: str
    advice: str
    reference: str
    scope: Scope = "run"


_LIKE_KIND: Final = "Compare the options of this run with others of its kind."

RULES: Final = (
    Rule("small-reads", "high", "application", "above", 10, "%",
         "Read in pieces of 1 MiB or more, or buffer.", "Drishti P05, WisIO"),
    Rule("small-writes", "high", "application", "above", 10, "%",
         "Write in pieces of 1 MiB or more, or buffer.", "Drishti P06, WisIO"),
    Rule("small-shared", "high", "application", "above", 10, "%",
         "Let MPI-IO collect small accesses to shared files.", "Drishti P15, P16"),
    Rule("misaligned-in-file", "medium", "application", "above", 10, "%",
         "Align accesses to the stripe size.", "Drishti P08"),
    Rule("misaligned-in-memory", "low", "application", "above", 10, "%",
         "Align buffers to the page size.", "Drishti P07"),
    Rule("redundant-reads", "medium", "application", "above", 0, "B",
         "Keep what is read more than once in memory.", "Drishti P09"),
    Rule("redundant-writes", "medium", "application", "above", 0, "B",
         "Write each byte once, when it is final.", "Drishti P10"),
    Rule("random-reads", "high", "application", "above", 20, "%",
         "Read in the order of the file, or prefetch.", "Drishti P11, WisIO"),
    Rule("random-writes", "high", "application", "above", 20, "%",
         "Write in the order of the file, or collect writes.", "Drishti P13, WisIO"),
    Rule("byte-imbalance", "medium", "application", "above", 15, "%",
         "Give every rank the same share of the file.", "Drishti P18"),
    Rule("time-imbalance", "medium", "application", "above", 15, "%",
         "Look for ranks that wait for slow targets or nodes.", "Drishti P19"),
    Rule("read-imbalance", "medium", "application", "above", 30, "%",
         "Let ranks that share a file read equal shares.", "Drishti P22"),
    Rule("write-imbalance", "medium", "application", "above", 30, "%",
         "Let ranks that share a file write equal shares.", "Drishti P21"),
    Rule("stdio-heavy", "medium", "application", "above", 10, "%",
         "Move data by POSIX or MPI-IO, not by STDIO.", "Drishti S01"),
    Rule("read-intensive", "info", "application", "above", 10, "%",
         "Read-ahead and caching help most.", "Drishti P04"),
    Rule("write-intensive", "info", "application", "above", 10, "%",
         "Write-behind and fewer checkpoints help most.", "Drishti P03"),
    Rule("long-metadata", "high", "application", "above", 30, "s",
         "Open fewer files, and each once.", "Drishti P17"),
    Rule("metadata-heavy", "high", "application", "above", 50, "%",
         "Use fewer and larger files; keep files open.", "WisIO"),
    Rule("slow-small-reads", "high", "application", "above", 50, "%",
         "Read in larger pieces: reading is most of the I/O time.", "WisIO"),
    Rule("slow-small-writes", "high", "application", "above", 50, "%",
         "Write in larger pieces: writing is most of the I/O time.", "WisIO"),
    Rule("no-mpiio", "low", "application", "above", 0, "processes",
         "Shared files gain from MPI-IO.", "Drishti M01"),
    Rule("no-collective", "medium", "application", "below", 50, "%",
         "Use collective calls, as MPI_File_write_all.", "Drishti M02, M03"),
    Rule("no-nonblocking", "info", "application", "below", 50, "%",
         "Nonblocking calls overlap I/O with computing.", "Drishti M06, M07"),
    Rule("more-aggregators-than-nodes", "high", "application", "above", 100, "%",
         "Ask for one aggregator a node: the MPI-IO hint cb_nodes.", "Drishti M09"),
    Rule("fewer-aggregators-than-nodes", "info", "application", "below", 100, "%",
         "One aggregator a node may be faster: the MPI-IO hint cb_nodes.", "Drishti M08"),
    Rule("one-aggregator-a-node", "info", "application", "above", 0, "nodes",
         "Keep it so.", "Drishti M10"),
    Rule("rank0-alone", "high", "application", "above", 95, "%",
         "Let all ranks move the data, not rank 0 for them.", "iolake"),
    Rule("one-ost-for-large-file", "high", "application", "above", 0, "B",
         "Stripe large shared files: lfs setstripe -c -1.", "iolake"),
    Rule("few-osts", "medium", "application", "below", 10, "%",
         "Spread files over more targets: lfs setstripe.", "darshan#601, red"),
    Rule("some-osts", "info", "application", "below", 50, "%",
         "More targets may give more bandwidth.", "darshan#601, yellow"),
    Rule("small-beside-kind", "high", "application", "below", 25, "%",
         _LIKE_KIND, "iolake"),
    Rule("fewer-writers-than-kind", "high", "application", "below", 25, "%",
         _LIKE_KIND, "iolake"),
    Rule("fewer-osts-than-kind", "high", "application", "below", 34, "%",
         "Compare the striping of this run with others of its kind.", "iolake"),
    Rule("more-metadata-than-kind", "high", "application", "above", 400, "%",
         _LIKE_KIND, "iolake"),
    Rule("slow-beside-kind", "medium", "application", "below", 67, "%",
         "See the verdict for the cause.", "iolake, after UMAMI"),
    Rule("neighbour", "high", "neighbour", "above", 30, "%",
         "Talk to the neighbour, or run apart from it.", "iolake"),
    Rule("saturated", "medium", "file system", "above", 60, "%",
         "Spread heavy jobs over time or file systems.", "iolake", "both"),
    Rule("metadata-saturated", "medium", "file system", "above", 500, "%",
         "Find who loads the metadata server: mdt_users.", "iolake, ldms#20", "both"),
    Rule("full-target", "high", "file system", "above", 90, "%",
         "Move files off the target, and take it out of allocation.", "iolake", "both"),
    Rule("slow-file-system", "high", "file system", "above", 40, "%",
         "See who used it and how loaded its servers were: top_users, file_system_hour.", "iolake"),
    Rule("slow-target", "high", "file system", "above", 20, "%",
         "Check the target's disks and server.", "iolake, after bad_osts", "both"),
    Rule("hot-target", "medium", "file system", "above", 300, "%",
         "Spread the files that are in use over more targets: lfs migrate.", "iolake", "both"),
    Rule("failed-over", "high", "file system", "above", 0, "targets",
         "Bring the failed server back.", "iolake", "both"),
    Rule("server-failed-over", "high", "file system", "above", 0, "targets",
         "Bring the failed server back.", "iolake"),
    Rule("crowded-server", "medium", "file system", "above", 0, "targets",
         "Bring the failed server back.", "TOKIO", "both"),
    Rule("unwatched", "info", "file system", "below", SEEN_ENOUGH_PCT, "%",
         "See iolake status for gaps of the servers' data.", "iolake", "both"),
    Rule("waited", "info", "scheduler", "above", 100, "%",
         "Ask for less time or fewer nodes.", "iolake"),
    Rule("waited-beside-kind", "medium", "scheduler", "above", 1000, "%",
         "Look for a reservation, a limit of the account, or a maintenance that held it back.", "iolake"),
    Rule("requeued", "medium", "scheduler", "above", 0, "restarts",
         "Look at the nodes of the earlier run.", "iolake"),
    Rule("timeout", "high", "scheduler", "above", 0, "s",
         "Ask for more time, or checkpoint before the limit.", "iolake"),
)  # fmt: skip
CODES: Final = frozenset(rule.code for rule in RULES)


def as_sql() -> str:
    """The rules as rows of VALUES, in the order of the fields of Rule."""
    return ",\n".join("  (" + ", ".join(_literal(value) for value in _fields(rule)) + ")" for rule in RULES)


def _fields(rule: Rule) -> tuple[str | float, ...]:
    return tuple(getattr(rule, name) for name in Rule.__slots__)


def _literal(value: str | float) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else f"{value}"
