"""H5LMT, the forerunner of TTS: one component a row, rates at the right edge of their step, gauges at their moment.

Column i of a rate covers the step that ends at time i, so it belongs to the step that starts at time i - 1; column i
of a gauge is the value at time i. The last time only closes the last step. There is no mark for missing data but
FSMissingDataSet, which has a row for each storage server.
"""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np

from extractors.base import InputError
from extractors.counters import Ints
from extractors.hdf5.chunks import Doubles, Held, Stored
from extractors.hdf5.panels import Panel, Values
from extractors.lustre import MD_OP_COLUMN, ONLY_MDT, own_names
from schemas.lustre import LUSTRE_MDT, LUSTRE_OST, LUSTRE_SERVER

STEPS = "FSStepsGroup/FSStepsDataSet"
_MISSING = "FSMissingGroup/FSMissingDataSet"
_TRAFFIC = {
    "read_bytes": "OSTReadGroup/OSTBulkReadDataSet",
    "write_bytes": "OSTWriteGroup/OSTBulkWriteDataSet",
}
_OSS_CPU, _MDS_CPU, _MDS_OPS = "OSSCPUGroup/OSSCPUDataSet", "MDSCPUGroup/MDSCPUDataSet", "MDSOpsGroup/MDSOpsDataSet"
ONLY_MDS = "mds"
"""What the one metadata server is called, for the file does not name it."""


class Reader:
    """One open file; `problems` gathers the parts that had to be left out: (part, reason)."""

    def __init__(self, file: h5py.File, uri: str, backend: str | None) -> None:
        self.file, self.uri, self.backend = file, uri, backend
        self.problems: list[tuple[str, str]] = []
        stamps = file[STEPS][...].astype(np.int64)
        if len(stamps) < 2 or (np.diff(stamps) <= 0).any():
            raise InputError(uri, f"times in {STEPS} do not rise", "the file is damaged; restore it from the archive")
        self.edges: Ints = stamps * 1_000_000
        self.missing = file[_MISSING][...] != 0 if _MISSING in file else None

    def panels(self) -> Iterator[Panel]:
        """Storage targets, metadata operations, and the load of both kinds of server."""
        seconds = np.diff(self.edges) / 1e6
        traffic = Panel(LUSTRE_OST, "ost", [], self.edges)
        for column, path in _TRAFFIC.items():
            if (matrix := self._matrix(path)) is not None:
                targets, row_of = self._targets(path, "OSTNames", len(matrix))
                traffic.targets = targets
                traffic.amounts[column] = Values(Held(self._masked(matrix)[:, 1:]), row_of, seconds)
        yield traffic
        if (matrix := self._matrix(_MDS_OPS)) is not None:
            yield self._operations(matrix, seconds)
        if (matrix := self._matrix(_OSS_CPU)) is not None:
            servers, row_of = self._targets(_OSS_CPU, "OSSNames", len(matrix))
            load = {"cpu_pct": Values(Held(self._masked(matrix)[:, :-1]), row_of)}
            yield Panel(LUSTRE_SERVER, "server", servers, self.edges, gauges=load, constants={"role": "oss"})
        if (matrix := self._matrix(_MDS_CPU)) is not None:
            load = {"cpu_pct": Values(Held(matrix[:, :-1]), np.zeros(1, np.int64))}
            yield Panel(LUSTRE_SERVER, "server", [ONLY_MDS], self.edges, gauges=load, constants={"role": "mds"})

    def _operations(self, matrix: Doubles, seconds: Doubles) -> Panel:
        panel = Panel(LUSTRE_MDT, "mdt", [ONLY_MDT], self.edges)
        for row, name in enumerate(self._names(_MDS_OPS, "OpNames")[: len(matrix)]):
            values = Values(Held(matrix[row : row + 1, 1:]), np.zeros(1, np.int64), seconds)
            if (column := MD_OP_COLUMN.get(name)) is not None:
                panel.amounts[column] = values
            else:
                panel.other_ops[name] = values
        return panel

    def _matrix(self, path: str) -> Doubles | None:
        """(components, times) of a dataset; None with a problem noted where it can't be used."""
        if path not in self.file:
            return None
        dataset, times = self.file[path], len(self.edges)
        values = Stored(dataset, self.uri).whole()
        if dataset.ndim == 1:
            values = values.T
        if values.shape[1] < times:
            self.problems.append((path, f"has {values.shape[1]} columns for {times} times"))
            return None
        if values[:, times:].any():
            self.problems.append((path, "has values after the last time; these are left out"))
        return values[:, :times]

    def _masked(self, matrix: Doubles) -> Doubles:
        """Without what FSMissing calls missing: cell by cell in the same shape, else where no server answered."""
        if self.missing is None:
            return matrix
        missing = self.missing[:, : matrix.shape[1]]
        if missing.shape != matrix.shape:
            missing = np.broadcast_to(missing.all(axis=0), matrix.shape)
        matrix[missing] = -0.0
        return matrix

    def _targets(self, path: str, attribute: str, count: int) -> tuple[list[str], Ints]:
        own = own_names(self._names(path, attribute)[:count], self.backend, self.uri)
        ordered = sorted(own, key=own.__getitem__)
        return [own[row] for row in ordered], np.array(ordered, np.int64)

    def _names(self, path: str, attribute: str) -> list[str]:
        names = self.file[path].attrs.get(attribute)
        if names is None:
            raise InputError(self.uri, f"{path} has no {attribute}", "the file is damaged; restore it from the archive")
        return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
