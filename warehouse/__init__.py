"""The lake: `from warehouse import Lake`."""

from warehouse.errors import LakeError
from warehouse.lake import Lake

__all__ = ["Lake", "LakeError"]
