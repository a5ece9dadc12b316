"""How inputs are batched: bounded by count and bytes, with small inputs of several loads read in one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iolake.extractors.base import Input, InputError, Span
from iolake.pipelines import plan, registry
from iolake.pipelines.ingest import bundles, ingest, prepare
from iolake.pipelines.stage import Unit, stage_bundle, weight_of
from iolake.schemas.site import Site
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.records import LoadInfo
from tests.warehouse.toy import TOYS, Centre, Toy, df, expected, rows

MIB = 1 << 20
INFO = LoadInfo("load", "run", "toy", "scratch", date(2017, 3, 20), 1)


class Many(Toy):
    """A source whose batches may have many inputs; it remembers the inputs of each call."""

    batch_inputs = 100
    calls: list[int] = []  # noqa: RUF012  one list for all: the registry holds the only instance

    def read_many(self, inputs: Sequence[Input], site: Site) -> Iterator[Any]:
        self.calls.append(len(inputs))
        return super().read_many(inputs, site)


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> Many:
    """The toy source with batches of many inputs."""
    source = Many()
    source.calls.clear()
    monkeypatch.setattr(registry, "extractors", lambda: TOYS | {"toy": source})
    return source


@given(st.lists(st.sampled_from([None, 0, 8_000, 5 * MIB, plan.BATCH_BYTES - 1, plan.BATCH_BYTES, 900 * MIB])))
def test_a_batch_is_bounded_by_count_and_by_bytes_and_no_input_is_lost(sizes: list[int | None]) -> None:
    """P5: 256 large archives are split among workers; an input larger than a batch has a batch of its own."""
    inputs = [Input("toy", "scratch", f"/f{n}", size_bytes=size) for n, size in enumerate(sizes)]
    units = list(plan._units(Many(), INFO, inputs))
    assert [i for unit in units for i in unit.inputs] == inputs
    assert all(len(unit.inputs) <= Many.batch_inputs for unit in units)
    assert all(len(unit.inputs) == 1 or sum(map(weight_of, unit.inputs)) <= plan.BATCH_BYTES for unit in units)


def test_the_small_files_of_many_days_are_read_in_one_call(centre: Centre, many: Many) -> None:
    """P2, P4: one call for all days; each day is still a load, and the rows are those of files read one by one."""
    for day in range(20, 29):
        centre.write(f"2017-03-{day}.json", {"lustre_df": [df(f"OST{day}", 24 * (day - 20), day)]})
    report = ingest(centre.site, workers=0)
    assert many.calls == [9]
    assert [load.info.day for load in report.loads] == [date(2017, 3, day) for day in range(20, 29)]
    assert [load.rows for load in report.loads] == [1] * 9
    rows_of_days = [df(f"OST{day}", 24 * (day - 20), day) for day in range(20, 29)]
    assert rows(centre.lake) == expected("lustre_df", *rows_of_days)


def test_a_source_with_copies_reads_each_load_alone(
    centre: Centre, many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P2: of equal contents in one call one has the rows; in calls of several loads, another load would lack them."""
    monkeypatch.setattr(Many, "content_addressed", True)
    for day in range(20, 23):
        centre.write(f"2017-03-{day}.json", {"lustre_df": [df(f"OST{day}", 24 * (day - 20), day)]})
    ingest(centre.site, workers=0)
    assert many.calls == [1, 1, 1]


def test_an_input_that_spoils_what_is_read_with_it_is_rejected_alone(centre: Centre, many: Many) -> None:
    """P5: two rows of one key break the gate; the other days, and the other file of that day, are loaded."""
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0", 0, 1)]})
    centre.write("2017-03-21.json", {"lustre_df": [df("OST1", 24, 1)]})
    centre.write("2017-03-21-b.json", {"lustre_df": [df("OST2", 25, 1), df("OST2", 25, 1)]})
    report = ingest(centre.site, workers=0)
    assert report.rejected == 1
    ((uri, reason),) = centre.lake.sql("SELECT uri, reason FROM rejects").fetchall()
    assert uri.endswith("2017-03-21-b.json") and "duplicate keys" in reason
    assert rows(centre.lake) == expected("lustre_df", df("OST0", 0, 1), df("OST1", 24, 1))


@pytest.mark.parametrize("bad", ["gate", "rejected"])
def test_one_bad_input_leaves_the_others_of_a_day_in_few_files(
    centre: Centre, many: Many, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    """P5: of 65 inputs one spoils the unit after it gave rows; the others are not read one by one."""

    def read(source: Many, input: Input, site: Site) -> Iterator[Any]:
        yield from Toy.read(source, input, site)
        if bad == "rejected" and "37" in input.uri:
            raise InputError(input.uri, "is cut off")

    monkeypatch.setattr(Many, "read", read)
    for number in range(65):
        twice = 2 if bad == "gate" and number == 37 else 1
        centre.write(f"2017-03-20-{number:02}.json", {"lustre_df": [df(f"OST{number}", 0, 1)] * twice})
    report = ingest(centre.site, workers=0)
    good = [number for number in range(65) if number != 37]
    assert report.rejected == 1
    assert rows(centre.lake) == expected("lustre_df", *(df(f"OST{number}", 0, 1) for number in good))
    ((files,),) = centre.lake.sql("SELECT count(*) FROM files WHERE table_name = 'lustre_df'").fetchall()
    assert files <= {"gate": 20, "rejected": 1}[bad]


def test_each_unit_of_a_bundle_is_staged_on_its_own(centre: Centre, many: Many) -> None:
    """P1: several units of one load in a bundle come back one by one, and no row is in two of them."""
    for name in "abc":
        centre.write(f"2017-03-20-{name}.json", {"lustre_df": [df(name, 1, 1)]})
    (unit,) = bundles(prepare(centre.site, ("toy",), Span()))[0]
    alone = [Unit(unit.load, (input,)) for input in unit.inputs]
    staged = stage_bundle(alone, centre.site)
    assert [sum(record.rows for record in unit.inputs) for unit in staged] == [1, 1, 1]
    assert [sum(file.rows for file in unit.files) for unit in staged] == [1, 1, 1]


def test_a_commit_asks_the_ledger_no_more_for_thirty_new_days_than_for_two(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P1, P2: some queries for each load would take longer than the load."""
    asked: list[str] = []
    rows_of = Catalog.rows

    def counted(catalog: Catalog, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return rows_of(catalog, sql, parameters)

    monkeypatch.setattr(Catalog, "rows", counted)
    counts = []
    for days in (range(1, 3), range(3, 31)):
        for day in days:
            centre.write(f"2017-03-{day:02}.json", {"lustre_df": [df("OST0", 24 * (day - 20), day)]})
        asked.clear()
        centre.ingest()
        counts.append(len(asked))
    assert counts[1] <= counts[0] + 5
    wanted = [df("OST0", 24 * (day - 20), day) for day in range(1, 31)]
    assert rows(centre.lake) == expected("lustre_df", *wanted)
