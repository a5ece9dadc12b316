"""Counters of AutoPerf's two Darshan modules: MPI operations (APMPI) and Cray XC routers (APXC)."""

from __future__ import annotations

from typing import Final

from iolake.schemas.darshan.counter import counters

# MPI operations in the order of the records; those with a star move counted bytes.
_OPERATIONS = """
SEND* SSEND* RSEND* BSEND* RECV* SENDRECV* SENDRECV_REPLACE* ISEND* ISSEND* IRSEND* IBSEND* IRECV*
PROBE IPROBE TEST TESTANY TESTALL TESTSOME WAIT WAITANY WAITALL WAITSOME BARRIER IBARRIER
BCAST* GATHER* GATHERV* SCATTER* SCATTERV* SCAN* EXSCAN* ALLGATHER* ALLGATHERV* REDUCE* ALLREDUCE* REDUCE_SCATTER*
ALLTOALL* ALLTOALLV* ALLTOALLW*
IBCAST* IGATHER* IGATHERV* ISCATTER* ISCATTERV* ISCAN* IEXSCAN* IALLGATHER* IALLGATHERV* IREDUCE* IALLREDUCE*
IREDUCE_SCATTER* IALLTOALL* IALLTOALLV* IALLTOALLW*
PUT* GET* ACCUMULATE* GET_ACCUMULATE* FETCH_AND_OP COMPARE_AND_SWAP
WIN_FENCE WIN_START WIN_COMPLETE WIN_POST WIN_WAIT WIN_TEST WIN_LOCK WIN_UNLOCK WIN_UNLOCK_ALL
WIN_FLUSH WIN_FLUSH_ALL WIN_FLUSH_LOCAL WIN_FLUSH_LOCAL_ALL WIN_SYNC
"""
_SYNCHRONISED = """
BARRIER BCAST GATHER GATHERV SCATTER SCATTERV SCAN EXSCAN ALLGATHER ALLGATHERV REDUCE ALLREDUCE REDUCE_SCATTER
ALLTOALL ALLTOALLV ALLTOALLW
"""


def _mpi_counts(operation: str) -> str:
    name = operation.removesuffix("*")
    calls = f"{name}_CALL_COUNT | | calls of MPI_{name}"
    if name == operation:
        return calls
    return f"""{calls}
        {name}_TOTAL_BYTES | B | bytes that MPI_{name} moved
        {name}_MSG_SIZE_AGG_{{0_256,256_1K,1K_8K,8K_256K,256K_1M,1M_PLUS}} | | its calls with a size in that range"""


APMPI: Final = (
    *counters("MPI_", "u8", "\n".join(_mpi_counts(operation) for operation in _OPERATIONS.split())),
    *counters(
        "MPI_",
        "f8",
        "\n".join(
            f"{name}_{{TOTAL,MIN,MAX}}_TIME | s | total, least or most time in MPI_{name}"
            for name in (operation.removesuffix("*") for operation in _OPERATIONS.split())
        ),
    ),
    *counters(
        "MPI_",
        "f8",
        "\n".join(f"{name}_TOTAL_SYNC_TIME | s | time waiting in MPI_{name}" for name in _SYNCHRONISED.split()),
    ),
    *counters(
        "MPI_",
        "f8",
        """
        TOTAL_COMM_TIME | s | time in all MPI operations
        TOTAL_COMM_SYNC_TIME | s | time waiting in all MPI operations, where that was measured
        """,
    ),
)

APXC: Final = counters(
    "APXC_AR_RTR_",
    "u8",
    "\n".join(
        f"""{row}_{column}_INQ_PRF_INCOMING_FLIT_VC{{0,1,2,3,4,5,6,7}} | | flits on that channel of the tile
        {row}_{column}_INQ_PRF_ROWBUS_STALL_CNT | | stalls on the tile"""
        for row in range(5)
        for column in range(8)
    ),
    "",
    "\n".join(
        f"""PT_5_{column}_INQ_PRF_INCOMING_FLIT_VC{{0,4}} | | flits on that channel of the processor tile
        PT_5_{column}_INQ_PRF_{{REQ,RSP}}_ROWBUS_STALL_CNT | | stalls on the processor tile"""
        for column in range(8)
    ),
)
