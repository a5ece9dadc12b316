"""Commands of iolake in processes of their own, killed or raced for, on a lake of LMT's SQLite files.

File `lmt-2018-01-07.db` of version 3 has two targets that read 300 bytes in each of nine intervals. A command dies as a
whole or loses one of its workers; two hosts, each a pid namespace with a clock of its own, load and compact at once.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from iolake.warehouse.lake import Lake
from iolake.warehouse.verify import verify
from iolake.warehouse.warehouse import Warehouse
from tests.extractors.lmt_database import Db, void
from tests.torture.beside import reading
from tests.torture.bombs import SOURCES, contents

CHECKOUT = Path(__file__).resolve().parents[2]
COMMANDS = (
    ("ingest", "--workers", "2"), ("derive",), ("verify", "--deep"), ("repair",), ("rebuild",), ("compact",), ("gc",),
)  # fmt: skip
DAYS = 5
_HOST = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
CONTESTED = "run the same command again"
NOT_STARTED = ("no process to read in can be started",)
"""What a run says whose reader was killed before it had begun to read."""
_SITE = """
root = "{root}"
[lake]
uri = "lake"
orphan_age_hours = 0
[file_systems.scratch]
timezone = "UTC"
backend = "my-fs"
[file_systems.scratch.lmt]
files = "lmt-%Y-%m-%d.db"
"""


class Violation(AssertionError):
    """The lake, or a command's answer, broke a promise."""


class Command:
    """A command of iolake at work, and whether the harness killed it."""

    def __init__(self, root: Path, command: Sequence[str], prefix: Sequence[str], host: Sequence[str]) -> None:
        self.command, self.is_killed = " ".join(command), False
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.torture.host", *host, *command, "--site", str(root / "site.toml")],
            cwd=CHECKOUT, env=os.environ | {"TMPDIR": str(root / "tmp")}, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    @property
    def returncode(self) -> int:
        return self._process.returncode

    def kill_after(self, seconds: float) -> None:
        """SIGKILL its process group, unless it ends before; a host dies with its first process."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.is_killed = True
            os.killpg(self._process.pid, signal.SIGKILL)

    def kill_worker(self, chance: random.Random, within_s: float = 3) -> bool:
        """SIGKILL one process that reads, within seconds of its begin; False where the command ended first."""
        until = time.monotonic() + 60
        while self._process.poll() is None and time.monotonic() < until:
            if _readers(self._process.pid):
                time.sleep(chance.uniform(0, within_s))
                return any(_is_killed(pid) for pid in _readers(self._process.pid)[:1])
            time.sleep(0.05)
        return False

    def end(self, *contested: str) -> str:
        """Its output. It ends with 0, by the harness' SIGKILL, or with 1 and a line that has one of these words."""
        said, _ = self._process.communicate(timeout=300)
        code = self.returncode
        if code in (-signal.SIGKILL, 128 + signal.SIGKILL):
            is_right = self.is_killed
        else:
            is_right = code == 0 or (code == 1 and any(words in said for words in contested))
        if "Traceback" in said or "report it" in said or not is_right:
            raise Violation(f"{self.command} ended with {code}: {said[-1500:]}")
        return said


class Commands:
    """One lake, the version of each of its days, and what was done to it."""

    def __init__(self, root: Path, chance: random.Random) -> None:
        self.root, self.chance = root, chance
        self.versions: Counter[int] = Counter()
        self.counts: Counter[str] = Counter()
        self._seen: Counter[int] = Counter()
        self.site_text = _SITE.format(root=root)
        (root / "tmp").mkdir()
        (root / "site.toml").write_text(self.site_text)

    def write(self, *days: int) -> None:
        """Give the file of each day a new version."""
        for day in days:
            self.versions[day] += 1
            self.counts["loads"] += 1
            self._write(day, self.versions[day])

    def _write(self, day: int, version: int) -> None:
        new = self.root / "new.db"
        con = sqlite3.connect(new, isolation_level=None)
        db = Db("", lambda s: void(con.execute(s)), new)
        db.ticks(*(f"2018-01-{day:02} 00:{minute:02}:00" for minute in range(10)))
        for minute in range(10):
            for target in (3, 7):
                db.ost(target, 100 + minute, minute * 100 * version, 0)
        con.close()
        new.replace(self.root / f"lmt-2018-01-{day:02}.db")

    def start(self, *command: str, host: bool = False, shift_s: int = 0, slow_s: float = 0) -> Command:
        return Command(self.root, command, _HOST if host else (), (str(shift_s), str(slow_s)))

    # -- rounds

    def kill(self) -> None:
        """A command dies after a random time, or one of its workers does; readers read on."""
        command = self.chance.choice(COMMANDS)
        of_worker = command[0] == "ingest" and self.chance.random() < 0.6
        if command[0] in ("ingest", "derive"):
            self.write(*self.chance.sample(range(1, DAYS + 1), 2))
        if command[0] == "derive":
            self.start("ingest", "--workers", "1").end()
        if command[0] == "repair":
            self._damage()
            self._die(command)
            self.settle("repair")
            return
        with reading(self.check_read, 0.1):
            self._lose_a_worker(command) if of_worker else self._die(command)
        self.settle()

    def _die(self, command: Sequence[str]) -> None:
        process = self.start(*command)
        process.kill_after(self.chance.uniform(0.5, 6))
        process.end()
        self.counts["commands killed"] += process.is_killed

    def _lose_a_worker(self, command: Sequence[str]) -> None:
        """P5: the inputs of a reader that was killed once are read by another."""
        process = self.start(*command)
        is_killed = process.kill_worker(self.chance)
        process.end(*(NOT_STARTED if is_killed else ()))
        self.counts["workers killed"] += is_killed
        if not process.returncode and (found := self.found()) != self.wanted():
            raise Violation(f"a killed worker: found {found}, wanted {self.wanted()}")

    def race(self) -> None:
        """P7: two hosts with clocks days apart, one with a slow disk, load and compact at once.

        The first host may die, or lose a process that reads.
        """
        self.write(*self.chance.sample(range(1, DAYS + 1), 2))
        second = self.chance.choice(COMMANDS[:1] * 3 + (("compact",), ("gc",)))
        with reading(self.check_read, 0.1):
            hosts = [
                self.start(*command, host=True, shift_s=self.chance.choice((0, 26 * 3600, -2 * 86400)), slow_s=slow_s)
                for command, slow_s in ((COMMANDS[0], self.chance.choice((0, 0.3, 1.5))), (second, 0.0))
            ]
            fate = self.chance.random()
            if fate < 0.3:
                hosts[0].kill_after(self.chance.uniform(1, 6))
            lost = 0.3 < fate < 0.6 and hosts[0].kill_worker(self.chance)
            hosts[0].end(CONTESTED, *(NOT_STARTED if lost else ()))
            hosts[1].end(CONTESTED)
        self.counts["workers killed"] += lost
        self.counts["hosts killed"] += hosts[0].is_killed
        self.counts["races of hosts"] += 1
        shutil.rmtree(self.root / "tmp")  # that of a dead host goes with it
        (self.root / "tmp").mkdir()
        self.settle()

    def _damage(self) -> None:
        file = self.chance.choice([f for f in Lake(self.root / "lake").files() if f.path.startswith("lustre_ost")])
        path = self.root / "lake" / file.path
        path.write_bytes(path.read_bytes()[:-100])

    def settle(self, *commands: str) -> None:
        """An undisturbed run later the lake has the truth, verifies, and has nothing left over (P2, P3, P5)."""
        if left := _processes_of(self.root):
            raise Violation(f"processes {left} go on")
        for command in (*commands, "ingest"):
            self.start(command).end()
        self.check_whole()
        files = [str(p) for name in ("lake/staging", "tmp") for p in (self.root / name).rglob("*") if p.is_file()]
        if files:
            raise Violation(f"left over: {files}")

    def check_whole(self, deep: bool = True) -> None:
        """The lake has the truth, verifies, and rejected nothing."""
        if (found := self.found()) != self.wanted():
            raise Violation(f"found {found}, wanted {self.wanted()}")
        if flaws := verify(Warehouse(str(self.root / "lake")), deep=deep).flaws:
            raise Violation(f"verify: {flaws}")
        if (
            rejects := Lake(self.root / "lake")
            .sql("SELECT uri, reason FROM rejects WHERE coalesce(part, '') = ''")
            .fetchall()
        ):
            raise Violation(f"rejects: {rejects}")

    def found(self) -> dict[int, tuple[int, int, int]]:
        """(least, most, all) bytes that a target read in an interval, by day."""
        self.counts["reads"] += 1
        asked = "SELECT day(ts), min(read_bytes), max(read_bytes), sum(read_bytes) FROM lustre_ost GROUP BY ALL"
        return {
            day: (least, most, int(total)) for day, least, most, total in Lake(self.root / "lake").sql(asked).fetchall()
        }

    def check_read(self) -> None:
        """P1, P2: every day is there whole, in one version, and never an older one than before."""
        for day, (least, most, total) in self.found().items():
            if least != most or total != 18 * least:
                raise Violation(f"day {day}: {least} to {most} bytes, {total} in all")
            if least < self._seen[day]:
                raise Violation(f"day {day}: {least} bytes after {self._seen[day]}")
            self._seen[day] = least

    def wanted(self) -> dict[int, tuple[int, int, int]]:
        return {day: (100 * version, 100 * version, 1800 * version) for day, version in self.versions.items()}


def _readers(pid: int) -> list[int]:
    """The processes below one that read inputs."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
        own = [pid] if b"pipelines.reader" in Path(f"/proc/{pid}/cmdline").read_bytes() else []
        return own + [reader for child in children for reader in _readers(child)]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _is_killed(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _processes_of(root: Path, patience_s: float = 10) -> list[int]:
    """The commands' processes that are still there: those of a killed one end by themselves."""
    until = time.monotonic() + patience_s
    while left := [pid for pid in _all_processes() if _has_folder(pid, root)]:
        if time.monotonic() > until:
            break
        time.sleep(0.1)
    return left


def _all_processes() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]


def _has_folder(pid: int, root: Path) -> bool:
    try:
        return f"TMPDIR={root}/tmp\0".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def has_namespaces() -> bool:
    """Whether this machine lets us make pid namespaces; only root may."""
    return bool(shutil.which("unshare")) and not subprocess.run([*_HOST, "true"], check=False).returncode


def commands(seconds: float, seed: int) -> tuple[Counter[str], list[str]]:
    """(counts, violations) of killed and raced commands for so many seconds."""
    chance = random.Random(seed)
    started = time.monotonic()
    counts: Counter[str] = Counter()
    violations: list[str] = []
    races = has_namespaces()
    while time.monotonic() - started < seconds:
        with tempfile.TemporaryDirectory(prefix="iolake-commands-") as folder:
            lake = Commands(Path(folder), chance)
            try:
                lake.write(*range(1, DAYS + 1))
                lake.settle()
                while time.monotonic() - started < seconds:
                    (lake.race if races and chance.random() < 0.3 else lake.kill)()
            except Exception as error:
                violations.append(f"commands, seed {seed}: {type(error).__name__}: {error}")
                print(violations[-1], flush=True)
            counts += lake.counts
    return counts, violations


def bombs_beside_good_inputs() -> tuple[Counter[str], list[str]]:
    """(counts, violations) of one ingest: good inputs are loaded, and each bomb is a reject that says what is wrong."""
    with tempfile.TemporaryDirectory(prefix="iolake-commands-") as folder:
        root = Path(folder)
        lake = Commands(root, random.Random(0))
        lake.write(*range(1, DAYS + 1))
        settings = [lake.site_text]
        planted = set[str]()
        for name, content, suffix in contents():
            for source, (kind, form) in SOURCES.items():
                owner = f"{source}-{name.replace(' ', '-')}"
                (root / f"{owner}-2017-03-20.{form}{suffix}").write_bytes(content)
                pattern = f"{owner}-%Y-%m-%d.{form}{suffix}"
                settings.append(f'[{kind}.{owner}]\ntimezone = "UTC"\n{source}.files = "{pattern}"')
                planted.add(owner)
        (root / "site.toml").write_text("\n".join(settings))
        violations = []
        try:
            said = lake.start("ingest").end("rejected")
            if lake.found() != lake.wanted():
                violations.append(f"beside bombs: found {lake.found()}, wanted {lake.wanted()}; {said[-1500:]}")
            asked = "SELECT owner, min(reason) FROM rejects GROUP BY owner"
            rejects = dict(Lake(root / "lake").sql(asked).fetchall())
            violations += [f"{owner} has no reject" for owner in planted - rejects.keys()]
            violations += [f"{owner}: {why}" for owner, why in rejects.items() if "report it" in why or "Error" in why]
        except Exception as error:
            violations.append(f"bombs by command: {error}")
        return Counter({"bombs": len(planted), "loads": DAYS}), violations
