"""JSON objects decoded many at once: the same ones as the json module's, wherever a piece ends."""

from __future__ import annotations

import io
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iolake.extractors import jsonhits
from iolake.extractors.base import InputError
from iolake.extractors.jsonhits import decoded


class Form(msgspec.Struct):
    """What the tests read of an object."""

    key: str | None = None
    number: int | None = None
    hits: msgspec.UnsetType = msgspec.UNSET


TEXT = st.text(st.sampled_from('},{[]" \\\n\r\té\u2028\U0001f600x'), max_size=12)
RECORD = st.fixed_dictionaries({"key": TEXT, "number": st.integers(-9, 9)}, optional={"more": st.lists(TEXT)})
RECORDS = st.lists(RECORD, min_size=1, max_size=12)
FORMS = ("list", "lists", "lines", "crlf", "indented", "bom", "ascii")


def written(records: list[dict[str, Any]], form: str) -> bytes:
    """The records in one of the forms that tools write."""
    if form in ("lines", "crlf"):
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
        return ("\r\n" if form == "crlf" else "\n").join(lines).encode()
    pages = [records[:2], records[2:], []] if form == "lists" else records
    text = json.dumps(pages, ensure_ascii=form == "ascii", indent=2 if form == "indented" else None)
    return ("\ufeff" * (form == "bom") + text).encode()


def read(content: bytes, piece: int) -> list[tuple[Any, Any]]:
    """The key and the number of each object, where a piece has so many bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonhits, "_PIECE", piece)
        found: list[Any] = [item for part in decoded(io.BytesIO(content), "a", Form) for item in part]
    plain = [item if isinstance(item, dict) else msgspec.structs.asdict(item) for item in found]
    return [(item.get("key"), item.get("number")) for item in plain]


def expected(records: list[dict[str, Any]]) -> list[tuple[Any, Any]]:
    return [(record.get("key"), record.get("number")) for record in records]


@given(RECORDS, st.sampled_from(FORMS), st.integers(4, 200))
def test_the_objects_are_the_json_modules_wherever_a_piece_ends(
    records: list[dict[str, Any]], form: str, piece: int
) -> None:
    """P5: no object is lost, doubled or split, in each form that tools write."""
    assert read(written(records, form), piece) == expected(records)


@given(RECORDS, st.sampled_from(("list", "lists", "indented", "bom")), st.integers(4, 200), st.data())
def test_a_text_that_is_cut_inside_an_object_is_refused(
    records: list[dict[str, Any]], form: str, piece: int, data: st.DataObject
) -> None:
    """P5: what comes before the cut is not taken for the whole."""
    content = written(records, form)
    end = content.rindex(b"}")
    cut = data.draw(st.integers(max(end - 8, content.rindex(b'"') - 1), end))
    with pytest.raises(InputError, match=r"cut off or damaged|not text"):
        read(content[:cut], piece)


@pytest.mark.parametrize("piece", [4, 16, 50, 1 << 21])
@pytest.mark.parametrize(
    ("text", "records"),
    [
        ('[{"key":"a"}],[{"key":"b"}]', [{"key": "a"}, {"key": "b"}]),
        ('[[{"key":"a"}],[],[{"key":"b"},{"key":"c"}]]', [{"key": "a"}, {"key": "b"}, {"key": "c"}]),
        ('[{"key":"a"}]\n[{"key":"b"}]\n', [{"key": "a"}, {"key": "b"}]),
        ('[{"key":"\\ud800"},{"key":"b"}]', [{"key": "\ud800"}, {"key": "b"}]),
        ('{"key":"\\ud800"}\n{"key":"b"}\n', [{"key": "\ud800"}, {"key": "b"}]),
        ('{"key":"a"}\n{"number":"other"}\n{"key":"b"}', [{"key": "a"}, {"number": "other"}, {"key": "b"}]),
        ('{"hits":{"hits":[{"key":"a"},{"key":"b"}]}}', [{"key": "a"}, {"key": "b"}]),
    ],
)
def test_lists_that_close_early_surrogates_and_other_types_are_read(
    text: str, records: list[dict[str, Any]], piece: int
) -> None:
    """P5: what does not fit the struct is still read, as dictionaries."""
    assert read(text.encode(), piece) == expected(records)
