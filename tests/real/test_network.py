"""The real sample of ESnet's SNMP service: NERSC's border routers for five minutes of 2019."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

from iolake.extractors.network.esnet import EsnetSnmp
from iolake.schemas.site import Site
from tests.extractors.reading import everything


def test_five_interfaces_have_eleven_steps_of_thirty_seconds(samples: Path) -> None:
    """From 1549875600; the amounts are the file's own rates times the step."""
    owner = {"timezone": "America/Los_Angeles", "esnet_snmp": {"files": "pytokio/esnet_snmp.json.gz"}}
    site = Site.model_validate({"root": str(samples), "endpoints": {"nersc": owner}})
    rows, rejects, outcome = everything(EsnetSnmp(), site)
    found = rows["network_interface"]
    assert (rejects, outcome, len(found)) == ({}, "loaded", 55)
    assert len({(row["router"], row["interface"]) for row in found}) == 5
    assert {row["interval_s"] for row in found} == {30.0}
    assert min(row["ts"] for row in found) == datetime.fromtimestamp(1549875600, UTC).replace(tzinfo=None)
    with gzip.open(samples / "pytokio" / "esnet_snmp.json.gz") as file:
        ways = [ways for interfaces in json.load(file).values() for ways in interfaces.values()]
    for way, column in {"in": "net_in_bytes", "out": "net_out_bytes"}.items():
        assert sum(row[column] for row in found) == sum(round(v * 30) for each in ways for v in each[way].values())
