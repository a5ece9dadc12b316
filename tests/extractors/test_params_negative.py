"""No amount of a Lustre server is below zero, whatever numbers its texts hold: unknown is null, never negative."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest

from iolake.extractors.base import Batch, InputError, Span
from iolake.extractors.params import Params
from iolake.schemas.site import Site
from tests.extractors.test_params_state import DUMP

ODD = ("-1", "-9223372036854775808", "18446744073709551615", "18446744073709551614", "9223372036854775808", "NaN")
MAY_BE_NEGATIVE = {"number", "least", "most", "sum", "sum_of_squares"}
"""A setting, and the extremes that a server prints for whatever it measures."""
COUNTERS = """\
obdfilter.fs-OST0001.stats=
snapshot_time 1700000000.5 secs.usecs
read_bytes 5 samples [bytes] 4096 4096 20480
write_bytes 7 samples [bytes] 4096 4096 28672
obdfilter.fs-OST0001.kbytestotal=1000
obdfilter.fs-OST0001.kbytesfree=400
obdfilter.fs-OST0001.kbytesavail=300
obdfilter.fs-OST0001.filestotal=50
obdfilter.fs-OST0001.filesfree=20
obdfilter.fs-OST0001.job_stats=
job_stats:
- job_id:          9
  snapshot_time:   1700000000
  read_bytes:      { samples: 5, unit: bytes, min: 1, max: 4096, sum: 20480 }
  punch:           { samples: 2, unit: reqs }
"""
METRICS = "".join(
    f'lustre_{name}{{component="ost",target="fs-OST0001"{job}}} {value}\n'
    for name, job, value in (
        *(("read_bytes_total", "", 20480), ("write_bytes_total", "", 4096), ("capacity_kilobytes", "", 1000)),
        *(("free_kilobytes", "", 400), ("job_write_bytes_total", ',jobid="9"', 100)),
    )
)


def negative(value: Any) -> bool:
    if isinstance(value, list):  # a map's pairs
        return any(negative(amount) for pair in value if isinstance(pair, tuple) for amount in pair[1:])
    return isinstance(value, int | float) and value < 0


@pytest.mark.parametrize("text", [DUMP, COUNTERS, METRICS], ids=["state", "counters", "metrics"])
def test_no_number_of_a_dump_becomes_a_negative_amount(tmp_path: Path, text: str) -> None:
    """P6: -1, or a number that is one in 64 bits without a sign, is how a server says that it does not know."""
    rng = random.Random(1)
    where = {"params": {"files": str(tmp_path / "%Y-%m-%d-%H%M%S.txt")}}
    site = Site.model_validate({"file_systems": {"fs": {"backend": "fs", **where}}})
    numbers = list(re.finditer(r"(?<=[\s:=])\d+", text))
    (tmp_path / "2023-11-14-220000.txt").write_text(text)
    for _ in range(100):
        changed = text
        for number in sorted(rng.sample(numbers, rng.choice((1, 3))), key=lambda n: -n.start()):
            changed = changed[: number.start()] + rng.choice(ODD) + changed[number.end() :]
        (tmp_path / "2023-11-14-223000.txt").write_text(changed)
        (input,) = Params().find(site, Span())
        try:
            found = [result for result in Params().read(input, site) if isinstance(result, Batch)]
        except InputError:
            continue
        for batch in found:
            for row in batch.data.to_pylist():
                wrong = {name: value for name, value in row.items() if name not in MAY_BE_NEGATIVE and negative(value)}
                assert not wrong, (batch.table.name, wrong, changed)
