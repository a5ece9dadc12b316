"""`iolake init`: write a site.toml for the folders of a centre."""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from iolake.pipelines.init import Answers, Draft


def _mount(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    mounts = dict(value.partition("=")[::2] for value in values)
    for name, path in mounts.items():
        if not name or not path.startswith("/"):
            raise click.BadParameter(f"{name}={path} is not BACKEND=/mount/point")
    return mounts


@click.command()
@click.argument(
    "folders", metavar="[FOLDER]...", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--cluster", "clusters", multiple=True, metavar="NAME", help="A machine that ran the jobs; may be repeated."
)
@click.option("--timezone", metavar="ZONE", help="The zone of times without an offset, such as Europe/Berlin.")
@click.option(
    "--mount", "mounts", multiple=True, metavar="BACKEND=PATH", callback=_mount,
    help="Where jobs see a file system, by its name in the servers' tools; may be repeated.",
)  # fmt: skip
@click.option("--lake", metavar="URI", help="Where to put the lake: a folder, or s3://bucket/prefix.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default="site.toml", show_default=True)
@click.option("--yes", is_flag=True, help="Ask nothing: guess what no option says, and mark it as a guess.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(
    folders: tuple[Path, ...],
    clusters: tuple[str, ...],
    timezone: str | None,
    mounts: dict[str, str],
    lake: str | None,
    output: Path,
    yes: bool,
    force: bool,
) -> None:
    """Write a commented site.toml for what lies in folders: this one, where none is named.

    It knows the files of every source by their names and first bytes, also in compressed files and archives, groups
    them by pattern, and reads one file of each before it writes. Without a terminal, or with --yes, it asks nothing.

    \b
    iolake init /archive/darshan /archive/sacct
    iolake init data --cluster edison --timezone America/Los_Angeles --mount snx11035=/scratch2 --yes
    """
    from zoneinfo import available_timezones

    from iolake.pipelines.init import Answers, survey, write

    if output.exists() and not force:
        raise click.ClickException(
            f"{output}: is there already; name another with --output, or write over it with --force"
        )
    if timezone is not None and timezone not in available_timezones():
        raise click.BadParameter(
            f"{timezone!r} is not a time zone; use a name such as Europe/Berlin", param_hint="--timezone"
        )
    answers = Answers(clusters, timezone, mounts, lake)
    asks = not yes and sys.stdin.isatty()
    if asks and timezone is None:
        answers = replace(answers, timezone=click.prompt("Zone of times without an offset", default=_zone_here()))
    draft = survey(output.parent, folders or (Path(),), answers)
    if asks:
        draft = survey(output.parent, folders or (Path(),), _ask(draft))
    if not draft.patterns:
        raise click.ClickException(f"nothing that iolake reads was found ({_endings(draft)}); name other folders")
    output.write_text(write(draft), encoding="utf-8")
    for (kind, owner, source), patterns in draft.patterns.items():
        click.echo(f"{source:<8} {kind.replace('_', ' ')} {owner}: {patterns.total():,} files, {', '.join(patterns)}")
    if draft.unknown:
        click.echo(f"not recognised: {len(draft.unknown):,} files ({_endings(draft)})")
    for line in draft.left_out:
        click.echo(f"left out: {line}")
    click.echo(f"wrote {output}. Look at it, then: iolake site check --site {output}; iolake ingest --site {output}")


def _ask(draft: Draft) -> Answers:
    """Ask for the clusters' names, and for the mounts that no file names."""
    kinds = {kind for kind, _ in draft.owners}
    clusters, mounts = draft.answers.clusters, dict(draft.answers.mounts)
    if "cluster" in kinds and not clusters:
        guess = " ".join(owner for kind, owner in draft.owners if kind == "cluster")
        clusters = tuple(click.prompt("Clusters, with blanks between them", default=guess).split())
    for kind, owner in draft.owners:
        if kind == "file_system" and owner not in draft.mounts:
            path = click.prompt(f"Where jobs see file system {owner} (empty: unknown)", default="", show_default=False)
            if path.startswith("/"):
                mounts[owner] = path
    return replace(draft.answers, clusters=clusters, mounts=mounts)


def _endings(draft: Draft) -> str:
    counts = Counter(path.suffix or path.name for path in draft.unknown)
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common(5)) or "no files"


def _zone_here() -> str:
    """The zone of the machine."""
    link = os.path.realpath("/etc/localtime")
    return os.environ.get("TZ") or (link.partition("zoneinfo/")[2] or "UTC")
