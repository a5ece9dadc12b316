"""Databases for the tests of extractors that read them."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from tests.extractors.lmt_database import Db, void

PASSWORD = "p@ss/word:#1"
"""Of the user `reader`, who may read everything."""


@pytest.fixture(scope="session")
def mariadb() -> Iterator[int]:
    """The port of a MariaDB server for these tests. It runs as another user, who cannot enter pytest's folders."""
    if os.getuid() == 0 and shutil.which("mariadbd") is None and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-y", "-qq", "mariadb-server"], check=False, capture_output=True)
    if shutil.which("mariadbd") is None:
        pytest.skip("no MariaDB server is installed, and only root can install one")
    root = Path(tempfile.mkdtemp(prefix="iolake-mariadb-"))
    user = "mysql" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    if os.getuid() == 0:
        shutil.chown(root, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    data = root / "data"
    install = ["mariadb-install-db", "--no-defaults", f"--user={user}", f"--datadir={data}", "--skip-test-db"]
    subprocess.run([*install, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
    server = subprocess.Popen(
        [
            "mariadbd", "--no-defaults", f"--user={user}", f"--datadir={data}", f"--socket={root}/s", f"--port={port}",
            "--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(200):
            try:
                with pymysql.connect(host="127.0.0.1", port=port, user="root") as con, con.cursor() as cursor:
                    cursor.execute(f"CREATE USER reader@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
                    cursor.execute("GRANT SELECT ON *.* TO reader@'127.0.0.1'")
                break
            except pymysql.err.OperationalError:
                time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(root)


@pytest.fixture(params=["sqlite", "mariadb"])
def db(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Db]:
    """An empty LMT database of either kind."""
    if request.param == "sqlite":
        con = sqlite3.connect(tmp_path / "lmt.db", isolation_level=None)
        yield Db(f"sqlite:///{tmp_path}/lmt.db", lambda s: void(con.execute(s)), tmp_path / "lmt.db")
        con.close()
        return
    port = request.getfixturevalue("mariadb")
    monkeypatch.setenv("IOLAKE_PASSWORD_SCRATCH_LMT", PASSWORD)
    with pymysql.connect(host="127.0.0.1", port=port, user="root", autocommit=True) as con, con.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE DATABASE filesystem_fs")
        cursor.execute("USE filesystem_fs")
        yield Db(f"mysql://reader@127.0.0.1:{port}/filesystem_fs", lambda s: void(cursor.execute(s)))
