"""Darshan's counters, module by module, in the order in which a log's records hold them."""

from __future__ import annotations

from typing import Final

from iolake.schemas.darshan.counter import counters

_SIZES = "{0_100,100_1K,1K_10K,10K_100K,100K_1M,1M_4M,4M_10M,10M_100M,100M_1G,1G_PLUS}"


def _accesses(layer: str) -> str:
    """The four commonest accesses of a dataset or variable: size, then lengths and strides of five dimensions."""
    return "\n".join(
        f"""ACCESS{n}_ACCESS | B | size of a common access at the {layer} layer, place {n} by count
        ACCESS{n}_LENGTH_D{{1,2,3,4,5}} | | its length in that one of the last five dimensions
        ACCESS{n}_STRIDE_D{{1,2,3,4,5}} | | its stride in that one of the last five dimensions"""
        for n in range(1, 5)
    )


_COMMON_SIZES = f"""
SIZE_{{READ,WRITE}}_{_SIZES} | | reads or writes of a size in that range of bytes
"""
_COMMON_AGG_SIZES = f"""
SIZE_{{READ,WRITE}}_AGG_{_SIZES} | | reads or writes whose datatype's total size is in that range of bytes
"""
_COMMON_ACCESS = """
ACCESS{1,2,3,4}_ACCESS | B | the four commonest access sizes
ACCESS{1,2,3,4}_COUNT | | how often the four commonest access sizes occurred
"""
_ACCESS_COUNTS = """
ACCESS{1,2,3,4}_COUNT | | how often the four commonest accesses occurred
"""
_RANKS = """
FASTEST_RANK | | rank whose I/O on the shared file took the least time
FASTEST_RANK_BYTES | B | what that fastest rank moved
SLOWEST_RANK | | rank whose I/O on the shared file took the most time
SLOWEST_RANK_BYTES | B | what that slowest rank moved
"""
_STAMPS = """
F_{OPEN,READ,WRITE}_START_TIMESTAMP | s | start of the first such call, from the job's start; 0: never
F_CLOSE_START_TIMESTAMP [3-] | s | start of the first close, from the job's start; 0: never
F_OPEN_END_TIMESTAMP [3-] | s | end of the last open, from the job's start; 0: never
F_{READ,WRITE,CLOSE}_END_TIMESTAMP | s | end of the last such call, from the job's start; 0: never
"""
_EVERY_STAMP = """
F_{OPEN,READ,WRITE,CLOSE}_START_TIMESTAMP | s | start of the first such call, from the job's start; 0: never
F_{OPEN,READ,WRITE,CLOSE}_END_TIMESTAMP | s | end of the last such call, from the job's start; 0: never
"""
_TIMES = """
F_{READ,WRITE,META}_TIME | s | time spent in such calls, all ranks of the record together
F_MAX_{READ,WRITE}_TIME | s | duration of the slowest such call
F_{FASTEST,SLOWEST}_RANK_TIME | s | I/O time of the fastest or slowest rank on the shared file
"""
_VARIANCES = """
F_VARIANCE_RANK_TIME | s^2 | variance of I/O time over the ranks of the shared file
F_VARIANCE_RANK_BYTES | B^2 | variance of bytes moved over the ranks of the shared file
"""
_SLOW_SIZES = """
MAX_READ_TIME_SIZE | B | size of the slowest read
MAX_WRITE_TIME_SIZE | B | size of the slowest write
"""

POSIX: Final = (
    *counters("POSIX_", "i8", "OPENS | | opens\nFILENOS [4-] | | fileno calls\nDUPS [4-] | | dup calls"),
    *counters(
        "POSIX_",
        "i8",
        """
        READS | | reads
        WRITES | | writes
        SEEKS | | seeks
        STATS | | stats
        MMAPS | | mmaps; what is then moved through the mapping is not counted
        FOPENS [1-1] | | stdio opens, which this version counted here and later ones in the STDIO module
        FREADS [1-1] | | stdio reads, which this version counted here
        FWRITES [1-1] | | stdio writes, which this version counted here
        FSEEKS [1-1] | | stdio seeks, which this version counted here
        FSYNCS | | fsyncs
        FDSYNCS | | fdatasyncs
        RENAME_SOURCES [4-] | | renames that had the file as source
        RENAME_TARGETS [4-] | | renames that had the file as target
        """,
    ),
    *counters("POSIX_", "u8", "RENAMED_FROM [4-] | | record id of the first rename's source; 0: never a target"),
    *counters(
        "POSIX_",
        "i8",
        """
        MODE | | mode that the file was opened in
        BYTES_READ | B | bytes read
        BYTES_WRITTEN | B | bytes written
        MAX_BYTE_READ | B | highest offset read
        MAX_BYTE_WRITTEN | B | highest offset written
        CONSEC_{READS,WRITES} | | accesses that began just where the one before ended
        SEQ_{READS,WRITES} | | accesses at a higher offset than the one before
        RW_SWITCHES | | changes from reading to writing or back
        MEM_NOT_ALIGNED | | accesses not aligned in memory
        MEM_ALIGNMENT | B | memory alignment that they are judged by
        FILE_NOT_ALIGNED | | accesses not aligned in the file
        FILE_ALIGNMENT | B | file alignment that they are judged by
        """,
        _SLOW_SIZES,
        _COMMON_SIZES,
        "STRIDE{1,2,3,4}_STRIDE | B | the four commonest strides",
        "STRIDE{1,2,3,4}_COUNT | | how often the four commonest strides occurred",
        _COMMON_ACCESS,
        _RANKS,
    ),
    *counters("POSIX_", "f8", _STAMPS, _TIMES, _VARIANCES),
)

MPIIO: Final = (
    *counters(
        "MPIIO_",
        "i8",
        """
        INDEP_OPENS | | independent opens
        COLL_OPENS | | collective opens
        {INDEP,COLL,SPLIT,NB}_{READS,WRITES} | | independent, collective, split collective or nonblocking accesses
        SYNCS | | file syncs
        HINTS | | opens with hints
        VIEWS | | file views set
        MODE | | access mode that the file was opened with
        BYTES_READ | B | bytes read at the MPI-IO layer
        BYTES_WRITTEN | B | bytes written at the MPI-IO layer
        RW_SWITCHES | | changes from reading to writing or back
        """,
        _SLOW_SIZES,
        _COMMON_AGG_SIZES,
        _COMMON_ACCESS,
        _RANKS,
    ),
    *counters("MPIIO_", "f8", _STAMPS, _TIMES, _VARIANCES),
)

STDIO: Final = (
    *counters(
        "STDIO_",
        "i8",
        """
        OPENS | | fopen calls
        FDOPENS [2-] | | fdopen calls
        READS | | reads
        WRITES | | writes
        SEEKS | | seeks
        FLUSHES | | flushes
        BYTES_WRITTEN | B | bytes written
        BYTES_READ | B | bytes read
        MAX_BYTE_READ | B | highest offset read
        MAX_BYTE_WRITTEN | B | highest offset written
        """,
        _RANKS,
    ),
    *counters(
        "STDIO_",
        "f8",
        """
        F_{META,WRITE,READ}_TIME | s | time spent in such calls, all ranks of the record together
        F_{OPEN,CLOSE,WRITE,READ}_START_TIMESTAMP | s | start of the first such call, from the job's start; 0: never
        F_{OPEN,CLOSE,WRITE,READ}_END_TIMESTAMP | s | end of the last such call, from the job's start; 0: never
        F_{FASTEST,SLOWEST}_RANK_TIME | s | I/O time of the fastest or slowest rank on the shared file
        """,
        _VARIANCES,
    ),
)

H5F: Final = (
    *counters(
        "H5F_",
        "i8",
        """
        OPENS | | HDF5 file opens and creates
        FLUSHES [3-] | | HDF5 file flushes
        USE_MPIIO [3-] | | 1 where MPI-IO was used to reach the file
        """,
    ),
    *counters(
        "H5F_",
        "f8",
        """
        F_OPEN_START_TIMESTAMP | s | start of the first open, from the job's start; 0: never
        F_CLOSE_START_TIMESTAMP [2-] | s | start of the first close, from the job's start; 0: never
        F_OPEN_END_TIMESTAMP [2-] | s | end of the last open, from the job's start; 0: never
        F_CLOSE_END_TIMESTAMP | s | end of the last close, from the job's start; 0: never
        F_META_TIME [3-] | s | time spent in HDF5 file metadata calls
        """,
    ),
)

H5D: Final = (
    *counters("H5D_", "u8", "FILE_REC_ID [2-] | | record id of the file that the dataset lies in"),
    *counters(
        "H5D_",
        "i8",
        """
        OPENS | | dataset opens and creates
        READS | | dataset reads
        WRITES | | dataset writes
        FLUSHES | | dataset flushes
        BYTES_READ | B | bytes read at the HDF5 dataset layer
        BYTES_WRITTEN | B | bytes written at the HDF5 dataset layer
        RW_SWITCHES | | changes from reading to writing or back
        {REGULAR_HYPERSLAB,IRREGULAR_HYPERSLAB,POINT}_SELECTS | | accesses with that kind of selection
        """,
        _SLOW_SIZES,
        _COMMON_AGG_SIZES,
        _accesses("HDF5 dataset"),
        _ACCESS_COUNTS,
        """
        DATASPACE_NDIMS | | dimensions of the dataspace
        DATASPACE_NPOINTS | | points of the dataspace
        DATATYPE_SIZE | B | size of an element
        CHUNK_SIZE_D{1,2,3,4,5} | | chunk length in that one of the last five dimensions
        USE_MPIIO_COLLECTIVE | | 1 where collective MPI-IO was used
        USE_DEPRECATED | | 1 where deprecated HDF5 calls were used
        """,
        _RANKS,
    ),
    *counters("H5D_", "f8", _EVERY_STAMP, _TIMES, _VARIANCES),
)

PNETCDF_FILE: Final = (
    *counters(
        "PNETCDF_FILE_",
        "i8",
        """
        CREATES [3-] | | file creates
        OPENS [3-] | | file opens
        INDEP_OPENS [1-2] | | independent opens, which later versions count in PNETCDF_FILE_OPENS
        COLL_OPENS [1-2] | | collective opens, which later versions count in PNETCDF_FILE_OPENS
        REDEFS [3-] | | redefinitions
        INDEP_WAITS [3-] | | independent waits
        COLL_WAITS [3-] | | collective waits
        SYNCS [3-] | | syncs
        BYTES_READ [3-] | B | bytes read, all variables of the file
        BYTES_WRITTEN [3-] | B | bytes written, all variables of the file
        WAIT_FAILURES [3-] | | waits that failed
        """,
    ),
    *counters(
        "PNETCDF_FILE_",
        "f8",
        """
        F_OPEN_START_TIMESTAMP | s | start of the first open, from the job's start; 0: never
        F_CLOSE_START_TIMESTAMP [2-] | s | start of the first close, from the job's start; 0: never
        F_WAIT_START_TIMESTAMP [3-] | s | start of the first wait, from the job's start; 0: never
        F_OPEN_END_TIMESTAMP [2-] | s | end of the last open, from the job's start; 0: never
        F_CLOSE_END_TIMESTAMP | s | end of the last close, from the job's start; 0: never
        F_WAIT_END_TIMESTAMP [3-] | s | end of the last wait, from the job's start; 0: never
        F_META_TIME [3-] | s | time spent in file metadata calls
        F_WAIT_TIME [3-] | s | time spent in waits
        """,
    ),
)

PNETCDF_VAR: Final = (
    *counters("PNETCDF_VAR_", "u8", "FILE_REC_ID | | record id of the file that the variable lies in"),
    *counters(
        "PNETCDF_VAR_",
        "i8",
        """
        OPENS | | variables defined or inquired
        {INDEP,COLL,NB}_{READS,WRITES} | | independent, collective or nonblocking accesses
        BYTES_READ | B | bytes read at the PnetCDF variable layer
        BYTES_WRITTEN | B | bytes written at the PnetCDF variable layer
        RW_SWITCHES | | changes from reading to writing or back
        {PUT,GET}_VAR{,1,A,S,M,N,D} | | calls of that ncmpi_ function
        {IPUT,IGET,BPUT}_VAR{,1,A,S,M,N} | | calls of that ncmpi_ function
        """,
        _SLOW_SIZES,
        _COMMON_AGG_SIZES,
        _accesses("PnetCDF variable"),
        _ACCESS_COUNTS,
        """
        NDIMS | | dimensions of the variable
        NPOINTS | | points of the variable
        DATATYPE_SIZE | B | size of an element
        IS_RECORD_VAR | | 1 for a record variable
        """,
        _RANKS,
    ),
    *counters("PNETCDF_VAR_", "f8", _EVERY_STAMP, _TIMES, _VARIANCES),
)

BGQ: Final = (
    *counters(
        "BGQ_",
        "i8",
        """
        CSJOBID | | the control system's job id
        NNODES | | compute nodes of the job
        RANKSPERNODE | | MPI ranks a compute node
        DDRPERNODE | MiB | memory a compute node
        INODES | | I/O nodes of the job
        {A,B,C,D,E}NODES | | length of that dimension of the torus
        TORUSENABLED | | which dimensions of the torus are enabled, as bits
        """,
    ),
    *counters("BGQ_", "f8", "F_TIMESTAMP | s | when the module's values were read"),
)

DFS: Final = (
    *counters(
        "DFS_",
        "i8",
        """
        {OPENS,GLOBAL_OPENS,LOOKUPS,DUPS,READS,READXS,WRITES,WRITEXS,NB_READS,NB_WRITES} | | such calls
        {GET_SIZES,PUNCHES,REMOVES,STATS} | | such calls
        BYTES_READ | B | bytes read
        BYTES_WRITTEN | B | bytes written
        RW_SWITCHES | | changes from reading to writing or back
        """,
        _SLOW_SIZES,
        _COMMON_SIZES,
        _COMMON_ACCESS,
        "CHUNK_SIZE | B | chunk size of the file",
        _RANKS,
    ),
    *counters("DFS_", "f8", _EVERY_STAMP, _TIMES),
)

DAOS: Final = (
    *counters(
        "DAOS_",
        "i8",
        """
        OBJ_{OPENS,FETCHES,UPDATES,PUNCHES,DKEY_PUNCHES,AKEY_PUNCHES,DKEY_LISTS,AKEY_LISTS,RECX_LISTS} | | such calls
        ARRAY_{OPENS,READS,WRITES,GET_SIZES,SET_SIZES,STATS,PUNCHES,DESTROYS} | | such calls
        KV_{OPENS,GETS,PUTS,REMOVES,LISTS,DESTROYS} | | such calls
        NB_OPS | | nonblocking operations
        BYTES_READ | B | bytes read
        BYTES_WRITTEN | B | bytes written
        RW_SWITCHES | | changes from reading to writing or back
        """,
        _SLOW_SIZES,
        _COMMON_SIZES,
        _COMMON_ACCESS,
        """
        OBJ_OTYPE | | type of the object
        ARRAY_CELL_SIZE | B | cell size of an array object
        ARRAY_CHUNK_SIZE | B | chunk size of an array object""",
        _RANKS,
    ),
    *counters("DAOS_", "f8", _EVERY_STAMP, _TIMES),
)

MDHIM: Final = (
    *counters(
        "MDHIM_",
        "i8",
        """
        PUTS | | put calls
        GETS | | get calls
        PUT_MAX_SIZE | B | largest put
        GET_MAX_SIZE | B | largest get
        SERVERS | | servers
        """,
    ),
    *counters(
        "MDHIM_",
        "f8",
        """
        F_{PUT,GET}_TIMESTAMP | s | first such call, from the job's start
        F_{PUT,GET}_MAX_DURATION | s | longest such call
        """,
    ),
)
