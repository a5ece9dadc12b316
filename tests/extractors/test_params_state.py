"""Other parameters of Lustre's servers: each kind has its own table."""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from iolake.extractors.base import Batch, Input, InputError, Reject
from iolake.extractors.params import Params
from iolake.schemas.gate import conform
from iolake.schemas.site import Site

Rows = dict[str, list[dict[str, Any]]]

DUMP = """\
obdfilter.fs-OST0001.brw_stats=
snapshot_time:         1700000000.500000000 secs.nsecs
start_time:            1699990000.000000000 secs.nsecs

                           read      |     write
pages per bulk r/w     rpcs  % cum % |  rpcs        % cum %
256:\t\t         1   2   3   |    4  11  11
1K:\t\t         0   0   0   |    8  88 100

                           read      |     write
disk I/O size          ios   % cum % |  ios         % cum %
1M:\t\t         5   0   0   |   32  96 100
mdt.fs-MDT0000.exports.192.168.0.100@o2ib.uuid=0212161f-2187
mdt.other-MDT0000.exports.192.168.0.100@o2ib.uuid=of-another-file-system
qmt.fs-QMT0000.dt-0x0.glb-usr=
global_pool0_dt_usr
- id:      1001
  limits:  { hard:                 2048, soft:                 1024, granted:                   10, time:       604800 }
qmt.fs-QMT0000.md-0x0.glb-prj=
global_pool0_md_prj
- id:      7
  limits:  { hard:                  100, soft:                   50, granted:                    3, time:            0 }
osd-ldiskfs.fs-OST0001.quota_slave.acct_group=
grp_accounting:
- id:      0
  usage:   { inodes:                 3721, kbytes:           3184 }
mdt.fs-MDT0000.recovery_status=
status: RECOVERING
recovery_start: 1700000000
time_remaining: 60
connected_clients: 5/8
completed_clients: 4/8
replayed_requests: 0
mdd.fs-MDT0000.changelog_users=
current_index: 42
ID                            index (idle) mask
cl1                               7 (327)
osp.fs-OST0001-osc-MDT0000.active=0
osp.fs-OST0001-osc-MDT0000.max_create_count=0
mdt.fs-MDT0000.md_stats=
snapshot_time             1700000000.500000000 secs.nsecs
open                      10 samples [usecs] 1 90 500 12345
ldlm.namespaces.filter-fs-OST0001_UUID.lock_count=12
health_check=healthy
some.odd.list=
a
b
"""


def read(folder: Path, backend: str | None = "fs", **texts: str) -> tuple[Rows, list[Reject]]:
    """Rows by table, and rejects, of dumps that were taken at 2023-11-14 22:13:20."""
    for name, text in texts.items():
        (folder / f"{name}-2023-11-14-221320.txt").write_text(text)
    pattern = str(folder / "*-%Y-%m-%d-%H%M%S.txt")
    system = {"timezone": "UTC", "params": {"files": pattern}} | ({"backend": backend} if backend else {})
    site = Site.model_validate({"file_systems": {"f": system}})
    rows: Rows = {}
    rejects = []
    for result in Params().read(Input("params", "f", pattern + "#2023-11-14", datetime(2023, 11, 14).date()), site):
        if isinstance(result, Batch):
            data = conform(result.table, result.data, result.table.batch_schema)
            rows.setdefault(result.table.name, []).extend(data.to_pylist())
        else:
            rejects.append(result)
    return rows, rejects


def picked(rows: Rows, table: str, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows[table]]


def test_each_parameter_fills_the_table_of_its_kind(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, server=DUMP)
    assert picked(rows, "lustre_brw", "target", "histogram", "bucket", "unit", "reads", "writes") == [
        ("OST0001", "pages per bulk r/w", 256, "pages", 1, 4),
        ("OST0001", "pages per bulk r/w", 1024, "pages", 0, 8),
        ("OST0001", "disk I/O size", 1 << 20, "B", 5, 32),
    ]
    assert {(row["ts"], row["start_time"]) for row in rows["lustre_brw"]} == {
        (datetime(2023, 11, 14, 22, 13, 20, 500000), datetime(2023, 11, 14, 19, 26, 40))
    }
    assert picked(rows, "lustre_export", "target", "nid", "uuid") == [
        ("MDT0000", "192.168.0.100@o2ib", "0212161f-2187")
    ]
    assert picked(rows, "lustre_quota", "pool", "quota_type", "id", "hard_bytes", "granted_bytes", "hard_inodes") == [
        ("dt-0x0", "user", 1001, 2048 << 10, 10 << 10, None),
        ("md-0x0", "project", 7, None, None, 100),
    ]
    assert picked(rows, "lustre_usage", "target", "quota_type", "used_bytes", "used_inodes") == [
        ("OST0001", "group", 3184 << 10, 3721)
    ]
    assert picked(
        rows, "lustre_recovery", "status", "remaining_s", "connected_clients", "completed_clients", "clients"
    ) == [("RECOVERING", 60, 5, 4, 8)]
    assert picked(rows, "lustre_changelog", "mdt", "reader", "current_index", "reader_index", "idle_s") == [
        ("MDT0000", "cl1", 42, 7, 327)
    ]
    assert picked(rows, "lustre_osp", "mdt", "target", "active", "max_create_count") == [
        ("MDT0000", "OST0001", False, 0)
    ]
    assert picked(rows, "lustre_operation", "component", "operation", "unit", "samples", "least", "most", "sum") == [
        ("mdt.fs-MDT0000", "open", "usecs", 10, 1.0, 90.0, 500.0)
    ]
    settings = picked(rows, "lustre_setting", "component", "parameter", "number", "text")
    assert ("ldlm.namespaces.filter-fs-OST0001_UUID", "lock_count", 12, None) in settings
    assert ("server", "health_check", None, "healthy") in settings


def test_a_parameter_without_a_table_is_counted_once_an_input(tmp_path: Path) -> None:
    """P5: named and counted, whatever the number of files."""
    _, rejects = read(tmp_path, one=DUMP, two=DUMP)
    (reject,) = [r for r in rejects if r.once]
    assert (reject.part, "have 2 times" in reject.reason) == ("some.odd.list", True)


def test_kinds_of_parameters_beyond_any_number_are_counted_together(tmp_path: Path) -> None:
    """P5: a dump whose names are garbage does not fill the ledger."""
    odd = "".join(f"some.odd{chr(97 + n % 26) * (n // 26 + 1)}.list=\n- x\n- y\n" for n in range(130))
    _, rejects = read(tmp_path, one=DUMP + odd)
    assert len(rejects) == 101
    assert "have 31 times" in next(r.reason for r in rejects if r.part == "further parameters")


CLIENT = """\
llite.fs-ffff8f3f0b0f1000.read_ahead_stats=
snapshot_time             1700000000.500000000 secs.nsecs
hits                      4 samples [pages]
osc.fs-OST0000-osc-ffff8f3f0b0f1000.stats=
snapshot_time             1700000000.500000000 secs.nsecs
req_waittime              3 samples [usec] 10 20 30 400
mdc.fs-MDT0000-mdc-ffff8f3f0b0f1000.md_stats=
snapshot_time             1700000000.500000000 secs.nsecs
close                     5 samples [reqs]
"""


def test_a_clients_requests_are_operations_of_its_devices(tmp_path: Path) -> None:
    """Lustre 2.12 and later print them on each client: by the target that a request goes to, and of the read-ahead."""
    rows, rejects = read(tmp_path, client=CLIENT)
    found = [(row["component"], row["operation"], row["samples"]) for row in rows["lustre_operation"]]
    assert sorted(found) == [
        ("llite.fs-ffff8f3f0b0f1000", "hits", 4),
        ("mdc.fs-MDT0000-mdc-ffff8f3f0b0f1000", "close", 5),
        ("osc.fs-OST0000-osc-ffff8f3f0b0f1000", "req_waittime", 3),
    ]
    assert rejects == []


@pytest.mark.parametrize(
    "text",
    ["mgs.MGS.num_exports=5", "nodemap.active=0", "osd-ldiskfs.MGS.kbytestotal=7", "mdt.fs-MDT0000.hsm.max_requests=3"],
)
def test_a_server_that_tells_settings_alone_is_read(tmp_path: Path, text: str) -> None:
    """A management server has neither targets nor jobs."""
    rows, rejects = read(tmp_path, mgs=f"{text}\nversion=2.15.3\n")
    assert [row["number"] for row in rows["lustre_setting"]] == [int(text.partition("=")[2]), None]
    assert rejects == []


def test_lnetctl_fills_interfaces_and_statistics(tmp_path: Path) -> None:
    net = """\
net:
    - net type: tcp
      local NI(s):
        - nid: 172.16.0.24@tcp
          status: up
          interfaces:
              0: mlxen0
          statistics:
              send_count: 464970
              recv_count: 464963
              drop_count: 4
          health stats:
              health value: 1000
              timeouts: 3
"""
    stats = "statistics:\n    msgs_alloc: 0\n    send_count: 11\n    send_length: 261865376\n    errors: 2\n"
    rows, rejects = read(tmp_path, net=net, stats=stats, server=DUMP)
    assert picked(rows, "lnet_interface", "nid", "network", "status", "interfaces", "send_count", "health_value") == [
        ("172.16.0.24@tcp", "tcp", "up", ["mlxen0"], 464970, 1000)
    ]
    assert dict(rows["lnet_interface"][0]["counters"])["health stats.timeouts"] == 3
    assert picked(rows, "lnet_stats", "send_count", "send_bytes", "errors", "recv_count") == [(11, 261865376, 2, None)]
    assert not [r for r in rejects if "holds no parameters" in r.reason]


@pytest.mark.parametrize("seed", range(300))
def test_damage_never_ends_in_anything_but_rows_or_a_reason(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    text = list(DUMP)
    for _ in range(rng.randrange(1, 12)):
        where = rng.randrange(len(text))
        text[where : where + rng.randrange(4)] = rng.choice(["", "\n", "9" * 30, ":", "é", " | ", "{"])
    try:
        read(tmp_path, server="".join(text))
    except InputError as error:
        assert error.reason


def test_a_dump_of_parameters_that_no_table_takes_names_them(tmp_path: Path) -> None:
    """P5: the reason has their kinds; beside others they are one reject."""
    odd = "mdt.fs-MDT0000.rename_stats=\nrename_stats:\n- x\nmdt.fs-MDT0001.rename_stats=\nrename_stats:\n- x\n"
    with pytest.raises(InputError, match=r"2 parameters of 1 kinds have no table, such as mdt\.fs-MDT#\.rename_stats"):
        read(tmp_path, odd=odd)


def test_an_empty_histogram_is_a_parameter_of_a_target(tmp_path: Path) -> None:
    """A target that was idle since its start prints headings alone."""
    heading = (
        "snapshot_time: 1684867636.6 secs.nsecs\n\n  read  |  write\nI/O time (1/1000s)  ios  % cum % |  ios % cum %\n"
    )
    rows, rejects = read(tmp_path, idle=f"obdfilter.fs-OST0000.brw_stats=\n{heading}")
    assert (rows.get("lustre_brw", []), rejects) == ([], [])
