"""site.toml: an error names the key and what to write, in the words of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from iolake.schemas.site import Site, SiteError


def problems(folder: Path, text: str) -> list[str]:
    """The problems that reading a site.toml of this text reports."""
    (folder / "site.toml").write_text(text)
    with pytest.raises(SiteError) as caught:
        Site.read(folder / "site.toml")
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "key", "mend"),
    [
        ('[clusters.c]\nslurm = "mysql://u:secret@h/db"', "clusters.c.slurm", 'write { files = "..." }'),
        ("[clusters.c]\nslurm = { files = 5 }", "clusters.c.slurm.files", 'write ["..."]'),
        ("[clusters.c]\nslurm = { files = [5] }", "clusters.c.slurm.files.0", "write it in quotes"),
        ("[clusters.c]\nslurm = { command = 5 }", "clusters.c.slurm.command", "write it in quotes"),
        ('[clusters.c]\njobs = { files = "x", options = 3 }', "clusters.c.jobs.options", "write { key = value }"),
        ('[file_systems.f]\nmounts = "/f"', "file_systems.f.mounts", 'write ["..."]'),
        ('[file_systems.f]\nmount = "/f"', "file_systems.f.mount", "did you mean mounts?"),
        ('[clusters.c]\nslurm = { file = "x" }', "clusters.c.slurm.file", "did you mean files?"),
        ("[clusters]\nc = 5", "clusters.c", "below [its name]"),
        ("clusters = 5", "clusters", "is not a table"),
        ('[lake]\nretention_days = "long"', "lake.retention_days", "is not a number"),
        ("[lake]\nretention_days = -1", "lake.retention_days", "0 or more"),
        ("[lake]\norphan_age_hours = nan", "lake.orphan_age_hours", "0 or more"),
    ],
)
def test_a_value_of_another_type_is_named_with_the_mend_and_not_shown(
    tmp_path: Path, text: str, key: str, mend: str
) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(f"{key}: ") and mend in problem
    assert "secret" not in problem and "Input should" not in problem


def test_a_lake_may_keep_its_snapshots_for_ever(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("[lake]\nretention_days = inf")
    assert Site.read(tmp_path / "site.toml").lake.retention_days == float("inf")


@pytest.mark.parametrize("directive", ["%Q", "%-b", "%F", "%D"])
def test_a_directive_that_no_pattern_knows_is_named_with_those_that_it_does(tmp_path: Path, directive: str) -> None:
    (problem,) = problems(tmp_path, f'[clusters.c]\nslurm = {{ files = ["a/%Y", "x/{directive}.txt"] }}')
    assert problem.startswith(f"clusters.c.slurm.files: has {directive}; ")
    assert "%Y %m %d %j %H %M %S %y" in problem


@pytest.mark.parametrize("pattern", ["%Y/%-m/%-d/%j-%y-%H%M%S", "100%/x", "a%20b/%Y", "100%"])
def test_known_directives_and_percent_signs_may_stand_in_a_pattern(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "site.toml").write_text(f'[clusters.c]\nslurm = {{ files = "{pattern}" }}')
    assert Site.read(tmp_path / "site.toml").clusters["c"].sources["slurm"].files == (pattern,)


@pytest.mark.parametrize(
    ("mounts", "message"),
    [
        ('mounts = ["scratch"]', "file_systems.b.mounts: 'scratch' is not an absolute path"),
        ('mounts = ["/home/"]', "file_systems.b.mounts: /home/ is a's already"),
    ],
)
def test_a_mount_that_can_hold_no_path_or_is_anothers_is_refused(tmp_path: Path, mounts: str, message: str) -> None:
    text = f'[file_systems.a]\nmounts = ["/home"]\n[file_systems.b]\n{mounts}\n'
    with pytest.raises(SiteError) as error:
        Site.parse(text, tmp_path / "site.toml")
    assert message in str(error.value)


def test_an_endpoint_is_an_owner_of_sources_like_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(
        '[endpoints.archive]\ntimezone = "America/Los_Angeles"\nhsi = { files = "hsi/%Y-%m-%d.log" }\n'
    )
    site = Site.read(tmp_path / "site.toml")
    assert list(site.owners("endpoint")) == ["archive"]
    assert [(name, zone.key) for name, _, zone in site.sources("endpoint", "hsi")] == [
        ("archive", "America/Los_Angeles")
    ]


def test_a_source_whose_zone_was_forgotten_is_named(tmp_path: Path) -> None:
    """P8: where a site names zones, a source without one would be hours off."""
    path = tmp_path / "site.toml"
    path.write_text(
        '[clusters.c]\ntimezone = "Europe/Paris"\nslurm = { command = "sacct" }\n'
        '[file_systems.f]\nhdf5 = { files = "x" }\n'
    )
    with pytest.raises(SiteError, match=r"file_systems\.f\.hdf5: has no timezone"):
        Site.read(path)
    path.write_text('[file_systems.f]\nhdf5 = { files = "x" }\n')
    assert Site.read(path).names_no_zone


@pytest.mark.parametrize("uri", ["s3://KEY:SECRET@bucket/lake", "s3://bucket/lake?password=SECRET"])
def test_a_secret_in_the_lakes_address_is_refused(uri: str) -> None:
    """Every message that names a file of the lake would show it."""
    with pytest.raises(ValidationError, match="holds a password"):
        Site.model_validate({"root": "/", "lake": {"uri": uri}})


def test_an_unknown_group_of_a_job_id_pattern_is_named() -> None:
    source = {"files": "*.txt", "job_id": r"(?P<job_id>\d+)(?P<jobname>\w+)"}
    with pytest.raises(ValidationError, match="has a group 'jobname'; known groups are job_id, cluster, executable"):
        Site.model_validate({"root": "/", "file_systems": {"a": {"params": source}}})


def test_no_owner_has_the_name_that_readers_take_for_null() -> None:
    with pytest.raises(ValueError, match="choose another name"):
        Site.model_validate({"clusters": {"__HIVE_DEFAULT_PARTITION__": {}}})


@pytest.mark.parametrize(
    ("line", "key", "mend"),
    [
        ("small-read = 5", "findings", "write small-reads"),
        ("nothing-like-it = 5", "findings", "finding_rules"),
        ('small-reads = "5"', "findings.small-reads", "is not a number"),
        ("small-reads = true", "findings.small-reads", "is not a number"),
        ("small-reads = -1", "findings.small-reads", "is not 0 or more"),
        ("small-reads = nan", "findings.small-reads", "is not a finite number"),
        ("small-reads = inf", "findings.small-reads", "is not a finite number"),
    ],
)
def test_a_threshold_is_a_number_of_a_rule_that_there_is(tmp_path: Path, line: str, key: str, mend: str) -> None:
    (problem,) = problems(tmp_path, f"[findings]\n{line}")
    assert problem.startswith(f"{key}: ") and mend in problem


def test_thresholds_are_read_by_code(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("[findings]\nsmall-reads = 25\nfull-target = 85.5")
    assert Site.read(tmp_path / "site.toml").findings == {"small-reads": 25.0, "full-target": 85.5}
