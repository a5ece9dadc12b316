"""Pictures as functions: each takes the answer of a `Query`, and returns an Altair chart to show or change."""

from iolake.reports.charts.query import Query

__all__ = ["Query"]
