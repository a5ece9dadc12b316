"""pytokio's samples in one lake: each row of docs/from-pytokio.md is run, and a job of that day is judged."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from iolake import Lake
from iolake.pipelines.cli import cli
from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site

pytest.importorskip("scipy", reason="needs iolake[analysis]")

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "from-pytokio.md").read_text()
JOB = 4478544
ASKED = re.findall(r"^\| [^|]+ \| `((?:SELECT|FROM|iolake) [^|]+)` \| ([^|]*)\|$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def edison(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The lake of the site.toml beside this file."""
    site = Site.read(Path(__file__).with_name("pytokio.toml"))
    uri = str(tmp_path_factory.mktemp("pytokio") / "lake")
    ingest(site.model_copy(update={"lake": site.lake.model_copy(update={"uri": uri})}), workers=0)
    return Lake(uri)


def alike(shown: str, found: object) -> bool:
    """Whether a value is the one of the page, to as many digits as the page has."""
    if not isinstance(found, (int, float)) or isinstance(found, bool):
        return str(found) == shown
    digits = len(shown.partition(".")[2])
    return abs(float(shown) - float(found)) <= max(0.51 * 10.0**-digits if digits else 0, 1e-12 * abs(float(shown)))


def test_the_page_asks_for_each_kind_of_data() -> None:
    assert len(ASKED) >= 30


@pytest.mark.parametrize(("asked", "answer"), ASKED, ids=[re.sub(r"\W+", "-", asked)[:60] for asked, _ in ASKED])
def test_the_lake_answers_as_pytokio_does(edison: Lake, asked: str, answer: str) -> None:
    """The oracle is pytokio's output on the same files."""
    shown = [part.strip() for part in answer.split(",") if part.strip()]
    if not asked.startswith("iolake "):
        (row,) = edison.sql(asked).fetchall()
        assert len(row) == len(shown)
        assert all(alike(t, v) for t, v in zip(shown, row, strict=True)), row
        return
    done = CliRunner().invoke(cli, [*asked.split()[1:], "--format", "json", "--lake", edison.uri])
    assert done.exit_code == 0, done.output
    first = json.loads(done.output.splitlines()[0]) if shown else {}
    first = first.get("run", first)
    for name, _, value in (part.partition(" = ") for part in shown):
        assert alike(value, first[name]), first


def test_two_targets_on_a_server_that_had_taken_over_anothers_are_the_cause(edison: Lake) -> None:
    """The oracle is pytokio's: 10.100.101.7 served OST0002 and OST0003, where one target a server is usual.

    The lake has no other run of the programs: the verdict rests on the run's own ranks, says so, and knows no loss.
    """
    asked = (
        "SELECT cause, culprit, lost_s, confidence, sentence FROM job_verdict WHERE cluster = 'nersc' AND job_id = $1"
    )
    (found,) = edison.sql(asked, [JOB]).fetchall()
    cause, culprit, lost_s, confidence, sentence = found
    assert (cause, culprit, lost_s) == ("failed-over server", "scratch2 OST0002, OST0003", None)
    assert 0 < confidence < 0.5
    assert "10.100.101.7" in sentence and "Nothing to compare it with" in sentence


def test_the_day_of_the_file_system_names_both_targets(edison: Lake) -> None:
    asked = "SELECT target, value, sentence FROM file_system_findings WHERE code = 'crowded-server' ORDER BY target"
    found = edison.sql(asked).fetchall()
    assert {(target, value) for target, value, _ in found} == {("OST0002", 1.0), ("OST0003", 1.0)}
    assert all("10.100.101.7 served 2 targets, where 1 is usual" in sentence for _, _, sentence in found)
    unwatched = "SELECT DISTINCT value FROM file_system_findings WHERE code = 'unwatched' AND file_system = 'scratch2'"
    assert edison.sql(unwatched).fetchall() == [(0.0,)]


def test_the_targets_of_the_job_are_as_full_as_lfs_df_says(edison: Lake) -> None:
    """P6: the oracle is pytokio's: OST0006 was the fullest, at 82.3314 %."""
    asked = "SELECT ost, used_pct FROM target_states('scratch2', NULL, NULL)"
    (found,) = edison.sql(
        f"{asked} WHERE ts <= '2017-03-20 09:07:47' ORDER BY ts DESC, used_pct DESC LIMIT 1"
    ).fetchall()
    assert found == ("OST0006", pytest.approx(82.3314, abs=1e-4))
