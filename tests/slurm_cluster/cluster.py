"""A real Slurm of four nodes on loopback: MariaDB, munge, slurmdbd, slurmctld and four slurmd, all in one folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

PROGRAMS = (
    "mariadbd",
    "mariadb-install-db",
    "mariadb",
    "munged",
    "slurmdbd",
    "slurmctld",
    "slurmd",
    "sacctmgr",
    "sacct",
    "srun",
)
NAME = "tiny"


def missing() -> list[str]:
    """The programs of Slurm that this machine lacks."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return [name for name in PROGRAMS if shutil.which(name, path=path) is None] + (
        [] if os.geteuid() == 0 else ["root"]
    )


class Cluster:
    """A running cluster: `run` gives a command's output, with the environment that finds this Slurm."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started = datetime.now(UTC).replace(tzinfo=None)
        self.environment = {
            **os.environ,
            "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin",
            "SLURM_CONF": str(folder / "slurm.conf"),
            "LC_ALL": "C.UTF-8",
        }

    def run(self, *command: str, **environment: str) -> str:
        """Returns standard output; AssertionError with the command's errors if it fails."""
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={**self.environment, **environment},
            cwd=self.folder,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def submit(self, *options: str) -> int:
        """Submit a batch job; its id."""
        return int(self.run("sbatch", "--parsable", "-o", "/dev/null", *options).split(";")[0])

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
        """Wait until `condition` holds; AssertionError names `what` was waited for."""
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"waited {seconds} s for {what}\n{self.run('squeue', '--all')}"
            time.sleep(0.2)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster in `folder`, which must be readable by all; stop all of it at the end."""
    database, accounting, controller, *nodes = _free_ports(7)
    found = Cluster(folder)
    with ExitStack() as stack:

        def start(*command: str) -> subprocess.Popen[bytes]:
            with (folder / f"{command[0]}.{time.monotonic_ns()}.out").open("wb") as output:
                process = subprocess.Popen(command, env=found.environment, cwd=folder, stdout=output, stderr=output)
            stack.callback(_stop, process)
            return process

        _start_database(found, start, database)
        munge = _start_munge(found, start)
        _write_private(folder / "slurmdbd.conf", _slurmdbd(folder, munge, database, accounting).encode())
        (folder / "slurm.conf").write_text(_slurm(folder, munge, accounting, controller, nodes))
        _start_accounting(found, start)
        start("slurmctld", "-D", "-c")
        for node in range(1, 5):
            start("slurmd", "-D", "-N", f"n{node}")
        found.wait(lambda: found.run("sinfo", "-h", "-N", "-o", "%T").split()[:4] == ["idle"] * 4, "four idle nodes")
        try:
            yield found
        finally:
            found.run("scancel", "--user=root")
            found.wait(lambda: not found.run("squeue", "-h"), "jobs to be cancelled")


def _start_database(found: Cluster, start: Callable[..., object], port: int) -> None:
    data, sock = found.folder / "db", f"--socket={found.folder / 'db.sock'}"
    found.run("mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}", "--skip-test-db")
    start(
        "mariadbd",
        "--no-defaults",
        "--user=root",
        f"--datadir={data}",
        sock,
        "--bind-address=127.0.0.1",
        f"--port={port}",
        "--skip-name-resolve",
    )
    found.wait(lambda: _says(found, "mariadb", "--no-defaults", sock, "-e", "SELECT 1"), "MariaDB")
    grant = "CREATE USER slurm@'127.0.0.1' IDENTIFIED BY 'tiny'; GRANT ALL ON *.* TO slurm@'127.0.0.1'"
    found.run("mariadb", "--no-defaults", sock, "-e", grant)


def _start_munge(found: Cluster, start: Callable[..., object]) -> Path:
    """Start munged with a new key; its socket."""
    socket_path = found.folder / "munge.sock"
    _write_private(found.folder / "munge.key", os.urandom(64))
    options = [f"--{kind}-file={found.folder / f'munge.{kind}'}" for kind in ("key", "pid", "log", "seed")]
    start("munged", "--foreground", "--force", f"--socket={socket_path}", *options)
    found.wait(socket_path.exists, "munged")
    return socket_path


def _start_accounting(found: Cluster, start: Callable[..., object]) -> None:
    """Start slurmdbd, with this cluster and one account that root may use."""
    start("slurmdbd", "-D")
    found.wait(lambda: _says(found, "sacctmgr", "-n", "list", "cluster"), "slurmdbd")
    found.run("sacctmgr", "-i", "add", "cluster", NAME)
    found.run("sacctmgr", "-i", "add", "account", "physics")
    found.run("sacctmgr", "-i", "add", "user", "root", "account=physics")


def _write_private(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


def _slurmdbd(folder: Path, munge: Path, database: int, port: int) -> str:
    return f"""
AuthType=auth/munge
AuthInfo=socket={munge}
CommunicationParameters=NoInAddrAny
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser=root
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database}
StorageUser=slurm
StoragePass=tiny
StorageLoc=slurm_acct
"""


def _slurm(folder: Path, munge: Path, accounting: int, controller: int, nodes: list[int]) -> str:
    """slurm.conf; credentials expire soon, because a requeued job waits for that before it starts again."""
    host = socket.gethostname().split(".")[0]
    (folder / "state").mkdir()
    node_lines = "\n".join(
        f"NodeName=n{i} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=1000 State=UNKNOWN"
        for i, port in enumerate(nodes, 1)
    )
    return f"""
ClusterName={NAME}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={munge},cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
KillWait=1
MinJobAge=600
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={accounting}
AccountingStoragePass={munge}
AccountingStoreFlags=job_comment
{node_lines}
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def _says(found: Cluster, *command: str) -> bool:
    return subprocess.run(command, env=found.environment, capture_output=True, check=False).returncode == 0


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
