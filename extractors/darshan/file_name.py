"""Parses the file name and folders that Darshan gives to a log."""

from __future__ import annotations

import re
from collections.abc import Callable
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

_LINUX_CUTS: Final = 15
"""Characters of a process's name that Linux keeps."""


class NameParts(NamedTuple):
    """The user, the program, its process, and the random number that tells logs of one name apart; None if unknown."""

    user: str | None = None
    exe: str | None = None
    pid: int | None = None
    tag: int | None = None


def parse_name(uri: str, job_id: int | None, command: str | None = None, uid: int | None = None) -> NameParts:
    """The parts of a log's name, or of its folders.

    `command` is the command line as the log has it. It says where the user ends and the program begins, for both may
    hold underscores; where it does not, both are unknown. A user that is the number `uid` is no name: Darshan writes
    it where it finds no name. Folders count only where the job's folder names `job_id`, since other folders may look
    like Darshan's.
    """
    if parts := _FLAT.fullmatch(uri.rstrip("/").rsplit("/", 1)[-1]):
        tag: str | None = parts["tag"]
        user, exe = _split(f"{parts['user']}_{parts['exe']}", command or "", uid)
    elif (parts := _FOLDERS.fullmatch(uri)) and int(parts["job"]) == job_id:
        user, exe, tag = parts["user"], parts["exe"], parts["tag"] or parts["only_tag"]
    else:
        return NameParts()
    return NameParts(None if _is_uid(user, uid) else user, exe, _number(parts["pid"], 63), _number(tag, 64))


def program_of(command: str) -> str | None:
    """The file name of the program that a command line starts."""
    return command.split(" ", 1)[0].rsplit("/", 1)[-1] or None


def _split(joined: str, command: str, uid: int | None) -> tuple[str | None, str | None]:
    """(user, program) of both joined by an underscore, by what the log knows; None where that fits no place to split.

    In the order of what they prove: the program itself, a program that is longer or shorter by its version or because
    it was cut off, a script among the arguments, a user who owns a folder of the command line, a user who is the uid.
    Where several places fit one of them, it proves nothing.
    """
    splits = [(joined[: at.start()], joined[at.end() :]) for at in re.finditer("(?<=.)_(?=.)", joined)]
    if len(splits) == 1:
        return splits[0]
    program = program_of(command) or ""
    words = command.split()
    folders = {folder for word in words for folder in word.split("/")[1:-1]}
    scripts = {word.rsplit("/", 1)[-1] for word in words}
    by_what: tuple[Callable[[str, str], bool], ...] = (
        lambda _, exe: exe == program,
        lambda _, exe: _is_cut(exe, program) or _is_cut(program, exe),
        lambda _, exe: exe in scripts,
        lambda user, _: user in folders,
        lambda user, _: _is_uid(user, uid),
    )
    for fits in by_what:
        found = [split for split in splits if fits(*split)]
        if len(found) == 1:
            return found[0]
    return None, None


def _is_uid(user: str | None, uid: int | None) -> bool:
    return uid is not None and user == str(uid)


def _is_cut(cut: str, whole: str) -> bool:
    """Whether a program's name is another's without its end: a version or suffix, or what Linux cuts off."""
    rest = whole.removeprefix(cut)
    if not cut or rest in {"", whole}:
        return False
    return len(cut) >= _LINUX_CUTS or not (rest[0].isalpha() or rest[0] == "_")


def _number(digits: str | None, bits: int) -> int | None:
    """The number that the digits are, where it fits."""
    return int(digits) if digits is not None and int(digits) < 2**bits else None
