"""The real Lustre samples: what others have measured in them, and that the ways to the same day agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from iolake.extractors.base import Batch, Extractor, Reject, Span
from iolake.extractors.hdf5 import Hdf5
from iolake.extractors.lfs import LctlTargets, LfsDf
from iolake.extractors.lmt import Lmt
from iolake.extractors.params import Params
from iolake.schemas.gate import conform, in_sort_order
from iolake.schemas.site import Site

Tables = dict[str, pa.Table]
Load = Callable[..., Tables]


@pytest.fixture(scope="session")
def load(samples: Path) -> Load:
    """What reads samples into tables through the gate; nothing may be left out of them."""

    def read(extractor: Extractor, backend: str | None = None, **where: Any) -> Tables:
        system = {"timezone": "America/Los_Angeles", "backend": backend, extractor.source: where}
        site = Site.model_validate({"root": str(samples), "file_systems": {"fs": system}})
        found: dict[str, list[pa.Table]] = {}
        for input in extractor.find(site, Span()):
            for part in extractor.read(input, site):
                assert not isinstance(part, Reject), part
                assert isinstance(part, Batch)
                data = conform(part.table, pa.table(part.data), part.table.batch_schema)
                found.setdefault(part.table.name, []).append(in_sort_order(part.table, data, part.in_order))
        return {
            name: pa.concat_tables([p.cast(pa.schema([f.with_nullable(True) for f in _plain(p)])) for p in parts])
            for name, parts in found.items()
        }

    return read


def _plain(table: pa.Table) -> list[pa.Field]:
    """The fields with plain strings for dictionaries."""
    return [pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in table.schema]


@pytest.fixture(scope="session")
def tts(load: Load) -> Tables:
    """Five minutes of snx11025 as TTS."""
    return load(Hdf5(), "snx11025", files="pytokio/snx11025_2018-01-28.hdf5")


@pytest.fixture(scope="session")
def h5lmt(load: Load) -> Tables:
    """The same five minutes as H5LMT."""
    return load(Hdf5(), "snx11025", files="pytokio/snx11025_2018-01-28.h5lmt")


@pytest.fixture(scope="session")
def lmt(load: Load) -> Tables:
    """The same five minutes in an LMT database."""
    return load(Lmt(), "snx11025", uri="sqlite:///pytokio/snx11025_2018-01-28.sqlite3")


def ask(question: str, **tables: pa.Table) -> list[tuple[Any, ...]]:
    """The answer of a query over the tables given by name."""
    with duckdb.connect() as con:
        for name, table in tables.items():
            con.register(name, table)
        return con.execute(question).fetchall()


def differences(columns: str, one: pa.Table, other: pa.Table) -> int:
    """How many rows the two have not in common, by some columns."""
    pair = f"(SELECT {columns} FROM {{}} EXCEPT ALL SELECT {columns} FROM {{}})"
    both = " UNION ALL ".join((pair.format("one", "other"), pair.format("other", "one")))
    ((count,),) = ask(f"SELECT count(*) FROM ({both})", one=one, other=other)
    return int(count)


def test_tts_sums_are_those_that_pytokio_finds(tts: Tables) -> None:
    ost = ask(
        "SELECT count(*), sum(read_bytes), sum(write_bytes), sum(used_bytes), sum(total_bytes), "
        "sum(used_inodes), sum(total_inodes), count(DISTINCT ost), min(ts)::TEXT, max(ts)::TEXT FROM t",
        t=tts["lustre_ost"],
    )
    assert ost == [
        (
            1440,
            6347173888,
            119037925429,
            73673958863512 * 1024,
            130705417946880 * 1024,
            20820826418,
            127682703360,
            24,
            "2018-01-28 08:00:00",
            "2018-01-28 08:04:55",
        )
    ]
    mdt = ask(
        "SELECT sum(opens), sum(closes), sum(getattrs), sum(getxattrs), sum(mknods), sum(renames), "
        "sum(setattrs), sum(statfs), sum(unlinks), sum(links), sum(mkdirs), sum(rmdirs) FROM t",
        t=tts["lustre_mdt"],
    )
    assert mdt == [(1529078, 1512366, 2968372, 1271, 1, 18, 4516, 29, 8, 0, 0, 0)]
    servers = ask("SELECT role, sum(cpu_pct), sum(mem_pct) FROM t GROUP BY role", t=tts["lustre_server"])
    load = {role: (cpu, mem) for role, cpu, mem in servers}
    assert load["oss"] == (pytest.approx(2874.82513), pytest.approx(138665.6819))
    assert load["mds"] == (pytest.approx(569.23228), None)


def test_the_same_day_from_h5lmt_is_the_same_rows(tts: Tables, h5lmt: Tables) -> None:
    """But for what H5LMT does not hold: space, memory, and the metadata server's name."""
    assert differences("ost, ts, interval_s, read_bytes, write_bytes", tts["lustre_ost"], h5lmt["lustre_ost"]) == 0
    ops = "opens, closes, mknods, links, unlinks, mkdirs, rmdirs, renames, getattrs, setattrs, getxattrs, statfs"
    assert differences(f"mdt, ts, interval_s, {ops}", tts["lustre_mdt"], h5lmt["lustre_mdt"]) == 0
    servers = "CASE role WHEN 'oss' THEN server END, role, ts, interval_s, cpu_pct"
    assert differences(servers, tts["lustre_server"], h5lmt["lustre_server"]) == 0
    assert differences("*", tts["lustre_fs"], h5lmt["lustre_fs"]) == 0


def test_the_same_day_from_lmt_is_the_same_rows(tts: Tables, h5lmt: Tables, lmt: Tables) -> None:
    """All that TTS holds, and the operations that only H5LMT holds as well."""
    ost = "ost, ts, interval_s, read_bytes, write_bytes, used_bytes, total_bytes, used_inodes, total_inodes"
    assert differences(ost, tts["lustre_ost"], lmt["lustre_ost"]) == 0
    ops = "opens, closes, mknods, links, unlinks, mkdirs, rmdirs, renames, getattrs, setattrs, getxattrs, statfs"
    assert differences(f"mdt, ts, interval_s, {ops}", tts["lustre_mdt"], lmt["lustre_mdt"]) == 0
    assert differences("mdt, ts, other_ops", h5lmt["lustre_mdt"], lmt["lustre_mdt"]) == 0
    server = "server, role, ts, interval_s, cpu_pct, mem_pct"
    assert differences(server, tts["lustre_server"], lmt["lustre_server"]) == 0
    assert differences("*", tts["lustre_fs"], lmt["lustre_fs"]) == 0
    served = "SELECT count(*), count(DISTINCT server) FROM t WHERE role = 'ost'"
    assert ask(served, t=lmt["lustre_target"]) == [(24, 24)]


def test_burst_buffers_in_tts_keep_what_is_missing(load: Load) -> None:
    """P6: 16,002 of 23,040 cells; rates become whole bytes cell by cell."""
    table = load(Hdf5(), files="pytokio/sample_tokiots.hdf5")["lustre_ost"]
    question = (
        "SELECT count(*), count(*) - count(read_bytes), count(*) - count(write_bytes), sum(read_bytes), "
        "sum(write_bytes) FROM t"
    )
    ((rows, missing_read, missing_written, read, written),) = ask(question, t=table)
    assert (rows, missing_read, missing_written) == (23040, 16002, 16002)
    assert read == pytest.approx(16595150113.15, abs=23040 / 2)
    assert written == pytest.approx(64094869268.11, abs=23040 / 2)


@pytest.mark.parametrize(
    ("backend", "targets"), [("snx11025", 25), ("snx11035", 25), ("snx11036", 37), ("snx11168", 253)]
)
def test_both_client_archives_hold_seventy_snapshots_of_each_file_system(
    load: Load, backend: str, targets: int
) -> None:
    question = "SELECT count(DISTINCT ts), count(*), count(DISTINCT target), min(ts)::TEXT, max(ts)::TEXT FROM t"
    df = load(LfsDf(), backend, files="pytokio/sample_ost-fullness.txt.gz")["lustre_df"]
    assert ask(question, t=df) == [(70, 70 * targets, targets, "2017-03-20 08:23:23", "2017-03-21 07:25:07")]
    served = load(LctlTargets(), backend, files="pytokio/sample_ost-map.txt.gz")["lustre_target"]
    assert ask(question, t=served) == [(70, 70 * targets, targets, "2017-03-20 08:23:23", "2017-03-21 07:25:08")]


def test_the_state_of_scratch2_when_job_4478544_began(load: Load) -> None:
    """At the last snapshot before 02:07:47 local time."""
    df = load(LfsDf(), "snx11035", files="pytokio/%Y-%m-%d/osts.txt.gz")["lustre_df"]
    full = ask(
        "SELECT epoch(ts)::INT, arg_max(target, used_bytes / total_bytes), 100 * max(used_bytes / total_bytes), "
        "arg_min(target, used_bytes / total_bytes), 100 * min(used_bytes / total_bytes), avg(used_bytes) / 1024 "
        "FROM t WHERE role = 'ost' AND ts < '2017-03-20 09:07:47' GROUP BY ts ORDER BY ts DESC LIMIT 1",
        t=df,
    )
    assert full == [
        (
            1489999502,
            "OST0006",
            pytest.approx(82.3314, abs=1e-4),
            "OST000e",
            pytest.approx(70.7187, abs=1e-4),
            pytest.approx(66250235643, abs=1),
        )
    ]
    served = load(LctlTargets(), "snx11035", files="pytokio/%Y-%m-%d/ost-map.txt.gz")["lustre_target"]
    double = ask(
        "SELECT server_address, list(target ORDER BY target) FROM t "
        "WHERE role = 'ost' AND epoch(ts) = 1489999503 GROUP BY server_address HAVING count(*) > 1",
        t=served,
    )
    assert double == [("10.100.101.7", ["OST0002", "OST0003"])]


def test_dumps_of_real_servers_are_read(load: Load) -> None:
    """Lustre 2.12 to 2.14: one dump each, so space now, and jobs since they began."""
    tables = load(Params(), "ai400x2", files="lustre_params/lctl/es01a-params.txt")
    assert ask(
        "SELECT ost, total_bytes, used_bytes, available_bytes, total_inodes - used_inodes, interval_s FROM t "
        "ORDER BY ost LIMIT 1",
        t=tables["lustre_ost"],
    ) == [("OST0000", 35016088872 * 1024, (35016088872 - 31831867004) * 1024, 31477515820 * 1024, 276820333, None)]
    jobs = load(
        Params(),
        "es01a",
        files="lustre_params/lctl/es01a-job_stats.txt",
        job_id=r"(?P<executable>\w+):(?P<uid>\d+):(?P<host>\S+)|(?P<job_id>\d+)",
    )["lustre_jobstats"]
    assert ask(
        "SELECT executable, uid, host, map_extract(ops, 'statfs')[1], interval_s, fresh FROM t "
        "WHERE jobstats_id LIKE 'node_exporter%'",
        t=jobs,
    ) == [("node_exporter", 989, "es-2-virt3-co", 326, pytest.approx(2420.120, abs=0.001), True)]


def test_a_real_proc_tree_is_one_dump(load: Load) -> None:
    """Lustre 2.10: bare Slurm ids, times in whole seconds, and a name that is listed twice."""
    tables = load(Params(), "lustrefs", files="lustre_params/proc/fs/lustre/*/*/*")
    assert ask(
        "SELECT count(DISTINCT target), count(*) FILTER (job_id = 24), sum(write_bytes) FILTER (job_id = 24) FROM t "
        "WHERE role = 'ost'",
        t=tables["lustre_jobstats"],
    ) == [(1, 1, 215147593728)]
    assert ask("SELECT mdt, interval_s FROM t", t=tables["lustre_mdt"]) == [("MDT0000", None)]
    assert ask("SELECT count(*) FROM t", t=tables["lustre_ost"]) == [(2,)]
