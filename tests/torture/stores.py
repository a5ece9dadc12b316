"""A lake on an object store that breaks: lists lag, requests fail or are answered late, conditions are ignored."""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

import fsspec
from moto.server import ThreadedMotoServer

from iolake.pipelines.ingest import ingest
from iolake.warehouse import conditional_put, garbage
from iolake.warehouse.errors import NoConditionalPut
from iolake.warehouse.lake import Lake
from iolake.warehouse.verify import verify
from iolake.warehouse.warehouse import Warehouse
from tests.warehouse.faulty_s3 import FaultyS3
from tests.warehouse.toy import Centre, df

FAULTS: dict[str, dict[str, Any]] = {
    "lists lag": {"lag_s": 3.0},
    "lists lag for an hour": {"lag_s": 3600.0},
    "one request in 20 fails": {"breaks": 0.05},
    "ignores If-None-Match": {"ignores": True},
    "refuses If-None-Match": {"refuses": True},
}
_LOADS = 4


def faulty_store(seed: int) -> tuple[Counter[str], list[str]]:
    """(counts, violations) of some loads on a store with each fault."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it prints a line a request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_DEFAULT_REGION": "us-east-1"}
    counts: Counter[str] = Counter()
    violations: list[str] = []
    with patch.dict(os.environ, keys):
        for name, fault in FAULTS.items():
            _use(f"http://{host}:{port}")
            bucket = f"bucket-{secrets.token_hex(4)}"
            fsspec.filesystem("s3").mkdir(bucket)
            with FaultyS3(f"http://{host}:{port}", seed=seed, **fault) as faulty:
                _use(faulty.url)
                counts["faults"] += 1
                if said := _loads(f"s3://{bucket}/lake", name, counts):
                    violations.append(f"S3, {name}: {said}")
    server.stop()
    return counts, violations


def _loads(uri: str, fault: str, counts: Counter[str]) -> str:
    """Load four days, each after what went wrong before; what is wrong in the end, empty where nothing is."""
    with tempfile.TemporaryDirectory(prefix="iolake-torture-") as folder:
        centre = Centre(Path(folder))
        site = centre.site.model_copy(update={"lake": centre.site.lake.model_copy(update={"uri": uri})})
        for day in range(_LOADS):
            centre.write(f"2017-03-2{day}.json", {"lustre_df": [df("a", 24 * day, day)]})
            for _ in range(10):
                try:
                    ingest(site, workers=0)
                    garbage.collect(Warehouse(uri), 1, 0)
                    break
                except NoConditionalPut:
                    return "" if "If-None-Match" in fault else "refused for no reason"
                except OSError:
                    continue
            counts["loads"] += 1
            counts["reads"] += 1
            found = Lake(uri).sql("SELECT used_bytes FROM lustre_df ORDER BY ts").fetchall()
            if found != [(n,) for n in range(day + 1)]:
                return f"found {found} after day {day}"
        if flaws := verify(Warehouse(uri), deep=True).flaws:
            return f"verify: {flaws}"
        return "" if "If-None-Match" not in fault else "it was not refused"


def _use(url: str) -> None:
    """Makes the next stores use another server, as other processes would."""
    os.environ["AWS_ENDPOINT_URL"] = url
    conditional_put.forget()
    fsspec.get_filesystem_class("s3").clear_instance_cache()
