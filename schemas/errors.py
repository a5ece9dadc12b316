"""The errors whose text is a message for a person. Each names what is wrong and the next step."""

from __future__ import annotations

import errno
from typing import Final

_FOR_GOOD: Final = {
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EROFS,
    errno.ENAMETOOLONG,
    errno.ENOSYS,
}
"""Error numbers of a path that another try does not change."""


NO_THREAD: Final = "the machine allows no further thread; raise the limit (ulimit -u, pids.max), or run fewer workers"


class IolakeError(Exception):
    """Base class of every error that iolake raises on purpose. Its text is one line for a person."""


class TransientError(IolakeError):
    """The same call may succeed later: a server is down, a disk is full, another writer was first."""


class PermanentError(IolakeError):
    """The same call fails again until somebody changes the input, the settings or the command."""


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed later: a TransientError, or a temporary lack of memory, disk or network."""
    if isinstance(error, OSError):
        return error.errno not in _FOR_GOOD
    return isinstance(error, TransientError) or shortage(error) is not None


def shortage(error: BaseException) -> str | None:
    """The line for a person about the memory or threads that the machine lacks; None for another error."""
    if isinstance(error, MemoryError):
        return "the machine has no memory left; run it where more is free, or with fewer workers"
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return NO_THREAD
    return None
