"""Traffic of network interfaces: ESnet's SNMP service, and interface counters of any router."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from iolake.schemas.identity import Identity
from iolake.schemas.table import DATE, ENDPOINT, INTERVAL_S, TEXT, TS, Column, Table, hour

NETWORK_INTERFACE: Final = Table(
    "network_interface",
    "Traffic of a router's interface, one row an interface and interval. In and out are the router's: ESnet's in is "
    "what the centre sent.",
    keys=[
        ENDPOINT,
        Column("router", TEXT, "router", nullable=False, identifies=Identity.HOST),
        Column("interface", TEXT, "interface of the router", nullable=False, identifies=Identity.SITE),
        TS,
    ],
    columns=[
        INTERVAL_S,
        Column("net_in_bytes", pa.int64(), "received by the interface in the interval", "B", "in, ifHCInOctets"),
        Column("net_out_bytes", pa.int64(), "sent by the interface in the interval", "B", "out, ifHCOutOctets"),
        Column(
            "reset",
            pa.bool_(),
            "the counters restarted in the interval: amounts are their new values, lower bounds; "
            "null where the source has rates",
        ),
    ],
    partition_by=[ENDPOINT, DATE],
    sort_by=[hour(TS), "router", "interface", "ts"],
    event_time="ts",
)
