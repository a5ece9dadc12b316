"""The repository holds what people wrote, not what their tools leave beside it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_no_file_that_a_tool_leaves_is_tracked() -> None:
    """Such files name the machine that made them: notebooks' sessions, caches, a demo's lake."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout of git")
    ignored = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    done = subprocess.run(ignored, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == []
