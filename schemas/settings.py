"""The settings of site.toml that belong to no source: lake, pages, check, workers."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Strict(BaseModel):
    """Settings with no other keys than those declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


SECRET: Final = re.compile(
    r"://[^@\s]*:[^@\s]*@|://.*[?&;#](pass\w*|pwd|\w*secret\w*|\w*token\w*|\w*key|sig\w*|auth\w*|cred\w*)=.",
    re.IGNORECASE,
)
"""A secret in any place of a URI: after the user's name, or as a parameter."""


class LakeSettings(Strict):
    """The lake's location, the days that snapshots are kept, and the age at which unnamed files are removed."""

    uri: str = "lake"
    retention_days: float = Field(default=30, ge=0)
    orphan_age_hours: float = Field(default=24, ge=0)

    @field_validator("uri")
    @classmethod
    def _no_password(cls, value: str) -> str:
        if SECRET.search(value):
            raise ValueError("holds a password; put it into the environment instead")
        return value


Threshold = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]


class PageSettings(Strict):
    """Where the nightly run writes its pages, and under which address a web server shows that folder.

    Without a folder the pages lie beside the lake; a lake on an object store then has none.
    """

    folder: str | None = None
    url: str | None = None


class CheckSettings(Strict):
    """The limits of `iolake check`; a source's own `max_age_days` overrides the one here."""

    max_age_days: float = Field(default=2, gt=0)
    look_back_days: int = Field(default=14, gt=0, le=3650)
    max_rejected_pct: float = Field(default=5, ge=0, le=100)


class WorkerSettings(Strict):
    """Where inputs are read: in processes of this machine, or on Dask's workers.

    `dask` is "local", "slurm", or a scheduler's address such as tcp://host:8786. `count` is the number of workers, by
    default one a core of this machine. `options` go to Dask's LocalCluster or SLURMCluster.
    """

    dask: str | None = None
    count: int | None = Field(default=None, ge=1)
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("dask")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in ("local", "slurm") and "://" not in value:
            raise ValueError('is neither "local", "slurm" nor a scheduler\'s address such as "tcp://host:8786"')
        return value
