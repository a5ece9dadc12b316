"""ESnet's SNMP service: rates of interfaces, from JSON files or asked over HTTP.

A file is pytokio's copy, {router: {interface: {"in": {seconds: value}, "out": {...}, "units": "bytes/sec"}}}. Units may
be bytes/sec, bits/sec, or bytes: then the values are counters, read by the project's counter rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import quote

import httpx

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span, quoted
from iolake.extractors.daily import zone_of
from iolake.extractors.jsontext import parsed
from iolake.extractors.lookback import bounds, find_files_and_days
from iolake.extractors.members import members
from iolake.extractors.network.series import FIRST_S, LAST_S, Interfaces, counter_batch, is_amount, rate_batch, step_of
from iolake.schemas.errors import TransientError
from iolake.schemas.network import NETWORK_INTERFACE
from iolake.schemas.site import OwnerKind, Site, SiteError, Source

_WAYS: Final = ("in", "out")
_BITS: Final = 8
_NOT_ONE: Final = "is not JSON of ESnet's interfaces"
_UNITS: Final = ("bytes/sec", "bits/sec", "bytes")
_TRIES: Final = 3
_AGAIN: Final = {408, 425, 429}
"""HTTP statuses that blame the moment, not what was asked, as do those from 500 (RFC 9110, 8470 and 6585)."""


class EsnetError(TransientError):
    """The service cannot be reached, or answered with an error; another try may succeed."""


class EsnetSnmp(Extractor):
    """`files`, or the `uri` of the service: https://graphite.es.net/snmp/west.

    Options: `interfaces`, router to a list of its interfaces, for the service; `interval_s`, the step to ask for, and
    that of files which hold a single time.
    """

    source: ClassVar = "esnet_snmp"
    what: ClassVar = "rates of ESnet's interfaces"
    heads: ClassVar = (r"\A\s*\{\s*\"[^\"]+\"\s*:\s*\{\s*\"[^\"]+\"\s*:\s*\{\s*\"(in|out|units)\"\s*:",)
    version: ClassVar = 2
    owner: ClassVar[OwnerKind] = "endpoint"
    tables: ClassVar = (NETWORK_INTERFACE,)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield files by the site's patterns, and the service's days."""
        yield from find_files_and_days(site, self.owner, self.source, span)

    def hash(self, input: Input, site: Site) -> str | None:
        """Return a file's hash; None for a day of the service."""
        return None if "#" in input.uri else super().hash(input, site)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the rows; a reject counts values that are not amounts."""
        where = next(where for name, where, _ in site.sources(self.owner, self.source) if name == input.owner)
        if where.uri is not None:
            start, end = bounds(input.day or datetime.now(UTC).date(), zone_of(input, site, self.owner))
            rates, odd = _asked(where, start, end)
            counters: Interfaces = {}
            faults: list[str] = []
        else:
            rates, counters, odd, faults = _saved(input.uri)
        step = where.options.get("interval_s") or step_of(rates)
        if rates and not isinstance(step, (int, float)):
            raise InputError(input.uri, "has a single time, so its interval is unknown", "set options.interval_s")
        if faults:
            more = f" (one of {len(faults)} such parts)" if len(faults) > 1 else ""
            yield Reject(input, faults[0] + more, "interfaces")
        found = [batch for batch in (rate_batch(rates, float(step or 0)), counter_batch(counters)) if batch is not None]
        if not found and where.uri is None:
            raise InputError(input.uri, "holds no traffic of an interface", "check what was asked for")
        yield from found
        if odd:
            yield Reject(input, f"{odd} values are not amounts, or have no time", "values")


def _saved(uri: str) -> tuple[Interfaces, Interfaces, int, list[str]]:
    """Return (rates, counters, how many values were left out, what was wrong with other parts) of a file."""
    rates: Interfaces = {}
    counters: Interfaces = {}
    odd = 0
    faults: list[str] = []
    for member in members(uri):
        try:
            found = parsed(member.text())
        except (ValueError, RecursionError) as error:
            raise InputError(uri, f"{_NOT_ONE}{quoted(error)}", "check what the pattern names") from None
        for router, interfaces in (found if isinstance(found, dict) else {}).items():
            if not isinstance(interfaces, dict):
                faults.append(f"{router} has no interfaces")
                continue
            for interface, ways in interfaces.items():
                if fault := _fault(ways):
                    faults.append(f"{router} {interface}: {fault}")
                    continue
                units = ways.get("units", _UNITS[0])
                series = (counters if units == "bytes" else rates).setdefault((router, interface), {})
                for way in _WAYS:
                    for at, value in (ways.get(way) or {}).items():
                        scaled = value / _BITS if units == "bits/sec" and is_amount(value) else value
                        odd += not _add(series, way, at, scaled)
    return rates, counters, odd, faults


def _fault(ways: Any) -> str | None:
    """Return what is wrong with an interface's values; None where nothing is."""
    if not isinstance(ways, dict) or not all(isinstance(ways.get(way) or {}, dict) for way in _WAYS):
        return "its values are not by direction and time"
    units = ways.get("units", _UNITS[0])
    return None if units in _UNITS else f"units {units!r} are neither {', '.join(_UNITS[:2])} nor {_UNITS[2]}"[:200]


def _add(series: dict[int, dict[str, float]], way: str, at: Any, value: Any) -> bool:
    """Add a value; return whether it is an amount at a time."""
    try:
        moment = int(at)
    except (ValueError, TypeError):
        return False
    if not is_amount(value) or not FIRST_S <= moment < LAST_S:
        return False
    series.setdefault(moment, {})[way] = value
    return True


def _asked(where: Source, start: datetime, end: datetime) -> tuple[Interfaces, int]:
    """Return (rates, how many values were left out) of [start, end), as the service has them."""
    wanted = where.options.get("interfaces")
    if not isinstance(wanted, dict) or not all(isinstance(names, list) for names in wanted.values()):
        raise SiteError("site.toml", ["esnet_snmp.options.interfaces: write { router = ['interface', ...] }"])
    first, last = (int(moment.replace(tzinfo=UTC).timestamp()) for moment in (start, end))
    query: dict[str, Any] = {"begin": first, "end": last - 1}  # the service's end is inclusive
    if "interval_s" in where.options:
        query |= {"calc_func": where.options.get("calc_func", "average"), "calc": where.options["interval_s"]}
    rates: Interfaces = {}
    odd = 0
    with httpx.Client(timeout=60, follow_redirects=True) as client:
        for router, names in wanted.items():
            for interface in names:
                for way in _WAYS:
                    address = f"{where.uri}/{quote(router)}/interface/{quote(str(interface), safe='')}/{way}"
                    for at, value in _answer(client, address, query):
                        if value is not None:  # the service has no measurement
                            odd += not _add(rates.setdefault((router, str(interface)), {}), way, at, value)
    return rates, odd


def _answer(client: httpx.Client, address: str, query: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Return the (seconds, bytes a second) of an answer; EsnetError where none comes in three tries."""
    problem = ""
    for _ in range(_TRIES):
        try:
            answer = client.get(address, params=query)
            if answer.status_code < 500 and answer.status_code not in _AGAIN:
                answer.raise_for_status()
                return [(at, value) for at, value in answer.json()["data"]]
            problem = f"HTTP status {answer.status_code}"
        except httpx.HTTPStatusError as error:
            problem = f"the service answers with HTTP status {error.response.status_code}"
            raise InputError(address, problem, "correct the uri and the interfaces in site.toml") from None
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            problem = f"{type(error).__name__} {error}"
    raise EsnetError(f"{address}: {problem}".replace("\n", " "))
