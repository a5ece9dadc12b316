"""The reference pages are what the declarations say."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from iolake import schemas

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reference_pages_are_what_the_generator_writes() -> None:
    """In a process of its own, as the generator runs: help texts depend on what was set up before."""
    code = "import json, generate; print(json.dumps(generate.pages()))"
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=DOCS, env=environment, capture_output=True, text=True, check=True
    )
    stale = [
        path
        for path, text in json.loads(run.stdout).items()
        if not (DOCS / path).exists() or (DOCS / path).read_text() != re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    ]
    assert not stale, f"run python docs/generate.py: {stale} are not what the declarations say"


def test_every_column_says_what_it_means() -> None:
    silent = [f"{t.name}.{c.name}" for t in schemas.tables().values() for c in t.all_columns if len(c.doc) < 4]
    assert not silent


def test_every_command_has_an_example() -> None:
    text = _generate().pages()["commands.md"]
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    without = [s.splitlines()[0] for s in sections if s.count("iolake") < 3 and "COMMAND" not in s]
    assert not without
