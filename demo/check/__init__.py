"""The demo's truth against a lake: what the simulated centre did is what every table must show, to the byte.

    con = Lake(root / "lake").connect()
    assert differences(con, truth) == []

Everything is asked of the lake in SQL, and the truth owes nothing to the code that filled the lake.
"""

from __future__ import annotations

import duckdb

from iolake.demo.check.jobs import job_differences
from iolake.demo.check.scale import scale_differences
from iolake.demo.check.schedulers import scheduler_differences
from iolake.demo.check.servers import server_differences
from iolake.demo.check.views import view_differences
from iolake.demo.truth import Truth

__all__ = [
    "differences",
    "job_differences",
    "scale_differences",
    "scheduler_differences",
    "server_differences",
    "view_differences",
]


def differences(con: duckdb.DuckDBPyConnection, truth: Truth, *, late: bool = False) -> list[str]:
    """What a lake of the centre shows that never happened, or does not show though it did; one line each.

    `late` says whether the late logs were delivered before the lake was filled.
    """
    return [
        *job_differences(con, truth, late=late),
        *scheduler_differences(con, truth),
        *server_differences(con, truth),
        *scale_differences(con, truth),
        *view_differences(con, truth, late=late),
    ]
