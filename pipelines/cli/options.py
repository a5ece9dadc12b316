"""Options that every command takes: which site, which lake."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from iolake.schemas.site import Site
    from iolake.warehouse.lake import Lake
    from iolake.warehouse.warehouse import Warehouse

_F = TypeVar("_F", bound=Callable[..., Any])


class _Day(click.DateTime):
    """A day, which commands get as its midnight."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is not a day such as 2026-11-27", param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """DAY, or an argument's own name, in place of the format."""
        return str(param.name).upper() if isinstance(param, click.Argument) else "DAY"


DAY = _Day(["%Y-%m-%d"])


@dataclass(frozen=True)
class Where:
    """The site.toml and the lake that a command is about."""

    site: str | None = None
    lake: str | None = None

    def read_site(self) -> Site:
        """The site, with --lake in place of its own lake; SiteError."""
        from iolake.schemas.site import Site

        site = Site.read(self.site or "site.toml")
        if self.lake is None:
            return site
        return site.model_copy(update={"lake": site.lake.model_copy(update={"uri": _absolute(self.lake)})})

    @property
    def has_site(self) -> bool:
        """Whether there is a site.toml: named, or in this folder."""
        return self.site is not None or Path("site.toml").exists()

    @property
    def lake_uri(self) -> str:
        """Where the lake lies: --lake, else what site.toml says, else ./lake."""
        if self.lake is not None:
            return _absolute(self.lake)
        if self.has_site:
            return self.read_site().lake_uri
        return str(Path("lake").resolve())

    def damage_behind(self, error: Exception) -> Exception | None:
        """The error that names a damaged data file of the lake, where one made a library raise `error`."""
        from iolake.schemas.errors import IolakeError
        from iolake.warehouse.damage import explain

        if isinstance(error, IolakeError):
            return None
        try:
            return explain(self.lake_uri, error)
        except Exception:  # whatever keeps us from looking, the first error is what there is to say
            return None

    def open_lake(self, snapshot: int | None = None) -> Lake:
        """The lake to read; NoLake, NoSnapshot."""
        from iolake.warehouse.lake import Lake

        return Lake(self.lake_uri, snapshot)

    def open_warehouse(self) -> Warehouse:
        """The lake to write to."""
        from iolake.warehouse.warehouse import Warehouse

        return Warehouse(self.lake_uri)


def where_options(command: _F) -> _F:
    """Give a command --site and --lake as one `where`.

    They may come before or after the command's name. IOLAKE_SITE and IOLAKE_LAKE are their defaults.
    """

    @click.option("--site", metavar="FILE", help="The site.toml [default: IOLAKE_SITE, or ./site.toml].")
    @click.option("--lake", metavar="URI", help="The lake, without a site.toml [default: IOLAKE_LAKE].")
    @click.pass_context
    @functools.wraps(command)
    def wrapped(ctx: click.Context, /, *args: Any, site: str | None, lake: str | None, **kwargs: Any) -> Any:
        # Not click's envvar: on a command it would override an option that comes before the command's name.
        environment = Where(os.environ.get("IOLAKE_SITE") or None, os.environ.get("IOLAKE_LAKE") or None)
        outer = ctx.obj if isinstance(ctx.obj, Where) else environment
        where = Where(site or outer.site, lake or outer.lake)
        try:
            return ctx.invoke(command, *args, where=where, **kwargs)
        except Exception as error:
            if isinstance(error, (click.ClickException, click.exceptions.Exit, click.Abort)):
                raise
            if (damage := where.damage_behind(error)) is not None:
                raise damage from error
            raise

    return wrapped  # type: ignore[return-value]


def _absolute(uri: str) -> str:
    return uri if "://" in uri else str(Path(uri).resolve())
