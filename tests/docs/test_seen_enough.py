"""P12: what counts as seen enough is declared once, and every query and text states that number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from iolake.schemas.coverage import LARGEST_SHARE, SEEN_ENOUGH_PCT
from iolake.warehouse.views import sql_files

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted(path for room in ("sql", "reports", "schemas", "notebooks") for path in (ROOT / room).rglob("*"))
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
_LITERAL = re.compile(
    r"seen\w*\)? *[<>]=? *\(?\d\d+\b|seen\w*\)? *[<>]=? *0\.\d|less than \d+ % (?:was|of the \w+ was)"
)
_STATED = re.compile(r"(?:less than|[<>]=?) (\d\d+)(?= %| THEN)")


def test_no_query_or_page_writes_the_number_itself() -> None:
    read = {path: path.read_text() for path in CODE if path.suffix in {".sql", ".py"}}
    assert len(read) > 60
    assert {path.name: found for path, text in read.items() if (found := _LITERAL.findall(text))} == {}


def test_the_statements_of_a_snapshot_compare_with_the_declared_numbers() -> None:
    texts = sql_files()
    assert f"seen_pct >= {SEEN_ENOUGH_PCT} AND" in texts["job_neighbours_model"]
    assert f"opens_part <= {LARGEST_SHARE} THEN" in texts["job_file_system_model"]
    assert [name for name, text in texts.items() if re.search(r"\{\w+\}", text)] == []


@pytest.mark.parametrize("text", [ROOT / "ARCHITECTURE.md", *DASHBOARDS], ids=lambda path: path.name)
def test_a_text_states_the_declared_number(text: Path) -> None:
    assert set(_STATED.findall(text.read_text())) <= {str(SEEN_ENOUGH_PCT)}
