"""docs/adding-a-source.md, run as written: the plug-in's table, rows, rejects, view and comments are there."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import wheel_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "adding-a-source.md").read_text()
_FILE = re.compile(r"<!-- file: (?P<path>\S+) -->\n```\w+\n(?P<text>.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files, and in `installed` the wheel that its pyproject.toml builds."""
    root = tmp_path_factory.mktemp("plugin")
    for match in _FILE.finditer(PAGE):
        path = root / match["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(match["text"])
    (root / "iolake_power" / "sql" / "__init__.py").touch()
    zipfile.ZipFile(wheel_of(root, root / "dist")).extractall(root / "installed")
    return root


def iolake(folder: Path, *arguments: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IOLAKE")}
    done = subprocess.run(
        [sys.executable, "-c", "from iolake.pipelines.cli import main; main()", *arguments],
        cwd=folder / "centre",
        env=environment | {"PYTHONPATH": str(folder / "installed")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_s_source_works_as_written(folder: Path) -> None:
    assert "power    edison       2026-03-01  1 input" in iolake(folder, "site", "check")
    assert "3 rows" in iolake(folder, "ingest")
    rows = iolake(folder, "sql", "SELECT rack, ts, watts FROM rack_power ORDER BY ALL", "--format", "csv")
    assert rows.splitlines()[1:] == [
        "r01,2026-03-01 08:00:00,8100.0",
        "r01,2026-03-01 08:10:00,8250.5",
        "r02,2026-03-01 08:00:00,7900.0",
    ]
    energy = iolake(folder, "sql", "SELECT rack, energy_j FROM rack_energy_by_day ORDER BY rack", "--format", "csv")
    assert energy.splitlines()[1:] == ["r01,9810300.0", "r02,4740000.0"]
    described = iolake(folder, "describe", "rack_energy_by_day")
    assert "[J] power times time" in described
    assert "name of the rack" in described
    assert "line 5" in iolake(folder, "rejects")
    assert "How much energy did each rack use" in iolake(folder, "tables")


def test_iolake_init_recognises_the_page_s_source(folder: Path, tmp_path: Path) -> None:
    """What it needs for that is in the extractor: a source is three files."""
    place = tmp_path / "edison"
    place.mkdir()
    (place / "2026-03-01.csv").write_text((folder / "centre" / "power" / "2026-03-01.csv").read_text())
    iolake(
        folder,
        "init",
        str(place),
        "--output",
        str(tmp_path / "site.toml"),
        "--yes",
        "--cluster",
        "edison",
        "--timezone",
        "UTC",
    )
    text = (tmp_path / "site.toml").read_text()
    assert "# power of racks: 1 file\npower = { files = " in text
    assert "[clusters.edison]" in text


def test_the_page_s_test_passes_and_a_compressed_file_gives_the_same_rows(folder: Path) -> None:
    plain = folder / "centre" / "power" / "2026-03-01.csv"
    code = "import test_power; test_power.test_each_valid_line_is_a_row_and_the_other_one_a_reject()"
    content = plain.read_bytes()
    for form in (content, gzip.compress(content)):
        plain.write_bytes(form)
        environment = os.environ | {"PYTHONPATH": f"{folder}:{folder / 'installed'}"}
        subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True)
    plain.write_bytes(content)
