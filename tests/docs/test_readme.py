"""README and docs/verdict.md: `iolake demo` runs without any setup, and every example prints what the pages show."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from iolake.demo.check import differences
from iolake.demo.truth import Truth
from iolake.warehouse import Lake

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
VERDICT = (ROOT / "docs" / "verdict.md").read_text()


def _examples() -> ModuleType:
    spec = importlib.util.spec_from_file_location("examples", ROOT / "docs" / "examples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLES = _examples()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which `iolake demo` was run, and what it printed."""
    folder = tmp_path_factory.mktemp("readme")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "IOLAKE"))}
    done = subprocess.run(
        [Path(sys.executable).with_name("iolake"), "demo"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return folder, done.stdout


def test_the_demo_answers_its_first_question_as_the_readme_shows(demo: tuple[Path, str]) -> None:
    shown = EXAMPLES.page(README, EXAMPLES.DEMO)
    assert "share" in shown
    assert shown.strip() in demo[1]


def test_the_demos_lake_is_what_happened_at_the_centre(demo: tuple[Path, str]) -> None:
    """P9: loaded by the nightly flow on a Prefect server, and right to the byte."""
    centre = demo[0] / "demo-centre"
    assert not differences(Lake(centre / "lake").connect(), Truth.read(centre))


@pytest.mark.parametrize(("command", "output"), EXAMPLES.examples(README) + EXAMPLES.examples(VERDICT))
def test_every_example_prints_what_its_page_shows(demo: tuple[Path, str], command: str, output: str) -> None:
    assert EXAMPLES.printed(command, demo[0]) == output


def test_the_notebook_example_runs(demo: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo[0])
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(code) == 1
    names: dict[str, object] = {}
    exec(code[0], names)
    lake = names["lake"]
    assert isinstance(lake, Lake)
    assert lake.scan("darshan_posix").collect().height > 0


def test_every_link_of_the_pages_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "deploy").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())]
    missing = [f"{page}: {link}" for page, link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


def test_the_readme_answers_a_question_on_its_first_screen() -> None:
    """A newcomer sees what it is for and a first answer within 40 lines."""
    first_screen = "\n".join(README.split("\n")[:40])
    assert "Job 4478544 was slow last night" in first_screen
    assert EXAMPLES.examples(first_screen)
