"""The wheel installs one name, and works beside packages that are called as iolake's folders are."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import wheel_of

ROOT = Path(__file__).resolve().parents[2]
SITE = '[file_systems.fs]\ndf = { files = "%Y-%m-%d.txt" }\n'
DF = "BEGIN 1577880000\nUUID 1K-blocks Used Available Use% Mounted on\nfs-OST0000_UUID 100 60 40 60% /fs[OST:0]\n"
ASK = """
import iolake, sql, schemas
from iolake import Lake
print(iolake.__file__, sql.MINE, schemas.MINE)
print(Lake("lake").sql("SELECT used_bytes FROM lustre_df").fetchall(), "job_summary" in Lake("lake").tables())
print(iolake.__version__, *Lake("lake").sql("SELECT DISTINCT iolake_version FROM snapshots").fetchall()[0])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel_of(ROOT, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_has_one_top_level_name(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"iolake"}
    assert "iolake/py.typed" in names
    files = {p.name for p in (ROOT / "sql").glob("*.sql")}
    assert {Path(n).name for n in names if n.startswith("iolake/sql/") and n.endswith(".sql")} == files


def test_the_wheel_works_beside_packages_named_sql_and_schemas(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "site-packages"
    zipfile.ZipFile(wheel).extractall(installed)
    for name in ("sql", "schemas"):
        (installed / name).mkdir()
        (installed / name / "__init__.py").write_text(f"MINE = '{name}'\n")
    centre = tmp_path / "centre"
    centre.mkdir()
    (centre / "site.toml").write_text(SITE)
    (centre / "2020-01-01.txt").write_text(DF)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IOLAKE")}

    def python(code: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=centre,
            env=environment | {"PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    python("from iolake.pipelines.cli import main; main()", "ingest")
    first, second, third = python(ASK).splitlines()
    assert first == f"{installed}/iolake/__init__.py sql schemas"
    assert second == "[(61440,)] True"
    version = wheel.name.split("-")[1]
    assert third == f"{version} {version}"
    assert python("from iolake.pipelines.cli import main; main()", "--version").strip().endswith(version)
