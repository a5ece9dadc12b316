"""An input without a usable row is rejected; if a source has no other, the exit status is 1."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iolake.pipelines import registry
from iolake.pipelines.ingest import ingest
from tests.warehouse.toy import TOYS, Centre


@pytest.fixture
def centre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Centre:
    monkeypatch.setattr(registry, "extractors", lambda: TOYS)
    return Centre(tmp_path)


def test_an_empty_input_without_rejects_is_loaded(centre: Centre) -> None:
    centre.write("2017-03-20.json", {})
    assert ingest(centre.site, workers=0).rejected == 0


def test_a_source_whose_inputs_are_all_rejected_ends_with_status_1(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('[file_systems.fs]\ndf = { files = "df-%Y-%m-%d.txt" }\n')
    (tmp_path / "df-2020-01-01.txt").write_text("")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("IOLAKE")}
    iolake = str(Path(sys.executable).with_name("iolake"))
    done = subprocess.run([iolake, "ingest"], cwd=tmp_path, capture_output=True, text=True, check=False, env=clean)
    assert done.returncode == 1, done.stderr
    assert "df of fs: its one input was rejected" in done.stderr
    status = subprocess.run([iolake, "status"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 rejected" in status.stdout, status.stderr
