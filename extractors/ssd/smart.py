"""JSON of nvme-cli (smart-log, id-ctrl, list) and of smartctl (-j): the columns of `ssd_health` that they fill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from iolake.extractors.ssd.drive import MIB32, UNIT_BYTES, number, whole

_KELVIN: Final = 273
_NVME: Final = {
    "avail_spare": "spare_pct",
    "available_spare": "spare_pct",
    "spare_thresh": "spare_threshold_pct",
    "available_spare_threshold": "spare_threshold_pct",
    "percent_used": "endurance_used_pct",
    "percentage_used": "endurance_used_pct",
}
_NVME_COUNTS: Final = {
    "data_units_read": ("read_bytes", UNIT_BYTES),
    "data_units_written": ("write_bytes", UNIT_BYTES),
    "host_read_commands": ("read_commands", 1),
    "host_reads": ("read_commands", 1),
    "host_write_commands": ("write_commands", 1),
    "host_writes": ("write_commands", 1),
    "controller_busy_time": ("controller_busy_s", 60),
    "power_cycles": ("power_cycles", 1),
    "power_on_hours": ("power_on_hours", 1),
    "unsafe_shutdowns": ("unsafe_shutdowns", 1),
    "media_errors": ("media_errors", 1),
    "num_err_log_entries": ("error_log_entries", 1),
    "thm_temp1_trans_count": ("thermal_throttles", 1),
}
_ATA: Final = {
    "Reallocated_Sector_Ct": ("reallocated_blocks", 1),
    "Program_Fail_Count": ("program_fails", 1),
    "Erase_Fail_Count": ("erase_fails", 1),
    "End-to-End_Error": ("end_to_end_errors", 1),
    "End-to-End_Error_Count": ("end_to_end_errors", 1),
    "CRC_Error_Count": ("crc_errors", 1),
    "UDMA_CRC_Error_Count": ("crc_errors", 1),
    "Host_Writes_32MiB": ("write_bytes", MIB32),
    "Host_Reads_32MiB": ("read_bytes", MIB32),
    "NAND_Writes_32MiB": ("nand_write_bytes", MIB32),
    "NAND_Writes_1GiB": ("nand_write_bytes", 1 << 30),
}
_LBAS: Final = {"Total_LBAs_Written": "write_bytes", "Total_LBAs_Read": "read_bytes"}
_KINDS: Final = ("smart-log", "id-ctrl", "list", "smartctl")


def kind_of(document: Mapping[str, Any]) -> str | None:
    """Return which command printed a JSON document: smart-log, id-ctrl, list or smartctl; None for another."""
    if "smartctl" in document and ("device" in document or "serial_number" in document):
        return "smartctl"
    if isinstance(document.get("Devices"), list):
        return "list"
    if "sn" in document and "mn" in document:
        return "id-ctrl"
    return "smart-log" if "critical_warning" in document and "data_units_read" in document else None


def smart_log(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return (columns, other attributes) of `nvme smart-log -o json`. Its temperature is in kelvin."""
    return _health(document, _KELVIN)


def _health(log: Mapping[str, Any], zero_c: int) -> tuple[dict[str, Any], dict[str, str]]:
    row: dict[str, Any] = {}
    others: dict[str, str] = {}
    for name, value in log.items():
        plain = value.get("value") if isinstance(value, dict) and "value" in value else value
        text = "" if isinstance(plain, (dict, list, bool)) or plain is None else str(plain)
        if name in _NVME:
            row[_NVME[name]] = number(text)
        elif name in _NVME_COUNTS:
            column, factor = _NVME_COUNTS[name]
            row[column] = _scaled(text, factor)
        elif name == "critical_warning":
            row["critical_warning"] = whole(text)
        elif name == "temperature":
            kelvin = number(text)
            row["temperature_c"] = kelvin - zero_c if kelvin is not None else None
        elif text:
            others[name] = text
    return row, others


def identity(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of `nvme id-ctrl -o json`, or of one device of `nvme list -o json`."""
    names = {
        "serial_number": ("sn", "SerialNumber"),
        "model": ("mn", "ModelNumber"),
        "firmware": ("fr", "Firmware", "FirmwareVersion"),
        "device": ("DevicePath",),
    }
    row: dict[str, Any] = {"protocol": "NVMe"}
    for column, keys in names.items():
        found = next((document[key] for key in keys if isinstance(document.get(key), str)), "")
        row[column] = found.strip() or None
    for key in ("PhysicalSize", "tnvmcap"):
        if (size := whole(str(document.get(key)))) is not None:
            row["capacity_bytes"] = size
    return row


def smartctl(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str], int | None]:
    """Return (columns, other attributes, seconds since 1970 or None) of `smartctl -j`."""
    device = _table(document, "device")
    log = _table(document, "nvme_smart_health_information_log")
    row, others = _health(log, 0)
    texts = {
        "serial_number": document.get("serial_number"),
        "model": document.get("model_name"),
        "firmware": document.get("firmware_version"),
        "device": device.get("name"),
        "protocol": device.get("protocol"),
    }
    row |= {column: text.strip() for column, text in texts.items() if isinstance(text, str) and text.strip()}
    passed = _table(document, "smart_status").get("passed")
    row["status"] = {True: "passed", False: "failed"}.get(passed) if isinstance(passed, bool) else None
    row["capacity_bytes"] = whole(str(_table(document, "user_capacity").get("bytes")))
    current = number(str(_table(document, "temperature").get("current")))
    row["temperature_c"] = current if current is not None else row.get("temperature_c")
    hours, cycles = _table(document, "power_on_time").get("hours"), document.get("power_cycle_count")
    for column, value in {"power_on_hours": hours, "power_cycles": cycles}.items():
        if (count := whole(str(value))) is not None:
            row[column] = count
    _ata(document, row, others)
    taken = whole(str(_table(document, "local_time").get("time_t")))
    return row, others, taken


def _ata(document: Mapping[str, Any], row: dict[str, Any], others: dict[str, str]) -> None:
    """Add an ATA drive's attributes; those without a column go to the others by their names."""
    listed = _table(document, "ata_smart_attributes").get("table")
    block = whole(str(document.get("logical_block_size"))) or 512
    for attribute in listed if isinstance(listed, list) else []:
        if not isinstance(attribute, dict):
            continue
        name, raw = attribute.get("name"), str(_table(attribute, "raw").get("value"))
        if not isinstance(name, str) or whole(raw) is None:
            continue
        if name in _LBAS:
            row[_LBAS[name]] = _scaled(raw, block)
        elif name in _ATA:
            column, factor = _ATA[name]
            row[column] = _scaled(raw, factor)
        else:
            others[name.lower()] = raw


def _scaled(text: str, factor: int) -> int | None:
    value = whole(text)
    return value * factor if value is not None and value * factor < 1 << 63 else None


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}
