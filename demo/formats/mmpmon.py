"""What `mmpmon -p` answers to `fs_io_s`: one line a node, a key between underscores before each value."""

from __future__ import annotations

from collections.abc import Sequence

KEYS = ("br", "bw", "oc", "cc", "rdc", "wc", "dir", "iu")
"""Since the mount: bytes read and written, opens, closes, reads, writes, readdirs, inodes updated."""


def fs_io_s(node: str, address: str, at_us: int, cluster: str, device: str, disks: int, counters: Sequence[int]) -> str:
    """The answer of a node at a microsecond since 1970; `counters` are in the order of KEYS."""
    head = f"_fs_io_s_ _n_ {address} _nn_ {node} _rc_ 0 _t_ {at_us // 10**6} _tu_ {at_us % 10**6} "
    values = " ".join(f"_{key}_ {value}" for key, value in zip(KEYS, counters, strict=True))
    return f"{head}_cl_ {cluster} _fs_ {device} _d_ {disks} {values}\n"
