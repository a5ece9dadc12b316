"""Health of drives as isdct, nvme-cli and smartctl print it."""

from __future__ import annotations

import io
import json
import os
import tarfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from iolake.extractors.base import InputError, Span
from iolake.extractors.ssd import Ssd
from iolake.extractors.ssd.drive import known_snake, merge, snake
from iolake.schemas.site import Site
from tests.extractors.fuzz import survives
from tests.extractors.reading import everything

INFO = """
- Intel SSD DC P3608 Series CVF00000000000001-1 -

Bootloader : 8B1B0130
DevicePath : /dev/nvme0n1
EnduranceAnalyzer : 1349.20 years
ErrorString :
Firmware : 00010170
ModelNumber : INTEL SSDPECME040T4Y
PCILinkGenSpeed : 3
SerialNumber : CVF00000000000001-1
"""
SENSORS = """
- Intel SSD DC P3608 Series CVF00000000000001-1 -

EnduranceAnalyzer : 1349.17
PowerOnHours : 0x040CC
Temperature : 28 Celsius
"""
HEALTH = """
- SMART and Health Information CVF00000000000001-1 -

Temperature - Celsius : 28
Data Units Written : 0x0A
Media Errors : 0x0
"""
SMART = """
- SMART Attributes CVF00000000000001-1 -


- AB -

Action : Pass
Description : Program Fail Count
ID : AB
Raw : 3

- F4 -

Description : NAND Bytes Written
Raw : 30

- F5 -

Description : Host Bytes Written
Raw : 20
"""
SMART_LOG = {
    "critical_warning": 0, "temperature": 301, "avail_spare": 100, "spare_thresh": 5, "percent_used": 15,
    "data_units_read": 499296134, "data_units_written": "1474968593", "power_on_hours": 38313, "media_errors": 0,
    "num_err_log_entries": 17, "temperature_sensor_1": 306, "thm_temp1_trans_count": 2,
}  # fmt: skip
ID_CTRL = {"vid": 32902, "sn": "0012345678901234  ", "mn": "A Drive   ", "fr": "00990011", "tnvmcap": 4 << 40}
SMARTCTL = {
    "json_format_version": [1, 0],
    "smartctl": {"version": [7, 4], "exit_status": 0},
    "local_time": {"time_t": 1772359200, "asctime": "Sun Mar  1 10:00:00 2026 UTC"},
    "device": {"name": "/dev/nvme0", "type": "nvme", "protocol": "NVMe"},
    "model_name": "A Drive",
    "serial_number": "0012345678901234",
    "firmware_version": "1E2",
    "user_capacity": {"blocks": 8, "bytes": 4096},
    "smart_status": {"passed": True},
    "nvme_smart_health_information_log": {
        "critical_warning": 0, "temperature": 36, "available_spare": 100, "percentage_used": 6, "data_units_read": 2,
        "data_units_written": 3, "media_errors": 1, "power_on_hours": 5678,
    },
    "temperature": {"current": 36},
    "power_cycle_count": 812,
}  # fmt: skip
ATA = {
    "smartctl": {"version": [7, 4]},
    "local_time": {"time_t": 1772359200},
    "device": {"name": "/dev/sda", "type": "sat", "protocol": "ATA"},
    "serial_number": "WD-1",
    "logical_block_size": 4096,
    "smart_status": {"passed": False},
    "ata_smart_attributes": {
        "table": [
            {"id": 5, "name": "Reallocated_Sector_Ct", "value": 100, "raw": {"value": 8}},
            {"id": 241, "name": "Total_LBAs_Written", "value": 99, "raw": {"value": 10}},
            {"id": 243, "name": "NAND_Writes_32MiB", "value": 99, "raw": {"value": 2}},
            {"id": 194, "name": "Temperature_Celsius", "raw": {"value": 31}},
        ]
    },
}
TS = datetime(2026, 3, 1, 10)
EPOCH = 1772359200


def site(root: Path, files: str = "**/*", zone: str = "UTC", **options: Any) -> Site:
    source = {"files": files, "options": options}
    return Site.model_validate({"root": str(root), "clusters": {"cori": {"timezone": zone, "ssd": source}}})


def read(root: Path, files: str = "**/*", zone: str = "UTC", **options: Any) -> Any:
    rows, rejects, _ = everything(Ssd(), site(root, files, zone, **options))
    return rows["ssd_health"], rejects


def put(root: Path, name: str, content: str | dict[str, Any], at: int = EPOCH) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    os.utime(path, (at, at))


def isdct(root: Path) -> None:
    for name, content, at in [
        ("ssd0_info.txt", INFO, EPOCH + 5),
        ("ssd0_sensors.txt", SENSORS, EPOCH),
        ("ssd0_health.txt", HEALTH, EPOCH + 9),
        ("ssd0_smart.txt", SMART, EPOCH + 9),
    ]:
        put(root / "dump" / "nid1", name, content, at)


def test_the_files_of_a_drive_are_one_row_as_old_as_the_first_of_the_snapshot(tmp_path: Path) -> None:
    isdct(tmp_path)
    ((row,), rejects) = read(tmp_path)
    assert (row["ssd"], row["ts"], row["node"], row["device"]) == ("CVF00000000000001-1", TS, "nid1", "/dev/nvme0n1")
    assert (row["write_bytes"], row["host_write_bytes"], row["nand_write_bytes"]) == (5_120_000, 20 << 25, 30 << 25)
    assert (row["write_amplification"], row["temperature_c"], row["power_on_hours"]) == (1.5, 28.0, 0x40CC)
    assert (row["endurance_years"], row["program_fails"], row["media_errors"], row["read_bytes"]) == (
        1349.2,
        3,
        0,
        None,
    )
    assert rejects == {}


def test_identifiers_and_firmware_stay_text(tmp_path: Path) -> None:
    """pytokio took 8B1B0130 for the number 2333802800, and the SMART id AB for 171."""
    isdct(tmp_path)
    ((row,), _) = read(tmp_path)
    attributes = dict(row["attributes"])
    assert (row["firmware"], attributes["bootloader"], attributes["smart_program_fail_count_id"]) == (
        "00010170",
        "8B1B0130",
        "AB",
    )
    assert attributes["error_string"] == ""


def test_a_timestamp_file_dates_its_snapshot_in_the_sources_zone(tmp_path: Path) -> None:
    """P8."""
    isdct(tmp_path)
    put(tmp_path, "dump/timestamp_20170825113100", "")
    assert read(tmp_path, zone="America/Los_Angeles")[0][0]["ts"] == datetime(2017, 8, 25, 18, 31)


def test_an_archive_is_what_the_folder_is(tmp_path: Path) -> None:
    isdct(tmp_path)
    with tarfile.open(tmp_path / "dump.tgz", "w:gz") as archive:
        archive.add(tmp_path / "dump", "dump")
    assert read(tmp_path, "dump.tgz") == read(tmp_path, "dump/**/*") == read(tmp_path, "dump") != ([], {})


def test_the_order_of_a_snapshots_files_does_not_matter() -> None:
    """Counters are read anew for each file: the later reading counts, and the text that says more."""
    one, two = {"x": "0x0A", "e": "1349.17"}, {"x": "9", "e": "1349.20 years"}
    for first, second in ((one, two), (two, one)):
        known = dict(first)
        merge(known, second)
        assert known == {"x": "0x0A", "e": "1349.20 years"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PCILinkGenSpeed", "pci_link_gen_speed"),
        ("NVMeMajorVersion", "nvme_major_version"),
        ("SMBusAddress", "smbus_address"),
        ("IOCompletionQueuesRequested", "io_completion_queues_requested"),
        ("Temperature - Celsius", "temperature_celsius"),
        ("Host Read/Write Ratio", "host_read_write_ratio"),
    ],
)
def test_names_are_in_snake_case(name: str, expected: str) -> None:
    assert snake(name) == expected


def test_a_smart_log_is_in_kelvin_and_takes_its_identity_from_id_ctrl(tmp_path: Path) -> None:
    put(tmp_path, "n1/nvme0n1.smart-log.json", SMART_LOG)
    put(tmp_path, "n1/nvme0.id-ctrl.json", ID_CTRL)
    ((row,), rejects) = read(tmp_path)
    assert (row["ssd"], row["node"], row["device"], row["ts"]) == ("0012345678901234", "n1", "nvme0n1", TS)
    assert (row["firmware"], row["model"], row["capacity_bytes"]) == ("00990011", "A Drive", 4 << 40)
    assert (row["temperature_c"], row["endurance_used_pct"], row["spare_pct"]) == (28.0, 15.0, 100.0)
    assert (row["read_bytes"], row["write_bytes"]) == (499296134 * 512_000, 1474968593 * 512_000)
    assert (row["error_log_entries"], row["thermal_throttles"], row["crc_errors"]) == (17, 2, None)
    assert (row["attributes"], rejects) == ([("temperature_sensor_1", "306")], {})


def test_a_smart_log_alone_is_known_by_node_and_device(tmp_path: Path) -> None:
    put(tmp_path, "n1/nvme0n1.json", SMART_LOG)
    put(tmp_path, "n2/nvme0n1.json", {**SMART_LOG, "critical_warning": {"value": 4, "ro": 1}})
    rows, _ = read(tmp_path)
    assert sorted((r["ssd"], r["critical_warning"], r["serial_number"]) for r in rows) == [
        ("n1:nvme0n1", 0, None),
        ("n2:nvme0n1", 4, None),
    ]
    rows, _ = read(tmp_path, name=r"(?P<device>nvme\d+n\d+)\.json")
    assert {r["ssd"] for r in rows} == {"None:nvme0n1"}


def test_a_file_without_a_time_in_it_is_of_the_day_in_its_name(tmp_path: Path) -> None:
    """P4: the files of a copied archive have the time of the copy."""
    put(tmp_path, "2026-01-05/n1/nvme0n1.json", SMART_LOG)
    put(tmp_path, "2026-01-06/n1/nvme0n1-1830.json", SMART_LOG)
    by_day, _ = read(tmp_path, files="%Y-%m-%d/n1/nvme0n1.json")
    by_time, _ = read(tmp_path, files="%Y-%m-%d/n1/nvme0n1-%H%M.json")
    assert [row["ts"] for row in by_day] == [datetime(2026, 1, 5, 0, 0)]
    assert [row["ts"] for row in by_time] == [datetime(2026, 1, 6, 18, 30)]


def test_smartctl_says_when_and_which(tmp_path: Path) -> None:
    put(tmp_path, "n1/nvme0.json", SMARTCTL, 5)
    put(tmp_path, "n1/sda.json", ATA, 5)
    rows, rejects = read(tmp_path)
    nvme, ata = sorted(rows, key=lambda r: str(r["ssd"]))
    assert (nvme["ts"], nvme["ssd"], nvme["firmware"], nvme["status"]) == (TS, "0012345678901234", "1E2", "passed")
    assert (nvme["read_bytes"], nvme["temperature_c"], nvme["power_cycles"]) == (1_024_000, 36.0, 812)
    assert (ata["ssd"], ata["status"], ata["protocol"], ata["reallocated_blocks"]) == ("WD-1", "failed", "ATA", 8)
    assert (ata["write_bytes"], ata["nand_write_bytes"]) == (40960, 64 << 20)
    assert (ata["attributes"], rejects) == ([("temperature_celsius", "31")], {})


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    """P5."""
    isdct(tmp_path)
    put(tmp_path, "dump/README", "hello\n")
    put(tmp_path, "dump/nid1/broken.json", '{"a":')
    put(tmp_path, "dump/nid1/other.json", {"a": 1})
    rows, rejects = read(tmp_path)
    assert len(rows) == 1
    assert sorted(reason.partition(" (")[0] for reason in rejects.values()) == [
        "holds no health of drives, one of 1 such; check what the pattern names",
        "is JSON, but neither of nvme-cli, smartctl nor pytokio's copy of isdct's output",
        "is not JSON",
    ]


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x00", b"[1]", b"\x1f\x8b\x08"])
def test_a_file_without_a_drives_health_is_rejected(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError):
        list(Ssd().read(next(Ssd().find(site(tmp_path), Span())), site(tmp_path)))


def test_an_archive_of_many_members_is_read_one_by_one(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for i in range(3000):
            content = HEALTH.replace("CVF00000000000001-1", f"CVF{i:014}-1").encode()
            info = tarfile.TarInfo(f"dump/nid{i}/a.txt")
            info.size, info.mtime = len(content), EPOCH
            archive.addfile(info, io.BytesIO(content))
    assert len(read(tmp_path)[0]) == 3000


@pytest.mark.parametrize("content", [INFO, SMART, json.dumps(SMARTCTL), json.dumps(SMART_LOG), json.dumps(ATA)])
def test_whatever_a_file_holds_is_read_or_named(tmp_path: Path, content: str) -> None:
    """300 random damages."""
    (tmp_path / "n1").mkdir()
    count = int(os.environ.get("IOLAKE_FUZZ", "300")) // 5
    assert survives(Ssd(), site(tmp_path), tmp_path / "n1" / "nvme0n1.json", content.encode(), count) > 0


def test_a_lone_surrogate_is_escaped(tmp_path: Path) -> None:
    """P5: no column can hold one."""
    (tmp_path / "n1").mkdir()
    document = SMARTCTL | {"serial_number": "A\ud800", "firmware_version": "\udfff1"}
    (tmp_path / "n1" / "nvme0n1.json").write_text(json.dumps(document))
    (row,) = read(tmp_path)[0]
    assert (row["ssd"], row["firmware"]) == ("A\\ud800", "\\udfff1")


def test_names_longer_than_any_tool_prints_are_not_remembered() -> None:
    """P3: thousands of odd names of a mebibyte each would else stay in memory."""
    before = known_snake.cache_info().currsize
    assert snake("OddName" * 1000) == "_".join(["odd_name"] * 1000)
    assert known_snake.cache_info().currsize == before
