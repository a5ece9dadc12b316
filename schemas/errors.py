"""The errors whose text is a message for a person. Each names what is wrong and the next step."""

from __future__ import annotations


class IolakeError(Exception):
    """Base class of every error that iolake raises on purpose. Its text is one line for a person."""


class TransientError(IolakeError):
    """The same call may succeed later: a server is down, a disk is full, another writer was first."""


class PermanentError(IolakeError):
    """The same call fails again until somebody changes the input, the settings or the command."""
