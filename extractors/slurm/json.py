"""sacct's JSON of any Slurm version, and pytokio's cache of sacct, as rows of sacct's own text fields."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final

import polars as pl

from iolake.extractors.base import InputError, quoted
from iolake.extractors.jsontext import storable
from iolake.extractors.slurm.json_jobs import Row, job_and_steps, text_of
from iolake.extractors.slurm.lines import Rows, as_utf8

_JOBS_A_BLOCK: Final = 50_000
_FEW_ROWS: Final = 500
"""Fewer rows become a frame from their dictionaries: that costs a fifth of a series for each of a hundred columns."""
_MOST_BYTES: Final = 1 << 30
"""A document is in memory as a whole, and takes several times its size there."""

_KNOWN: Final = frozenset(
    {
        *("account", "allocation_nodes", "array", "association", "block", "cluster", "comment", "constraints"),
        *("container", "derived_exit_code", "exit_code", "extra", "failed_node", "flags", "group", "het", "job_id"),
        *("kill_request_user", "licenses", "mcs", "name", "nodes", "partition", "priority", "qos", "required"),
        *("reservation", "restart_cnt", "state", "stderr", "stdin", "stdout", "steps", "submit_line", "time", "tres"),
        *("user", "wckey", "working_directory"),
    }
)
_UNUSED: Final = frozenset(
    {
        *("hold", "qosreq", "script", "used_gres", "stderr_expanded", "stdin_expanded", "stdout_expanded"),
        *("segment_size", "sluid", "original_sluid", "resource_layout", "requested_qos", "requested_reservation"),
        *("exclusive", "oversubscribe", "shared", "container_id"),
    }
)
"""Keys without a column: they repeat another, or are whole scripts."""

_NO_ROWS: Final = {"jobidraw": pl.String, "end": pl.String, "line": pl.Int64}


def read_json(file: IO[bytes], uri: str) -> Iterator[Rows]:
    """The rows of a JSON document, each job before its steps; InputError where it is neither form."""
    content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise InputError(uri, f"holds more than {_MOST_BYTES >> 20} MiB of JSON", "write it a month or a day at a time")
    content, odd = as_utf8(content, 1)
    documents = _documents(content.decode(), uri)
    said = [error for document in documents if isinstance(document, dict) for error in _errors(document.get("errors"))]
    jobs = [job for document in documents for job in _jobs(document)]
    if jobs or (not said and all(isinstance(_listed(document), list) for document in documents)):
        yield from _sacct(jobs, uri, [], odd + said)
    elif len(documents) == 1 and _is_pytokio(documents[0]):
        yield _pytokio(documents[0], odd)
    else:
        why = "; ".join(text for _, text in said)
        raise InputError(uri, f"is JSON without jobs {why}".strip(), "write it with sacct --json")


def _documents(text: str, uri: str) -> list[Any]:
    """The JSON documents that follow each other in a text: one, or those of several commands or lines."""
    decoder, at = json.JSONDecoder(), _after_space(text, text.startswith("\ufeff"))
    documents: list[Any] = []
    try:
        while at < len(text) or not documents:
            document, end = decoder.raw_decode(text, at)
            documents.append(document)
            at = _after_space(text, end)
    except RecursionError:
        raise InputError(uri, "is JSON that is nested too deeply", "write it again with sacct --json") from None
    except ValueError as error:
        raise InputError(uri, f"is not whole JSON{quoted(error)}", "write it again with sacct --json") from None
    has_halves = "\\ud" in text or "\\uD" in text  # of characters, which no column can hold
    return [storable(document) for document in documents] if has_halves else documents


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _listed(document: Any) -> Any:
    """The list of jobs in a document: of sacct's own form, alone, or a job that is a document of its own."""
    if isinstance(document, dict):
        return [document] if isinstance(document.get("job_id"), int) else document.get("jobs")
    return document or None


def _jobs(document: Any) -> list[Any]:
    return listed if isinstance(listed := _listed(document), list) else []


def _is_pytokio(document: Any) -> bool:
    """Whether it is {id: record}."""
    return isinstance(document, dict) and document != {} and all(isinstance(r, dict) for r in document.values())


def _errors(errors: Any) -> Iterator[tuple[str, str]]:
    """Errors that Slurm reports in the document, but for the one that there was nothing to write."""
    for place, error in enumerate(errors if isinstance(errors, list) else ()):
        description = str((isinstance(error, dict) and error.get("description")) or error)
        if not description.startswith("Nothing found"):
            yield f"errors[{place}]", description


def _sacct(jobs: list[Any], uri: str, odd: list[tuple[str, str]], said: list[tuple[str, str]]) -> Iterator[Rows]:
    unknown: set[str] = set()
    known = False
    for start in range(0, len(jobs), _JOBS_A_BLOCK):
        rows: list[Row] = []
        for place, job in enumerate(jobs[start : start + _JOBS_A_BLOCK], start):
            if isinstance(job, dict) and "job_state" in job and "time" not in job:
                raise InputError(uri, "is the JSON of squeue or scontrol, not sacct's", "write it with sacct --json")
            try:
                rows.extend(_all_text(list(job_and_steps(job))))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                odd.append((f"jobs[{place}]", f"has an unknown form{quoted(error)}"))
            else:
                unknown |= {key for key in job.keys() - _KNOWN - _UNUSED if _holds_something(job[key])}
        if rows:
            fields = [(f"field {key}", "is an unknown key; left out") for key in sorted(unknown)]
            yield _rows(rows, odd, said + fields)
            said = []
            known = True
            unknown.clear()
            odd.clear()
    if jobs and not known:
        part, reason = odd[-1]
        raise InputError(uri, f"{part} {reason}, and so has each other", "say which Slurm version wrote it in a report")
    if odd or said:
        yield Rows(pl.DataFrame(schema=_NO_ROWS), odd + said, said)


def _holds_something(value: Any) -> bool:
    """Whether a value is more than a placeholder, such as {set: false} or an empty list."""
    if isinstance(value, dict):
        return value.get("set", True) is not False and any(_holds_something(v) for k, v in value.items() if k != "set")
    if isinstance(value, list):
        return any(map(_holds_something, value))
    return value not in (None, "", 0, False)


def _all_text(rows: list[Row]) -> list[Row]:
    """The rows; TypeError where a value is no text."""
    for row in rows:
        for field, value in row.items():
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{field} is {value!r}")
    return rows


def _pytokio(records: dict[str, dict[str, Any]], odd: list[tuple[str, str]]) -> Rows:
    """{id: {jobidraw, start, end, nodelist, …}} in no order: the job is put before its steps."""
    rows = []
    for name in sorted(records, key=lambda key: (key.partition(".")[0], "." in key, key)):
        row = {field.lower(): ",".join(v) if isinstance(v, list) else text_of(v) for field, v in records[name].items()}
        rows.append(row if {"jobid", "jobidraw"} & row.keys() else {"jobid": name, **row})
    return _rows(rows, (), odd)


def _rows(rows: list[Row], problems: Iterable[tuple[str, str]] = (), repaired: Iterable[tuple[str, str]] = ()) -> Rows:
    fields = dict.fromkeys((field for row in rows for field in row), pl.String)
    if len(rows) < _FEW_ROWS:
        frame = pl.DataFrame([{field: value or None for field, value in row.items()} for row in rows], fields)
    else:
        frame = pl.DataFrame({f: pl.Series([row.get(f) or None for row in rows], dtype=pl.String) for f in fields})
    return Rows(
        frame.with_columns(pl.int_range(1, len(rows) + 1, dtype=pl.Int64).alias("line")),
        [*problems, *repaired],
        list(repaired),
    )
