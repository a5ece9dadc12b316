"""H5LMT, the forerunner of TTS: one component a row, rates at the right edge of their step, gauges at their moment.

Column i of a rate covers the step that ends at time i, so it belongs to the step that starts at time i - 1; column i
of a gauge is the value at time i. The last time only closes the last step. Times that a growing file has not reached
are zero. Only FSMissingDataSet marks missing data; it has a row for each storage server and none for the metadata
server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import h5py
import numpy as np

from iolake.extractors.base import InputError
from iolake.extractors.counters import Flags, Ints
from iolake.extractors.hdf5.chunks import ArrayMatrix, Doubles, FileMatrix, Matrix
from iolake.extractors.hdf5.guard import too_large
from iolake.extractors.hdf5.panels import Named, Panel, Values, by_name, rows_of
from iolake.extractors.hdf5.steps import after, before, borders, placed, usual_length, wrong_times
from iolake.extractors.lustre import ONLY_MDT
from iolake.schemas.lustre import LUSTRE_MDT, LUSTRE_OST, LUSTRE_SERVER, MD_OP_COLUMN

STEPS = "FSStepsGroup/FSStepsDataSet"
_MISSING = "FSMissingGroup/FSMissingDataSet"
_TRAFFIC = {
    "read_bytes": "OSTReadGroup/OSTBulkReadDataSet",
    "write_bytes": "OSTWriteGroup/OSTBulkWriteDataSet",
}
_OSS_CPU, _MDS_CPU, _MDS_OPS = "OSSCPUGroup/OSSCPUDataSet", "MDSCPUGroup/MDSCPUDataSet", "MDSOpsGroup/MDSOpsDataSet"
ONLY_MDS = "mds"
"""The name for the metadata server, which the file does not name."""


class Reader:
    """One open file; `problems` gathers the parts that had to be left out: (part, reason)."""

    def __init__(self, file: h5py.File, uri: str, backend: str | None) -> None:
        self.file, self.uri, self.backend = file, uri, backend
        self.problems: list[tuple[str, str]] = []
        if reason := too_large(file[STEPS]):
            raise InputError(uri, f"{STEPS} {reason}", "check what it holds")
        seconds = np.trim_zeros(file[STEPS][...].astype(np.int64), "b")
        if len(seconds) < 2:
            raise InputError(uri, f"has no whole step yet in {STEPS}", "wait until it has grown")
        if wrong := wrong_times(seconds):
            raise InputError(uri, f"times in {STEPS} {wrong}", "the file is damaged; restore it from the archive")
        times = seconds * 1_000_000
        self.count = len(times)
        length = usual_length(times)
        self.of_rates, self.of_gauges = before(times, length), after(times[:-1], length, int(times[-1]))
        self.missing = self._missing()

    def panels(self) -> Iterator[Panel]:
        """Storage targets, metadata operations, and the load of both kinds of server."""
        edges = borders(self.of_rates)
        seconds = np.diff(edges) / 1e6
        traffic: dict[str, Named] = {}
        for column, path in _TRAFFIC.items():
            if (found := self._components(path, "OSTNames")) is not None:
                traffic[column] = Named(found.rows, self._rates(self._masked(found.matrix)), seconds)
        if traffic:
            targets, amounts = by_name(traffic)
            yield Panel(LUSTRE_OST, "ost", targets, edges, amounts)
        if (found := self._components(_MDS_OPS, "OpNames")) is not None:
            yield self._operations(found, edges)
        if (found := self._components(_OSS_CPU, "OSSNames")) is not None:
            yield self._load("oss", found.rows, self._masked(found.matrix))
        if (matrix := self._matrix(_MDS_CPU)) is not None:
            yield self._load("mds", {ONLY_MDS: 0}, matrix)

    def _operations(self, found: _Components, edges: Ints) -> Panel:
        panel = Panel(LUSTRE_MDT, "mdt", [ONLY_MDT], edges)
        seconds = np.diff(edges) / 1e6
        for name, row in found.rows.items():
            values = Values(self._rates(found.matrix[row : row + 1]), np.zeros(1, np.int64), seconds)
            if (column := MD_OP_COLUMN.get(name)) is not None:
                panel.amounts[column] = values
            else:
                panel.other_ops[name] = values
        return panel

    def _load(self, role: str, rows: dict[str, int], matrix: Doubles) -> Panel:
        edges = borders(self.of_gauges)
        values = placed(ArrayMatrix(matrix[:, :-1]), self.of_gauges, edges)
        servers, gauges = by_name({"cpu_pct": Named(rows, values)})
        return Panel(LUSTRE_SERVER, "server", servers, edges, gauges=gauges, constants={"role": role})

    def _rates(self, matrix: Doubles) -> Matrix:
        """Rates at the ends of steps, on all steps."""
        return placed(ArrayMatrix(matrix[:, 1:]), self.of_rates, borders(self.of_rates))

    def _components(self, path: str, attribute: str) -> _Components | None:
        """A dataset of named components; None with a problem noted where it can't be used."""
        if (matrix := self._matrix(path)) is None:
            return None
        labels = self._names(path, attribute)[: len(matrix)]
        rows = rows_of(labels, self.backend, self.uri)
        if rows is None:
            self.problems.append((path, "has two rows of one name"))
            return None
        if matrix[[row for row in range(len(matrix)) if row >= len(labels) or not labels[row]]].any():
            self.problems.append((path, "has values in rows without a name; these are left out"))
        return _Components(rows, matrix)

    def _matrix(self, path: str) -> Doubles | None:
        """(components, times) of a dataset; None with a problem noted where it can't be used."""
        if path not in self.file:
            return None
        dataset = self.file[path]
        if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "biuf":
            self.problems.append((path, "is not a matrix of numbers"))
            return None
        if reason := too_large(dataset):
            self.problems.append((path, reason))
            return None
        values = FileMatrix(dataset, self.uri).whole()
        if dataset.ndim == 1:
            values = values.T
        if values.shape[1] < self.count:
            self.problems.append((path, f"has {values.shape[1]} columns for {self.count} times"))
            return None
        if values[:, self.count :].any():
            self.problems.append((path, "has values after the last time; these are left out"))
        return values[:, : self.count]

    def _missing(self) -> Flags | None:
        """Where each storage server's samples are missing; None where the file does not record it."""
        if _MISSING not in self.file:
            return None
        if reason := too_large(self.file[_MISSING]):
            self.problems.append((_MISSING, reason))
            return None
        missing: Flags = np.atleast_2d(self.file[_MISSING][...] != 0)[:, : self.count]
        if not missing.size:
            return None
        if (said := missing.shape[1]) < self.count:
            self.problems.append((_MISSING, f"has {said} columns for {self.count} times; the rest counts as present"))
            missing = np.pad(missing, ((0, 0), (0, self.count - said)))
        return missing

    def _masked(self, matrix: Doubles) -> Doubles:
        """The matrix without what FSMissing marks: cell by cell in the same shape, else where no server answered."""
        if self.missing is not None:
            same = self.missing.shape == matrix.shape
            matrix[self.missing if same else np.broadcast_to(self.missing.all(axis=0), matrix.shape)] = -0.0
        return matrix

    def _names(self, path: str, attribute: str) -> list[str]:
        names = self.file[path].attrs.get(attribute)
        if names is None:
            raise InputError(self.uri, f"{path} has no {attribute}", "the file is damaged; restore it from the archive")
        return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


class _Components(NamedTuple):
    rows: dict[str, int]
    matrix: Doubles
