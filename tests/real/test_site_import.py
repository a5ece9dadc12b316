"""pytokio's own site.json as a site.toml."""

import json
from pathlib import Path

import pytest

from iolake.pipelines.site_import import import_site
from iolake.schemas.site import Site


@pytest.fixture(scope="module")
def site(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    path = tmp_path_factory.mktemp("site") / "site.toml"
    path.write_text(import_site(samples / "pytokio" / "site.json"))
    return Site.read(path)


def test_every_file_system_with_a_plain_mount_has_it(site: Site) -> None:
    assert site.mounts == {
        "/projects/radix-io": "mira-fs1",
        "/scratch1": "scratch1",
        "/scratch2": "scratch2",
        "/scratch3": "scratch3",
        "/global/cscratch1": "cscratch",
        "/global/project": "project2",
        "/global/projectb": "projectb",
        "/global/projecta": "projecta",
        "/global/u1": "homes-u1",
        "/global/u2": "homes-u2",
        "/hello": "hellofs",
        "/hello/world": "hellofs2",
    }


def test_the_longest_literal_mount_wins_whatever_pytokios_order(site: Site) -> None:
    """pytokio's two rules take project2 for the first of these paths, and hellofs for the second."""
    assert site.file_system_of("/global/projectb/x") == "projectb"
    assert site.file_system_of("/hello/world/x") == "hellofs2"
    assert site.file_system_of("/skippy/dippy/x") is None


def test_backends_and_sources_are_the_configurations(site: Site) -> None:
    scratch2 = site.file_systems["scratch2"]
    assert scratch2.backend == "snx11035"
    assert scratch2.sources["hdf5"].files == (
        "inputs/%Y-%m-%d/snx11035.hdf5",
        "inputs/%Y-%m-%d/edison_snx11035.h5lmt",
    )
    assert scratch2.sources["df"].files[0] == "inputs/%Y-%m-%d/osts.txt.gz"
    assert scratch2.sources["targets"].files[0] == "inputs/%Y-%m-%d/ost-map.txt.gz"
    cluster = site.clusters["testsystem"]
    assert cluster.sources["darshan"].files == ("inputs/darshanlogs/%Y/%-m/%-d/*.darshan",)
    assert cluster.sources["slurm"].command == "sacct"


def test_the_other_sources_of_the_configuration_are_carried_over(site: Site) -> None:
    project = site.file_systems["project2"].sources["mmperfmon"]
    assert project.files[1].endswith("output/*/ngfsv*.nersc.gov.%Y-%m-%d-%H:00:00.out.gz")
    assert project.options["luns"][r"^ddn\d+dt\d+$"] == "datatarget"
    assert project.options["servers"]["^ngfsv49[23]"] == "mdserver"
    assert site.clusters["testsystem"].sources["ssd"].files == ("inputs/%Y-%m-%d/Intel_DCT_%Y%m%d.tgz",)
    assert site.endpoints["hpss"].sources["hpss_report"].files == ("inputs/hpss_daily_%Y%m%d",)
    esnet = site.endpoints["nersc"].sources["esnet_snmp"]
    assert esnet.uri == "https://graphite.es.net/snmp/west"
    assert esnet.options["interfaces"]["sacr-cr5"] == ["to_nersc_ip-e"]
    assert list(site.endpoints) == ["hpss", "nersc", "alcf"]


def test_every_key_is_named_as_carried_over_or_not(samples: Path) -> None:
    """P5."""
    text = import_site(samples / "pytokio" / "site.json")
    keys = json.loads((samples / "pytokio" / "site.json").read_text())
    head, _, left = text.partition("# Not carried over:\n")
    taken = head.rpartition("# Carried over: ")[2].strip().rstrip(".").split(", ")
    assert sorted([*taken, *(line.split(":")[0].removeprefix("# ") for line in left.splitlines())]) == sorted(keys)
    assert left.splitlines() == [
        "# lmt_timestep: the files and databases tell their own time step",
        "# test_list: not a key of pytokio's that iolake knows",
        "# lfsstatus_fullness_providers: the order of the sources in a file system's table decides",
    ]
