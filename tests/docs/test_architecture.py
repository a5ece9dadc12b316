"""ARCHITECTURE.md names files, functions and imports as they are in the code."""

from __future__ import annotations

import ast
import re
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "ARCHITECTURE.md").read_text()
ROOMS = ("analysis", "demo", "extractors", "pipelines", "reports", "schemas", "warehouse")
_QUOTED = re.findall(r"`([^`\n]+)`", PAGE)
_FOLDER = re.compile(r"\| `(?P<room>\w+)/` \| [^|]* \|(?P<imports>[^|]*)\|")


def _modules(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def test_every_path_that_the_page_names_exists() -> None:
    paths = [text for text in _QUOTED if re.fullmatch(r"[\w/]+(\.\w+|/\w+|/)", text) and not text.startswith("lake/")]
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_class_and_function_that_the_page_names_is_defined() -> None:
    named = {match[1] for text in _QUOTED if (match := re.fullmatch(r"(?:\w+\.)?([A-Z]\w+|find|read\w*)(\(\))?", text))}
    assert {"Input", "Batch", "Reject", "read_many"} <= named
    code = "\n".join(path.read_text() for path in _modules(*ROOMS))
    assert [name for name in sorted(named) if not re.search(rf"\b(class|def) {name}\b", code)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_the_rooms_that_the_page_allows(room: str) -> None:
    (allowed,) = [match["imports"] for match in _FOLDER.finditer(PAGE) if match["room"] == room]
    may = set(re.findall(r"`(\w+)`", allowed)) | {room}
    trees = [ast.parse(path.read_text()) for path in _modules(room)]
    found = {
        node.module.split(".")[1]
        for node in chain.from_iterable(map(ast.walk, trees))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("iolake.")
    }
    assert found <= may
