"""Writes TTS files by their specification, and reads a file with the extractor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa

from iolake.extractors.base import Batch, Reject, Span
from iolake.extractors.hdf5 import Hdf5
from iolake.schemas.gate import conform, in_sort_order
from iolake.schemas.site import Site

T0 = 1_517_126_400  # 2018-01-28 08:00:00 UTC
MISSING = -0.0


def load(path: Path, backend: str | None = None) -> tuple[dict[str, list[dict[str, Any]]], list[Reject]]:
    """(table to rows, rejects); every batch passes the gate."""
    system = {"hdf5": {"files": str(path)}, "backend": backend}
    site = Site.model_validate({"root": "/", "file_systems": {"fs": system}})
    (input,) = Hdf5().find(site, Span())
    tables: dict[str, list[dict[str, Any]]] = {}
    rejects = []
    for found in Hdf5().read(input, site):
        if isinstance(found, Batch):
            data = conform(found.table, pa.table(found.data), found.table.batch_schema)
            in_sort_order(found.table, data, found.in_order)
            tables.setdefault(found.table.name, []).extend(data.to_pylist())
        else:
            rejects.append(found)
    return tables, rejects


Groups = Mapping[str, Mapping[str, Any]]


def tts(path: Path, groups: Groups, columns: Mapping[str, list[str]], step: int = 5, **attrs: Any) -> None:
    """A TTS file: group to dataset to rows of values; `columns` by group."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"version": "1", "start": T0, **attrs})
        for name, datasets in groups.items():
            group = file.create_group(name)
            group.attrs["source"] = "lmt"
            steps = 0
            for key, values in datasets.items():
                made = group.create_dataset(key, data=_array(values), chunks=True, compression="gzip")
                made.attrs["columns"] = np.array([c.encode() for c in columns[name]])
                made.attrs["version"] = "None"
                steps = len(values)
            group["timestamps"] = T0 + np.arange(steps) * step
        file.attrs["end"] = T0 + steps * step


def _array(values: Any) -> Any:
    """Doubles, where the values are no array already."""
    return values if isinstance(values, np.ndarray) else np.array(values, float)


OSTS = {"datatargets": ["fs-OST0000", "fs-OST0001"], "fullness": ["fs-OST0001", "fs-OST0000"]}
