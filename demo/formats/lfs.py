"""Writes a client's `lfs df` and `lctl dl -t` as archived snapshots of text.

A file holds many snapshots, each after a line "BEGIN <epoch seconds>", and each of all the file systems.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Space:
    """One target's line of `lfs df`, in KiB; `kind` is OST or MDT."""

    kind: str
    index: int
    total: int
    used: int

    @property
    def available(self) -> int:
        """What a user may fill: a hundredth is kept for root."""
        return max(0, self.total - self.used - self.total // 100)


@dataclass(frozen=True)
class Device:
    """One target's line of `lctl dl -t`: the address of the server that serves it."""

    kind: str
    index: int
    address: str
    state: str = "UP"


def begin(at: int) -> str:
    """The line before a snapshot."""
    return f"BEGIN {at}\n"


def df(file_system: str, mount: str, targets: Sequence[Space]) -> str:
    """`lfs df` of one file system."""
    lines = ["UUID                   1K-blocks        Used   Available Use% Mounted on"]
    for target in targets:
        uuid = f"{file_system}-{target.kind}{target.index:04x}_UUID"
        numbers = (
            f"{target.total:>11} {target.used:>11} {target.available:>11} {_use(target.used, target.available):>3}%"
        )
        lines.append(f"{uuid:<21} {numbers} {mount}[{target.kind}:{target.index}]")
    osts = [target for target in targets if target.kind == "OST"]
    total, used, available = (sum(getattr(t, name) for t in osts) for name in ("total", "used", "available"))
    summary = f"filesystem summary:  {total:>12} {used:>12} {available:>12} {_use(used, available):>3}% {mount}"
    return "\n".join([*lines, "", summary, "", ""])


def devices(file_system: str, client: str, devices: Iterable[Device], first: int) -> list[str]:
    """The lines of `lctl dl -t` about one file system, numbered from `first`."""
    uuid = f"8dbdc7f6-8f86-86ea-052f-{client}"
    lines = [
        f"{first:>3} UP mgc MGC@tcp 3547302e-74a0-7260-9a61-{client} 5",
        f"{first + 1:>3} UP lov {file_system}-clilov-{client} {uuid} 4",
        f"{first + 2:>3} UP lmv {file_system}-clilmv-{client} {uuid} 4",
    ]
    for at, device in enumerate(devices, first + 3):
        kind = {"MDT": "mdc", "OST": "osc"}[device.kind]
        name = f"{file_system}-{device.kind}{device.index:04x}-{kind}-{client}"
        lines.append(f"{at:>3} {device.state} {kind} {name} {uuid} 5 {device.address}")
    return lines


def _use(used: int, available: int) -> int:
    """Percent in use, rounded up, as df has it."""
    return -(-100 * used // max(1, used + available))
