"""What a log's file name and folders tell of it, where they are of Darshan's own making."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_TIME_AND_TAG: Final = r"\d+-\d+-\d+(?:-(?P<tag>\d+))?(?:_\d+)?"
_FLAT: Final = re.compile(rf"(?P<user>[^_]+)_(?P<exe>.+)_id(?P<job>\d+)(?:-(?P<pid>\d+))?_{_TIME_AND_TAG}\.darshan.*")
"""user_program_id<job>[-<pid>]_<month>-<day>-<second>[-<random>][_<seconds to write>].darshan"""
_FOLDERS: Final = re.compile(
    r"(?:.*/)?(?P<user>[^/]+)/(?P<exe>[^/]+)/(?:id)?(?P<job>\d+)/[^/]+/"
    rf"(?P<pid>\d+)(?:[-_]{_TIME_AND_TAG}|-(?P<only_tag>\d+)(?:_\d+)?|[-_][^/]*)?\.darshan[^/]*"
)
"""user/program/id<job>/host/<pid>[-<the rest>].darshan: what newer releases make of processes without MPI on request
(darshan pull request 1158), so that a folder does not fill with them.
"""


class Told(NamedTuple):
    """The user, the program, its process, and a random number that tells logs of one name apart."""

    user: str | None = None
    exe: str | None = None
    pid: int | None = None
    tag: int | None = None


def told_by_name(uri: str, job_id: int | None) -> Told:
    """What the name tells. Folders count only where the one that is a job's is this job's: others may look like it."""
    if parts := _FLAT.fullmatch(uri.rstrip("/").rsplit("/", 1)[-1]):
        return Told(parts["user"], parts["exe"], _number(parts["pid"], 63), _number(parts["tag"], 64))
    if (parts := _FOLDERS.fullmatch(uri)) and int(parts["job"]) == job_id:
        tag = parts["tag"] or parts["only_tag"]
        return Told(parts["user"], parts["exe"], _number(parts["pid"], 63), _number(tag, 64))
    return Told()


def _number(digits: str | None, bits: int) -> int | None:
    """The number that the digits are, where it fits."""
    return int(digits) if digits is not None and int(digits) < 2**bits else None
