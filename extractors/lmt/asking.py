"""Asks MySQL by connectorx, in processes that end: connectorx leaves six threads behind for each query.

It also waits for ever for a server that says nothing; a process that waits too long is ended. Answers come as Arrow
streams; to copy one costs little beside the query.
"""

from __future__ import annotations

import errno
import os
import pickle
import select
import signal
import subprocess
import sys
from queue import Empty, SimpleQueue
from typing import IO, Any, Final

import pyarrow as pa

_MOST_QUERIES: Final = 30
"""Of one process, which then has 180 threads."""
_ANSWER_S: Final = 300
_idle: SimpleQueue[_Asker] = SimpleQueue()


class DriverError(Exception):
    """What the driver says is wrong."""


def ask(connection: str, query: str) -> pa.Table:
    """A query's answer; any thread may ask. Raises DriverError, and OSError where no answer came."""
    try:
        asker = _idle.get_nowait()
    except Empty:
        asker = _Asker()
    try:
        found = asker.ask(connection, query)
    except DriverError:
        asker.keep()
        raise
    except BaseException:
        asker.end()
        raise
    asker.keep()
    return found


class _Asker:
    """One process, and how many queries it still answers."""

    def __init__(self) -> None:
        # The connection, with its password, goes through a pipe, which no other user sees.
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__, *sys.path],
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        self._left = _MOST_QUERIES

    def ask(self, connection: str, query: str) -> pa.Table:
        self._left -= 1
        try:
            _write(self._to, (connection, query))
            if not select.select([self._from], [], [], _ANSWER_S)[0]:
                raise TimeoutError(errno.ETIMEDOUT, f"the database server says nothing for {_ANSWER_S} s")
            answer, problem = pickle.load(self._from)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            raise OSError(errno.EAGAIN, "the process that asks the database ended; the machine may lack room") from None
        if problem is not None:
            raise DriverError(problem)
        return pa.ipc.open_stream(answer).read_all()

    def keep(self) -> None:
        """Let others ask, or end the process after its last query."""
        if self._left:
            _idle.put(self)
        else:
            self.end()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._to.close()
        self._from.close()

    @property
    def _to(self) -> IO[bytes]:
        assert self._process.stdin
        return self._process.stdin

    @property
    def _from(self) -> IO[bytes]:
        assert self._process.stdout
        return self._process.stdout


def serve() -> None:
    """The life of a process that asks: a query after the other, until nobody has one."""
    sys.path[:] = sys.argv[1:]
    import connectorx

    queries, answers = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            connection, query = pickle.load(queries)
        except EOFError:
            os._exit(0)  # the threads that are left do not end
        signal.alarm(2 * _ANSWER_S)  # whoever asked may be gone
        answer, problem = None, None
        try:
            found = connectorx.read_sql(connection, query, return_type="arrow")
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, found.schema) as writer:
                writer.write_table(found)
            answer = sink.getvalue().to_pybytes()
        except BaseException as error:  # connectorx panics with a BaseException of its own
            problem = str(error) or type(error).__name__
        signal.alarm(0)
        _write(answers, (answer, problem))


def _write(file: IO[bytes], content: Any) -> None:
    pickle.dump(content, file, pickle.HIGHEST_PROTOCOL)
    file.flush()


# Run by its path, a process imports nothing else of iolake, and starts in a third of a second.
if __name__ == "__main__":
    serve()
