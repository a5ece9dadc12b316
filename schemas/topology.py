"""Where the nodes of a cluster lie in its network: switches of a tree, coordinates of a torus or dragonfly."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from iolake.schemas.table import CLUSTER, DATE, DELTA, TEXT, TIMESTAMP, Column, Table

TOPOLOGY: Final = Table(
    "topology",
    "Where each node of a cluster lies in its network, one row a node and snapshot.",
    keys=[
        CLUSTER,
        Column("node", TEXT, "the node, as the scheduler names it", nullable=False),
        Column("ts", TIMESTAMP, "when the snapshot was taken, UTC", encoding=DELTA, nullable=False),
    ],
    columns=[
        Column("nid", pa.int64(), "number of the node"),
        Column("location", TEXT, "its place in the machine, as the vendor names it: c0-0c0s0n0"),
        Column("role", TEXT, "what the node is for: compute, service"),
        Column("x", pa.int64(), "coordinate in the network; cabinet column where the network has no coordinates"),
        Column("y", pa.int64(), "coordinate in the network"),
        Column("z", pa.int64(), "coordinate in the network"),
        Column("switch", TEXT, "the switch or block that the node is connected to"),
        Column("switches", pa.list_(TEXT), "the switches above the node, from its own to the top of the tree"),
        Column("network_group", TEXT, "group of the network that holds the node: dragonfly group, top of a subtree"),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["ts", "node"],
    event_time="ts",
)
