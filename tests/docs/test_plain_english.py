"""Texts of the repository are plain English: phrases that need a second reading are listed here and found nowhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PHRASES = re.compile(
    r"\btold\b|\b(gave|give) way|\b(is|are) none\b|no less than none|\bhas not the\b|\bthat is not\b"
    r"|\bis no [a-z]+ of\b|\bof which\b|\btells? (of|no)\b|\bmay not be\b|\bstands? for\b"
    r"|\bstands? (in(?! for)|on|below)\b|\bany more\b|\bof theirs\b|\bin vain\b|\bto be looked\b|\bnobody is to\b"
    r"|\btakes? no other with\b|\bno verdict (on|for)\b",
    re.IGNORECASE,
)
CODE = re.compile(r"\b(is|are) None\b")


def test_no_text_has_a_phrase_that_needs_a_second_reading() -> None:
    """CONTRIBUTING.md: active voice, a concrete subject first, one idea a sentence."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    texts = {name: ROOT / name for name in listed if Path(name).suffix in {".py", ".sql", ".md", ".toml", ".yaml"}}
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, path in texts.items()
        if path.is_file() and not path.samefile(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if PHRASES.search(CODE.sub("", line))
    ]
    assert found == []
