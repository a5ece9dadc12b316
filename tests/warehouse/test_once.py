"""P2: whatever is ingested in whatever order, the lake holds each input's last content, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.toy import Centre, df, expected, rows

NAMES = ("2017-03-20a.json", "2017-03-20b.json", "2017-03-21.json")
BROKEN = -1
CONTENTS = st.integers(BROKEN, 3)
NIGHTS = st.lists(st.dictionaries(st.sampled_from(NAMES), CONTENTS, min_size=1), min_size=1, max_size=3)


def toy_rows(name: str, content: int) -> list[dict[str, Any]]:
    """What an input has in `lustre_df` with a content: `content` rows, over two days."""
    return [df(f"{name} {n}", 20 + 5 * n, content) for n in range(content)]


@settings(max_examples=8, deadline=None)
@given(nights=NIGHTS)
def test_the_last_content_of_each_input_is_there_once(
    tmp_path_factory: pytest.TempPathFactory, nights: list[dict[str, int]]
) -> None:
    """P2: the lake equals one load of the last contents; a broken content leaves the one before it."""
    centre = Centre(Path(tmp_path_factory.mktemp("once")))
    last: dict[str, int] = {}
    for night in nights:
        for name, content in night.items():
            centre.write(name, "broken" if content == BROKEN else {"lustre_df": toy_rows(name, content)})
        last |= {name: content for name, content in night.items() if content != BROKEN}
        centre.ingest()
        there = [row for name, content in last.items() for row in toy_rows(name, content)]
        assert rows(centre.lake) == expected("lustre_df", *there)
    assert centre.ingest().snapshots == []


@settings(max_examples=8, deadline=None)
@given(nights=st.lists(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2), min_size=1), min_size=1, max_size=3))
def test_one_content_is_one_thing_wherever_it_lies(
    tmp_path_factory: pytest.TempPathFactory, nights: list[dict[str, int]]
) -> None:
    """P2: copies of a content are loaded once, until the last of them is another.

    Where the copy that was loaded changes, the next ingest loads one of the others.
    """
    centre = Centre(Path(tmp_path_factory.mktemp("copies")), sources=("archive",))
    now: dict[str, int] = {}
    for night in nights:
        for name, content in night.items():
            centre.write(name, {"lustre_df": [df(f"content {content}", 1, content)]}, "archive")
        now |= night
        centre.ingest()
        centre.ingest()
        there = [df(f"content {content}", 1, content) for content in set(now.values())]
        assert rows(centre.lake) == expected("lustre_df", *there)
        assert centre.ingest().snapshots == []
        ended = centre.lake.sql("SELECT status, count(*) FROM inputs GROUP BY 1 ORDER BY 1").fetchall()
        assert sum(count for _, count in ended) == len(now)
        assert dict(ended)["loaded"] == len(there)
