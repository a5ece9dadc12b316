"""The file systems of paths, a whole column at once."""

from __future__ import annotations

import polars as pl

from iolake.schemas.site import Site


def file_systems(path: pl.Expr, site: Site) -> pl.Expr:
    """Return the file system of the longest mount that holds each path, by the rule of `Site.file_system_of`."""
    found = pl.lit(None, pl.String)
    for mount in sorted(site.mounts, key=len):
        holds = (path == mount) | path.str.starts_with(mount.rstrip("/") + "/")
        found = pl.when(holds).then(pl.lit(site.mounts[mount])).otherwise(found)
    return found
