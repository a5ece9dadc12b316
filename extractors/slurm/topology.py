"""Slurm's network topology: topology.conf, and the text of `scontrol show topology`.

A line is `SwitchName=s0 Nodes=n[0-3]`, `SwitchName=s2 Switches=s[0-1]` or `BlockName=b1 Nodes=n[1-4]`; scontrol adds
`Level=` and `LinkSpeed=`. Keys may be in any case, `#` starts a comment, and a backslash continues a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from iolake.extractors.slurm.nodelist import NodeListError, expand

_KEY: Final = re.compile(r"(\w+)=(\S*)")
_SWITCH: Final = re.compile(r"\s*(SwitchName|BlockName)=", re.IGNORECASE)
_MOST_PLACES: Final = 4_000_000
"""Names of switches above all nodes together."""


def is_slurm(lines: Sequence[str]) -> bool:
    """Whether a line names a switch or a block."""
    return any(_SWITCH.match(line) for line in lines)


def slurm_nodes(lines: Sequence[str], faults: list[str]) -> Iterator[dict[str, Any]]:
    """Yield node, switch, switches and network_group of each node; `faults` gets the lines that name none."""
    tree = _Tree(lines, faults)
    left = _MOST_PLACES
    paths: dict[str, list[str]] = {}
    for node, switch in tree.switch_of.items():
        if switch not in paths:
            paths[switch] = tree.path(switch)
        path = paths[switch]
        left -= len(path)
        yield {"node": node, "switch": switch, "switches": path if left > 0 else None, "network_group": path[-1]}


class _Tree:
    """The switch of each node, and the switch above each switch."""

    def __init__(self, lines: Sequence[str], faults: list[str]) -> None:
        self.switch_of: dict[str, str] = {}
        self._above: dict[str, str] = {}
        for line in re.sub(r"\\\n", " ", "\n".join(lines)).split("\n"):
            plain = line.partition("#")[0].strip()
            if not plain:
                continue
            try:
                self._add({key.lower(): value for key, value in _KEY.findall(plain)})
            except NodeListError as error:
                faults.append(f"a line names no nodes: {error}")
            except KeyError:
                faults.append(f"a line names no switch or block: {plain[:60]!r}")

    def _add(self, fields: dict[str, str]) -> None:
        name = fields["switchname"] if "switchname" in fields else fields["blockname"]
        # scontrol repeats, at each switch, the nodes of all switches below it.
        own = fields.get("nodes") if not fields.get("switches") and fields.get("level", "0") == "0" else None
        for node in expand(own) if own else ():
            self.switch_of.setdefault(node, name)
        for below in expand(fields["switches"]) if fields.get("switches") else ():
            self._above.setdefault(below, name)

    def path(self, switch: str) -> list[str]:
        """The switches from a node's own to the top; one that is above itself ends it."""
        path = {switch: None}
        while (switch := self._above.get(switch, "")) and switch not in path:
            path[switch] = None
        return list(path)
