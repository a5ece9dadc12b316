"""Parses the file name and folders that Darshan gives to a log."""

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


class NameParts(NamedTuple):
    """The user, the program, its process, and the random number that tells logs of one name apart; None if unknown."""

    user: str | None = None
    exe: str | None = None
    pid: int | None = None
    tag: int | None = None


def parse_name(uri: str, job_id: int | None, program: str | None = None, uid: int | None = None) -> NameParts:
    """The parts of a log's name, or of its folders.

    `program` is the program as the log has it. It says where the user ends and the program begins, for both may
    hold underscores. A user that is the number `uid` is no name: Darshan writes it where it finds no name.
    Folders count only where the job's folder names `job_id`, since other folders may look like Darshan's.
    """
    if parts := _FLAT.fullmatch(uri.rstrip("/").rsplit("/", 1)[-1]):
        user, exe, tag = *_split(f"{parts['user']}_{parts['exe']}", program), parts["tag"]
    elif (parts := _FOLDERS.fullmatch(uri)) and int(parts["job"]) == job_id:
        user, exe, tag = parts["user"], parts["exe"], parts["tag"] or parts["only_tag"]
    else:
        return NameParts()
    return NameParts(None if user == str(uid) else user, exe, _number(parts["pid"], 63), _number(tag, 64))


def _split(user_and_program: str, program: str | None) -> tuple[str, str]:
    """(user, program) of both joined by an underscore."""
    if program and user_and_program.endswith(f"_{program}") and len(user_and_program) > len(program) + 1:
        return user_and_program[: -len(program) - 1], program
    user, _, exe = user_and_program.partition("_")
    return user, exe


def _number(digits: str | None, bits: int) -> int | None:
    """The number that the digits are, where it fits."""
    return int(digits) if digits is not None and int(digits) < 2**bits else None
