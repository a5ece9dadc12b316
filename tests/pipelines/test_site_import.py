"""A pytokio configuration as a site.toml."""

import json
import tomllib
from pathlib import Path

import pytest

from iolake.pipelines.site_import import import_site
from iolake.schemas.site import Site, SiteError


def imported(tmp_path: Path, config: object) -> tuple[Site, str]:
    source = tmp_path / "site.json"
    source.write_text(config if isinstance(config, str) else json.dumps(config))
    text = import_site(source)
    target = tmp_path / "site.toml"
    target.write_text(text)
    return Site.read(target), text


def test_the_longest_mount_wins_and_only_on_whole_components(tmp_path: Path) -> None:
    site, _ = imported(
        tmp_path, {"mount_to_fsname": {"^/hello": "hello", "^/hello/world": "world", "^/global/project": "project"}}
    )
    assert site.file_system_of("/hello/world/x") == "world"
    assert site.file_system_of("/hello/worldly") == "hello"
    assert site.file_system_of("/global/projectb/x") is None


@pytest.mark.parametrize(
    ("pattern", "mount"),
    [
        ("^/scratch1", "/scratch1"),
        ("/scratch1/$", "/scratch1"),
        (r"^/lus\.old", "/lus.old"),
        ("^/", "/"),
        ("^/mounts/.*/ss", None),
        ("^/skip[^/]*", None),
        (r"^/scratch\d", None),
        ("scratch1", None),
    ],
)
def test_a_pattern_is_a_mount_only_where_it_is_a_plain_path(tmp_path: Path, pattern: str, mount: str | None) -> None:
    site, text = imported(tmp_path, {"mount_to_fsname": {pattern: "fs"}})
    assert site.file_systems["fs"].mounts == ((mount,) if mount else ())
    assert (json.dumps(pattern) in text) == (mount is None)


def test_a_mount_of_two_file_systems_stays_with_the_first_and_says_so(tmp_path: Path) -> None:
    site, text = imported(tmp_path, {"mount_to_fsname": {"^/a": "one", "/a": "two"}})
    assert site.mounts == {"/a": "one"}
    assert '"/a" is one\'s already' in text


def test_files_may_be_one_pattern_a_list_or_by_file_system(tmp_path: Path) -> None:
    site, _ = imported(
        tmp_path,
        {
            "fsname_to_backend_name": {"a": "snx1", "b": "snx2"},
            "hdf5_files": {"a": "%Y-%m-%d/a.hdf5"},
            "lfsstatus_fullness_files": ["x/%Y-%m-%d.txt", "y/%Y-%m-%d.txt"],
            "lfsstatus_map_files": {"b": "%Y-%m-%d/map.txt"},
        },
    )
    a, b = site.file_systems["a"].sources, site.file_systems["b"].sources
    assert a["hdf5"].files == ("%Y-%m-%d/a.hdf5",)
    assert a["df"].files == b["df"].files == ("x/%Y-%m-%d.txt", "y/%Y-%m-%d.txt")
    assert "targets" not in a
    assert b["targets"].files == ("%Y-%m-%d/map.txt",)


def test_names_that_toml_must_quote_survive(tmp_path: Path) -> None:
    site, _ = imported(
        tmp_path, {"darshan_log_dirs": {"höst.example": 'logs/"x"\\/é'}, "mount_to_fsname": {"/a": "a b"}}
    )
    assert list(site.clusters) == ["höst.example"]
    assert site.clusters["höst.example"].sources["darshan"].files == ('logs/"x"\\/é/%Y/%-m/%-d/*.darshan',)
    assert list(site.file_systems) == ["a b"]


def test_what_has_no_place_is_named_in_a_comment(tmp_path: Path) -> None:
    _, text = imported(
        tmp_path, {"ISDCT_files": "x", "lmt_timestep": 5, "my_own": 1, "_note": "skipped as pytokio meant"}
    )
    comments = [line for line in text.splitlines() if line.startswith("# ")]
    assert comments[-4] == "# Carried over: isdct_files."
    assert [line.split(":")[0] for line in comments[-2:]] == ["# lmt_timestep", "# my_own"]


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("a: yaml\n", "not readable as JSON"),
        ("[1]", "holds no keys"),
        ('{"hdf5_files": ["x"]}', "hdf5_files: is not an object"),
        ('{"hdf5_files": {"a": 5}}', "hdf5_files: is neither a file pattern"),
        ('{"hdf5_files": {"a": "x/%Q"}}', "file_systems.a.hdf5.files: has %Q"),
        ('{"mount_to_fsname": {"^/scratch1": null}}', 'mount_to_fsname: has no text for "\\^/scratch1"'),
        ('{"fsname_to_backend_name": {"s": 5, "t": "x"}}', 'fsname_to_backend_name: has no text for "s"'),
        ('{"fsname_to_backend_name": {"s": ["a", "b"]}}', 'fsname_to_backend_name: has no text for "s"'),
        ('{"darshan_log_dirs": {"c": null}}', 'darshan_log_dirs: has no text for "c"'),
    ],
)
def test_an_invalid_pytokio_configuration_is_named_with_the_problem(tmp_path: Path, config: str, problem: str) -> None:
    with pytest.raises(SiteError, match=problem):
        imported(tmp_path, config)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="no such file"):
        import_site(tmp_path / "site.json")


def test_the_text_is_toml_even_of_an_empty_configuration(tmp_path: Path) -> None:
    _, text = imported(tmp_path, {})
    assert tomllib.loads(text) == {}


def test_drives_of_no_one_machine_and_interfaces_without_an_address_are_named(tmp_path: Path) -> None:
    site, text = imported(tmp_path, {"isdct_files": ["a", "b"], "hpss_report_files": "r"})
    assert site.clusters["drives"].sources["ssd"].files == ("a", "b")
    assert "does not say which machine's drives these are" in text
    for config, reason in [
        ({"esnet_snmp_interfaces": {"nersc": {"r": ["i"]}}}, "esnet_snmp_url: is not an address"),
        ({"esnet_snmp_url": "u", "esnet_snmp_interfaces": {"nersc": ["i"]}}, "nersc is not an object of routers"),
    ]:
        with pytest.raises(SiteError, match=reason):
            imported(tmp_path, config)
