"""Heartbeats: a load at work writes a new value every few seconds, which hosts that can't see its process watch.

The watcher compares what it reads before and after an interval of its own clock. No clock of another host decides.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterable

from iolake.warehouse import layout
from iolake.warehouse.store import Store

BEAT_S = 5.0
"""Seconds between two beats of a load."""
WATCH_S = 15.0
"""Seconds without a beat after which a load is aborted. One that was only slow fails to commit, and is run again."""

_lock = threading.Lock()
_beating: dict[tuple[str, str], Store] = {}
_threads: list[threading.Thread] = []


def start(store: Store, load_id: str) -> None:
    """Beat for a load until `stop`, or until this process ends."""
    with _lock:
        _beating[store.uri, load_id] = store
        if not any(thread.is_alive() for thread in _threads):
            _threads[:] = [threading.Thread(target=_beat, name="iolake-heartbeat", daemon=True)]
            _threads[0].start()


def stop(store: Store, load_id: str) -> None:
    """Stop beating for a load, and remove its last beat."""
    with _lock:
        _beating.pop((store.uri, load_id), None)
        store.remove(layout.beat_path(load_id))


def silent(store: Store, load_ids: Iterable[str]) -> set[str]:
    """The loads that do not beat while this process watches, for WATCH_S seconds where there is any."""
    before = {load_id: _last(store, load_id) for load_id in load_ids}
    if before:
        time.sleep(WATCH_S)
    return {load_id for load_id, beat in before.items() if _last(store, load_id) == beat}


def _last(store: Store, load_id: str) -> bytes:
    """A load's last beat; nothing where it has not beaten yet."""
    try:
        return store.read(layout.beat_path(load_id))
    except FileNotFoundError:
        return b""


def _beat() -> None:
    while True:
        time.sleep(BEAT_S)
        with _lock:
            for (_, load_id), store in _beating.items():
                with contextlib.suppress(OSError):  # the load itself meets a full disk or a lost network
                    store.put(secrets.token_bytes(8), layout.beat_path(load_id))
