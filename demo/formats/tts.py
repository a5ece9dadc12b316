"""TOKIO Time Series files, version 1: one HDF5 file a file system and day, as archivers write them.

    <group>/timestamps   int64 epoch seconds, one a step
    <group>/<dataset>    float64 (steps, columns), gzip, with `columns`, `units`, `updated` and `version`

What was not measured is -0.0, a real zero +0.0. As in archived files, the byte counts say "bytes/sec" though they
are bytes in the step, and the datasets' version is the text "None".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Values = np.ndarray[Any, np.dtype[Any]]
MISSING = -0.0


@dataclass(frozen=True)
class Dataset:
    """One dataset: `values` (steps, columns), with `missing` where nothing was measured."""

    columns: Sequence[str]
    values: Values
    missing: Values
    units: str


def write(path: Path, first: int, step_s: int, groups: Mapping[str, Mapping[str, Dataset]], source: str) -> None:
    """Write one file: `groups` by name, each with its datasets by name, all from epoch second `first` on."""
    steps = next(len(dataset.values) for datasets in groups.values() for dataset in datasets.values())
    end = first + steps * step_s
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs["version"] = "1"
        file.attrs["start"], file.attrs["end"] = first, end
        for name, datasets in groups.items():
            group = file.create_group(name)
            group.attrs["source"] = source
            group["timestamps"] = first + np.arange(steps, dtype=np.int64) * step_s
            for key, dataset in datasets.items():
                values = np.where(dataset.missing, MISSING, dataset.values.astype(np.float64))
                made = group.create_dataset(key, data=values, chunks=True, compression="gzip", compression_opts=4)
                made.attrs["columns"] = np.array([column.encode() for column in dataset.columns])
                made.attrs["units"] = np.bytes_(dataset.units)
                made.attrs["updated"] = end + 3600
                made.attrs["version"] = "None"
