"""The pages: self-contained, escaped, equal to the tables, and drawn by a real browser without an error."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import vl_convert

from iolake import Lake
from iolake.demo.centre import simulate
from iolake.demo.scale_servers import SNAPSHOT_AT_S, disks_at
from iolake.demo.truth import Truth
from iolake.demo.world import local_days
from iolake.pipelines.ingest import ingest
from iolake.reports.charts import Query, history, targets, theme, timeline
from iolake.reports.pages import page as pages
from iolake.reports.pages.file_system import NoFileSystem, file_system_page
from iolake.reports.pages.job import job_page
from iolake.reports.pages.morning import NoDay, morning_page, require_day, write_morning
from iolake.reports.pages.page import Figure, Page, Table
from iolake.schemas.site import Site
from tests.conftest import Fill, Store
from tests.warehouse.by_hand import log, posix

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LARGEST = 3 << 20


@pytest.fixture(scope="module")
def centre(demo_truth: Truth, demo_lake: Lake) -> tuple[Truth, Lake]:
    return demo_truth, demo_lake


def one_of(truth: Truth, role: str) -> tuple[int, str]:
    job = next(job for job in truth.jobs if job["role"] == role)
    return job["job_id"], job["cluster"]


def specs(page: str) -> list[object]:
    """The Vega-Lite texts of a page."""
    found = re.findall(r'<script type="application/json" id="spec-[\w-]+">(.*?)</script>', page, re.DOTALL)
    return [json.loads(text) for text in found]


def test_a_page_needs_no_network(centre: tuple[Truth, Lake]) -> None:
    truth, lake = centre
    page = job_page(lake, *one_of(truth, "victim of a full target")).html()
    outside = re.findall(r'(?:src|href)="(?!#|jobs/|[\d-]+\.html|index)[^"]*"', page.split("<script>")[0])
    assert outside == []


def test_what_a_page_draws_of_a_runs_ranks_is_what_it_moved(centre: tuple[Truth, Lake]) -> None:
    """P12: the bins of a picture add up to the run's bytes, however many there are."""
    truth, lake = centre
    job_id, cluster = one_of(truth, "victim of a neighbour")
    (run,) = Query(
        "SELECT start_time, end_time, read_bytes, write_bytes FROM job_summary "
        "WHERE job_id = $id AND cluster = $cluster",
        {"id": job_id, "cluster": cluster},
    ).rows(lake)
    logs = [log for (log,) in lake.sql("SELECT log_id FROM job_darshan WHERE job_id = $1", [job_id]).fetchall()]
    window = (run["start_time"] - timedelta(hours=1), run["end_time"] + timedelta(hours=1))
    for bins in (1, 7, 120):
        drawn = timeline.activity_query(cluster, logs, window, bins).frame(lake)
        assert round(drawn["read_bytes"].sum()) == run["read_bytes"]
        assert round(drawn["write_bytes"].sum()) == run["write_bytes"]


def test_the_bins_of_a_file_system_add_up_to_its_bytes_and_gaps_have_no_rate(centre: tuple[Truth, Lake]) -> None:
    """P12: a bin seen for less than 95 % has no rate, not a low one."""
    _, lake = centre
    window = (datetime(2025, 10, 25, 8), datetime(2025, 10, 26, 20))
    for bins in (9, 144, 2160):
        bin_s = pl.col("bin_s")
        seen = timeline.servers_query("lagoon", window, bins).frame(lake)
        assert (
            seen.filter(pl.col("ost_seen_pct") < 95)["read_bytes_per_s"].null_count()
            == seen.filter(pl.col("ost_seen_pct") < 95).height
        )
        whole = seen.filter(pl.col("ost_seen_pct") > 99.999)
        if bins == 2160:  # a bin an interval
            moved = whole.select((pl.col("read_bytes_per_s") * bin_s).sum()).item()
            (known,) = lake.sql(
                "SELECT sum(read_bytes) FROM lustre_fs WHERE file_system = 'lagoon' AND osts_missing = 0 "
                "AND ts >= $1 AND ts < $2",
                list(window),
            ).fetchall()[0]
            assert moved == pytest.approx(known, rel=1e-9)


def neighbours(shares: dict[str, float | None]) -> theme.Chart:
    """The bars of runs with these shares, in per cent."""
    noon, hour = datetime(2026, 1, 1, 12), timedelta(hours=1)
    times = {"ts": noon, "end": noon + hour, "start": noon, "ended": noon + hour}
    frame = pl.DataFrame({"name": list(shares), "share_pct": pl.Series(list(shares.values()), dtype=pl.Float64)})
    frame = frame.with_columns(moved_bytes=pl.lit(1.0), **{name: pl.lit(at) for name, at in times.items()})
    return timeline.neighbours_chart(frame, (noon, noon + 2 * hour))


def test_a_neighbour_of_unknown_share_has_a_grey_bar() -> None:
    """P6, P12: neither none nor that of 0 or 100 %."""
    svg = vl_convert.vegalite_to_svg(neighbours({"a": None, "b": 0.0, "c": 100.0}).to_json())
    bars = re.findall(r'<path aria-label="[^"]*name: (\w);[^"]*"[^>]*fill="([^"]+)"', svg)
    assert [name for name, _ in bars] == ["a", "b", "c"]
    fills = [fill for _, fill in bars]
    assert fills[0] == theme.OTHER
    assert len(set(fills)) == 3


def test_names_from_the_lake_are_text_and_never_html() -> None:
    """A job named `<script>` is shown by that name."""
    evil = "</script><script>alert(1)</script>"
    chart = neighbours({evil: 50.0})
    query = Query("SELECT $name", {"name": evil})
    figure = Figure("f", evil, evil, chart, Table([evil], [[evil]]), [query], evil)
    page = Page(evil, evil, [(evil, evil)], [figure], evil, [(evil, "index.html")]).html()
    assert evil not in page.replace(_scripts_of_ours(page), "")
    assert "alert(1)" in json.dumps(specs(page))


def _scripts_of_ours(page: str) -> str:
    """Removes Vega's bundle, which is long and has nothing of the lake."""
    found: list[str] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    return max(found, key=len)


def test_a_file_systems_page_names_what_it_has_and_what_it_lacks(centre: tuple[Truth, Lake]) -> None:
    _, lake = centre
    page = file_system_page(lake, "lagoon")
    assert "moved in 1 day seen; 2 of 3 days" in page.answer
    assert {figure.key for figure in page.figures} == {"days", "fullness", "heat", "users", "coverage"}
    with pytest.raises(NoFileSystem, match="it has estuary, fjord, lagoon"):
        file_system_page(lake, "lagune")


def test_a_storage_scale_page_says_how_full_its_fullest_disk_was_when_it_was_last_asked(tmp_path: Path) -> None:
    """An exporter shows the whole each hour, mmdf the disks once a day: the last day may have the whole alone."""
    truth = simulate(tmp_path, jobs=4, osts=4, files=1, step_s=300)
    site = Site.read(tmp_path / "site.toml")
    ingest(site, ["mmperfmon", "mmdf", "gpfs_exporter"], workers=0)
    (figure,) = [f for f in file_system_page(Lake(site.lake_uri), "estuary").figures if f.key == "fullness"]
    _, begin, _ = list(local_days(*truth.world.span(truth.scale.system), truth.scale.system.tz))[-1]
    disks = [disk for disk in disks_at(truth.scale, begin + SNAPSHOT_AT_S) if not disk.metadata]
    fullest = max(100 * (disk.total - disk.free) / disk.total for disk in disks)
    assert figure.summary.startswith("On 2025-10-28 all targets")
    assert f"the fullest one {fullest:.1f} % on 2025-10-27." in figure.summary


def test_the_morning_page_links_a_page_for_each_slow_job(centre: tuple[Truth, Lake], tmp_path: Path) -> None:
    _, lake = centre
    day = date(2025, 10, 26)
    page = write_morning(lake, day, tmp_path).read_text()
    links = re.findall(r'href="(jobs/[^"]+)"', page)
    slow = lake.sql("SELECT count(*) FROM job_verdict WHERE date = $1 AND lost_s > 0", [day]).fetchall()[0][0]
    assert len(links) == min(slow, 12) > 0
    assert all((tmp_path / link).exists() for link in links)
    assert f'href="{day}.html"' in (tmp_path / "index.html").read_text()


def test_a_day_without_data_is_refused_with_the_days_that_there_are(centre: tuple[Truth, Lake]) -> None:
    _, lake = centre
    require_day(lake, date(2025, 10, 26))
    with pytest.raises(NoDay, match=r"^the lake has no data of 2030-01-01; it has \d+ days from 2025-10-\d\d to \S+, "):
        require_day(lake, date(2030, 1, 1))


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_a_page_is_also_one_picture(centre: tuple[Truth, Lake], tmp_path: Path, suffix: str) -> None:
    truth, lake = centre
    job_id, cluster = one_of(truth, "undisturbed")
    path = tmp_path / f"job{suffix}"
    job_page(lake, job_id, cluster).write(path)
    begin = path.read_bytes()[:8]
    assert begin == b"\x89PNG\r\n\x1a\n" if suffix == ".png" else begin.startswith(b"<svg")


def test_the_script_of_a_page_is_made_once_a_user_and_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P11: to make it takes longer than all else on the page of a job."""
    made = pages._bundle.__wrapped__
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = made()
    monkeypatch.setattr("vl_convert.javascript_bundle", lambda _: "made again")
    assert made() == first
    (kept,) = (tmp_path / "iolake").iterdir()
    kept.write_text("damaged")
    assert made() == "made again"


def test_two_days_of_fullness_are_no_standstill(lake: Lake, fill: Fill) -> None:
    """P6: a trend needs three days, and without it nothing is said of growth."""
    for name, used in {"short": (10, 10, None), "still": (10, 10, 9), "grows": (10, 20, 30)}.items():
        for day, amount in enumerate(used, 1):
            df = {"file_system": name, "ts": datetime(2026, 1, day), "target": "OST0000", "role": "ost"}
            fill("lustre_df", df | {"used_bytes": amount, "total_bytes": 100})
    said = {
        name: history.forecast(history.trend_query(name, date(2026, 1, 4)).frame(lake))
        for name in ("short", "still", "grows", "unknown")
    }
    assert said == {
        "short": "its trend needs 3 days",
        "still": "not growing",
        "grows": "full in 7 days at the last month's pace",
        "unknown": "its trend needs 3 days",
    }


def test_pages_of_logs_alone_say_what_is_unknown(lake: Lake, fill: Fill, store_marts: Store) -> None:
    """P6, P12: without servers, a scheduler or runs of its kind, no day is good and no amount is zero."""
    noon = datetime(2026, 3, 10, 12)
    fill("darshan_logs", log("a", 1, noon) | {"cluster": "c"})
    fill("darshan_posix", posix("a", 1, noon.date(), 5 << 30) | {"cluster": "c"})
    store_marts()
    morning = morning_page(lake, noon.date(), [])
    assert (morning.tone, dict(morning.facts)["node-hours"]) == ("neutral", "unknown")
    assert morning.answer == "Nothing to compare: no job that ended has a log and 3 runs of its kind within a week."
    (users,) = [figure for figure in morning.figures if figure.key == "users-fs"]
    assert users.table is not None
    assert [row[-2:] for row in users.table.rows] == [["0 B", "5.00 GiB"]]
    page = file_system_page(lake, "fs")
    assert page.answer == "No source says how full it is. No day had 95 % of its time seen."
    with pytest.raises(NoFileSystem, match=r"it has fs$"):
        file_system_page(lake, "other")


def test_servers_that_count_apart_share_a_disks_hour(lake: Lake, fill: Fill) -> None:
    """P12: rates of servers that count at other times add up, their seconds do not; what is null was not seen."""
    start = datetime(2026, 3, 10, 12)
    window = (start, start + timedelta(hours=2))

    def counts(server: str, at: datetime, moved: int | None) -> dict[str, object]:
        key = {"file_system": "fs", "server": server, "nsd": "d", "role": "data", "ts": at, "interval_s": 60.0}
        return key | {"read_bytes": moved, "write_bytes": moved and 0}

    minutes = [start + timedelta(minutes=n) for n in range(120)]
    fill("scale_nsd", *(counts("a", at, 600) for at in minutes))
    late = timedelta(seconds=30)
    fill("scale_nsd", *(counts("b", at + late, 1200 if at < start + timedelta(hours=1) else None) for at in minutes))
    first, second = targets.heat_query("fs", window).rows(lake)
    assert (first["seen_pct"], first["rate"]) == (pytest.approx(100), pytest.approx(600 / 60 + 1200 / 60))
    assert (second["seen_pct"], second["rate"]) == (0, None)
