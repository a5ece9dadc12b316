"""Where the nodes of a cluster lie in its network: switches of a tree, coordinates of a torus or dragonfly."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from iolake.schemas.identity import Identity
from iolake.schemas.table import CLUSTER, DATE, DELTA, TEXT, TIMESTAMP, Column, Table

TOPOLOGY: Final = Table(
    "topology",
    "Where each node of a cluster lies in its network, one row a node and snapshot.",
    keys=[
        CLUSTER,
        Column("node", TEXT, "the node, as the scheduler names it", nullable=False, identifies=Identity.HOST),
        Column("ts", TIMESTAMP, "when the snapshot was taken, UTC", encoding=DELTA, nullable=False),
    ],
    columns=[
        Column("nid", pa.int64(), "number of the node", origin="processor_id", identifies=Identity.HOST),
        Column(
            "location", TEXT, "its place in the machine, as the vendor names it: c0-0c0s0n0", identifies=Identity.HOST
        ),
        Column(
            "cabinet",
            TEXT,
            "cabinet that holds the node: c0-0",
            origin="cab_position, cab_row",
            identifies=Identity.HOST,
        ),
        Column(
            "role", TEXT, "the node's purpose: compute, service", origin="processor_type", identifies=Identity.NOTHING
        ),
        Column("status", TEXT, "up, down, ...", origin="processor_status", identifies=Identity.NOTHING),
        Column("x", pa.float64(), "coordinate in the network", origin="x_coord"),
        Column("y", pa.float64(), "coordinate in the network", origin="y_coord"),
        Column("z", pa.float64(), "coordinate in the network", origin="z_coord"),
        Column("switch", TEXT, "the switch or block that the node is connected to", identifies=Identity.SITE),
        Column(
            "switches",
            pa.list_(TEXT),
            "the switches above the node, from its own to the top of the tree",
            identifies=Identity.SITE,
        ),
        Column(
            "network_group",
            TEXT,
            "group of the network that holds the node: dragonfly group, top of a subtree",
            identifies=Identity.SITE,
        ),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["ts", "node"],
    event_time="ts",
)
