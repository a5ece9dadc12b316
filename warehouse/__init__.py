"""The lake: `from iolake import Lake`."""

from iolake.warehouse.errors import LakeError
from iolake.warehouse.lake import Lake

__all__ = ["Lake", "LakeError"]
