"""The counters of each Darshan 3 module and version, in the order of their records.

A brace group expands to one name for each of its parts: `SIZE_{READ,WRITE}_{0_100,100_1K}` is four names, the
first group turning slowest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product

_SIZES = "{0_100,100_1K,1K_10K,10K_100K,100K_1M,1M_4M,4M_10M,10M_100M,100M_1G,1G_PLUS}"
_FOUR = "{1,2,3,4}"
_COMMON = f"ACCESS{_FOUR}_ACCESS ACCESS{_FOUR}_COUNT"
_SHAPED = (
    f"ACCESS{_FOUR}_{{ACCESS,LENGTH_D1,LENGTH_D2,LENGTH_D3,LENGTH_D4,LENGTH_D5,"
    f"STRIDE_D1,STRIDE_D2,STRIDE_D3,STRIDE_D4,STRIDE_D5}} ACCESS{_FOUR}_COUNT"
)
_RANKS = "{FASTEST,SLOWEST}_{RANK,RANK_BYTES}"
_MAX_SIZES = "MAX_{READ,WRITE}_TIME_SIZE"
_STAMPS = "F_{OPEN,READ,WRITE,CLOSE}_START_TIMESTAMP F_{OPEN,READ,WRITE,CLOSE}_END_TIMESTAMP"
_STAMPS_BEFORE_3_1_7 = (
    "F_OPEN_START_TIMESTAMP F_{READ,WRITE}_START_TIMESTAMP F_{READ,WRITE}_END_TIMESTAMP F_CLOSE_END_TIMESTAMP"
)
_TIMES = "F_{READ,WRITE,META}_TIME F_MAX_{READ,WRITE}_TIME F_{FASTEST,SLOWEST}_RANK_TIME"
_VARIANCES = "F_VARIANCE_RANK_{TIME,BYTES}"

_POSIX_FROM_MODE = f"""
    MODE BYTES_{{READ,WRITTEN}} MAX_BYTE_{{READ,WRITTEN}} {{CONSEC,SEQ}}_{{READS,WRITES}} RW_SWITCHES
    MEM_NOT_ALIGNED MEM_ALIGNMENT FILE_NOT_ALIGNED FILE_ALIGNMENT {_MAX_SIZES} SIZE_{{READ,WRITE}}_{_SIZES}
    STRIDE{_FOUR}_STRIDE STRIDE{_FOUR}_COUNT {_COMMON} {_RANKS}"""
_POSIX_1 = f"OPENS READS WRITES SEEKS STATS MMAPS FOPENS FREADS FWRITES FSEEKS FSYNCS FDSYNCS {_POSIX_FROM_MODE}"
_POSIX_2 = f"OPENS READS WRITES SEEKS STATS MMAPS FSYNCS FDSYNCS {_POSIX_FROM_MODE}"
_POSIX_4 = f"""
    OPENS FILENOS DUPS READS WRITES SEEKS STATS MMAPS FSYNCS FDSYNCS
    RENAME_SOURCES RENAME_TARGETS RENAMED_FROM {_POSIX_FROM_MODE}"""
_MPIIO = f"""
    {{INDEP,COLL}}_OPENS {{INDEP,COLL,SPLIT,NB}}_{{READS,WRITES}} SYNCS HINTS VIEWS MODE
    BYTES_{{READ,WRITTEN}} RW_SWITCHES {_MAX_SIZES} SIZE_{{READ,WRITE}}_AGG_{_SIZES} {_COMMON} {_RANKS}"""
_STDIO_REST = f"""
    READS WRITES SEEKS FLUSHES BYTES_WRITTEN BYTES_READ MAX_BYTE_{{READ,WRITTEN}} {_RANKS}"""
_STDIO_F = f"""
    F_{{META,WRITE,READ}}_TIME F_{{OPEN,CLOSE,WRITE,READ}}_START_TIMESTAMP F_{{OPEN,CLOSE,WRITE,READ}}_END_TIMESTAMP
    F_{{FASTEST,SLOWEST}}_RANK_TIME {_VARIANCES}"""
_H5D = f"""
    OPENS READS WRITES FLUSHES BYTES_{{READ,WRITTEN}} RW_SWITCHES {{REGULAR,IRREGULAR}}_HYPERSLAB_SELECTS
    POINT_SELECTS {_MAX_SIZES} SIZE_{{READ,WRITE}}_AGG_{_SIZES} {_SHAPED} DATASPACE_NDIMS DATASPACE_NPOINTS
    DATATYPE_SIZE CHUNK_SIZE_D{{1,2,3,4,5}} USE_MPIIO_COLLECTIVE USE_DEPRECATED {_RANKS}"""
_PNETCDF_VAR = f"""
    OPENS {{INDEP,COLL,NB}}_{{READS,WRITES}} BYTES_{{READ,WRITTEN}} RW_SWITCHES
    {{PUT,GET}}_{{VAR,VAR1,VARA,VARS,VARM,VARN,VARD}} {{IPUT,IGET,BPUT}}_{{VAR,VAR1,VARA,VARS,VARM,VARN}}
    {_MAX_SIZES} SIZE_{{READ,WRITE}}_AGG_{_SIZES} {_SHAPED} NDIMS NPOINTS DATATYPE_SIZE IS_RECORD_VAR {_RANKS}"""
_BGQ = "CSJOBID NNODES RANKSPERNODE DDRPERNODE {I,A,B,C,D,E}NODES TORUSENABLED"
_DFS = f"""
    OPENS GLOBAL_OPENS LOOKUPS DUPS READS READXS WRITES WRITEXS NB_{{READS,WRITES}} GET_SIZES PUNCHES REMOVES STATS
    BYTES_{{READ,WRITTEN}} RW_SWITCHES {_MAX_SIZES} SIZE_{{READ,WRITE}}_{_SIZES} {_COMMON} CHUNK_SIZE {_RANKS}"""
_DAOS = f"""
    OBJ_{{OPENS,FETCHES,UPDATES,PUNCHES,DKEY_PUNCHES,AKEY_PUNCHES,DKEY_LISTS,AKEY_LISTS,RECX_LISTS}}
    ARRAY_{{OPENS,READS,WRITES,GET_SIZES,SET_SIZES,STATS,PUNCHES,DESTROYS}}
    KV_{{OPENS,GETS,PUTS,REMOVES,LISTS,DESTROYS}}
    NB_OPS BYTES_{{READ,WRITTEN}} RW_SWITCHES {_MAX_SIZES} SIZE_{{READ,WRITE}}_{_SIZES} {_COMMON}
    OBJ_OTYPE ARRAY_{{CELL,CHUNK}}_SIZE {_RANKS}"""

# APMPI, whose names say MPI instead of the module
_MESSAGES = "_{CALL_COUNT,TOTAL_BYTES,MSG_SIZE_AGG_0_256,MSG_SIZE_AGG_256_1K,MSG_SIZE_AGG_1K_8K,\
MSG_SIZE_AGG_8K_256K,MSG_SIZE_AGG_256K_1M,MSG_SIZE_AGG_1M_PLUS}"
_POINT_TO_POINT = "{SEND,SSEND,RSEND,BSEND,RECV,SENDRECV,SENDRECV_REPLACE,ISEND,ISSEND,IRSEND,IBSEND,IRECV}"
_COMPLETION = "{PROBE,IPROBE,TEST,TESTANY,TESTALL,TESTSOME,WAIT,WAITANY,WAITALL,WAITSOME,BARRIER,IBARRIER}"
_SYNCHRONOUS = "BCAST,GATHER,GATHERV,SCATTER,SCATTERV,SCAN,EXSCAN,ALLGATHER,ALLGATHERV,REDUCE,ALLREDUCE,\
REDUCE_SCATTER,ALLTOALL,ALLTOALLV,ALLTOALLW"
_COLLECTIVE = f"{{{_SYNCHRONOUS},{','.join('I' + name for name in _SYNCHRONOUS.split(','))}}}"
_ONE_SIDED = "{PUT,GET,ACCUMULATE,GET_ACCUMULATE}"
_WINDOW = "{FETCH_AND_OP,COMPARE_AND_SWAP,WIN_FENCE,WIN_START,WIN_COMPLETE,WIN_POST,WIN_WAIT,WIN_TEST,WIN_LOCK,\
WIN_UNLOCK,WIN_UNLOCK_ALL,WIN_FLUSH,WIN_FLUSH_ALL,WIN_FLUSH_LOCAL,WIN_FLUSH_LOCAL_ALL,WIN_SYNC}"
_APMPI = f"""
    {_POINT_TO_POINT}{_MESSAGES} {_COMPLETION}_CALL_COUNT {_COLLECTIVE}{_MESSAGES} {_ONE_SIDED}{_MESSAGES}
    {_WINDOW}_CALL_COUNT"""
_APMPI_F = (
    " ".join(
        f"{group}_{{TOTAL,MIN,MAX}}_TIME" for group in (_POINT_TO_POINT, _COMPLETION, _COLLECTIVE, _ONE_SIDED, _WINDOW)
    )
    + f" {{BARRIER,{_SYNCHRONOUS}}}_TOTAL_SYNC_TIME TOTAL_COMM_TIME TOTAL_COMM_SYNC_TIME"
)
_VIRTUAL_CHANNELS = ",".join(f"INCOMING_FLIT_VC{channel}" for channel in range(8))
_APXC = f"""
    AR_RTR_{{0,1,2,3,4}}_{{0,1,2,3,4,5,6,7}}_INQ_PRF_{{{_VIRTUAL_CHANNELS},ROWBUS_STALL_CNT}}
    AR_RTR_PT_5_{{0,1,2,3,4,5,6,7}}_INQ_PRF_{{INCOMING_FLIT_VC0,INCOMING_FLIT_VC4,REQ_ROWBUS_STALL_CNT,RSP_ROWBUS_STALL_CNT}}"""


@dataclass(frozen=True)
class Fields:
    """What one fixed record holds after id and rank: (name, struct code) in order; a pad's name is empty."""

    fields: tuple[tuple[str, str], ...]


def expand(text: str) -> list[str]:
    """Expand a pattern of brace groups to its names."""
    names = []
    for token in text.split():
        parts = [group.split(",") for group in re.split(r"\{([^}]*)\}", token)[1::2]]
        shape = re.sub(r"\{[^}]*\}", "{}", token)
        names += [shape.format(*choice) for choice in product(*parts)]
    return names


def _fields(
    prefix: str,
    integers: str,
    floats: str,
    *,
    before: tuple[tuple[str, str], ...] = (),
    after: tuple[tuple[str, str], ...] = (),
) -> Fields:
    """Integers then floats under the module's prefix, with the fields that stand before and after them."""
    counters = [(f"{prefix}_{name}", "Q") for name in expand(integers)]
    counters += [(f"{prefix}_{name}", "d") for name in expand(floats)]
    return Fields((*before, *counters, *after))


_FILE = (("file_rec_id", "Q"),)
_UUIDS = (("pool_uuid", "16s"), ("cont_uuid", "16s"))
_F = f"{_STAMPS} {_TIMES} {_VARIANCES}"
_F_OLD = f"{_STAMPS_BEFORE_3_1_7} {_TIMES} {_VARIANCES}"
_OPEN_CLOSE = "F_{OPEN,CLOSE}_START_TIMESTAMP F_{OPEN,CLOSE}_END_TIMESTAMP"
_OPEN_CLOSE_1 = "F_OPEN_START_TIMESTAMP F_CLOSE_END_TIMESTAMP"
_PNETCDF_FILE = "CREATES OPENS REDEFS {INDEP,COLL}_WAITS SYNCS BYTES_{READ,WRITTEN} WAIT_FAILURES"
_PNETCDF_FILE_F = "F_{OPEN,CLOSE,WAIT}_START_TIMESTAMP F_{OPEN,CLOSE,WAIT}_END_TIMESTAMP F_META_TIME F_WAIT_TIME"

FIXED: dict[tuple[str, int], Fields] = {
    ("POSIX", 1): _fields("POSIX", _POSIX_1, _F_OLD),
    ("POSIX", 2): _fields("POSIX", _POSIX_2, _F_OLD),
    ("POSIX", 3): _fields("POSIX", _POSIX_2, _F),
    ("POSIX", 4): _fields("POSIX", _POSIX_4, _F),
    ("MPI-IO", 1): _fields("MPIIO", _MPIIO, _F_OLD),
    ("MPI-IO", 2): _fields("MPIIO", _MPIIO, _F_OLD),
    ("MPI-IO", 3): _fields("MPIIO", _MPIIO, _F),
    ("STDIO", 1): _fields("STDIO", f"OPENS {_STDIO_REST}", _STDIO_F),
    ("STDIO", 2): _fields("STDIO", f"OPENS FDOPENS {_STDIO_REST}", _STDIO_F),
    ("H5F", 1): _fields("H5F", "OPENS", _OPEN_CLOSE_1),
    ("H5F", 2): _fields("H5F", "OPENS", _OPEN_CLOSE),
    ("H5F", 3): _fields("H5F", "OPENS FLUSHES USE_MPIIO", f"{_OPEN_CLOSE} F_META_TIME"),
    ("H5D", 1): _fields("H5D", _H5D, _F),
    ("H5D", 2): _fields("H5D", _H5D, _F, before=_FILE),
    ("PNETCDF_FILE", 1): _fields("PNETCDF_FILE", "INDEP_OPENS COLL_OPENS", _OPEN_CLOSE_1),
    ("PNETCDF_FILE", 2): _fields("PNETCDF_FILE", "INDEP_OPENS COLL_OPENS", _OPEN_CLOSE),
    ("PNETCDF_FILE", 3): _fields("PNETCDF_FILE", _PNETCDF_FILE, _PNETCDF_FILE_F),
    ("PNETCDF_VAR", 1): _fields("PNETCDF_VAR", _PNETCDF_VAR, _F, before=_FILE),
    ("BG/Q", 1): _fields("BGQ", _BGQ, "F_TIMESTAMP", before=(("", "8x"),)),
    ("BG/Q", 2): _fields("BGQ", _BGQ, "F_TIMESTAMP"),
    ("DFS", 1): _fields("DFS", _DFS, f"{_STAMPS} {_TIMES}", after=_UUIDS),
    ("DAOS", 1): _fields("DAOS", _DAOS, f"{_STAMPS} {_TIMES}", after=(*_UUIDS, ("oid_hi", "Q"), ("oid_lo", "Q"))),
    ("MDHIM", 1): _fields(
        "MDHIM",
        "PUTS GETS PUT_MAX_SIZE GET_MAX_SIZE SERVERS",
        "F_{PUT,GET}_TIMESTAMP F_{PUT,GET}_MAX_DURATION",
    ),
    ("APMPI", 1): _fields("MPI", _APMPI, _APMPI_F, after=(("node_name", "128s"),)),
    ("APXC", 1): _fields("APXC", _APXC, "", before=(("group", "Q"), ("chassis", "Q"), ("blade", "Q"), ("node", "Q"))),
}
"""(module, version) to its record. MDHIM's record has the servers' histogram behind it."""

HEADERS: dict[str, Fields] = {
    "APMPI": Fields(
        (
            ("magic", "Q"),
            ("sync_flag", "I"),
            ("", "4x"),
            ("variance_total_mpitime", "d"),
            ("variance_total_mpisynctime", "d"),
        )
    ),
    "APXC": Fields(
        tuple(
            (name, "Q") for name in ("magic", "nblades", "nchassis", "ngroups", "memory_mode", "cluster_mode", "appid")
        )
    ),
}
"""The layout of the first record of these modules, which differs."""
