"""The extractors that are installed, iolake's own and a centre's, by the source that they read."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from extractors.base import Extractor
from schemas.site import Site, SiteError

GROUP = "iolake.extractors"


@cache
def extractors() -> dict[str, Extractor]:
    """Every registered extractor by its source's name."""
    return {point.name: point.load()() for point in sorted(entry_points(group=GROUP), key=lambda p: p.name)}


def chosen(site: Site, sources: tuple[str, ...]) -> dict[str, Extractor]:
    """The extractors of `sources`, or of all that the site has; SiteError names what is not known."""
    known = extractors()
    problems = [
        f"{kind}s.{name}.{source}: no such source; known are {', '.join(known)}"
        for kind in ("cluster", "file_system")
        for name, owner in site.owners(kind).items()
        for source in owner.sources
        if source not in known or known[source].owner != kind
    ]
    configured = [s for kind in ("cluster", "file_system") for o in site.owners(kind).values() for s in o.sources]
    has = ", ".join(sorted(set(configured))) or "none"
    problems += [f"{name}: the site has no such source; it has {has}" for name in sources if name not in configured]
    if problems:
        raise SiteError("site.toml", problems)
    return {source: known[source] for source in dict.fromkeys(configured) if not sources or source in sources}
