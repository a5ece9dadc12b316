"""sacct's fields: their names, the pattern of their values, and which may hold any text."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import pyarrow as pa

from iolake.schemas.slurm import MAP_TEXTS, SLURM_JOBS, SLURM_STEPS
from iolake.schemas.table import MAP_COUNTS, TIMESTAMP, Column

RENAMED: Final = {"reserved": "planned", "resvcpu": "plannedcpu", "resvcpuraw": "plannedcpuraw"}
"""Fields of older versions, by the name that they have now."""

RAW: Final = {
    "elapsed": "elapsedraw",
    "cputime": "cputimeraw",
    "plannedcpu": "plannedcpuraw",
    "consumedenergy": "consumedenergyraw",
}
"""Fields that sacct rounds or formats, each with the field that has the plain number."""

UNUSED: Final = frozenset(
    {
        *("cluster", "jobidraw", "timelimitraw", "nnodes", "ncpus", "reqcpufreq", "allocgres", "reqgres"),
        *RAW.values(),
        # Fields of Slurm 23.02 to 26.05 that have no column.
        *("qosreq", "segmentsize", "sluid", "originalsluid", "reqreservation", "exclusive", "oversubscribe"),
        *("stdinexpanded", "stdoutexpanded", "stderrexpanded", "resourcelayout", "requestedqos"),
    }
)
"""Fields that are no column's origin: a column is computed with them, they repeat one, or no table needs them."""

IDS: Final = ("jobid", "jobidraw")
"""A job or step, as sacct shows it and by its raw number."""

FREE_TEXT: Final = frozenset(
    {
        *("jobname", "comment", "admincomment", "systemcomment", "submitline", "workdir", "constraints", "extra"),
        *("stdin", "stdout", "stderr", "licenses", "wckey"),
    }
)
"""Fields that users fill: they may hold the delimiter, and some of them newlines."""

_LISTS: Final = ("nodelist", "flags", "partition")
"""Fields whose values are lists, joined by commas, as those of maps are."""

NO_VALUE_32: Final = 2**32 - 2
INFINITE_32: Final = 2**32 - 1
"""Slurm's NO_VAL and INFINITE. Some versions print them, or those of 64 bits, as plain numbers."""

NOTHING: Final = (
    *("", "Unknown", "None", "None assigned", "(null)", "N/A", "INVALID"),
    *(str(number) for number in (NO_VALUE_32, INFINITE_32, 2**64 - 2, 2**64 - 1)),
)
"""How sacct writes that a value is not known; in a user's text only the empty one means that."""

UNFINISHED: Final = ("PENDING", "RUNNING", "SUSPENDED", "CONFIGURING", "COMPLETING", "SIGNALING", "STAGE_OUT")
"""States of a job that goes on, also where `sacct --truncate` printed an end.

RESIZING is not among them: Slurm's accounting gives it to the run that a change of size ends.
"""

_NODES = r"([^\s,=\[\]]|\[[^\s=\[\]]*\])+"
_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?([Zz]|UTC|GMT|[+-]\d\d(:?\d\d)?))?|\d+(\.\d*)?"
_NOT_KNOWN = "|".join(map(re.escape, NOTHING))
_PATTERNS: Final = {
    "time": rf"{_TIME}|{_NOT_KNOWN}",
    "end": rf"{_TIME}|Unknown|None",  # sacct prints one for each row
    "duration": rf"[\d:.-]+|UNLIMITED|Partition_Limit|{_NOT_KNOWN}",
    "number": rf"-?[\d.]+[KMGTPE]?[nc]?|{_NOT_KNOWN}",
    "map": rf"[^=,\s]+=[^=,\s]*(,[^=,\s]+=[^=,\s]*)*|{_NOT_KNOWN}",
    "nodes": rf"{_NODES}(,{_NODES})*|{_NOT_KNOWN}",
    "state": rf"[A-Z_]+( by \S+)?|{_NOT_KNOWN}",
    "exit": rf"\d+:\d+|{_NOT_KNOWN}",
    "id": r"\d+(_(\d+|\[[^\]]*\]))?(\+\d+)?(\.[\w+.]+)?",
    "word": r"[^\n]*",
    "constraints": r"|[^|\n]|[^|\n][^\n]*[^|\n]",
    "text": r"[\s\S]*",
}
_SPECIAL: Final = {
    **dict.fromkeys(("exitcode", "derivedexitcode"), "exit"),
    **dict.fromkeys(IDS, "id"),
    **dict.fromkeys((*RAW.values(), "nnodes", "ncpus"), "number"),
    "state": "state",
    "nodelist": "nodes",
    "timelimit": "duration",
    "timelimitraw": "duration",
    "constraints": "constraints",
    "end": "end",
}


@cache
def known() -> dict[str, Column | None]:
    """Every field that is understood, lower-case, with the first column that has it as its origin."""
    fields: dict[str, Column | None] = dict.fromkeys(UNUSED)
    for column in reversed((*SLURM_JOBS.all_columns, *SLURM_STEPS.all_columns)):
        if column.origin is not None:
            fields[column.origin.lower()] = column
    return fields


@cache
def pattern(field: str) -> re.Pattern[str]:
    """The pattern of `field`'s values, by which a row with a stray delimiter is mended."""
    return re.compile(_PATTERNS[_kind(field)])


@cache
def is_word(field: str) -> bool:
    """Whether the field's values are taken as they are, unless they are words of NOTHING."""
    return _kind(field) in ("word", "state", "nodes")


@cache
def may_hold(field: str, delimiter: str) -> bool:
    """Whether a value of the field may contain the delimiter: free text may, and lists may contain a comma."""
    return field in FREE_TEXT or (delimiter == "," and (field in _LISTS or _kind(field) == "map"))


@cache
def is_text(field: str) -> bool:
    """Whether a value of the field may be anything at all."""
    return _kind(field) == "text"


def _kind(field: str) -> str:
    column = known().get(field)
    if field in _SPECIAL:
        return _SPECIAL[field]
    if field in FREE_TEXT:
        return "text"
    if column is None:
        return "word"
    kinds = {TIMESTAMP: "time", pa.float64(): "duration", pa.int64(): "number", MAP_COUNTS: "map", MAP_TEXTS: "map"}
    return kinds.get(column.type, "word")
