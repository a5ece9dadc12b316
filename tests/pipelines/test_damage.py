"""A command that reads a damaged data file names the file and the command that repairs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iolake.pipelines.cli import cli
from iolake.warehouse.errors import DamagedFile

DF = """BEGIN 1577880000
UUID 1K-blocks Used Available Use% Mounted on
fs-OST0000_UUID 1000 {used} 900 10% /fs[OST:0]
"""


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a site.toml, an input, and the lake that holds it."""
    root = tmp_path_factory.mktemp("centre")
    (root / "df-2020-01-01.txt").write_text(DF.format(used=100))
    (root / "site.toml").write_text('[file_systems.fs]\nmounts = ["/fs"]\ndf = { files = "df-%Y-%m-%d.txt" }\n')
    assert run(root, "ingest").exit_code == 0
    return root


def run(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [arguments[0], "--site", str(root / "site.toml"), *arguments[1:]])


def spoil_magic(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4] + b"PAR?")


def spoil_footer(path: Path) -> None:
    content = bytearray(path.read_bytes())
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    content[start : start + 20] = bytes([255] * 20)
    path.write_bytes(content)


@pytest.mark.parametrize("spoil", [Path.unlink, spoil_magic, spoil_footer])
def test_the_file_and_repair_are_named_and_repair_mends(centre: Path, spoil: Callable[[Path], object]) -> None:
    """P5: `iolake sql` names the file in place of DuckDB's error; `verify` exits with 1 until `repair` has run."""
    asked = ("sql", "SELECT sum(used_bytes) FROM lustre_df")
    (path,) = (centre / "lake" / "lustre_df").rglob("*.parquet")
    before = run(centre, *asked)
    spoil(path)
    error = run(centre, *asked).exception
    assert isinstance(error, DamagedFile)
    assert str(path) in str(error)
    assert "`iolake repair`" in str(error)
    found = run(centre, "verify")
    assert (found.exit_code, "1 flaws: 1" in found.output) == (1, True)
    mended = run(centre, "repair")
    assert mended.exit_code == 0, mended.output
    assert "every damaged row is back" in mended.output
    assert run(centre, *asked).output == before.output
    assert run(centre, "verify", "--deep").exit_code == 0
    assert run(centre, "repair").output == "nothing to repair\n"
    assert run(centre, "gc", "--retention-days", "0").exit_code == 0
    for left in (centre / "lake" / "lustre_df").rglob("*.parquet"):
        if str(left) == str(path):
            left.unlink()
