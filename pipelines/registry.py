"""The installed extractors, iolake's own and plug-ins, by the name of their source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from iolake.extractors.base import Extractor
from iolake.schemas.errors import IolakeError, PermanentError
from iolake.schemas.site import OWNER_KINDS, Site, SiteError

GROUP = "iolake.extractors"


class RegistrationError(PermanentError):
    """An entry point of `iolake.extractors` that cannot be used: which one, what is wrong, what to change."""

    def __init__(self, point: str, target: str, problem: str) -> None:
        self.point, self.target, self.problem = point, target, problem
        super().__init__(f"entry point {point} = {target}: {problem}")


class _Installed(Mapping[str, Extractor]):
    """Extractors by source. The module of an extractor is imported when the extractor is first used."""

    def __init__(self) -> None:
        self._points: dict[str, EntryPoint] = {}
        for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
            other = self._points.setdefault(point.name, point)
            if other.value != point.value:
                raise RegistrationError(point.name, point.value, f"{other.value} has this name too; rename one of them")
        self._made: dict[str, Extractor] = {}

    def __getitem__(self, source: str) -> Extractor:
        if source not in self._made:
            self._made[source] = _checked(self._points[source])
        return self._made[source]

    def __iter__(self) -> Iterator[str]:
        return iter(self._points)

    def __len__(self) -> int:
        return len(self._points)


def _checked(point: EntryPoint) -> Extractor:
    """The extractor of an entry point. Raises RegistrationError."""
    try:
        kind = point.load()
    except IolakeError:
        raise
    except Exception as error:
        problem = f"cannot be imported: {type(error).__name__}: {error}"
        raise RegistrationError(point.name, point.value, problem) from error
    problem = ""
    if not (isinstance(kind, type) and issubclass(kind, Extractor)):
        problem = "is not a subclass of iolake.Extractor"
    elif kind.__abstractmethods__:
        problem = f"lacks the methods {', '.join(sorted(kind.__abstractmethods__))}"
    elif lacking := [name for name in ("source", "version", "owner", "tables") if not hasattr(kind, name)]:
        problem = f"lacks the attribute {', '.join(lacking)}; set it in the class"
    elif kind.source != point.name:
        problem = f"its source is {kind.source!r}; name the entry point {kind.source!r} too"
    elif not isinstance(kind.version, int):
        problem = f"its version is {kind.version!r}; write a whole number, and raise it when rows change"
    elif kind.owner not in OWNER_KINDS:
        problem = f"its owner is {kind.owner!r}; write one of {', '.join(OWNER_KINDS)}"
    if problem:
        raise RegistrationError(point.name, point.value, problem)
    extractor: Extractor = kind()
    return extractor


@cache
def extractors() -> Mapping[str, Extractor]:
    """Every registered extractor by the name of its source."""
    return _Installed()


def _why_not(source: str) -> str:
    known = extractors()
    if source in known:
        return f"{source} is a source of a {known[source].owner.replace('_', ' ')}; write it under one"
    near = get_close_matches(source, known, 1)
    return f"no such source; {f'did you mean {near[0]}? ' if near else ''}known are {', '.join(known)}"


def chosen(site: Site, sources: tuple[str, ...]) -> dict[str, Extractor]:
    """The extractors of `sources`, or of all sources of the site. Raises SiteError with every unknown name."""
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
    problems += [f"{name}: site.toml has no such source; it has {has}" for name in sources if name not in configured]
    if problems:
        raise SiteError(site.root, problems)
    return {source: known[source] for source in dict.fromkeys(configured) if not sources or source in sources}
