"""A plug-in whose registration contradicts itself is refused by name, before anything is read."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from iolake.extractors.base import Batch, Extractor, Input, Reject, Span
from iolake.pipelines import registry
from iolake.schemas.site import Site


class Power(Extractor):
    source = "power"
    version = 1
    owner = "cluster"
    tables = ()

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        return iter(())

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        return iter(())


class Rack(Power):
    source = "rack"


class TextVersion(Power):
    version = "1"  # type: ignore[assignment]


class Unowned(Power):
    owner = "rack"  # type: ignore[assignment]


class Unwritten(Extractor):
    source = "power"
    version = 1


class Unversioned(Extractor):
    source = "power"
    owner = "cluster"
    tables = ()
    find, read = Power.find, Power.read


def installed(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> Any:
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    return registry._Installed()


def point(target: str, name: str = "power") -> EntryPoint:
    return EntryPoint(name, f"{__name__}:{target}", registry.GROUP)


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("Rack", "its source is 'rack'; name the entry point 'rack' too"),
        ("TextVersion", "its version is '1'"),
        ("Unversioned", "lacks the attribute version"),
        ("Unowned", "write one of cluster, file_system, endpoint"),
        ("Unwritten", "lacks the methods find, read"),
        ("point", "not a subclass of iolake.Extractor"),
        ("Missing", "cannot be imported: AttributeError: "),
    ],
)
def test_a_registration_that_contradicts_its_extractor_is_refused(
    monkeypatch: pytest.MonkeyPatch, target: str, problem: str
) -> None:
    monkeypatch.setattr(EntryPoint, "load", lambda self: _load(self.value))
    with pytest.raises(registry.RegistrationError, match="entry point power = ") as caught:
        installed(monkeypatch, point(target))["power"]
    assert problem in str(caught.value)


def test_two_extractors_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(registry.RegistrationError, match="rename one of them"):
        installed(monkeypatch, point("Power"), point("Rack"))


def test_a_right_registration_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EntryPoint, "load", lambda self: _load(self.value))
    assert isinstance(installed(monkeypatch, point("Power"))["power"], Power)


def test_every_shipped_extractor_is_registered_under_its_source() -> None:
    extractors = registry.extractors()
    assert [*extractors] == sorted(extractors[name].source for name in extractors)


def _load(value: str) -> Any:
    try:
        return globals()[value.partition(":")[2]]
    except KeyError as error:
        raise AttributeError(f"module has no attribute {error}") from None
