"""What clients, `lnetctl` and several commands in one text tell: each value in its table, none lost (P5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from iolake.extractors.base import InputError
from iolake.extractors.params.listing import named_values
from tests.extractors.test_params_state import Rows, picked, read

NET = """\
net:
    - net type: o2ib
      local NI(s):
        - nid: 10.0.0.1@o2ib
          status: up
          interfaces:
              0: ib0
          statistics:
              send_count: 10
              recv_count: 20
              drop_count: 1
          health stats:
              health value: 900
"""
STATS = "statistics:\n    msgs_alloc: 0\n    errors: 2\n    send_count: 77\n    recv_count: 78\n    drop_count: 3\n"
PEER = """\
route:
    - net: o2ib1
      gateway: 10.0.0.9@o2ib
peer:
    - primary nid: 10.0.0.7@o2ib
      peer ni:
        - nid: 10.0.0.7@o2ib
          statistics:
              send_count: 55
              recv_count: 56
              drop_count: 0
"""
SERVER = "version=2.15.5\nhealth_check=healthy\n"


def settings(rows: Rows) -> dict[tuple[str, str], int | str]:
    found = picked(rows, "lustre_setting", "component", "parameter", "number", "text")
    return {(component, name): text if number is None else number for component, name, number, text in found}


@pytest.mark.parametrize(
    "text",
    [
        NET + STATS,
        STATS + NET,
        SERVER + NET + STATS,
        NET + SERVER + STATS,
        NET + PEER + STATS,
        f"BEGIN 1\n\n{STATS}{NET}",
    ],
)
def test_each_section_of_lnetctl_counts_its_own_whatever_stands_beside_it(tmp_path: Path, text: str) -> None:
    """`lnetctl export` prints all sections at once, and a script appends one command's output to the other's."""
    rows, rejects = read(tmp_path, host=text)
    assert picked(rows, "lnet_interface", "nid", "send_count", "recv_count", "drop_count", "health_value") == [
        ("10.0.0.1@o2ib", 10, 20, 1, 900)
    ]
    assert picked(rows, "lnet_stats", "send_count", "recv_count", "drop_count", "errors") == [(77, 78, 3, 2)]
    if SERVER in text:
        assert settings(rows)["server", "health_check"] == "healthy"
    assert [r.part for r in rejects] == (["lnetctl route", "lnetctl peer"] if PEER in text else [])


def test_a_parameter_whose_name_has_no_dot_ends_the_one_before_it(tmp_path: Path) -> None:
    text = "health_check=healthy\njobid_var=SLURM_JOB_ID\njobid_name=%j:%h\ntimeout=100\nat_max=600\nmax_dirty_mb=512\n"
    rows, _ = read(tmp_path, client=f"{text}llite.fs-ffff8f3f0b0f1000.xattr_cache=1\n")
    assert settings(rows) == {
        ("server", "health_check"): "healthy",
        ("server", "jobid_var"): "SLURM_JOB_ID",
        ("server", "jobid_name"): "%j:%h",
        ("server", "timeout"): 100,
        ("server", "at_max"): 600,
        ("server", "max_dirty_mb"): 512,
        ("llite.fs-ffff8f3f0b0f1000", "xattr_cache"): 1,
    }


def test_a_server_that_is_not_healthy_says_so_in_several_lines(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, oss="version=2.15.5\nhealth_check=\ndevice fs-OST0001 reported unhealthy\nNOT HEALTHY\n")
    assert settings(rows)["server", "health_check"] == "device fs-OST0001 reported unhealthy; NOT HEALTHY"


CACHED = "max_cached_mb=\nusers: 4\nmax_cached_mb: 48000\nused_mb: 12\n"
IMPORT = """\
import=
import:
    name: fs-OST0000-osc-ffff8f3f0b0f1000
    state: FULL
    connection:
       failover_nids: [ "10.0.0.1@o2ib", "10.0.0.2@o2ib" ]
    rpcs:
       inflight: 3
       avg_waittime: 1432 usec
"""
POOL = "state=\nLDLM pool state (fs-OST0000-osc-ffff8f3f0b0f1000):\n  SLV: 19200\n  G:   4\n"


def test_a_list_of_names_and_values_is_a_row_for_each_name(tmp_path: Path) -> None:
    mount, osc = "llite.fs-ffff8f3f0b0f1000", "osc.fs-OST0000-osc-ffff8f3f0b0f1000"
    pool = "ldlm.namespaces.fs-OST0000-osc-ffff8f3f0b0f1000.pool"
    rows, rejects = read(tmp_path, client=f"{mount}.{CACHED}{osc}.{IMPORT}{pool}.{POOL}")
    assert settings(rows) == {
        (mount, "max_cached_mb.users"): 4,
        (mount, "max_cached_mb.max_cached_mb"): 48000,
        (mount, "max_cached_mb.used_mb"): 12,
        (osc, "import.name"): "fs-OST0000-osc-ffff8f3f0b0f1000",
        (osc, "import.state"): "FULL",
        (osc, "import.connection.failover_nids"): '[ "10.0.0.1@o2ib", "10.0.0.2@o2ib" ]',
        (osc, "import.rpcs.inflight"): 3,
        (osc, "import.rpcs.avg_waittime"): "1432 usec",
        (pool, "state.SLV"): 19200,
        (pool, "state.G"): 4,
    }
    assert rejects == []


@pytest.mark.parametrize(
    "value", ["regular:\n  - name: fifo\n    queued: 0\n  - name: nrs\n    queued: 1\n", "a: 1\na: 2\n", "a: 1\nb\n"]
)
def test_a_list_that_names_do_not_tell_apart_is_counted_and_named(tmp_path: Path, value: str) -> None:
    rows, rejects = read(tmp_path, oss=f"{SERVER}ost.OSS.ost_io.nrs_policies=\n{value}")
    assert len(rows["lustre_setting"]) == 2
    assert [(r.part, r.once) for r in rejects] == [("ost.OSS.ost_io.nrs_policies", True)]


def test_lists_with_the_name_on_each_line_mean_the_same(tmp_path: Path) -> None:
    """`lctl get_param -H` of Lustre 2.16."""
    _, *lines = CACHED.splitlines()
    rows, _ = read(tmp_path, client="".join(f"llite.fs-ffff8f3f0b0f1000.max_cached_mb={line}\n" for line in lines))
    assert {name: value for (_, name), value in settings(rows).items()} == {
        "max_cached_mb.users": 4, "max_cached_mb.max_cached_mb": 48000, "max_cached_mb.used_mb": 12,
    }  # fmt: skip


RPCS = """\
osc.fs-OST0000-osc-ffff8f3f0b0f1000.rpc_stats=
snapshot_time:         1700000000.541554 (secs.usecs)
read RPCs in flight:  0
write RPCs in flight: 2

\t\t\tread\t\t\twrite
pages per rpc         rpcs   % cum % |       rpcs   % cum %
1:\t\t          3  30  30   |          0   0   0
1K:\t\t          7  70 100   |         40 100 100
mdc.fs-MDT0000-mdc-ffff8f3f0b0f1000.rpc_stats=
snapshot_time:         1700000000.541554 secs.usecs
modify_RPCs_in_flight:  0

\t\t\tmodify
rpcs in flight        rpcs   % cum %
1:\t\t        12  80  80
llite.fs-ffff8f3f0b0f1000.extents_stats=
snapshot_time:         1700000000.541554 secs.usecs
                               read       |                write
      extents            calls    % cum%  |  calls     % cum%
      4K -    8K :           0    0    0  |     10   10   15
obdfilter.fs-OST0000.exports.10.0.0.5@o2ib.brw_stats=
snapshot_time:         1700000000.541554 secs.usecs

                           read      |     write
disk I/O size          ios   % cum % |  ios         % cum %
4K:\t\t         2  66  66   |    1   0   0
"""


def test_histograms_of_requests_are_of_their_component(tmp_path: Path) -> None:
    rows, rejects = read(tmp_path, client=RPCS)
    osc, export = "osc.fs-OST0000-osc-ffff8f3f0b0f1000", "obdfilter.fs-OST0000.exports.10.0.0.5@o2ib"
    assert picked(rows, "lustre_request", "component", "histogram", "bucket", "unit", "reads", "writes") == [
        (osc, "pages per rpc", 1, "pages", 3, 0),
        (osc, "pages per rpc", 1024, "pages", 7, 40),
        ("mdc.fs-MDT0000-mdc-ffff8f3f0b0f1000", "rpcs in flight", 1, None, None, 12),
        ("llite.fs-ffff8f3f0b0f1000", "extents", 8192, "B", 0, 10),
        (export, "disk I/O size", 4096, "B", 2, 1),
    ]
    assert {row["ts"].microsecond for row in rows["lustre_request"]} == {541554}
    assert ("lustre_brw" in rows, rejects) == (False, [])


@pytest.mark.parametrize(
    ("heading", "count", "found"),
    [("read", "5  50  50", (5, None)), ("write", "5  50  50", (None, 5)), ("read  |  write", "5 50 50 |", (5, None))],
)
def test_a_histogram_of_reads_or_writes_alone_says_nothing_of_the_others(
    tmp_path: Path, heading: str, count: str, found: tuple[int | None, int | None]
) -> None:
    """P6: what a histogram does not count is null."""
    text = f"obdfilter.fs-OST0000.brw_stats=\n\n  {heading}\ndisk I/O size    ios   % cum %\n4K:\t\t {count}\n"
    assert picked(read(tmp_path, oss=text)[0], "lustre_brw", "reads", "writes") == [found]


def test_operations_of_exports_pools_and_connections_are_read(tmp_path: Path) -> None:
    counted = "snapshot_time             1700000000.5 secs.nsecs\n{} 9 samples [usecs] 1 5 20 60\n"
    names = [
        "obdfilter.fs-OST0000.exports.10.0.0.5@o2ib.ldlm_stats",
        "osp.fs-MDT0001-osp-MDT0000.stats",
        "ldlm.namespaces.MGC10.0.0.1@o2ib.pool.stats",
        "lmv.fs-clilov-ffff8f3f0b0f1000.md_stats",
    ]
    text = "".join(f"{name}=\n{counted.format('req_waittime')}" for name in names)
    rows, rejects = read(tmp_path, server=text)
    assert {row["component"] for row in rows["lustre_operation"]} == {name.rpartition(".")[0] for name in names}
    assert ("lustre_osp" in rows, rejects) == (False, [])


def test_a_quota_below_zero_costs_its_number_and_not_the_row(tmp_path: Path) -> None:
    """A server that subtracts too much prints almost 2^64."""
    text = """\
osd-ldiskfs.fs-OST0000.quota_slave.acct_user=
user_accounting:
- id:      1001
  usage:   { inodes:                 5, kbytes: 18446744073709551612 }
qmt.fs-QMT0000.dt-0x0.glb-usr=
global_pool0_dt_usr
- id:      1001
  limits:  { hard:  2048, soft:  1024, granted: 18446744073709550592, time:       604800 }
"""
    rows, _ = read(tmp_path, server=text)
    assert picked(rows, "lustre_usage", "id", "used_bytes", "used_inodes") == [(1001, None, 5)]
    assert picked(rows, "lustre_quota", "id", "hard_bytes", "granted_bytes") == [(1001, 2048 << 10, None)]


def test_parameters_of_another_file_system_are_left_to_it(tmp_path: Path) -> None:
    """A client mounts several file systems, and one server may serve two."""
    names = (
        "osc.{}-OST0000-osc-ffff8f3f0b0f1000.active",
        "ldlm.namespaces.filter-{}-OST0000_UUID.lock_count",
        "llite.{}-ffff8f3f0b0f1000.xattr_cache",
        "lov.{}-clilov-ffff8f3f0b0f1000.numobd",
        "seq.srv-{}-MDT0000.width",
    )
    text = "".join(f"{name.format(of)}=1\n" for of in ("fs", "my-fs", "fs2") for name in names)
    rows, _ = read(tmp_path, client=text)
    assert sorted(settings(rows)) == sorted(tuple(name.format("fs").rsplit(".", 1)) for name in names)


def test_clients_of_the_management_server_are_exports(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, mgs="mgs.MGS.exports.10.0.0.5@o2ib.uuid=6c1c1f1a-0000\n")
    assert picked(rows, "lustre_export", "target", "nid", "uuid") == [("MGS", "10.0.0.5@o2ib", "6c1c1f1a-0000")]


def test_peers_alone_have_no_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"2 parameters of 2 kinds have no table, such as lnetctl route, lnetctl peer"):
        read(tmp_path, host=PEER)


def test_a_line_of_blanks_is_no_list_and_costs_its_length() -> None:
    """With a quarter of a million blanks, a search that starts again at each would take minutes."""
    assert named_values("x: 1\ny" + " " * 250_000 + "z") is None
    assert named_values("x: 1\ny  :  2") == {"x": "1", "y": "2"}
