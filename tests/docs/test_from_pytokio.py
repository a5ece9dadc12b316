"""docs/from-pytokio.md: every query runs, and every command is one that iolake has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from iolake.pipelines.cli import _COMMANDS
from iolake.warehouse import Lake

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "from-pytokio.md").read_text()
QUERIES = [found for found in re.findall(r"`([^`]+)`", PAGE) if found.startswith("FROM ")]
QUERIES += re.findall(r'iolake sql "(FROM \w+)"', PAGE)
COMMANDS = sorted(set(re.findall(r"`iolake ([\w-]+)", PAGE)))


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_of_the_page_binds(lake: Lake, query: str) -> None:
    assert lake.sql(query).columns


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_is_there(command: str) -> None:
    assert command in _COMMANDS
