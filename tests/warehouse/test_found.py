"""A source whose `find` fails stops no other source."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from iolake.extractors.base import Input, Span
from iolake.pipelines import registry
from iolake.schemas.site import Site
from tests.warehouse.toy import TOYS, Archive, Centre, df, expected, rows


class Lost(Archive):
    """A source that fails after the first thing that it finds."""

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        yield next(super().find(site, span))
        raise ValueError("month must be in 1..12")


def rejects(centre: Centre) -> list[tuple[str, ...]]:
    return centre.lake.sql("SELECT source, uri, reason FROM rejects ORDER BY ALL").fetchall()


def test_a_file_name_that_is_not_text_rejects_one_input_only(centre: Centre) -> None:
    """P5: the reject escapes the bytes of its name, and the others load."""
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7)]})
    odd = os.fsencode(centre.root / "toy") + b"/2017-03-20-\xff.json"
    with open(odd, "w") as file:
        file.write("{}")
    report = centre.ingest()
    assert report.rejected == 1
    assert rows(centre.lake) == expected("lustre_df", df("OST0000", 1, 7))
    ((source, uri, reason),) = rejects(centre)
    assert source == "toy"
    assert uri.endswith(r"/2017-03-20-\xff.json")
    assert "not UTF-8" in reason
    again = centre.ingest()
    assert again.snapshots == []
    assert again.rejected == 1


def test_a_source_that_fails_to_find_stops_no_other(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """P5: inputs found before the failure are loaded, and the next run calls `find` again."""
    monkeypatch.setattr(registry, "extractors", lambda: TOYS | {"archive": Lost()})
    centre.sources = ("toy", "archive")
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7)]})
    centre.write("2017-03-21.json", {"lustre_df": [df("OST0000", 24, 8)]}, "archive")
    centre.write("2017-03-22.json", {"lustre_df": [df("OST0000", 48, 9)]}, "archive")
    assert centre.ingest().rejected == 1
    assert rows(centre.lake) == expected("lustre_df", df("OST0000", 1, 7), df("OST0000", 24, 8))
    ((source, _uri, reason),) = rejects(centre)
    assert source == "archive"
    assert "ValueError: month must be in 1..12" in reason
    monkeypatch.setattr(registry, "extractors", lambda: TOYS)
    centre.ingest()
    assert len(rows(centre.lake)) == 3


def test_a_part_whose_name_is_not_text_is_rejected_too(centre: Centre) -> None:
    """P5: reasons are stored whatever bytes they contain."""
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7)], "part \udcff": []})
    assert centre.ingest().rejected == 0
    assert centre.lake.sql("SELECT part, reason FROM rejects").fetchall() == [
        (r"part \xff", r"unknown table part \xff")
    ]
