"""The extractors that are installed, iolake's own and a centre's, by the source that they read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points

from iolake.extractors.base import Extractor
from iolake.schemas.site import OWNER_KINDS, Site, SiteError

GROUP = "iolake.extractors"


class _Installed(Mapping[str, Extractor]):
    """Extractors by their source's name; what one imports is imported when it is first asked for."""

    def __init__(self) -> None:
        self._points = {p.name: p for p in sorted(entry_points(group=GROUP), key=lambda p: p.name)}
        self._made: dict[str, Extractor] = {}

    def __getitem__(self, source: str) -> Extractor:
        if source not in self._made:
            self._made[source] = self._points[source].load()()
        return self._made[source]

    def __iter__(self) -> Iterator[str]:
        return iter(self._points)

    def __len__(self) -> int:
        return len(self._points)


@cache
def extractors() -> Mapping[str, Extractor]:
    """Every registered extractor by its source's name."""
    return _Installed()


def _why_not(source: str) -> str:
    known = extractors()
    if source in known:
        return f"{source} is a source of a {known[source].owner.replace('_', ' ')}; write it under one"
    return f"no such source; known are {', '.join(known)}"


def chosen(site: Site, sources: tuple[str, ...]) -> dict[str, Extractor]:
    """The extractors of `sources`, or of all that the site has; SiteError names what is not known."""
    known = extractors()
    problems = [
        f"{kind}s.{name}.{source}: {_why_not(source)}"
        for kind in OWNER_KINDS
        for name, owner in site.owners(kind).items()
        for source in owner.sources
        if source not in known or known[source].owner != kind
    ]
    configured = [s for kind in OWNER_KINDS for o in site.owners(kind).values() for s in o.sources]
    has = ", ".join(sorted(set(configured))) or "none"
    problems += [f"{name}: the site has no such source; it has {has}" for name in sources if name not in configured]
    if problems:
        raise SiteError(site.root, problems)
    return {source: known[source] for source in dict.fromkeys(configured) if not sources or source in sources}
