"""Statistics over what the lake answers: correlations, slow targets, families of runs, periods, regimes of a series.

Each function takes a polars frame and returns one, so that any query's answer, or a published table, can be put through
it. They need the extra `iolake[analysis]`.
"""

from iolake.analysis.correlation import correlate
from iolake.analysis.families import families, spread
from iolake.analysis.periods import periods
from iolake.analysis.regimes import contributors, regimes
from iolake.analysis.targets import bad_osts

__all__ = ["bad_osts", "contributors", "correlate", "families", "periods", "regimes", "spread"]
