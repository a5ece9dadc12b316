"""Flux: what `flux jobs -a --json` prints, an object with the list `jobs`, one job alone, or one job a line.

Ids are Flux's own, ƒ and base 58, or the same as a number; `job_id` is that number.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, Final

from iolake.extractors.base import InputError, quoted
from iolake.extractors.heads import JSON, has
from iolake.extractors.jobs.records import Job, Records, SchedulerFiles, refuse

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_REMEDY: Final = "write it with flux jobs -a --json"


class Flux(SchedulerFiles):
    """Output of `flux jobs -a --json`."""

    source: ClassVar[str] = "flux"
    what: ClassVar = "flux jobs --json"
    heads: ClassVar = (rf"{JSON}{has('t_submit')}",)

    def parse(self, text: str, uri: str) -> Records:
        """The jobs that are inactive; the others have not ended."""
        records = Records()
        jobs = _jobs(text, uri)
        for place, job in enumerate(jobs):
            try:
                if job["t_inactive" if job.get("t_inactive") else "t_cleanup"]:
                    records.jobs.append(_job(job))
            except KeyError as error:
                if error.args == ("id",):
                    records.problems.append((f"jobs[{place}]", "has no id"))
            except (TypeError, ValueError, AttributeError, OverflowError) as error:
                records.problems.append(
                    (f"jobs[{place}]", f"is not a job as `flux jobs --json` writes it{quoted(error)}")
                )
        if jobs and not any(isinstance(job, dict) and "id" in job for job in jobs):
            raise refuse(uri, "job of Flux", _REMEDY)
        return records


def _jobs(text: str, uri: str) -> list[Any]:
    try:
        document = json.loads(text) if text.strip() else []
    except RecursionError:
        raise InputError(uri, "is JSON that is nested too deeply", _REMEDY) from None
    except ValueError as error:
        try:
            document = [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            raise InputError(uri, f"is not whole JSON{quoted(error)}", _REMEDY) from None
    if isinstance(document, dict):
        document = document["jobs"] if isinstance(document.get("jobs"), list) else [document]
    if not isinstance(document, list):
        raise refuse(uri, "job of Flux", _REMEDY)
    return document


def _job(job: dict[str, Any]) -> Job:
    started = _time(job.get("t_run"))
    code, signal = _exit(job)
    texts = {
        "scheduler_id": str(job["id"]),
        "job_id": _number_of(str(job["id"])),
        "scheduler": "flux",
        "job_name": job.get("name"),
        "user_name": job.get("username"),
        "uid": job.get("userid"),
        "account": job.get("bank") or job.get("project"),
        "queue": job.get("queue"),
        "submit_time": _time(job.get("t_submit")),
        "start_time": started,
        "end_time": _time(job.get("t_inactive")) or _time(job.get("t_cleanup")),
        "timelimit_s": job.get("duration") or None,
        "nnodes": job.get("nnodes") if started else 0,
        "ncpus": job.get("ncores") if started else 0,
        "node_list": job.get("nodelist"),
        "state": job.get("result") or job.get("status"),
        "exit_code": code,
        "exit_signal": signal,
    }
    if any(isinstance(value, (dict, list)) for value in texts.values()):
        raise TypeError("an object where a value is due")
    return {name: None if value in (None, "") else _plain(str(value)) for name, value in texts.items()}


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # half of a character, as \ud800 is, can't be stored


def _time(value: Any) -> str | None:
    """Seconds since 1970 as text; Flux writes 0 or nothing for what has not happened."""
    return None if not value else repr(float(value))


def _number_of(job_id: str) -> str | None:
    """The id as a number; null where it is in none of Flux's forms."""
    if job_id.isdecimal():
        return job_id
    digits = job_id[1:]
    if job_id[:1] not in "ƒf" or not digits or len(digits) > 11 or set(digits) - set(_BASE58):
        return None
    number = 0
    for digit in digits:
        number = number * 58 + _BASE58.index(digit)
    return str(number) if number < 2**63 else None


def _exit(job: dict[str, Any]) -> tuple[str | None, str | None]:
    """(exit status, signal): `waitstatus` has both, `returncode` is negative for a signal."""
    wait, code = job.get("waitstatus"), job.get("returncode")
    if isinstance(wait, int) and 0 <= wait < 1 << 16:
        return str(wait >> 8 & 255), str(wait & 127)
    if not isinstance(code, int) or isinstance(code, bool) or not -127 <= code <= 255:
        return None, None
    return (str(code), "0") if code >= 0 else ("0", str(-code))
