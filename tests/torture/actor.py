"""Operations on a toy lake, each in a forked child that may die, live on another host, or meet a full disk.

`python -m tests.torture.actor ROOT` reads one JSON object a line: `op` and, if wanted, `step` (dies at that step of the
lake's folder), `after_s` (dies so long after it began), `host` and `shift_s` (another process table and clock), `fsize`
(bytes that a file may have). For each it prints how the child ended: done, killed, or the error.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from iolake import schemas
from iolake.pipelines import registry
from iolake.warehouse import garbage, heartbeat, processes, records, views
from tests.warehouse.killed import run, run_until
from tests.warehouse.toy import TABLES, TOYS, Centre


def act(centre: Centre, order: dict[str, Any]) -> None:
    """Carry out one order in this process."""
    if host := order.get("host"):
        vars(processes)["_process_table"] = lambda: host
    if shift_s := order.get("shift_s"):
        shift_clocks(shift_s)
    if fsize := order.get("fsize"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (fsize, fsize))
    if after_s := order.get("after_s"):
        threading.Timer(after_s, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
    vars(heartbeat).update(BEAT_S=0.1, WATCH_S=0.5)
    operation = order["op"]
    if "step" in order:
        run_until(order["step"], operation, centre)
    elif operation == "ingest":
        centre.ingest(*order.get("sources", ()))
    elif operation == "recover":
        garbage.recover(centre.warehouse, 0)
    else:
        run(operation, centre)


def shift_clocks(shift_s: float) -> None:
    """Makes load ids, times of the ledger and ages of files follow a wrong clock."""

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=shift_s)

    vars(records)["datetime"] = Shifted
    vars(garbage)["time"] = SimpleNamespace(time=lambda: time.time() + shift_s)


def main() -> None:
    root = Path(sys.argv[1])
    vars(registry)["extractors"] = lambda: TOYS
    vars(schemas)["tables"] = lambda: TABLES
    vars(views)["sql_files"] = dict
    pa.array([1])
    for line in sys.stdin:
        order = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            try:
                act(Centre(root, tuple(order.get("sources", ("toy",)))), order)
                said = "done"
            except BaseException as error:
                said = f"{type(error).__name__}: {error}".replace("\n", " ")
            os.write(writer, said.encode()[:4000])
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as answer:
            said = answer.read()
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else said, flush=True)


if __name__ == "__main__":
    main()
