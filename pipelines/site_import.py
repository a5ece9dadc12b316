"""A pytokio configuration (site.json) as the text of a site.toml."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from iolake.schemas.site import Site, SiteError

_DARSHAN: Final = "{folder}/%Y/%-m/%-d/*.darshan"
"""pytokio's layout of Darshan logs: the day's folders without leading zeros."""
_HEAD: Final = """\
# From pytokio's {name}.
# Check each timezone: pytokio read all times in the zone of the process that ran it, and noted it nowhere.
# Relative paths start from this file's folder; pytokio's started from wherever it was run.
"""
_LEFT_OUT: Final = {
    "lmt_timestep": "the files and databases tell their own time step",
    "lfsstatus_fullness_providers": "the order of the sources in a file system's table decides",
}
_TAKEN: Final = {
    "mount_to_fsname", "fsname_to_backend_name", "hdf5_files", "darshan_log_dirs", "lfsstatus_fullness_files",
    "lfsstatus_map_files", "jobinfo_jobid_providers", "jobinfo_jobnodes_providers", "isdct_files", "hpss_report_files",
    "mmperfmon_output_files", "mmperfmon_lun_map", "mmperfmon_server_map", "esnet_snmp_url", "esnet_snmp_interfaces",
}  # fmt: skip


def import_site(path: str | Path) -> str:
    """The text of a site.toml for pytokio's site.json at `path`; what has no place in it is said in its comments.

    Mounts are pytokio's patterns that are plain paths: iolake gives a path to the longest mount that holds it,
    whatever the order. SiteError where the file is not pytokio's, or holds what a site.toml can't.
    """
    config = _Config(path)
    parts = [_HEAD.format(name=Path(path).name)]
    owners = (*_clusters(config), *_file_systems(config), *_endpoints(config))
    parts += ["\n".join(lines) + "\n" for lines in owners]
    if taken := sorted(_TAKEN & config.values.keys()):
        parts.append(f"# Carried over: {', '.join(taken)}.\n")
    if left := [f"# {key}: {why}" for key, why in _left_out(config)]:
        parts.append("\n".join(["# Not carried over:", *left]) + "\n")
    text = "\n".join(parts)
    Site.parse(text, path)
    return text


class _Config:
    """pytokio's configuration, its keys in lower case as pytokio takes them."""

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        try:
            values = json.loads(Path(path).read_text("utf-8"))
        except FileNotFoundError:
            raise SiteError(self.path, ["no such file"]) from None
        except (ValueError, OSError) as error:
            raise SiteError(self.path, [f"not readable as JSON: {error}; write a YAML one as JSON first"]) from None
        if not isinstance(values, dict):
            raise SiteError(self.path, ["holds no keys; pytokio's site.json is an object"])
        self.values: dict[str, Any] = {k.lower(): v for k, v in values.items() if not k.startswith("_")}

    def table(self, key: str) -> Mapping[str, Any]:
        """A key that maps names to something; empty where it is absent."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise SiteError(self.path, [f"{key}: is not an object of names"])
        return value

    def texts(self, key: str) -> Mapping[str, str]:
        """A key that maps names to text; empty where it is absent."""
        found = self.table(key)
        if wrong := [name for name, value in found.items() if not isinstance(value, str)]:
            raise SiteError(self.path, [f"{key}: has no text for {', '.join(map(_text, wrong))}"])
        return found

    def patterns(self, key: str, name: str) -> list[str]:
        """The file patterns of a key for one name: pytokio has one, a list, or an object of either by name."""
        value = self.values.get(key, [])
        value = value.get(name, []) if isinstance(value, dict) else value
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(pattern, str) for pattern in found):
            raise SiteError(self.path, [f"{key}: is neither a file pattern nor a list of them"])
        return found


def _clusters(config: _Config) -> Iterator[list[str]]:
    """Each host that has Darshan logs, as the lines of a cluster."""
    providers = {
        provider
        for key in ("jobinfo_jobid_providers", "jobinfo_jobnodes_providers")
        for provider in config.patterns(key, "")
    }
    hosts = config.texts("darshan_log_dirs")
    drives = config.patterns("isdct_files", "")
    for host, folder in hosts.items():
        lines = [f"[clusters.{_key(host)}]", 'timezone = "UTC"']
        lines.append(f"darshan = {{ files = {_text(_DARSHAN.format(folder=folder.rstrip('/')))} }}")
        if "slurm" in providers:
            lines.append('slurm = { command = "sacct" }')
        lines += [
            f"# jobs from {name}: site.json does not say where these lie" for name in sorted(providers - {"slurm"})
        ]
        if drives and len(hosts) == 1:
            lines.append(f"ssd = {{ files = {_one_or_list(drives)} }}")
        yield lines
    if drives and len(hosts) != 1:
        remark = "# site.json does not say which machine's drives these are"
        yield ["[clusters.drives]", remark, 'timezone = "UTC"', f"ssd = {{ files = {_one_or_list(drives)} }}"]


def _endpoints(config: _Config) -> Iterator[list[str]]:
    """Yield the lines of the archive that has reports, and of each centre that has interfaces."""
    if reports := config.patterns("hpss_report_files", ""):
        yield ["[endpoints.hpss]", 'timezone = "UTC"', f"hpss_report = {{ files = {_one_or_list(reports)} }}"]
    address = config.values.get("esnet_snmp_url")
    for centre, routers in config.table("esnet_snmp_interfaces").items():
        if not isinstance(routers, dict) or not all(isinstance(names, list) for names in routers.values()):
            raise SiteError(config.path, [f"esnet_snmp_interfaces: {centre} is not an object of routers"])
        if not isinstance(address, str):
            raise SiteError(config.path, ["esnet_snmp_url: is not an address, and esnet_snmp_interfaces needs one"])
        interfaces = ", ".join(
            f"{_key(router)} = {_list([str(n) for n in names])}" for router, names in routers.items()
        )
        options = f"options = {{ interfaces = {{ {interfaces} }} }}"
        yield [
            f"[endpoints.{_key(centre)}]",
            'timezone = "UTC"',
            f"esnet_snmp = {{ uri = {_text(address)}, {options} }}",
        ]


def _file_systems(config: _Config) -> Iterator[list[str]]:
    """Each file system that is named anywhere with a mount, a backend or files, as its lines."""
    backends, hdf5 = config.texts("fsname_to_backend_name"), config.table("hdf5_files")
    reports = config.table("mmperfmon_output_files")
    patterns: dict[str, list[str]] = {}
    for pattern, name in config.texts("mount_to_fsname").items():
        patterns.setdefault(name, []).append(pattern)
    taken: dict[str, str] = {}
    for name in dict.fromkeys((*patterns, *backends, *hdf5, *reports)):
        lines = [f"[file_systems.{_key(name)}]"]
        mounts, remarks = _mounts(name, patterns.get(name, []), taken)
        lines += [f"mounts = {_list(mounts)}"] if mounts else []
        lines += remarks
        if name in backends:
            lines.append(f"backend = {_text(backends[name])}")
        # The snapshots' files hold all file systems of a client, each under its backend's name.
        snapshots = {"df": "lfsstatus_fullness_files", "targets": "lfsstatus_map_files"} if name in backends else {}
        sources = [
            f"{source} = {{ files = {_one_or_list(files)} }}"
            for source, key in {"hdf5": "hdf5_files", **snapshots}.items()
            if (files := config.patterns(key, name))
        ]
        if name in reports:
            where = _one_or_list(config.patterns("mmperfmon_output_files", name))
            sources.append(f"mmperfmon = {{ files = {where}{_roles(config)} }}")
        yield [*lines, *(['timezone = "UTC"'] if sources else []), *sources]


def _roles(config: _Config) -> str:
    """Return pytokio's maps of LUNs and servers to roles as the options of mmperfmon."""
    maps = {"luns": config.texts("mmperfmon_lun_map"), "servers": config.texts("mmperfmon_server_map")}
    tables = [
        f"{name} = {{ {', '.join(f'{_text(pattern)} = {_text(role)}' for pattern, role in roles.items())} }}"
        for name, roles in maps.items()
        if roles
    ]
    return f", options = {{ {', '.join(tables)} }}" if tables else ""


def _mounts(name: str, patterns: Sequence[str], taken: dict[str, str]) -> tuple[list[str], list[str]]:
    """The plain paths among a file system's patterns, and a comment for each other pattern and each path in use."""
    mounts, remarks = [], []
    for pattern in patterns:
        mount = _literal(pattern)
        if mount is None:
            remarks.append(f"# mounts: {_text(pattern)} is not a plain path; list the mount points that it matches")
        elif taken.setdefault(mount, name) != name:
            remarks.append(f"# mounts: {_text(mount)} is {taken[mount]}'s already")
        else:
            mounts.append(mount)
    return list(dict.fromkeys(mounts)), remarks


def _literal(pattern: str) -> str | None:
    """The path that a regular expression spells out; None where it can match more than one text."""
    body = pattern.removeprefix("^").removesuffix("$")
    plain = re.sub(r"\\([^\w\s])", "", body)
    if re.search(r"[\\.^$*+?{}\[\]|()]", plain) or not body.startswith("/"):
        return None
    return re.sub(r"\\(.)", r"\1", body).rstrip("/") or "/"


def _left_out(config: _Config) -> Iterator[tuple[str, str]]:
    for key in config.values:
        if key not in _TAKEN:
            yield key, _LEFT_OUT.get(key, "not a key of pytokio's that iolake knows")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(value: str) -> str:
    """A TOML basic string; its escapes are JSON's, but for surrogates, which are not written."""
    return json.dumps(value, ensure_ascii=False)


def _list(values: Sequence[str]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"


def _one_or_list(values: Sequence[str]) -> str:
    return _text(values[0]) if len(values) == 1 else _list(values)
