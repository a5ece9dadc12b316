"""Every extractor of the package is registered, by the name of its source."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path

import iolake.extractors
from iolake.extractors.base import Extractor
from iolake.pipelines.registry import chosen, extractors
from iolake.schemas.site import Site


def _declared() -> dict[str, type[Extractor]]:
    found: dict[str, type[Extractor]] = {}
    for module in pkgutil.walk_packages(iolake.extractors.__path__, "iolake.extractors."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(kind, Extractor) and not inspect.isabstract(kind) and kind.__module__ == module.name:
                found[kind.source] = kind
    return found


def test_every_extractor_can_be_named_in_site_toml() -> None:
    """P5: no ingest would find an unregistered source."""
    registered = extractors()
    assert {source: type(registered[source]) for source in registered} == _declared()


def test_the_example_of_a_site_is_one() -> None:
    """Every source that it shows is registered, for the kind of owner that it stands under."""
    example = Path(__file__).resolve().parents[2] / "deploy" / "site.toml"
    assert {"mmperfmon", "ssd", "hsi", "esnet_snmp", "topology"} <= chosen(Site.read(example), ()).keys()
