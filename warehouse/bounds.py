"""What the ledger keeps of each data file, so that a question opens only the files that can hold its answer (P11)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from iolake.schemas.table import JOB_ID, Table
from iolake.warehouse.times import span_of


class Bounds(NamedTuple):
    """When the first row of a file begins and the last one ends, and the least and greatest job id.

    Both times are None where no row has a time. Both ids are None where a row has no id.
    """

    first_ts: datetime | None
    last_ts: datetime | None
    first_job_id: int | None
    last_job_id: int | None


def bounds_of(table: Table, data: pa.Table) -> Bounds:
    """The bounds of some rows of a table."""
    first_id = last_id = None
    if JOB_ID.name in data.schema.names and not data[JOB_ID.name].null_count:
        first_id, last_id = (value.as_py() for value in pc.min_max(data[JOB_ID.name]).values())
    return Bounds(*span_of(table, data), first_id, last_id)
