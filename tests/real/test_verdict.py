"""The verdict of a real job: Edison, 2017-03-20, when a server of scratch2 had taken over another's target."""

from __future__ import annotations

from pathlib import Path

import pytest

from iolake import Lake
from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site


@pytest.fixture(scope="module")
def edison(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake of the two logs of job 4478544, its scheduler's record, and the state of its file system that day."""
    root, pytokio = tmp_path_factory.mktemp("edison"), samples / "pytokio"
    (root / "site.toml").write_text(f"""
        [lake]
        uri = "lake"
        [clusters.edison]
        timezone = "America/Los_Angeles"
        darshan = {{ files = ["{pytokio}/sample.darshan", "{pytokio}/sample-2.darshan"] }}
        slurm = {{ files = "{pytokio}/sample.slurm" }}
        [file_systems.scratch2]
        mounts = ["/scratch2"]
        backend = "snx11035"
        timezone = "America/Los_Angeles"
        df = {{ files = "{pytokio}/%Y-%m-%d/osts.txt.gz" }}
        targets = {{ files = "{pytokio}/%Y-%m-%d/ost-map.txt.gz" }}
    """)
    ingest(Site.read(root / "site.toml"), workers=1)
    return Lake(root / "lake")


def test_two_targets_on_a_server_that_had_taken_over_anothers_are_the_cause(edison: Lake) -> None:
    """The oracle is pytokio's: 10.100.101.7 served OST0002 and OST0003, where one target a server is usual.

    The lake has no other run of the programs: the verdict rests on the run's own ranks, says so, and knows no loss.
    """
    (found,) = edison.sql("SELECT cause, culprit, lost_s, confidence, sentence FROM job_verdict").fetchall()
    cause, culprit, lost_s, confidence, sentence = found
    assert (cause, culprit, lost_s) == ("failing target", "scratch2 OST0002, OST0003", None)
    assert 0 < confidence < 0.5
    assert "10.100.101.7" in sentence and "Nothing to compare it with" in sentence


def test_the_day_of_the_file_system_names_both_targets(edison: Lake) -> None:
    asked = "SELECT target, value, sentence FROM file_system_findings WHERE code = 'crowded-server' ORDER BY target"
    found = edison.sql(asked).fetchall()
    assert {(target, value) for target, value, _ in found} == {("OST0002", 1.0), ("OST0003", 1.0)}
    assert all("10.100.101.7 served 2 targets, where 1 is usual" in sentence for _, _, sentence in found)
    assert edison.sql("SELECT DISTINCT value FROM file_system_findings WHERE code = 'unwatched'").fetchall() == [(0.0,)]


def test_the_targets_of_the_job_are_as_full_as_lfs_df_says(edison: Lake) -> None:
    """P6: the oracle is pytokio's: OST0006 was the fullest, at 82.3314 %."""
    asked = "SELECT ost, used_pct FROM target_states('scratch2', NULL, NULL)"
    (found,) = edison.sql(
        f"{asked} WHERE ts <= '2017-03-20 09:07:47' ORDER BY ts DESC, used_pct DESC LIMIT 1"
    ).fetchall()
    assert found == ("OST0006", pytest.approx(82.3314, abs=1e-4))
