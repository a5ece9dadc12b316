"""The whole Storage Scale file system, in the table that answers questions of file systems: `lustre_fs`.

Its object storage targets are the NSDs that hold data: those whose role is data, or all where no role is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from iolake.extractors.base import Batch
from iolake.extractors.counters import Placement
from iolake.extractors.lustre import Sums, fs_batch
from iolake.extractors.scale.cells import Cells, Dense, Floats, summed

_AMOUNTS: Final[tuple[str, ...]] = ("read_bytes", "write_bytes")
_MOST_STEPS: Final = 1_000_000
"""Steps of a day's input: beyond it, a report's times are damaged."""


def whole_system(cells: Cells, dense: Dense, roles: Sequence[str | None]) -> Batch | str | None:
    """Return `lustre_fs`: bytes summed over servers and NSDs, on the grid of the commonest interval.

    None where no NSD holds data; a reason where the times are too far apart for one grid.
    """
    pairs = zip(cells.components, roles, strict=True)
    nsds = [nsd if role == "data" or not any(roles) else None for (_, nsd), role in pairs]
    codes = {nsd: i for i, nsd in enumerate(dict.fromkeys(nsd for nsd in nsds if nsd is not None))}
    group = np.array([-1 if nsd is None else codes[nsd] for nsd in nsds], np.int64)
    held = group[dense.component] >= 0
    columns: dict[str, Floats] = {name: dense.columns[name][held] for name in _AMOUNTS if name in dense.columns}
    wanted = Dense(dense.component[held], dense.start_us[held], dense.interval_s[held], columns)
    if not held.any() or not columns:
        return None
    sums = summed(wanted, group[wanted.component], [name for name in columns if not np.isnan(columns[name]).all()])
    lengths = np.rint(sums.interval_s * 1e6).astype(np.int64)
    ends = sums.start_us + lengths
    values, counts = np.unique(lengths, return_counts=True)
    step = int(values[counts.argmax()])
    first, last = int(sums.start_us.min()), int(ends.max())
    if (last - first) // step > _MOST_STEPS:
        return f"times span {(last - first) // step} intervals, more than {_MOST_STEPS}: no sums of the file system"
    edges = np.arange(first, last + step, step, dtype=np.int64)
    total = Sums.none(len(edges) - 1, len(codes))
    places: dict[bytes, Placement] = {}
    for begin, end in pairwise(np.searchsorted(sums.component, np.arange(len(codes) + 1)).tolist()):
        mine = slice(begin, end)
        if begin < end:
            amounts = {
                name: (np.rint(np.nan_to_num(column[mine])).astype(np.int64), ~np.isnan(column[mine]))
                for name, column in sums.columns.items()
            }
            times = np.stack([sums.start_us[mine], ends[mine]])
            if (key := times.tobytes()) not in places:  # NSDs of a report have the same times
                places[key] = Placement(times[0], times[1], edges)
            total.add(places[key], amounts)
    batch = fs_batch(edges, total, Sums.none(len(edges) - 1))
    return replace(batch, data=batch.data.cast(batch.table.batch_schema))
