"""Puts a lake through kills, races, damage, full disks and faulty stores: `make torture`, or --minutes N for hours.

The truth is what the harness wrote into the inputs. Input `i07` of version 3 is rows of target `i07` that all have
`used_bytes` 3, so many as the version says; a reader that sees other rows, or an older version after a newer one, has
found a violation. Each round ends with a lake that has exactly the truth, with nothing left over.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from iolake import schemas
from iolake.pipelines import registry
from iolake.warehouse import heartbeat, views
from iolake.warehouse.verify import verify
from tests.torture.beside import reading
from tests.torture.bombs import burst
from tests.torture.commands import bombs_beside_good_inputs, commands
from tests.torture.stores import faulty_store
from tests.warehouse.toy import TABLES, TOYS, Centre, df

CHECKOUT = Path(__file__).resolve().parents[2]
OPERATIONS = ("ingest", "compact", "gc", "rebuild", "repair")
INPUTS = 8
HOSTS = ("000000000001", "000000000002", "000000000003")


class Violation(AssertionError):
    """The lake broke a promise."""


class Actor:
    """A process that carries out orders, each in a child of its own."""

    def __init__(self, root: Path) -> None:
        command = [sys.executable, "-m", "tests.torture.actor", str(root)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=CHECKOUT, stdin=pipe, stdout=pipe, text=True, bufsize=1)

    def order(self, op: str, **how: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"op": op, **how}) + "\n")

    def hear(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.communicate(timeout=60)


class Torture:
    """One lake, its truth, and what was done to it."""

    def __init__(self, root: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.centre = Centre(root)
        self.versions: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self._seen: Counter[str] = Counter()
        self.actors = [Actor(root) for _ in range(3)]

    # -- the truth

    def write(self) -> None:
        """Give some inputs a new version."""
        for _ in range(self.chance.randint(1, 3)):
            name = f"i{self.chance.randrange(INPUTS):02}"
            self.versions[name] += 1
            self.counts["loads"] += 1
            self.centre.write(f"2017-03-{20 + int(name[1:]) % 3}{name}.json", {"lustre_df": self.rows(name)})

    def rows(self, name: str) -> list[dict[str, Any]]:
        version = self.versions[name]
        return [df(name, 24 * (int(name[1:]) % 3) + hour, version) for hour in range(_rows_of(version))]

    def found(self) -> dict[str, tuple[int, int, int]]:
        """(oldest version, newest version, rows) of each input in the lake."""
        self.counts["reads"] += 1
        asked = "SELECT target, min(used_bytes), max(used_bytes), count(*) FROM lustre_df GROUP BY ALL"
        return {target: (low, high, rows) for target, low, high, rows in self.centre.lake.sql(asked).fetchall()}

    def check_read(self) -> None:
        """P1, P2: every input is there whole, in one version, and never an older one than before."""
        for name, (low, high, rows) in self.found().items():
            if low != high or rows != _rows_of(low):
                raise Violation(f"{name}: versions {low} to {high}, {rows} rows")
            if low < self._seen[name]:
                raise Violation(f"{name}: version {low} after {self._seen[name]}")
            self._seen[name] = low

    def check_whole(self) -> None:
        """P2, P3, P5: the lake has the truth, verifies, and nothing is left over."""
        wanted = {name: (version, version, _rows_of(version)) for name, version in self.versions.items()}
        if (found := self.found()) != wanted:
            raise Violation(f"found {found}, wanted {wanted}")
        if flaws := verify(self.centre.warehouse, deep=True).flaws:
            raise Violation(f"verify: {flaws}")
        left = [f.path for folder in ("staging", "aborts", "beats") for f in self.centre.warehouse.store.list(folder)]
        if left:
            raise Violation(f"left over: {left}")

    # -- rounds

    def settle(self) -> None:
        """Run what an undisturbed night runs."""
        self.do("recover")
        self.do("ingest")
        self.check_whole()

    def do(self, op: str, actor: int = 0, **how: Any) -> str:
        self.actors[actor].order(op, **how)
        said = self.actors[actor].hear()
        if not how and said != "done":
            raise Violation(f"{op}: {said}")
        return said

    def kill(self) -> None:
        """An operation dies at a step, or at a moment; readers read on."""
        operation = self.chance.choice(OPERATIONS)
        if operation == "ingest":
            self.write()
        if operation == "repair":
            self._damage(self.chance.randint(1, 2))
        step = self.chance.randrange(1, 60)
        how = {"step": step} if self.chance.random() < 0.7 else {"after_s": self.chance.uniform(0.001, 0.3)}
        if operation == "repair":
            said = self.do(operation, **how)
            self.do("repair")
        else:
            with reading(self.check_read):
                said = self.do(operation, **how)
        if said not in {"killed", "done"}:
            raise Violation(f"{operation}: {said}")
        self.counts["kills"] += said == "killed"
        self.settle()

    def race(self) -> None:
        """Writers of two or three hosts with clocks days apart load, compact and recover at once."""
        self.write()
        orders = [self.chance.choice(("ingest", "ingest", "compact", "recover")) for _ in self.actors[:-1]] + ["ingest"]
        with reading(self.check_read):
            for number, (actor, op) in enumerate(zip(self.actors, orders, strict=True)):
                shift_s = self.chance.choice((0, 26 * 3600, -2 * 86400))
                actor.order(op, host=HOSTS[number], shift_s=shift_s)
            answers = [actor.hear() for actor in self.actors]
        if bad := [a for a in answers if a != "done" and not a.startswith(("LoadLost", "CommitContested"))]:
            raise Violation(f"race of {orders}: {bad}")
        self.counts["races"] += 1
        self.settle()

    def damage(self) -> None:
        """Files are flipped, cut or gone: verify finds each of them, repair or rebuild brings the rows back."""
        damaged = self._damage(self.chance.randint(1, 3))
        found = {f.path for f in verify(self.centre.warehouse, deep=True).damaged_files}
        if found != damaged:
            raise Violation(f"damaged {damaged}, found {found}")
        if self.chance.random() < 0.3:
            self._lose_catalog()
            self.actors[0].order("rebuild")
            said = self.actors[0].hear()
            if said != "done" and not said.startswith("NoLake"):  # no file was whole
                raise Violation(f"rebuild: {said}")
        else:
            self.do("repair")
        self.settle()

    def full_disk(self) -> None:
        """No file may become larger than some bytes: the operation fails in one line, or ends."""
        self.write()
        operation = self.chance.choice(OPERATIONS[:-1])
        with reading(self.check_read):
            said = self.do(operation, fsize=self.chance.choice((1, 100, 2000, 20_000, 200_000)))
        if said not in {"done", "killed"} and not any(word in said for word in ("too large", "LakeError", "IO Error")):
            raise Violation(f"{operation} on a full disk: {said}")
        self.counts["faults"] += 1
        self.settle()

    def _damage(self, count: int) -> set[str]:
        files = self.centre.lake.files()
        chosen = self.chance.sample(files, min(count, len(files)))
        for file in chosen:
            path = self.centre.root / "lake" / file.path
            content = bytearray(path.read_bytes())
            kind = self.chance.randrange(4)
            if kind == 0:
                path.unlink()
                continue
            if kind == 1:
                content = content[: self.chance.randrange(len(content))]
            else:
                content[self.chance.randrange(len(content))] ^= 1 << self.chance.randrange(8)
            path.write_bytes(content)
        self.counts["faults"] += len(chosen)
        return {file.path for file in chosen}

    def _lose_catalog(self) -> None:
        """The snapshots are gone; gc removed files without a name before."""
        self.do("gc")
        shutil.rmtree(self.centre.root / "lake" / "catalog")
        (self.centre.root / "lake" / "lake.duckdb").unlink()

    def tidy(self) -> None:
        """Keep the lake small."""
        self.do("gc")


def _rows_of(version: int) -> int:
    return 1 + version % 3


def torture(seconds: float, seed: int, say: Callable[[str], object] = print) -> tuple[Counter[str], list[str]]:
    """(counts, violations) of rounds for so many seconds; a seed gives the same orders again."""
    counts: Counter[str] = Counter()
    violations: list[str] = []
    started = last = time.monotonic()
    heartbeat.WATCH_S = 0.5
    while time.monotonic() - started < seconds:
        with tempfile.TemporaryDirectory(prefix="iolake-torture-") as folder:
            lake = Torture(Path(folder), seed)
            lake.write()
            lake.do("ingest")
            rounds = {lake.kill: 5, lake.race: 3, lake.damage: 2, lake.full_disk: 2}
            number = 0
            try:
                while not number or (time.monotonic() - started < seconds and number < 60):
                    number += 1
                    act = lake.chance.choices([*rounds], [*rounds.values()])[0]
                    act()
                    if number % 10 == 0:
                        lake.tidy()
                    if time.monotonic() - last > 30:
                        last = time.monotonic()
                        say(_line(counts + lake.counts, violations))
            except Exception as error:
                violations.append(f"seed {seed}, round {number}, {act.__name__}: {type(error).__name__}: {error}")
                say(violations[-1])
            for actor in lake.actors:
                actor.close()
            counts += lake.counts
            seed += 1
    return counts, violations


def _line(counts: Counter[str], violations: list[str]) -> str:
    first = ("loads", "kills", "races", "faults", "reads", "bombs")
    named = ", ".join(f"{counts[name]:,} {name}" for name in (*first, *sorted(counts.keys() - {*first})))
    return f"{named}; {len(violations):,} violations"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=13)
    arguments = parser.parse_args()
    half_s = arguments.minutes * 30
    with (
        patch.object(registry, "extractors", lambda: TOYS),
        patch.object(schemas, "tables", lambda: TABLES),
        patch.object(views, "sql_files", dict),
    ):
        results = [torture(half_s, arguments.seed), faulty_store(arguments.seed)]
    results += [commands(half_s, arguments.seed), bombs_beside_good_inputs(), burst()]
    counts = sum((more for more, _ in results), Counter[str]())
    violations = [line for _, bad in results for line in bad]
    print(_line(counts, violations))
    print("\n".join(violations))
    sys.exit(bool(violations))


if __name__ == "__main__":
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    main()
