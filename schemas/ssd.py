"""Health of solid-state drives: wear, what was read and written in their life, and errors.

Intel's SSD Data Center Tool (isdct), `nvme smart-log -o json` and `smartctl -j` fill the same table.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from iolake.schemas.identity import Identity
from iolake.schemas.table import CLUSTER, DATE, DELTA, TEXT, TIMESTAMP, Column, Table


def _count(name: str, doc: str, origin: str, unit: str | None = None) -> Column:
    return Column(name, pa.int64(), f"{doc}, in the drive's life", unit, origin)


SSD_HEALTH: Final = Table(
    "ssd_health",
    "Health of a solid-state drive, one row a drive and snapshot. Totals count from the drive's first day on.",
    keys=[
        CLUSTER,
        Column(
            "ssd",
            TEXT,
            "serial number; node:device where the snapshot has none",
            nullable=False,
            identifies=Identity.CODE,
        ),
        Column("ts", TIMESTAMP, "UTC; when the snapshot was taken", encoding=DELTA, nullable=False),
    ],
    columns=[
        Column(
            "node",
            TEXT,
            "host that holds the drive: the folder of its files, or the option's",
            identifies=Identity.HOST,
        ),
        Column(
            "device",
            TEXT,
            "device of the operating system",
            origin="DevicePath, device.name",
            identifies=Identity.NOTHING,
        ),
        Column("serial_number", TEXT, "serial number, as printed", origin="SerialNumber, sn", identifies=Identity.CODE),
        Column("model", TEXT, "model, as printed", origin="ModelNumber, mn, model_name", identifies=Identity.NOTHING),
        Column(
            "firmware",
            TEXT,
            "firmware, as printed",
            origin="Firmware, fr, firmware_version",
            identifies=Identity.NOTHING,
        ),
        Column(
            "protocol", TEXT, "NVMe, ATA, SCSI", origin="ProductProtocol, device.protocol", identifies=Identity.NOTHING
        ),
        Column("capacity_bytes", pa.int64(), "size of the drive", "B", "PhysicalSize, user_capacity"),
        Column(
            "status",
            TEXT,
            "the drive's or tool's own verdict",
            origin="DeviceStatus, smart_status",
            identifies=Identity.NOTHING,
        ),
        Column("temperature_c", pa.float64(), "temperature", "°C", "Temperature"),
        Column("endurance_used_pct", pa.float64(), "used share of the drive's endurance", "%", "PercentageUsed"),
        Column("endurance_years", pa.float64(), "years left at the present workload", "a", "EnduranceAnalyzer"),
        Column("spare_pct", pa.float64(), "spare capacity left", "%", "AvailableSpare"),
        Column("spare_threshold_pct", pa.float64(), "spare capacity at which the drive warns", "%"),
        _count("read_bytes", "read by the host", "DataUnitsRead x 512,000, ATA 242", "B"),
        _count("write_bytes", "written by the host", "DataUnitsWritten x 512,000, ATA 241", "B"),
        _count("host_write_bytes", "written by the host, by the drive's vendor counter", "SMART F5 x 32 MiB", "B"),
        _count("nand_write_bytes", "written to flash", "SMART F4 x 32 MiB", "B"),
        Column("write_amplification", pa.float64(), "bytes written to flash for a byte that the host wrote"),
        _count("read_commands", "reads by the host", "HostReadCommands"),
        _count("write_commands", "writes by the host", "HostWriteCommands"),
        _count("controller_busy_s", "time in which the controller was busy, whole minutes", "ControllerBusyTime", "s"),
        _count("power_on_hours", "time under power", "PowerOnHours", "h"),
        _count("power_cycles", "how often it was switched on", "PowerCycles"),
        _count("unsafe_shutdowns", "how often power failed", "UnsafeShutdowns"),
        _count("thermal_throttles", "how often heat slowed it", "ThermalThrottleCount"),
        Column("critical_warning", pa.int64(), "bits of the drive's own warnings", origin="CriticalWarnings"),
        _count("media_errors", "data that could not be read or written", "MediaErrors"),
        _count("error_log_entries", "entries of the drive's error log", "ErrorInfoLogEntries, num_err_log_entries"),
        _count("crc_errors", "errors of the link", "CrcErrorCount, ATA 199"),
        _count("program_fails", "failed writes to flash", "ProgramFailCount, ATA 171"),
        _count("erase_fails", "failed erasures of flash", "EraseFailCount, ATA 172"),
        _count("end_to_end_errors", "errors of the data path inside the drive", "EndToEndErrorDetectionCount, ATA 184"),
        _count("pli_lock_losses", "losses of the clock of power-loss protection", "SMART F3"),
        _count("reallocated_blocks", "blocks replaced by spare ones", "ATA 5"),
        Column("erase_cycles_avg", pa.float64(), "average erasures of a flash block", origin="AverageNandEraseCycles"),
        Column("erase_cycles_max", pa.float64(), "erasures of the most worn flash block", origin="MaxNandEraseCycles"),
        Column(
            "attributes",
            pa.map_(TEXT, TEXT),
            "the tool's other values as printed, by its names in snake_case; null without others",
            identifies=Identity.TEXT,
        ),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["ts", "node", "ssd"],
    event_time="ts",
)
