"""The real schedule: `iolake serve` with a Prefect server, its flows and page, and a worker of prefect.yaml."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from iolake.warehouse import Lake
from tests.pipelines.conftest import Webhook
from tests.pipelines.prefect_server import BIN, ROOT, Served, running, serving

TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)
EVERY_15_S = "* * * * * */15"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SNAPSHOT = """BEGIN {epoch}
UUID 1K-blocks Used Available Use% Mounted on
scratch-MDT0000_UUID 1000 100 900 10% /scratch[MDT:0]
scratch-OST0000_UUID 4000 1000 3000 25% /scratch[OST:0]
"""


def _write_df(folder: Path, day: date, hour: int = 12) -> None:
    noon = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    (folder / f"df-{day}.txt").write_text(SNAPSHOT.format(epoch=int(noon.timestamp())))


def _site(folder: Path, *more: str) -> Path:
    """A site whose file system was seen yesterday."""
    folder.mkdir(exist_ok=True)
    _write_df(folder, YESTERDAY)
    path = folder / "site.toml"
    df = 'df = { files = "df-%Y-%m-%d.txt" }'
    path.write_text("\n".join(['[file_systems.scratch]\nmounts = ["/scratch"]', df, *more, ""]))
    return path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with serving(folder, _site(folder), "--cron", EVERY_15_S) as found:
        yield found


@pytest.fixture(scope="module")
def killed(served: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a run whose process was killed with SIGKILL after its first heartbeat; the server watches for more."""
    from prefect.client.orchestration import get_client
    from prefect.events.schemas.automations import AutomationCore
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from iolake.pipelines.zombies import automation

    site = _site(tmp_path_factory.mktemp("killed"), "", "[clusters.c]", 'slurm = { command = "sleep 600" }')
    code = f"from iolake.pipelines.flows import sweep; sweep(site={str(site)!r}, days=1, workers=0)"
    environment = served.environment | {"PREFECT_API_URL": served.api, "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
    with temporary_settings({PREFECT_API_URL: served.api}), get_client(sync_client=True) as client:
        watch = automation(timedelta(seconds=10))
        of_sweeps = {"prefect.resource.role": "flow", "prefect.resource.name": "sweep"}
        watch = watch.model_copy(
            update={"name": "sweeps", "trigger": watch.trigger.model_copy(update={"match_related": of_sweeps})}
        )
        client.create_automation(AutomationCore.model_validate(watch.model_dump()))
    with running([sys.executable, "-c", code], environment, site.parent / "log") as process:
        (run,) = served.wait(lambda: served.runs(name={"like_": "sweep 1 days"}), "the run to be killed")
        of_run = {"id": [f"prefect.flow-run.{run['id']}"]}
        beat = {"filter": {"event": {"name": ["prefect.flow-run.heartbeat"]}, "any_resource": of_run}}
        served.wait(lambda: served.ask("/events/filter", beat)["events"], "a heartbeat")
        process.send_signal(signal.SIGKILL)
    return str(run["id"])


@pytest.fixture
def flows(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The flows, in this process, on the module's server."""
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    from iolake.pipelines import flows

    with temporary_settings({PREFECT_API_URL: served.api, PREFECT_HOME: served.folder / "prefect"}):
        yield flows


def _newest(lake: Path) -> int:
    return Lake(lake).snapshot


def test_serve_runs_the_nightly_flow_on_its_schedule(served: Served, killed: str) -> None:
    """P9: the run is named for the day that ended, loads it, writes its page, and shows what it did."""
    run = served.wait(
        lambda: next((r for r in served.runs(name={"like_": "nightly"}) if r["state_type"] == "COMPLETED"), None),
        "a scheduled run",
    )
    assert run["name"] in {f"nightly {YESTERDAY}", f"nightly {TODAY}"}
    lake = Lake(served.folder / "lake")
    assert lake.sql("SELECT target, used_bytes FROM lustre_df ORDER BY target").fetchall() == [
        ("MDT0000", 100 * 1024),
        ("OST0000", 1000 * 1024),
    ]
    page = served.folder / "pages" / f"{run['name'].split()[1]}.html"
    assert page.exists()
    assert page.name in (page.parent / "index.html").read_text()
    names = served.task_names(run["id"])
    assert f"morning page {page.stem}" in names
    table = served.artifact(run["id"])
    assert page.as_uri() in table["description"]
    (row,) = json.loads(table["data"])
    assert (row["source"], row["owner"], row["day"], row["found"]) == ("df", "scratch", str(YESTERDAY), 1)
    nightly = served.deployments()["nightly"]
    for schedule in nightly["schedules"]:
        subprocess.run(
            [BIN / "prefect", "deployment", "schedule", "delete", "-y", "nightly/nightly", schedule["id"]],
            env=served.environment | {"PREFECT_API_URL": served.api}, check=True, capture_output=True,
        )  # fmt: skip


def test_serve_serves_every_deployment_with_one_run_at_a_time(served: Served) -> None:
    """P9: overdue runs of a schedule do not accumulate."""
    from iolake.pipelines.schedule import DEPLOYMENTS

    found = served.deployments()
    assert {
        (d.name, d.collision) for d in DEPLOYMENTS
    } == {(d["name"], d["concurrency_options"]["collision_strategy"]) for d in found.values()}  # fmt: skip
    assert {d["global_concurrency_limit"]["limit"] for d in found.values()} == {1}
    crons = {d["name"]: [s["schedule"]["cron"] for s in d["schedules"]] for d in found.values()}
    assert all(crons[d.name] == ([d.cron] if d.cron else []) for d in DEPLOYMENTS if d.name != "nightly")


def test_a_run_that_is_due_while_another_runs_is_cancelled(served: Served) -> None:
    """P9: the server lets the first run of two start, and cancels the second; so for every run that comes late."""
    hourly = served.deployments()["hourly"]["id"]
    # Due far in the future, so that the runner leaves both alone.
    ids = [
        served.ask(f"/deployments/{hourly}/create_flow_run", {"state": {"type": "SCHEDULED", "name": "Later",
            "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"}}})["id"]
        for _ in range(2)
    ]  # fmt: skip
    pending = {"state": {"type": "PENDING"}, "force": False}
    answers = [served.ask(f"/flow_runs/{run_id}/set_state", pending) for run_id in ids]
    assert [a["state"]["type"] for a in answers] == ["PENDING", "CANCELLED"]
    served.ask(f"/flow_runs/{ids[0]}/set_state", {"state": {"type": "CANCELLED"}, "force": True})


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_the_page_of_serve_shows_runs_and_artifacts(served: Served) -> None:
    """The page asks the server's own port, whatever it is: a browser sees the run and what it did."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        for path, seen in (("runs", re.compile(r"nightly \d{4}-\d\d-\d\d")), ("artifacts", "iolake-nightly")):
            page.goto(f"http://127.0.0.1:{served.port}/{path}", timeout=120_000)
            page.get_by_text(seen).first.wait_for(timeout=120_000)
        browser.close()


def test_an_hourly_run_that_finds_nothing_new_publishes_nothing(served: Served, flows: Any) -> None:
    """P2: no snapshot, no bar; its name has the hour, its state says what it found."""
    before = _newest(served.folder / "lake")
    state = flows.hourly(site=str(served.folder / "site.toml"), workers=0, return_state=True)
    assert state.is_completed()
    assert "nothing new" in state.message
    assert _newest(served.folder / "lake") == before
    run = served.run(str(state.state_details.flow_run_id))
    assert re.fullmatch(rf"hourly {date.today():%Y-}\d\d-\d\d \d\d:\d\d", run["name"])


def test_a_run_fails_where_a_source_failed_as_a_whole(
    served: Served, flows: Any, tmp_path: Path, webhook: Webhook
) -> None:
    """P5: its last state names the source and the reason; the other sources are loaded and derived all the same.

    The automation of deploy/prefect_alarm.py tells a webhook, once however often it was created.
    """
    environment = served.environment | {"PREFECT_API_URL": served.api, "IOLAKE_ALARM_URL": webhook.url}
    for _ in range(2):
        command = [sys.executable, str(ROOT / "deploy" / "prefect_alarm.py")]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    site = _site(tmp_path / "site", 'targets = { files = "targets.txt" }')
    (tmp_path / "site" / "targets.txt").write_text("no list of targets\n")
    state = flows.nightly(site=str(site), workers=0, return_state=True)
    assert state.is_failed()
    assert state.message.startswith("targets of scratch: its one input was rejected")
    assert Lake(tmp_path / "site" / "lake").sql("SELECT count(*) FROM lustre_df").fetchall() == [(2,)]
    run_id = str(state.state_details.flow_run_id)
    name = served.run(run_id)["name"]
    posted = served.wait(lambda: [json.loads(text)["text"] for text in webhook.said], "the webhook")
    assert posted == [f"iolake: {name} Failed: {state.message}"]
    assert "**targets of scratch" in served.artifact(run_id)["description"]
    names = served.task_names(run_id)
    assert {f"df scratch {YESTERDAY}, 1 input", "targets scratch, 1 input", "derive marts"} <= set(names)
    assert served.artifact(run_id, "progress")["data"] == 100


def test_backfill_sweep_and_weekly_do_what_their_names_say(served: Served, flows: Any, tmp_path: Path) -> None:
    """P2, P5: a backfill publishes step by step, a sweep lists the days without input, the weekly run merges files."""
    site = _site(tmp_path / "site")
    first = YESTERDAY - timedelta(days=9)
    for day in (first, first + timedelta(days=1)):
        _write_df(site.parent, day)
    lake = site.parent / "lake"
    state = flows.backfill(first, TODAY, site=str(site), step_days=5, workers=0, return_state=True)
    assert state.is_completed(), state.message
    assert served.run(str(state.state_details.flow_run_id))["name"] == f"backfill {first} to {TODAY}"
    assert Lake(lake).sql("SELECT count(DISTINCT date) FROM lustre_df").fetchall() == [(3,)]
    assert Lake(lake).sql("SELECT count(DISTINCT run_id) FROM loads").fetchall() == [(2,)]
    state = flows.sweep(site=str(site), days=30, workers=0, return_state=True)
    assert served.artifact(str(state.state_details.flow_run_id))["description"].count("no input: df scratch") == 7
    _write_df(site.parent, first, hour=13)
    (site.parent / f"df-{first}.txt").rename(site.parent / f"more-{first}.txt")
    site.write_text(site.read_text().replace('"df-%Y-%m-%d.txt"', '["df-%Y-%m-%d.txt", "more-%Y-%m-%d.txt"]'))
    assert flows.sweep(site=str(site), days=30, workers=0, return_state=True).is_completed()
    state = flows.weekly(site=str(site), return_state=True)
    assert "files merged into" in served.artifact(str(state.state_details.flow_run_id))["description"]


@pytest.mark.parametrize(("error", "tries"), [("CommitContested", 3), ("SnapshotDamaged", 1)])
def test_only_what_may_pass_by_itself_is_tried_again(
    served: Served, flows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str, tries: int
) -> None:
    """P9: a run is retried if another writer was first, and not for a damaged snapshot."""
    from iolake.pipelines import tasks
    from iolake.warehouse import errors

    called: list[int] = []

    def fail(*_: Any) -> None:
        called.append(1)
        raise getattr(errors, error)("lake", 1)

    monkeypatch.setattr(tasks.PLAIN, "publish", fail)
    monkeypatch.setattr(tasks, "publish", tasks.publish.with_options(retry_delay_seconds=0))
    state = flows.hourly(site=str(_site(tmp_path / "site")), workers=0, return_state=True)
    assert state.is_failed()
    assert len(called) == tries


def test_a_killed_run_is_marked_as_crashed(served: Served, killed: str) -> None:
    """P3: by the automation that `iolake serve` made, within ten minutes; the test's own copy waits 10 s, not 5 min."""
    from iolake.pipelines.serve import HEARTBEAT_S
    from iolake.pipelines.zombies import NAME, SILENCE

    made = {a["name"]: a for a in served.ask("/automations/filter", {})}[NAME]
    assert made["trigger"]["within"] == SILENCE.total_seconds()
    assert SILENCE.total_seconds() + HEARTBEAT_S < 600
    run = served.wait(lambda: run if (run := served.run(killed))["state_type"] == "CRASHED" else None, "the mark")
    assert "its process was killed" in run["state"]["message"]


def test_a_worker_runs_the_deployments_of_prefect_yaml(served: Served, tmp_path: Path) -> None:
    """P9: prefect.yaml deploys what `iolake serve` serves, and a worker does what `iolake ingest` does."""
    site = _site(tmp_path / "site")
    environment = served.environment | {
        "PREFECT_API_URL": served.api,
        "IOLAKE_HOME": str(ROOT),
        "IOLAKE_SITE": str(site),
    }

    def prefect(*arguments: str) -> None:
        command = [str(BIN / "prefect"), "--no-prompt", *arguments]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    before = served.deployments()
    file = tmp_path / "prefect.yaml"  # names of their own, so that serve's runner leaves them alone
    file.write_text(re.sub(r"- name: (\w+)", r"- name: \1-pool", (ROOT / "prefect.yaml").read_text()))
    prefect("work-pool", "create", "iolake", "--type", "process")
    prefect("deploy", "--all", "--prefect-file", str(file))
    after = served.deployments()
    for name, mine in before.items():
        its = after[f"{name}-pool"]
        assert its["description"] == mine["description"]
        assert its["concurrency_options"] == mine["concurrency_options"]
        assert its["global_concurrency_limit"]["limit"] == 1
        assert name == "nightly" or [s["schedule"]["cron"] for s in its["schedules"]] == [
            s["schedule"]["cron"] for s in mine["schedules"]
        ]
    prefect("deployment", "run", "hourly/hourly-pool")
    with running([str(BIN / "prefect"), "worker", "start", "--pool", "iolake"], environment, tmp_path / "log"):
        served.wait((site.parent / "lake" / "lake.duckdb").exists, "the worker's run")
    assert Lake(site.parent / "lake").sql("SELECT count(*) FROM lustre_df").fetchall() == [(2,)]
