"""AllocGRES and ReqGRES of Slurm before 20.11 as trackable resources: `gpu:tesla:2` is gres/gpu=2,gres/gpu:tesla=2."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

import polars as pl

_GRES: Final = re.compile(
    r"(?:gres[:/])?(?P<name>[A-Za-z]\w*|\d{5,10}(?=:))(?::(?P<kind>(?!\d+[KMGTP]?(?:[:=]|$))\w[\w.-]*))?"
    r"(?:[:=](?P<count>\d{1,18}[KMGTP]?))?"
)
_NAMES: Final = ("gpu", "mps", "nic", "mic", "hbm", "shard", "bandwidth", "craynetwork", "gpu_mem", "tmpfs", "scratch")
_BY_NUMBER: Final = {
    str(sum(ord(letter) << 8 * (place % 4) for place, letter in enumerate(name)) % 2**32): name for name in _NAMES
}
"""Slurm's number for a resource, which it writes where it lacks the resource's plug-in: gpu is 7696487."""
_SCALE: Final = {"": 1, **{letter: 1024**power for power, letter in enumerate("KMGTP", 1)}}


def gres_as_tres(texts: pl.Series) -> pl.Series:
    """The resources of each text, as a TRES map of sacct has them; null for a text without resources."""
    return pl.Series([_as_tres(text) for text in texts], dtype=pl.String)


def with_gres(tres: pl.Series, gres: pl.Series) -> pl.Series:
    """TRES maps, with the resources of `gres` added to those that name no generic resource."""
    frame = pl.DataFrame({"tres": tres, "gres": gres})
    lacking = ~pl.col("tres").str.contains("gres/", literal=True).fill_null(value=False) & pl.col("gres").is_not_null()
    joined = pl.concat_str(pl.col("tres"), pl.col("gres"), separator=",", ignore_nulls=True)
    return frame.select(pl.when(lacking).then(joined).otherwise("tres")).to_series()


def _as_tres(text: str | None) -> str | None:
    counts: Counter[str] = Counter()
    for part in re.sub(r"\([^)]*\)", "", text or "").split(","):
        found = _GRES.fullmatch(part.strip())
        if found is None:
            continue
        amount = found["count"] or "1"
        count = int(amount.rstrip("KMGTP")) * _SCALE[amount.lstrip("0123456789")]
        name = _BY_NUMBER.get(found["name"], found["name"])
        if name.isdecimal():
            continue
        counts[f"gres/{name}"] += count
        if found["kind"]:
            counts[f"gres/{name}:{found['kind']}"] += count
    return ",".join(f"{name}={count}" for name, count in counts.items()) or None
