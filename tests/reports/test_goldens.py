"""Golden pages by scenario: what a reader sees of each, drawn by a real browser and equal to the lake's tables.

A golden is text: the page's words, and each chart as marks, channels and the sums of its values, so that no font and no
browser changes it. After a change that is meant, IOLAKE_GOLDENS=write makes them anew; read what git then shows.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, sync_playwright
from playwright.sync_api import Page as BrowserPage

from iolake import Lake, schemas
from iolake.demo.truth import JobTruth, Truth
from iolake.reports import text
from iolake.reports.charts import theme
from iolake.reports.pages.file_system import file_system_page
from iolake.reports.pages.job import job_page
from iolake.reports.pages.morning import morning_page, worst_query, write_index
from iolake.reports.pages.page import Page
from iolake.schemas.mart import Mart
from iolake.warehouse.freshness import marts
from tests.conftest import Fill

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
GOLDENS = Path(__file__).parent / "goldens"
LARGEST = 3 << 20
Scheme = Literal["light", "dark"]
Media = Literal["screen", "print"]
Form = tuple[int, Scheme, Media]
DESK: Form = (1280, "light", "screen")
DARK: Form = (1280, "dark", "screen")
PHONE: Form = (390, "light", "screen")
PROJECTOR: Form = (1920, "light", "screen")
PAPER: Form = (794, "light", "print")


@dataclass(frozen=True)
class Scenario:
    """A run of the demo by its role, the words that its first screen must say, and the form in which it is drawn."""

    name: str
    role: str
    says: str
    form: Form


SCENARIOS = (
    Scenario("healthy", "undisturbed", "Not slow", DESK),
    Scenario("small-access", "clumsy", "by the application itself: its accesses have 4,097 bytes", PHONE),
    Scenario("neighbour", "victim of a neighbour", "by a neighbour: job heron", DARK),
    Scenario("full-target", "victim of a full target", "by a full target: OST0001 of fjord", PROJECTOR),
    Scenario("failover", "victim of a failing target", "by a failing target: OST0002 of lagoon", PAPER),
    Scenario("no-darshan", "cancelled", "No Darshan log shows its I/O", PHONE),
    Scenario("unseen", "unseen", "Not slow", DARK),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_page_of_a_scenario_is_drawn_clean_says_the_cause_and_is_as_its_golden(
    demo_truth: Truth, demo_lake: Lake, browser: Browser, tmp_path: Path, scenario: Scenario
) -> None:
    """P12: unseen time is hatched, and no number of the page differs from the tables'."""
    job = next(job for job in demo_truth.jobs if job["role"] == scenario.role)
    page = job_page(demo_lake, job["job_id"], job["cluster"])
    assert scenario.says in page.answer
    drawn = draw(browser, page, tmp_path / "job.html", scenario.form)
    least_seen = demo_lake.sql(
        "SELECT min(fs_seen_pct) FROM job_file_system WHERE cluster = $1 AND job_id = $2",
        [job["cluster"], job["job_id"]],
    ).fetchall()[0][0]
    assert (drawn.hatches > 0) == (least_seen < 100)
    assert least_seen < 95 or scenario.role != "unseen"
    facts_are_the_tables(demo_lake, job, dict(page.facts))
    as_golden(scenario.name, page)


def test_the_page_of_a_job_whose_servers_nobody_watched_says_so(
    demo_truth: Truth,
    demo_lake: Lake,
    all_views: duckdb.DuckDBPyConnection,
    lake: Lake,
    fill: Fill,
    browser: Browser,
    tmp_path: Path,
) -> None:
    """P6, P12: scheduler and logs alone. No share, no load, no fullness is shown, and none is zero."""
    job = next(job for job in demo_truth.jobs if job["role"] == "undisturbed")
    for table in schemas.tables().values():
        if not isinstance(table, Mart) and {"cluster", "job_id"} <= {c.name for c in table.all_columns}:
            rows = demo_lake.sql(
                f"FROM {table.name} WHERE cluster = $1 AND job_id = $2", [job["cluster"], job["job_id"]]
            ).pl()
            if rows.height:
                fill(table.name, *rows.to_dicts())
    for mart in marts():  # each is computed once, not in each of the page's questions
        all_views.execute(f"CREATE TEMP TABLE {mart.name} AS FROM main.{mart.name}")
    page = job_page(lake, job["job_id"], job["cluster"])
    draw(browser, page, tmp_path / "job.html", DESK)
    assert dict(page.facts)["its share of the bytes"].startswith("unknown")
    as_golden("no-server-data", page)


def test_the_morning_page_its_calendar_and_a_file_systems_page_are_as_their_goldens(
    demo_lake: Lake, browser: Browser, tmp_path: Path
) -> None:
    day = date(2025, 10, 26)
    morning = morning_page(demo_lake, day, worst_query(day).rows(demo_lake))
    (slow, lost) = demo_lake.sql(
        "SELECT count(*), sum(lost_s) FROM job_verdict WHERE date = $1 AND lost_s > 0", [day]
    ).fetchall()[0]
    assert morning.answer.startswith(f"{text.count(slow, 'slow job')} lost {text.seconds(lost)}")
    draw(browser, morning, tmp_path / f"{day}.html", PHONE)
    as_golden("morning", morning)
    calendar = write_index(tmp_path)
    draw(browser, calendar, tmp_path / "index.html", DESK)
    as_golden("calendar", calendar)
    file_system = file_system_page(demo_lake, "fjord")
    draw(browser, file_system, tmp_path / "fjord.html", DARK)
    as_golden("file-system", file_system)


def test_all_rows_of_the_timeline_zoom_together(
    demo_truth: Truth, demo_lake: Lake, browser: Browser, tmp_path: Path
) -> None:
    """The wheel over one row moves the time axis of each."""
    job = next(job for job in demo_truth.jobs if job["role"] == "victim of a neighbour")
    job_page(demo_lake, job["job_id"], job["cluster"]).write(tmp_path / "job.html")
    tab = browser.new_page(viewport={"width": 1280, "height": 1400})
    tab.goto((tmp_path / "job.html").as_uri())
    tab.wait_for_selector("html[data-drawn=yes]", timeout=90_000)
    axes = """[...document.querySelectorAll('[data-spec=spec-timeline] .role-axis-label')]
        .map(labels => labels.textContent).filter(words => words.includes(':'))"""
    before = tab.evaluate(axes)
    place = tab.locator("[data-spec=spec-timeline] svg.marks").bounding_box()
    assert place is not None
    tab.mouse.move(place["x"] + 0.4 * place["width"], place["y"] + 0.35 * place["height"])
    tab.mouse.wheel(0, -900)
    tab.wait_for_function(
        "([axes, before]) => eval(axes).every((words, at) => words !== before[at])", arg=[axes, before]
    )
    after = tab.evaluate(axes)
    tab.close()
    assert len(before) == len(after) == 4
    assert len({*before}) == len({*after}) == 1


def test_colours_of_one_picture_differ_for_colour_blind_readers() -> None:
    """By what Viénot, Brettel and Mollon (1999) say that readers without red or green cones see, in CIE Lab."""
    colours = [theme.READ, theme.WRITE, theme.METADATA, theme.OWN, theme.OTHER]
    for see in (_PROTANOPE, _DEUTERANOPE):
        seen = [_lab(see @ _linear(colour)) for colour in colours]
        apart = [float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)]
        assert min(apart) > 15


_PROTANOPE = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
_DEUTERANOPE = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])


def _linear(colour: str) -> npt.NDArray[np.float64]:
    """The light of a colour, without the screen's gamma."""
    part = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def _lab(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """CIE Lab of linear sRGB, for a white of D65."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ light
    f = np.cbrt(np.clip(xyz / np.array([0.9505, 1, 1.089]), 1e-6, None))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@dataclass(frozen=True)
class Drawn:
    """A page as a browser drew it."""

    hatches: int


def draw(browser: Browser, page: Page, path: Path, form: Form) -> Drawn:
    """Open a page in a browser: every chart is drawn in its place, and nothing is said on the console."""
    page.write(path)
    assert path.stat().st_size <= LARGEST
    width, scheme, media = form
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    tab.on("console", partial(_note, said))
    tab.on("pageerror", partial(_note, said))
    tab.emulate_media(media=media)
    tab.goto(path.as_uri())
    tab.wait_for_selector("html[data-drawn=yes]", timeout=90_000)
    assert said == []
    assert tab.locator("svg.marks").count() == sum(figure.chart is not None for figure in page.figures)
    over = "[...document.querySelectorAll('.chart'), document.documentElement].map(e => e.scrollWidth - e.clientWidth)"
    assert max(tab.evaluate(over)) <= 1, "wider than the page"
    assert tab.locator(".answer").inner_text() == page.answer
    assert tab.locator("dd").all_inner_texts() == [value for _, value in page.facts]
    _is_read_without_eyes_or_mouse(tab)
    hatches = tab.locator("svg.marks path[fill='url(#unseen)']").count()
    tab.close()
    return Drawn(hatches)


def _is_read_without_eyes_or_mouse(tab: BrowserPage) -> None:
    """A screen reader says each chart's title and summary, and the keyboard reaches it."""
    words_of = "id => document.getElementById(id)?.innerText"
    names = "[chart.getAttribute('aria-labelledby'), chart.getAttribute('aria-describedby')]"
    spoken = tab.evaluate(f"[...document.querySelectorAll('.chart')].map(chart => {names}.map({words_of}))")
    assert [words for words in spoken if not all(words)] == []
    reached = "[...document.querySelectorAll('.chart')].map(e => (e.focus(), document.activeElement === e))"
    assert set(tab.evaluate(reached)) <= {True}


def _note(said: list[str], what: ConsoleMessage | Error) -> None:
    said.append(what.text if isinstance(what, ConsoleMessage) else what.message)


def facts_are_the_tables(lake: Lake, job: JobTruth, facts: dict[str, str]) -> None:
    """The head of a page has the values of the scheduler's and Darshan's tables."""
    of_run = [job["cluster"], job["job_id"], job["start"]]
    (state, elapsed, nodes) = lake.sql(
        "SELECT state, elapsed_s, nnodes FROM slurm_jobs WHERE cluster = $1 AND job_id = $2 AND epoch(start_time) = $3",
        of_run,
    ).fetchall()[0]
    assert facts["state"] == state
    assert facts["ran"] == text.seconds(elapsed)
    assert facts["nodes, processes"].startswith(f"{nodes}, ")
    read, written = lake.sql(
        "SELECT sum(POSIX_BYTES_READ), sum(POSIX_BYTES_WRITTEN) FROM darshan_posix WHERE cluster = $1 AND job_id = $2",
        of_run[:2],
    ).fetchall()[0]
    if read is None:
        assert facts["performance"] == "unknown"
        return
    stdio_read, stdio_written = lake.sql(
        "SELECT coalesce(sum(STDIO_BYTES_READ), 0), coalesce(sum(STDIO_BYTES_WRITTEN), 0) FROM darshan_stdio "
        "WHERE cluster = $1 AND job_id = $2",
        of_run[:2],
    ).fetchall()[0]
    assert facts["read"] == text.size(read + stdio_read)
    assert facts["written"] == text.size(written + stdio_written)


def as_golden(name: str, page: Page) -> None:
    """Compares a page with its golden."""
    path = GOLDENS / f"{name}.txt"
    shown = re.sub(r"\S*/demo-centre/", "", "\n".join(outline(page))) + "\n"  # paths as the site has them
    if os.environ.get("IOLAKE_GOLDENS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown)
    assert shown == path.read_text()


def outline(page: Page) -> Iterator[str]:
    """The words of a page, and its charts as marks and sums."""
    yield f"# {page.title}"
    yield f"[{page.tone}] {page.answer}"
    yield from (f"{label}: {value}" for label, value in page.facts)
    for figure in page.figures:
        yield f"\n## {figure.title}"
        yield figure.summary
        if figure.missing:
            yield f"missing: {figure.missing}"
        if figure.chart is not None:
            spec = figure.chart.to_dict()
            yield from chart_lines(spec, spec.get("datasets", {}))
        if figure.table is not None:
            yield " | ".join(figure.table.columns)
            yield from (" | ".join(row) for row in figure.table.rows)


def chart_lines(spec: dict[str, Any], datasets: dict[str, Any]) -> Iterator[str]:
    """A chart's plots from top to bottom: title, and for each layer its mark, its channels, rows and sums."""
    title = spec.get("title")
    if isinstance(title, dict) and "vconcat" not in spec:
        yield f"- {title['text']}"
    for part in (*spec.get("vconcat", ()), *spec.get("layer", ())):
        yield from chart_lines({"data": spec.get("data")} | part, datasets)
    if "mark" in spec:
        data = spec["data"]
        rows = datasets[data["name"]] if "name" in data else data["values"]
        mark = spec["mark"] if isinstance(spec["mark"], str) else spec["mark"]["type"]
        hatched = ", hatched" if isinstance(spec["mark"], dict) and "unseen" in str(spec["mark"].get("fill")) else ""
        channels = {
            name: channel["field"]
            for name, channel in spec["encoding"].items()
            if isinstance(channel, dict) and "field" in channel
        }
        yield f"  {mark}{hatched}: " + " ".join(f"{name}={field}" for name, field in channels.items())
        yield f"    {len(rows)} rows; " + ", ".join(_sums(rows, channels))


def _sums(rows: list[dict[str, Any]], channels: dict[str, str]) -> Iterator[str]:
    """The sum of each number that a chart shows, to three digits; how many different words it shows."""
    for field in sorted(set(channels.values())):
        values = [row[field] for row in rows if row.get(field) is not None]
        if values and all(isinstance(value, (int, float)) for value in values):
            yield f"{field} {sum(values) / (len(values) if field in {'ts', 'end'} else 1):.3g}"
        else:
            yield f"{field} {len(set(values))} values of {len(values)}"
