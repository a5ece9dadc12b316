"""Whether an object store settles two writers: a commit rests on its conditional PUT."""

from __future__ import annotations

import errno
import secrets
import threading

from iolake.warehouse import layout
from iolake.warehouse.errors import NoConditionalPut
from iolake.warehouse.store import Store

_UNKNOWN = {errno.ENOSYS, errno.EINVAL, errno.EPERM}
"""What a store answers that does not know the header: 501, 400, 405."""
_lock = threading.Lock()
_settles: set[str] = set()


def require(store: Store) -> None:
    """Put one name twice, once a process and store; NoConditionalPut where the second one is not refused."""
    with _lock:
        if not store.local and store.uri not in _settles:
            _probe(store)
            _settles.add(store.uri)


def forget() -> None:
    """Probe every store once more."""
    with _lock:
        _settles.clear()


def _probe(store: Store) -> None:
    path = layout.probe_path(secrets.token_hex(8))
    first, second = secrets.token_bytes(16), secrets.token_bytes(16)
    try:
        store.create_object(first, path)
    except OSError as error:
        if error.errno in _UNKNOWN:
            raise NoConditionalPut(store.uri, f"has no conditional PUT ({error})") from error
        raise
    try:
        refused = False
        try:
            store.create_object(second, path)
        except OSError:
            refused = store.read(path) == first
        if not refused:
            raise NoConditionalPut(store.uri, "ignores If-None-Match")
    finally:
        store.remove(path)
