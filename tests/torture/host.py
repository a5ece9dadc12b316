"""iolake's command line on a host with a wrong clock and a slow disk.

`python -m tests.torture.host SHIFT_S SLOW_S ARGUMENT...` runs `iolake ARGUMENT...`. Load ids, times of the ledger and
ages of files follow a clock that is wrong by SHIFT_S, and each link or rename waits SLOW_S first. The load of another
host is watched for 2 s, not for 15.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from iolake.pipelines.entry import main as iolake
from iolake.warehouse import heartbeat
from tests.torture.actor import shift_clocks


def _slow(call: Any, seconds: float) -> Any:
    def slowed(*args: Any, **kwargs: Any) -> Any:
        time.sleep(seconds)
        return call(*args, **kwargs)

    return slowed


def main() -> None:
    shift_s, slow_s, *arguments = sys.argv[1:]
    shift_clocks(float(shift_s))
    vars(heartbeat).update(BEAT_S=0.2, WATCH_S=2.0)
    if seconds := float(slow_s):
        os.link, os.replace = _slow(os.link, seconds), _slow(os.replace, seconds)
    sys.argv = ["iolake", *arguments]
    iolake()


if __name__ == "__main__":
    main()
