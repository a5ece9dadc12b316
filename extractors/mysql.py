"""Reaching a MySQL or MariaDB server: one short try, and what to do where it fails."""

from __future__ import annotations

import errno
from typing import Final
from urllib.parse import unquote, urlsplit

import pymysql

from iolake.extractors.base import InputError, quoted
from iolake.schemas.site import password, password_variable

PATIENCE_S: Final = 5
_WRONG_USER: Final = {1045, 1698}
"""MySQL's errors for a wrong user or password."""
_NO_RIGHT: Final = {1044, 1142, 1143}
"""MySQL's errors for missing rights."""
_NO_DATABASE: Final = {1049}
"""MySQL's error for a database that does not exist."""


def try_to_connect(uri: str, owner: str, source: str) -> None:
    """Connect to a server once, with the source's password, for drivers try for half a minute.

    InputError where the server refuses the user, password or database; ConnectionError where it does not answer.
    """
    parts = urlsplit(uri)
    try:
        pymysql.connect(
            host=parts.hostname or "localhost",
            port=parts.port or 3306,
            user=unquote(parts.username) if parts.username else None,
            password=password(owner, source) or "",
            database=unquote(parts.path.strip("/")),
            connect_timeout=PATIENCE_S,
            read_timeout=PATIENCE_S,
        ).close()
    except pymysql.MySQLError as error:
        raise refusal(uri, owner, source, error) or _no_answer(uri, errno.ECONNREFUSED) from None
    except OSError as error:
        raise _no_answer(uri, error.errno) from None


def unreachable(uri: str, error: InputError | OSError) -> str:
    """The reason for which a database is an input that can't be read. It leaves out the uri, which a reject names."""
    if isinstance(error, InputError):
        return str(error).removeprefix(f"{uri}: ")
    return f"{(error.strerror or str(error)).removeprefix(f'{uri}: ')}; check that it runs and can be reached"


def refusal(uri: str, owner: str, source: str, error: pymysql.MySQLError) -> InputError | None:
    """The error for a person where a server refuses the user or the database; None for anything else."""
    code, said = (*error.args, None, "")[:2]
    if code in _WRONG_USER:
        is_given = "is wrong" if password(owner, source) else "is not set"
        mend = f"check the user in the uri, and the password in {password_variable(owner, source)}, which {is_given}"
        return InputError(uri, f"the database server refuses the user or the password{quoted(said)}", mend)
    if code in _NO_RIGHT:
        problem = f"the database server does not let the user read the database{quoted(said)}"
        return InputError(uri, problem, "grant the user SELECT on it, or correct the uri")
    if code in _NO_DATABASE:
        return InputError(uri, f"the database server has no such database{quoted(said)}", "correct its name in the uri")
    return None


def _no_answer(uri: str, number: int | None) -> ConnectionError:
    return ConnectionError(number, f"{uri}: the database server does not answer")
