"""What `lnetctl net show` and `lnetctl stats show` print: an indented text of sections, names and values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from iolake.extractors.params.listing import number
from iolake.schemas import lustre_state as tables
from iolake.schemas.table import Table

Found = Iterator[tuple[Table, dict[str, Any]]]


def interfaces(_: re.Match[str], text: str) -> Found:
    """Rows of `lnet_interface`."""
    network: str | None = None
    row: dict[str, Any] | None = None
    for section, name, value in _sections(text):
        if name == "net type":
            network = value
        elif name == "nid":
            if row:
                yield tables.LNET_INTERFACE, row
            row = {"nid": value, "network": network, "interfaces": [], "counters": []}
        elif row is not None and name == "status":
            row["status"] = value
        elif row is not None and section == "interfaces":
            row["interfaces"].append(value)
        elif row is not None and (count := number(value)) is not None:
            row["counters"].append((f"{section}.{name}", count))
            if section == "statistics" or name == "health value":
                row[name.replace(" ", "_")] = count
    if row:
        yield tables.LNET_INTERFACE, row


def statistics(_: re.Match[str], text: str) -> Found:
    """The row of `lnet_stats`; none for the statistics of something else."""
    if not re.match(r"\s*msgs_alloc:", text):
        return
    counters = {name: count for _, name, value in _sections(text) if (count := number(value)) is not None}
    lengths = {f"{way}_bytes": counters.get(f"{way}_length") for way in ("send", "recv", "drop")}
    yield tables.LNET_STATS, counters | lengths | {"counters": list(counters.items())}


def _sections(text: str) -> Iterator[tuple[str, str, str]]:
    """(section, name, value) of each line; the section is the last line without a value."""
    section = ""
    for line in text.splitlines():
        name, mark, value = line.strip().removeprefix("- ").partition(":")
        if not mark:
            continue
        if value.strip():
            yield section, name.strip(), value.strip()
        else:
            section = name.strip()
