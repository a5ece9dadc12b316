"""A writer of Darshan 3 logs, every format version, module and module version, from the specification.

    from iolake.demo.formats.darshan import Component, Heatmap, Log, Lustre, Record, Traced, encode, record_id

    path = "/scratch/ann/out.h5"
    file = record_id(path)
    log = Log(
        job_id=4711, uid=1001, start_s=1773533522, start_ns=25_000_000, end_s=1773533600, end_ns=0, nprocs=64,
        exe="/home/ann/bin/solver --steps 100", mounts=[("/scratch", "lustre"), ("/", "xfs")],
        metadata={"lib_ver": "3.5.0", "h": "romio_no_indep_rw=true"}, names={file: path},
        modules={
            "POSIX": [Record(file, 0, {"POSIX_OPENS": 1, "POSIX_BYTES_WRITTEN": 4096, "POSIX_F_WRITE_TIME": 0.5})],
            "MPI-IO": [Record(file, -1, {"MPIIO_COLL_WRITES": 64})],
            "LUSTRE": [Lustre(file, -1, [Component(osts=[7, 3], stripe_size=1048576)])],
            "HEATMAP": [Heatmap(record_id("heatmap:POSIX"), 0, 0.1, writes=[4096, 0], reads=[0, 0])],
            "DXT_POSIX": [Traced(file, 0, "nid00012", writes=[(0, 4096, 0.10, 0.60)])],
        },
    )
    Path("ann_solver_id4711_3-15-14722-1.darshan").write_bytes(encode(log))

`versions={"LUSTRE": 1}` picks older module versions, `version="3.10"` an older format, and `byte_order`,
`compression`, `streams`, `partial` and `raw` the rest of what real logs do. `Columns` is the fast form of many
fixed records. HDF5 and PnetCDF variables, APMPI and the others: see `Record`.
"""

from iolake.demo.formats.darshan.log import FORMATS, Log, encode
from iolake.demo.formats.darshan.lookup8 import record_id
from iolake.demo.formats.darshan.records import Columns, Component, Heatmap, Lustre, Record, Traced

__all__ = [
    "FORMATS",
    "Columns",
    "Component",
    "Heatmap",
    "Log",
    "Lustre",
    "Record",
    "Traced",
    "encode",
    "record_id",
]
