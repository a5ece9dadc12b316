"""`iolake init`: writes a commented site.toml for the data in some folders, after reading a file of each pattern."""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from iolake.extractors.base import Batch, Input, InputError, OptionError, Span
from iolake.pipelines import registry
from iolake.pipelines.finding import find
from iolake.pipelines.patterns import generalised, shape
from iolake.pipelines.recognise import PROC, Found, look
from iolake.schemas.site import OWNER_KINDS, OwnerKind, Site

_TRIED: Final = 5
"""Files of a pattern that are tried before it is given up."""
_UNNAMED: Final = "file_system"
"""A file system that no file names."""
_LABEL: Final = re.compile(r"[A-Za-z][\w-]*")


@dataclass
class Answers:
    """What only a person knows; each is what an option of `iolake init` sets."""

    clusters: tuple[str, ...] = ()
    timezone: str | None = None
    mounts: Mapping[str, str] = field(default_factory=dict)
    lake: str | None = None


@dataclass
class Draft:
    """What was found, by owner and source: patterns, how many files each has, and what could not be placed."""

    root: Path
    answers: Answers
    patterns: dict[tuple[OwnerKind, str, str], Counter[str]] = field(default_factory=dict)
    options: dict[tuple[OwnerKind, str, str], dict[str, str | float]] = field(default_factory=dict)
    """Options that a source's files need."""
    mounts: dict[str, str] = field(default_factory=dict)
    unknown: list[Path] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def name(self, kind: OwnerKind, owner: str) -> str:
        """The name of an owner in site.toml: a file system is called as its mount point is, where that is known."""
        last = self.mounts.get(owner, "").rpartition("/")[2]
        alike = [mount for mount in self.mounts.values() if mount.rpartition("/")[2] == last]
        is_good = kind == "file_system" and _LABEL.fullmatch(last) and len(alike) == 1 and last not in self.mounts
        return last if is_good else owner

    @property
    def owners(self) -> dict[tuple[OwnerKind, str], list[str]]:
        """The sources of each owner, clusters first."""
        found: dict[tuple[OwnerKind, str], list[str]] = defaultdict(list)
        for kind in OWNER_KINDS:
            for owner_kind, owner, source in self.patterns:
                if owner_kind == kind:
                    found[kind, owner].append(source)
        return found


def survey(root: Path, folders: Sequence[Path], answers: Answers) -> Draft:
    """Look at the files below `folders`; patterns are relative to `root`, where site.toml will lie."""
    draft = Draft(root.resolve(), answers)
    files: list[Found] = []
    for found in look([folder.resolve() for folder in folders]):
        if isinstance(found, Path):
            draft.unknown.append(found)
        else:
            files.append(found)
    named = _clusters([folder.resolve() for folder in folders], files, answers)
    only = _only_systems(files)
    by_pattern: dict[tuple[OwnerKind, str, str], list[Found]] = defaultdict(list)
    everything = {*draft.unknown, *(found.path for found in files)}
    extractors = registry.extractors()
    for found in files:
        kind = extractors[found.source].owner
        backends = found.backends or only.get(_family(found.source), ())
        for owner in _owners(replace(found, backends=backends), kind, named, draft):
            by_pattern[kind, owner, found.source].append(found)
    for key, its in sorted(by_pattern.items()):
        own = [found.path for found in its]
        others = everything.difference(own)
        draft.patterns[key] = _patterns(draft.root, key[2], own, others, [folder.resolve() for folder in folders])
    _try_each(draft)
    return draft


def _only_systems(files: Sequence[Found]) -> dict[str, tuple[tuple[str, None], ...]]:
    """The one file system of a kind that any file names: files of the kind that name none are taken for its own."""
    named: dict[str, set[str]] = defaultdict(set)
    for found in files:
        named[_family(found.source)].update(name for name, _ in found.backends)
    return {family: ((name, None),) for family, names in named.items() if len(names) == 1 for name in names}


def _family(source: str) -> str:
    """The kind of file system that a source is of, as its tables' names begin: lustre, scale."""
    return registry.extractors()[source].tables[0].name.partition("_")[0]


def _patterns(
    root: Path, source: str, paths: Sequence[Path], others: Set[Path], within: Sequence[Path]
) -> Counter[str]:
    """The patterns of a source's files. A database is named as it is, a copy of /proc by all its files."""
    if source == "lmt":
        return Counter(str(_relative(root, path)) for path in paths)
    copies = Counter(str(_relative(root, p.parents[2])) + "/*/*/*" for p in paths if PROC.search(p.as_posix()))
    plain = [path for path in paths if not PROC.search(path.as_posix())]
    return copies + generalised(root, plain, others, by_ending=source == "darshan", within=within)


def _owners(found: Found, kind: OwnerKind, clusters: Sequence[str], draft: Draft) -> Iterator[str]:
    """The owners that a file is of: a cluster by the folder's name, a file system by what the file says."""
    if kind == "cluster":
        parts = (*_relative(draft.root, found.path).parts, found.path.name.split(".")[0])
        yield next((name for name in clusters if name in parts), clusters[0])
    elif kind == "file_system":
        for backend, seen_at in found.backends or ((_UNNAMED, None),):
            mount = draft.answers.mounts.get(backend, seen_at)
            if mount and mount != "/":
                draft.mounts.setdefault(backend, mount)
            yield backend
    else:
        yield "transfers"


def _clusters(roots: Sequence[Path], files: Sequence[Found], answers: Answers) -> Sequence[str]:
    """The clusters' names: those given, else folders' names that several sources share, else those of siblings."""
    if answers.clusters:
        return answers.clusters
    extractors = registry.extractors()
    sources: dict[str, set[str]] = defaultdict(set)
    of_others: set[str] = set()
    shapes: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for found in files:
        below = next(root for root in roots if found.path.is_relative_to(root))
        folders = shape(found.path.relative_to(below)).folders
        if extractors[found.source].owner != "cluster":
            of_others.update(folders)
        else:
            shapes[found.source].add(folders)
            for name in folders:
                sources[name].add(found.source)
    shared = sorted(n for n, its in sources.items() if len(its) > 1 and n not in of_others and _LABEL.fullmatch(n))
    return shared or next((names for its in shapes.values() if (names := _siblings(its))), ["cluster"])


def _siblings(shapes: Iterable[tuple[str, ...]]) -> list[str]:
    """The names at the one place where folders of a source differ."""
    shapes = list(shapes)
    for place in range(max(map(len, shapes), default=0)):
        alike: dict[tuple[tuple[str, ...], tuple[str, ...]], set[str]] = defaultdict(set)
        for folders in (s for s in shapes if len(s) > place):
            alike[folders[:place], folders[place + 1 :]].add(folders[place])
        for names in alike.values():
            if 1 < len(names) <= 8 and all(_LABEL.fullmatch(name) for name in names):
                return sorted(names)
    return []


def _try_each(draft: Draft) -> None:
    """Read a file of each pattern, the smallest first, and drop the patterns without a readable file."""
    by_source: dict[tuple[str, str], list[Input]] = defaultdict(list)
    for (source, owner, _day), inputs in find(_site(draft), (), Span()).items():
        by_source[source, owner] += inputs
    for key in list(draft.patterns):
        kind, owner, source = key
        inputs = sorted(by_source[source, draft.name(kind, owner)], key=lambda i: i.size_bytes or 0)[:_TRIED]
        why = _why_unreadable(draft, source, inputs)
        if isinstance(why, OptionError):
            draft.options[key] = {why.option: why.value}
            why = _why_unreadable(draft, source, inputs)
        if why is not None:
            del draft.patterns[key]
            draft.left_out.append(f"{source} of {owner}: {why}")


def _site(draft: Draft) -> Site:
    return Site.parse(write(draft), draft.root / "site.toml")


def _why_unreadable(draft: Draft, source: str, inputs: Sequence[Input]) -> Exception | str | None:
    """Why none of the inputs gives rows, as the last of them says; None where one does."""
    why: Exception | str | None = "no file is found by it"
    site = _site(draft)
    for input in inputs:
        try:
            if sum(
                isinstance(result, Batch) for result in registry.extractors()[source].read(input, site)
            ):  # to its end
                return None
            why = f"{input.uri}: no row of it can be used"
        except (InputError, OSError, ValueError) as error:
            why = error
    return why


def write(draft: Draft) -> str:
    """The text of site.toml."""
    zone = draft.answers.timezone
    lines = [
        "# What exists at this centre, written by `iolake init` from the files that it saw. Correct what is wrong;",
        "# `iolake site check` says what each source finds. Patterns take strftime (the day in the source's own zone)",
        "# and glob, relative to this file. deploy/site.toml in iolake's sources shows every setting.",
        "",
        "[lake]",
        f"uri = {_quoted(draft.answers.lake or 'lake')}",
    ]
    for (kind, owner), sources in draft.owners.items():
        lines += ["", f"[{kind}s.{_key(draft.name(kind, owner))}]"]
        if kind == "file_system":
            mount = draft.mounts.get(owner)
            lines.append(
                f"mounts = [{_quoted(mount)}]   # where jobs see it"
                if mount
                else '# mounts = ["/scratch"]   # where jobs see it: without it no log is joined to this file system'
            )
            if owner != _UNNAMED:
                lines.append(f"backend = {_quoted(owner)}   # its name in the servers' own tools")
        lines.append(
            f"timezone = {_quoted(zone or 'UTC')}"
            + ("" if zone else "   # a guess: correct it if the files' times are local")
        )
        for source in sources:
            patterns = draft.patterns[kind, owner, source]
            what = registry.extractors()[source].what or source
            lines.append(f"# {what}: {patterns.total():,} file{'s' * (patterns.total() != 1)}")
            lines += _source(source, list(patterns), draft.options.get((kind, owner, source), {}))
    if draft.left_out:
        lines += ["", "# Recognised, but not readable:", *(f"# {' '.join(line.split())}" for line in draft.left_out)]
    return "\n".join([*lines, ""])


def _source(source: str, patterns: Sequence[str], options: Mapping[str, str | float]) -> Iterator[str]:
    if source == "lmt":
        for at, pattern in enumerate(patterns):
            yield ("# " if at else "") + f"{source} = {{ uri = {_quoted('sqlite:///' + pattern)} }}"
    elif source == "params":
        yield "# job_id finds the job in the servers' text for it; try SLURM_JOB_ID's value as jobid_var writes it."
        yield f"{source} = {{ files = {_list(patterns)}, job_id = '(?P<job_id>\\d+)' }}"
    else:
        more = "".join(f", options = {{ {name} = {json.dumps(value)} }}" for name, value in options.items())
        yield f"{source} = {{ files = {_list(patterns)}{more} }}"


def _list(patterns: Sequence[str]) -> str:
    return _quoted(patterns[0]) if len(patterns) == 1 else f"[{', '.join(map(_quoted, patterns))}]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else _quoted(name)


def _relative(root: Path, path: Path) -> Path:
    return Path(os.path.relpath(path, root))
