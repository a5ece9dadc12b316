"""What a column's values identify, which each column declares for anonymised exports."""

from __future__ import annotations

from enum import Enum


class Identity(Enum):
    """What the values of a column identify. An anonymised export keeps those of NOTHING, and hashes all others.

    Equal values of one kind get equal hashes, so that the exported tables still join.
    """

    NOTHING = "nothing"
    """Words of a fixed list, versions, units, names of counters and operations."""
    TARGET = "storage targets"
    """OST0000 and MDT0000 stay, for every Lustre file system has them; a name of any other form is hashed as HOST."""
    SITE = "the centre's machines, file systems, queues and pools"
    HOST = "hosts and their addresses"
    USER = "users"
    ACCOUNT = "accounts, groups and projects"
    UID = "numbers of users, groups and accounts"
    JOB = "jobs"
    JOB_NAME = "names of jobs"
    PATH = "paths and programs"
    """Hashed component by component, so that prefixes still group. A program is a path of one component."""
    COMMAND = "command lines"
    """Hashed word by word, each as PATH."""
    RECORD = "file names, as numbers"
    CODE = "files, loads, devices and transfers, by codes"
    MOMENT = "moments, in seconds since 1970"
    """Shifted with the other times; smaller numbers are lengths, and stay."""
    TEXT = "free text"
    """Hashed whole; in a MAP its keys too, which elsewhere stay."""
