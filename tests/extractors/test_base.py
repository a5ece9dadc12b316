"""The default methods of `Extractor`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from iolake.extractors.base import Batch, Extractor, Input, InputError, Outcome, Reject, Span
from iolake.schemas.lustre import LUSTRE_DF
from iolake.schemas.site import Site

SITE = Site.model_validate({"file_systems": {"fs": {}}})
INPUT = Input("live", "fs", "live://here")


class Live(Extractor):
    """A source without files: it yields these sizes of a target, a batch each, rejects those below 0, fails at None."""

    source: ClassVar[str] = "live"
    version: ClassVar[int] = 1
    owner: ClassVar[Any] = "file_system"
    tables: ClassVar[Any] = [LUSTRE_DF]

    def __init__(self, *said: int | None, digest: str | None = None) -> None:
        self.said, self.digest = said, digest
        self.asked: list[int | None] = []

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        yield INPUT

    def hash(self, input: Input, site: Site) -> str | None:
        return self.digest

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        for size in self.said:
            self.asked.append(size)
            if size is None:
                raise InputError(input.uri, "broke off")
            if size < 0:
                yield Reject(input, "is negative", f"size {size}")
                continue
            row = {"target": "OST0000", "role": "ost", "ts": datetime(2026, 3, 1), "total_bytes": size}
            yield Batch(LUSTRE_DF, pa.Table.from_pylist([row], LUSTRE_DF.batch_schema))


def sizes(results: list[Batch | Reject | Outcome]) -> list[int]:
    """What the batches say."""
    return [row["total_bytes"] for r in results if isinstance(r, Batch) for row in r.data.to_pylist()]


@pytest.mark.parametrize("digest", [None, "of the content"])
def test_rows_are_handed_on_before_the_next_are_read(digest: str | None) -> None:
    live = Live(1, 2, 3, digest=digest)
    results = live.read_many([INPUT], SITE)
    first = next(results)
    assert sizes([first]) == [1] and live.asked == [1]
    *rest, outcome = results
    assert sizes(rest) == [2, 3]
    assert isinstance(outcome, Outcome) and outcome.status == "loaded"
    assert outcome.content_hash and digest in {None, outcome.content_hash}


def test_an_input_that_breaks_off_ends_rejected_and_the_others_are_read() -> None:
    """P5: the caller drops the batches that it yielded before."""
    other = replace(INPUT, uri="live://there")
    results = list(Live(1, None).read_many([INPUT, other], SITE))
    assert [(r.input.uri, r.status) for r in results if isinstance(r, Outcome)] == [
        (INPUT.uri, "rejected"),
        (other.uri, "rejected"),
    ]
    assert [r.reason for r in results if isinstance(r, Reject)] == ["broke off", "broke off"]


@pytest.mark.parametrize("known", [None, "of other rows"])
def test_an_input_that_breaks_off_names_the_parts_that_were_refused_before(known: str | None) -> None:
    """P5: also of an input that was loaded once, whose rows wait for their hash."""
    *rejects, _ = Live(1, -1, None).read_many([replace(INPUT, known_hash=known)], SITE)
    assert [(r.part, r.reason) for r in rejects if isinstance(r, Reject)] == [
        ("size -1", "is negative"),
        ("", "broke off"),
    ]


def test_a_content_that_the_lake_has_is_not_read() -> None:
    live = Live(1, digest="known")
    assert list(live.read_many([replace(INPUT, known_hash="known")], SITE)) == [
        Outcome(replace(INPUT, known_hash="known"), "unchanged", "known")
    ]
    assert live.asked == []


def test_rows_that_the_lake_has_are_not_handed_on_and_others_are() -> None:
    """P2: the hash of the rows decides, as the input has no other content."""
    *_, loaded = Live(1, 2).read_many([INPUT], SITE)
    assert isinstance(loaded, Outcome) and loaded.content_hash
    known = replace(INPUT, known_hash=loaded.content_hash)
    assert list(Live(1, 2).read_many([known], SITE)) == [Outcome(known, "unchanged", loaded.content_hash)]
    for said in ((1, 3), (2, 1), (1,), (1, 2, 2)):
        *batches, changed = Live(*said).read_many([known], SITE)
        assert sizes(batches) == list(said)
        assert isinstance(changed, Outcome) and changed.status == "loaded"
        assert changed.content_hash not in {None, loaded.content_hash}


def test_a_reject_is_one_line_whatever_it_quotes() -> None:
    """P5: a name in a file may have line breaks."""
    reject = Reject(INPUT, "router 'a\nb' has no times\r\n", "interface\nc")
    assert (reject.reason, reject.part) == ("router 'a\\nb' has no times", "interface\\nc")
    assert str(InputError("a\nb", "has\nno", "write\nit")) == "a\\nb: has\\nno; write\\nit"


def test_one_text_for_the_heads_of_a_source_is_an_error() -> None:
    """Each of its letters would be a pattern, and fit nearly every file."""
    with pytest.raises(TypeError, match="write a tuple of patterns"):
        type("Slip", (Live,), {"heads": "^time,rack"})
