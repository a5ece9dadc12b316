"""Errors of an analysis that its user can correct, and the checks that raise them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Final

import polars as pl

from iolake.schemas.errors import PermanentError
from iolake.schemas.locations import MissingExtra

UNKNOWN: Final = ("", "-", "--", "?", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none", "missing", "unknown")
"""What tables have where a number is not known, in small letters."""


class AnalysisError(PermanentError):
    """A frame or an option that an analysis cannot use: what is wrong, what to do."""


def scipy_module(name: str) -> Any:
    """A module of scipy, which only analyses need. Raises MissingExtra where it is not installed."""
    try:
        return importlib.import_module(f"scipy.{name}")
    except ImportError:
        raise MissingExtra("this analysis", "iolake[analysis]") from None


def need(frame: pl.DataFrame, columns: Sequence[str]) -> None:
    """AnalysisError where a frame lacks one of the columns."""
    for name in columns:
        if name not in frame.columns:
            near = get_close_matches(name, frame.columns, n=3) or frame.columns[:10]
            raise AnalysisError(f"there is no column {name!r}; write one of {', '.join(near)}")


def holds_numbers(column: pl.Series) -> bool:
    """Whether a column holds numbers, also as text: DuckDB reads a CSV file's column with `inf` or `-` as text."""
    if column.dtype != pl.String:
        return column.dtype.is_numeric() or column.dtype in {pl.Boolean, pl.Null}
    written = known(column).drop_nulls()
    return written.len() > 0 and written.cast(pl.Float64, strict=False).null_count() == 0


def known(column: pl.Series) -> pl.Series:
    """A column of text without spaces around; null where the text is a word of `UNKNOWN`."""
    stripped = column.str.strip_chars()
    return stripped.set(stripped.str.to_lowercase().is_in(UNKNOWN), None)


def numbers(frame: pl.DataFrame, name: str) -> pl.Series:
    """A column as floating-point numbers; what is not finite is null. AnalysisError where it holds no numbers."""
    column = frame[name]
    if not holds_numbers(column):
        raise AnalysisError(f"column {name!r} holds {column.dtype}, no numbers; cast it in the query")
    real = (known(column) if column.dtype == pl.String else column).cast(pl.Float64)
    return real.to_frame().select(pl.when(pl.col(name).is_finite()).then(pl.col(name)))[name]
