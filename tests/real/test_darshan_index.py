"""The real index of 22 Darshan logs of Cori, and the sums of pytokio's scoreboard."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from iolake.extractors.darshan_index import DarshanIndex
from iolake.schemas.site import Site
from tests.extractors.reading import everything


def test_the_sums_by_file_system_and_user_are_pytokios(samples: Path) -> None:
    """22 logs: cscratch of 21 jobs, homes-u2 of one; user ztbmj73pgr moved the most."""
    mounts = {"cscratch": {"mounts": ["/global/cscratch1"]}, "homes-u2": {"mounts": ["/global/u2"]}}
    owner = {"darshan_index": {"files": "pytokio/darshanlogs.db"}}
    site = Site.model_validate({"root": str(samples), "file_systems": mounts, "clusters": {"cori": owner}})
    rows, rejects, outcome = everything(DarshanIndex(), site)
    found = rows["darshan_index"]
    assert (rejects, outcome, len(found)) == ({}, "loaded", 22)
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in found:
        for key in (row["file_system"], row["user_name"]):
            for place, amount in enumerate((row["read_bytes"], row["write_bytes"], 1)):
                sums[key][place] += amount
    assert sums["cscratch"] == [7075896901, 5575191999, 21]
    assert sums["homes-u2"] == [4502329088, 1086387, 1]
    assert sums["ztbmj73pgr"][:2] == [4977629176, 5381239392]
