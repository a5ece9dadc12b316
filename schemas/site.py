"""site.toml: what exists at a centre, checked when it is read.

    [clusters.edison]                 a machine that runs jobs; its job-side sources
    [file_systems.scratch2]           a file system; its server-side sources
    [endpoints.archive]               transfer servers, an archive or a border router; its transfers and traffic
    [findings]                        thresholds of finding_rules, in place of the rules' own

Each key of a cluster, file system or endpoint is one of its settings or the name of a source.
"""

from __future__ import annotations

import glob
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, Self, get_args
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, ValidationError, field_validator, model_validator

from iolake.schemas.errors import PermanentError
from iolake.schemas.rules import CODES
from iolake.schemas.settings import SECRET, CheckSettings, LakeSettings, PageSettings, Strict, Threshold, WorkerSettings

OwnerKind = Literal["cluster", "file_system", "endpoint"]
NULL_PARTITION: Final = "__HIVE_DEFAULT_PARTITION__"
OWNER_KINDS: Final[tuple[OwnerKind, ...]] = get_args(OwnerKind)

DIGITS: Final = {"Y": 4, "m": 2, "d": 2, "j": 3, "H": 2, "M": 2, "S": 2, "y": 2}
"""The directives of a files pattern, such as %Y or, without leading zeros, %-m, and the most digits of each."""


class SiteError(PermanentError):
    """A site.toml that can't be used: which key, what is wrong, what to do."""

    def __init__(self, path: str, problems: list[str]) -> None:
        self.path, self.problems = path, problems
        super().__init__(f"{path}: " + "; ".join(problems))


JOB_ID_GROUPS = ("job_id", "cluster", "executable", "uid", "host")
"""The groups that a `job_id` pattern may name: parts of the text by which a server identifies a job."""


class Source(Strict):
    """Where one source lies: `files` (patterns, the first that exists on a day wins), `command`, or `uri`."""

    files: tuple[str, ...] = ()
    command: str | None = None
    uri: str | None = None
    timezone: str | None = None
    job_id: str | None = None
    max_age_days: float | None = Field(default=None, gt=0)
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("files", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("files")
    @classmethod
    def _known_directives(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            if unknown := re.search(rf"%-?(?![{''.join(DIGITS)}])[A-Za-z]", pattern):
                known = " ".join(f"%{letter}" for letter in DIGITS)
                raise ValueError(f"has {unknown[0]}; days and times are {known}, and ? matches a percent sign")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        return _check_zone(value) if value is not None else None

    @field_validator("job_id")
    @classmethod
    def _pattern(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                groups = re.compile(value).groupindex
            except re.error as error:
                raise ValueError(f"is not a regular expression: {error}") from None
            if "job_id" not in groups:
                raise ValueError("needs a group (?P<job_id>...)")
            if unknown := sorted(groups.keys() - set(JOB_ID_GROUPS)):
                raise ValueError(f"has a group {unknown[0]!r}; known groups are {', '.join(JOB_ID_GROUPS)}")
        return value

    @field_validator("uri")
    @classmethod
    def _no_password(cls, value: str | None) -> str | None:
        if value is not None and SECRET.search(value):
            raise ValueError("holds a password; put it into the environment instead")
        return value

    @field_validator("files")
    @classmethod
    def _no_password_in_files(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            cls._no_password(pattern)
        return value

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum((bool(self.files), self.command is not None, self.uri is not None)) != 1:
            raise ValueError('needs exactly one of files = "...", command = "..." or uri = "..."')
        return self


class _Owner(Strict):
    """An owner of sources. Times without an offset are in `timezone`, which is UTC where the site names no zone."""

    timezone: str = "UTC"
    sources: dict[str, Source] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather_sources(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        own = {k: v for k, v in value.items() if k in cls.model_fields and k != "sources"}
        tables = {k: v for k, v in value.items() if k not in own and k != "sources"}
        return {**own, "sources": {**value.get("sources", {}), **tables}}

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return _check_zone(value)


class Cluster(_Owner):
    """A machine that runs jobs."""


class FileSystem(_Owner):
    """A file system: its mount points on the clusters, and its name in the servers' own tools."""

    mounts: tuple[str, ...] = ()
    backend: str | None = None

    @field_validator("mounts")
    @classmethod
    def _absolute_mounts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for mount in value:
            if not mount.startswith("/"):
                raise ValueError(f"{mount!r} is not an absolute path; write it as jobs see it, /...")
        return value


class Endpoint(_Owner):
    """Where files enter and leave a centre: its transfer servers, an archive, a border router."""


class Site(Strict):
    """A centre. `root` is the folder that relative paths start from: site.toml's own."""

    lake: LakeSettings = LakeSettings()
    pages: PageSettings = PageSettings()
    check: CheckSettings = CheckSettings()
    workers: WorkerSettings = WorkerSettings()
    clusters: dict[str, Cluster] = Field(default_factory=dict)
    file_systems: dict[str, FileSystem] = Field(default_factory=dict)
    endpoints: dict[str, Endpoint] = Field(default_factory=dict)
    findings: dict[str, Threshold] = Field(default_factory=dict)
    """Thresholds of finding_rules by code, in place of the rules' own."""
    root: str = "."

    @field_validator("findings")
    @classmethod
    def _known_rules(cls, value: dict[str, float]) -> dict[str, float]:
        for code in value:
            if code not in CODES:
                near = get_close_matches(code, CODES, 1)
                hint = f"write {near[0]}" if near else 'iolake sql "FROM finding_rules" lists the rules'
                raise ValueError(f"{code!r} is not a rule of finding_rules; {hint}")
        return value

    @model_validator(mode="after")
    def _names_make_partitions(self) -> Self:
        if NULL_PARTITION in {**self.clusters, **self.file_systems, **self.endpoints}:
            raise ValueError(f"{NULL_PARTITION}: readers take a folder of this name for null; choose another name")
        return self

    @model_validator(mode="after")
    def _nothing_written_to_etc(self) -> Self:
        """A lake beside a site.toml in /etc would fill the system's own disk (FHS 3.0, section 3.7: no data there)."""
        for key, path in (("lake.uri", self.lake.uri), ("pages.folder", self.pages.folder or "")):
            if self.resolve(path).startswith("/etc/") and path:
                raise ValueError(
                    f"{key}: {self.resolve(path)} is below /etc; write a path such as /var/lib/iolake/lake"
                )
        return self

    @model_validator(mode="after")
    def _one_file_system_a_mount(self) -> Self:
        owners: dict[str, str] = {}
        for name, file_system in self.file_systems.items():
            for mount in file_system.mounts:
                if (other := owners.setdefault(mount.rstrip("/") or "/", name)) != name:
                    raise ValueError(
                        f"file_systems.{name}.mounts: {mount} is {other}'s already; leave it to one of them"
                    )
        return self

    @model_validator(mode="after")
    def _zone_of_every_source(self) -> Self:
        """A site that names zones names one for each source: one that was forgotten would be hours off (P8)."""
        owners = [(f"{k}s.{name}", o) for k in OWNER_KINDS for name, o in self.owners(k).items()]
        without = [
            f"{key}.{source}"
            for key, owner in owners
            for source, where in owner.sources.items()
            if "timezone" not in owner.model_fields_set and where.timezone is None
        ]
        if without and not self.names_no_zone:
            raise ValueError(f'{", ".join(without)}: has no timezone; write timezone = "UTC", or the zone of its times')
        return self

    @property
    def names_no_zone(self) -> bool:
        """Whether no owner and no source has a timezone, so that every time without an offset is read as UTC."""
        owners = [o for k in OWNER_KINDS for o in self.owners(k).values()]
        return not any("timezone" in o.model_fields_set or any(s.timezone for s in o.sources.values()) for o in owners)

    @classmethod
    def read(cls, path: str | Path) -> Site:
        """Read site.toml; SiteError names each wrong key and the mend."""
        try:
            text = Path(path).read_text("utf-8")
        except FileNotFoundError:
            raise SiteError(str(path), ["no such file; name one with --site or IOLAKE_SITE"]) from None
        except (UnicodeDecodeError, OSError) as error:
            raise SiteError(str(path), [f"not readable as TOML: {error}"]) from None
        return cls.parse(text, path)

    @classmethod
    def parse(cls, text: str, path: str | Path) -> Site:
        """The site that the text of the site.toml at `path` describes; SiteError names each wrong key and the mend."""
        try:
            return cls.model_validate({**tomllib.loads(text), "root": str(Path(path).resolve().parent)})
        except tomllib.TOMLDecodeError as error:
            raise SiteError(str(path), [f"not readable as TOML: {error}"]) from None
        except ValidationError as error:
            raise SiteError(str(path), [_explain(e) for e in error.errors()]) from None

    def with_dask(self, dask: str) -> Site:
        """The same site, read on those workers of Dask. SiteError."""
        try:
            workers = WorkerSettings.model_validate({**self.workers.model_dump(), "dask": dask})
        except ValidationError as error:
            raise SiteError("--dask", [_explain(e) for e in error.errors()]) from None
        return self.model_copy(update={"workers": workers})

    def owners(self, kind: OwnerKind) -> Mapping[str, Cluster | FileSystem | Endpoint]:
        """The site's clusters, file systems or endpoints, by name."""
        found: dict[OwnerKind, Mapping[str, Cluster | FileSystem | Endpoint]] = {
            "cluster": self.clusters,
            "file_system": self.file_systems,
            "endpoint": self.endpoints,
        }
        return found[kind]

    def sources(self, kind: OwnerKind, source: str) -> Iterator[tuple[str, Source, ZoneInfo]]:
        """(owner, where it lies, its zone) for each owner of that kind that has the source."""
        for name, owner in self.owners(kind).items():
            if (found := owner.sources.get(source)) is not None:
                yield name, found, ZoneInfo(found.timezone or owner.timezone)

    def resolve(self, path: str) -> str:
        """A path or URL of site.toml made absolute, its .. resolved; `sqlite:///x` too."""
        return _absolute(self.root, path)

    def pattern(self, text: str) -> str:
        """A pattern of files made absolute. Special characters in the name of site.toml's folder match themselves."""
        return _absolute(glob.escape(self.root), text)

    def place(self, uri: str) -> str:
        """The part of a location below site.toml's folder; empty for a location elsewhere.

        It identifies an input also after the folder was moved.
        """
        root = self.root.rstrip("/") + "/"
        for scheme in ("", "file://", "sqlite:///"):
            if uri.startswith(scheme + root):
                return uri[len(scheme + root) :]
        return ""

    @property
    def lake_uri(self) -> str:
        """Where the lake lies, absolute."""
        return self.resolve(self.lake.uri)

    @property
    def pages_folder(self) -> Path | None:
        """Where the nightly run writes its pages, absolute; None where site.toml names no folder."""
        if self.pages.folder is not None:
            return Path(self.resolve(self.pages.folder))
        return None if "://" in self.lake_uri else Path(self.lake_uri).parent / "pages"

    @cached_property
    def mounts(self) -> dict[str, str]:
        """Mount point to file system, for every mount of the site."""
        return {m.rstrip("/") or "/": name for name, fs in self.file_systems.items() for m in fs.mounts}

    def file_system_of(self, path: str) -> str | None:
        """The file system that holds `path`, by the longest mount point on whole path components."""
        mount = longest_mount(path, self.mounts)
        return None if mount is None else self.mounts[mount]


def _absolute(root: str, path: str) -> str:
    for prefix in ("sqlite:///", ""):
        if path.startswith(prefix):
            rest = path[len(prefix) :]
            return path if "://" in rest else prefix + os.path.normpath(os.path.join(root, rest))
    raise AssertionError("every path starts with the empty prefix")


def longest_mount(path: str, mounts: Iterable[str]) -> str | None:
    """The longest of `mounts` that holds `path`: "/scratch2" holds "/scratch2/x" but not "/scratch20/x"."""
    best: str | None = None
    for mount in mounts:
        prefix = mount.rstrip("/") + "/"
        if (path == mount or path.startswith(prefix)) and (best is None or len(mount) > len(best)):
            best = mount
    return best


def password(owner: str, source: str) -> str | None:
    """The password of a source: the environment's IOLAKE_PASSWORD_<OWNER>_<SOURCE>, in capitals."""
    return os.environ.get(password_variable(owner, source))


def password_variable(owner: str, source: str) -> str:
    """The name of the variable that holds the password of a source."""
    return re.sub(r"\W", "_", f"IOLAKE_PASSWORD_{owner}_{source}").upper()


def _check_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not a time zone; use a name such as America/Los_Angeles")
    return name


_SOURCE: Final = 'is not a source; write { files = "..." }, { command = "..." } or { uri = "..." }, or remove it'
_MENDS: Final = {
    "model_type": "is not a table; write its keys below [its name]",
    "dict_type": "is not a table; write { key = value }",
    "tuple_type": 'is not a list of texts; write ["..."]',
    "string_type": 'is not a text; write it in quotes, "..."',
    "float_type": "is not a number; write it without quotes",
    "float_parsing": "is not a number; write it without quotes",
    "extra_forbidden": "is not a key of site.toml; remove it or correct its name",
    "greater_than_equal": "is not 0 or more",
    "greater_than": "is not more than 0",
    "less_than_equal": "is too large; write at most 100 for a percentage, 3650 for days",
    "finite_number": "is not a finite number",
}
"""The message for a value of the wrong type, without the value, which may hold a password."""


def _explain(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"] if part != "sources")
    if error["type"] == "model_type" and "sources" in error["loc"]:
        return f"{key}: {_SOURCE}{_meant(key)}"
    message = _MENDS.get(error["type"], error["msg"].removeprefix("Value error, "))
    message += _meant(key) if error["type"] == "extra_forbidden" else ""
    return f"{key}: {message}" if key else message


def _meant(key: str) -> str:
    """A question for the known key that is nearly the last part of a wrong one, if there is any."""
    models = (Site, Source, Cluster, FileSystem, Endpoint, LakeSettings, CheckSettings, PageSettings, WorkerSettings)
    known = {name for model in models for name in model.model_fields} - {"sources", "root"}
    last = key.rpartition(".")[2]
    near = get_close_matches(last, sorted(known - {last}), 1, 0.8)
    return f"; did you mean {near[0]}?" if near else ""
