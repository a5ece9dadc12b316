"""deploy/ as a centre uses it: the README's steps in a scratch root, the units, the compose file, the alarm."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from iolake.pipelines.schedule import DEPLOYMENTS
from iolake.schemas.site import Site, SiteError
from tests.pipelines.conftest import Webhook

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted(path.name for kind in ("service", "timer") for path in DEPLOY.glob(f"*.{kind}"))


def _blocks() -> list[tuple[str, str]]:
    """(the word after `sh`, the commands) of each block of the README's steps on one machine."""
    steps = (DEPLOY / "README.md").read_text().split("\n## ")[1]
    return re.findall(r"```sh ?(\w*)\n(.*?)```", steps, re.DOTALL)


_FOLLOW = """
set -eu
mount -t tmpfs -o mode=755 tmpfs {base}
mkdir {base}/upper {base}/work {base}/root
mount -t overlay overlay -o lowerdir=/,upperdir={base}/upper,workdir={base}/work {base}/root
cd {base}/root
mount --rbind /proc proc; mount --rbind /dev dev
mkdir -p opt/iolake etc/sysusers.d etc/tmpfiles.d data
mount --bind {checkout} opt/iolake
rm -rf etc/iolake var/lib/iolake
chmod o+x {parents}
chroot . /bin/sh -eu {script}
"""
_CENTRE = """
useradd anna; usermod -aG iolake anna; useradd other
cat > /data/df-{day}.txt <<END
BEGIN {epoch}
UUID 1K-blocks Used Available Use% Mounted on
fs-OST0000_UUID 1000 100 900 10% /fs[OST:0]
END
cat > /etc/iolake/site.toml <<END
[lake]
uri = "/var/lib/iolake/lake"
[file_systems.fs]
df = {{ files = "/data/df-%Y-%m-%d.txt" }}
END
"""
_RUN = """
export $(sed -n 's/^Environment=//p' /etc/systemd/system/iolake@.service)
umask $(sed -n 's/^UMask=//p' /etc/systemd/system/iolake@.service)
cd /var/lib/iolake
runuser -u iolake -- $(sed -n 's/^ExecStart=//p' /etc/systemd/system/iolake@.service | sed s/%i/nightly/)
ask="/opt/iolake/.venv/bin/iolake sql --lake /var/lib/iolake/lake --format csv"
echo "anna: $(runuser -u anna -- $ask 'SELECT count(*) AS rows FROM lustre_df' | tail -1)"
runuser -u other -- cat /var/lib/iolake/lake/lake.duckdb 2>&1 | sed 's/^/other: /'
find /var/lib/iolake -printf 'mode: %y %m %U %g %P\\n'
ls -1 /etc/systemd/system/timers.target.wants | grep iolake | sed 's/^/enabled: /'
stat -c 'etc: %n %a %U' /etc/iolake/*
find /etc/iolake -newer /etc/iolake/site.toml -type d -mindepth 1 | sed 's/^/etc folder: /'
"""


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The state after the README's steps and a first nightly run, in a root folder laid over this machine's."""
    if os.geteuid() != 0 or shutil.which("systemd-sysusers") is None:
        pytest.skip("needs root and systemd's tools")
    base = tmp_path_factory.mktemp("root")
    day = datetime.now(UTC).replace(hour=12) - timedelta(days=1)
    settings = {"day": day.date(), "epoch": int(day.timestamp())}
    steps = [text for kind, text in _blocks() if kind in ("", "check")]
    assert len(steps) == 5
    script = base.parent / f"{base.name}.sh"
    # The checkout's own environment is used, and a centre's site.toml replaces the example before the check.
    script.write_text("cd /opt/iolake\n" + "".join([*steps[:3], _CENTRE.format(**settings), *steps[3:], _RUN]))
    # Everybody may run a centre's Python; the test's may lie in a home folder that only its user enters.
    lie_in = {str(p).lstrip("/") for path in (ROOT, Path(sys.executable).resolve()) for p in path.parents[:-1]}
    text = _FOLLOW.format(base=base, checkout=ROOT, script=script, parents=" ".join(sorted(lie_in)))
    command = ["unshare", "--mount", "sh", "-c", text]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if "mount" in done.stderr and "denied" in done.stderr:
        pytest.skip("no mount namespace here")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_steps_of_the_readme_lead_to_a_lake(followed: str) -> None:
    """P5: the README's commands as written, then the unit's own command as its user."""
    assert "1 input: 1 loaded" in followed
    assert re.findall(r"enabled: (.*)", followed) == [
        f"iolake-{n}.timer" for n in ("hourly", "nightly", "sweep", "weekly")
    ]
    assert "etc folder" not in followed


def test_only_the_lakes_group_reads_it(followed: str) -> None:
    """Members of the group iolake can read every file; others can read none, and no password."""
    assert "anna: 1" in followed
    assert re.search(r"other: .*[Pp]ermission denied", followed)
    modes = re.findall(r"mode: (.) (\d+) \d+ (\w+) (.*)", followed)
    lake = [(kind, mode, group) for kind, mode, group, path in modes if path.startswith("lake/")]
    assert lake
    assert {mode for kind, mode, _ in lake if kind == "d"} == {"2750"}
    assert {mode for kind, mode, _ in lake if kind == "f"} <= {"640", "440", "444"}
    assert {group for *_, group in lake} == {"iolake"}
    assert "etc: /etc/iolake/passwords 600 root" in followed


@pytest.mark.parametrize("name", UNITS)
def test_systemd_accepts_the_units(name: str, tmp_path: Path) -> None:
    """What systemd-analyze says of each unit, with its programs where the README puts them."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    for unit in UNITS:
        text = (DEPLOY / unit).read_text()
        text = text.replace("/opt/iolake/.venv/bin/", f"{Path(sys.executable).parent}/").replace(
            "/opt/iolake", str(ROOT)
        )
        (tmp_path / unit).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / name], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert name not in done.stderr


def test_timers_and_prefect_have_one_schedule() -> None:
    """P9: each scheduled deployment has a timer that starts the run of its name at the same time."""
    for deployment in DEPLOYMENTS:
        if deployment.cron is None:
            continue
        timer = (DEPLOY / f"iolake-{deployment.name}.timer").read_text()
        assert f"Unit=iolake@{deployment.name}.service" in timer
        minute, hour, *_, weekday = deployment.cron.split()
        name = {"0": "Sun ", "6": "Sat ", "*": ""}[weekday]
        hour = hour if hour == "*" else f"{int(hour):02}"
        assert f"OnCalendar={name}*-*-* {hour}:{int(minute):02}:00 UTC" in timer


def test_the_compose_file_is_one() -> None:
    """The file is valid by Compose's schema; inputs are mounted read-only, and it holds no password."""
    check = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*check, str(DEPLOY / "compose.yaml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    worker = YAML(typ="safe").load(DEPLOY / "compose.yaml")["services"]["worker"]
    assert any(volume.endswith(":/data:ro") for volume in worker["volumes"])
    assert worker["secrets"] == ["passwords"]
    assert "IOLAKE_PASSWORD" not in str(worker["environment"])


def test_the_image_s_user_reads_the_passwords() -> None:
    """A secret that is a file keeps its owner and mode in the container, so the steps give it to the image's user."""
    (uid,) = re.findall(r"useradd .*--uid (\d+)", (DEPLOY / "Dockerfile").read_text())
    assert f"install -m 400 -o {uid} /dev/null deploy/passwords" in (DEPLOY / "compose.yaml").read_text()


@pytest.mark.parametrize("path", [".git", ".venv", "deploy/passwords", "deploy/centre.toml", "lake", "demo-centre"])
def test_images_hold_neither_history_nor_secrets(path: str) -> None:
    """An image holds only files that are in git."""
    assert path in (ROOT / ".dockerignore").read_text().splitlines()


def test_a_lake_below_etc_is_refused(tmp_path: Path) -> None:
    """A relative lake in /etc/iolake/site.toml would fill the system's disk."""
    with pytest.raises(SiteError, match=r"lake.uri: /etc/iolake/lake is below /etc"):
        Site.parse("", "/etc/iolake/site.toml")
    with pytest.raises(SiteError, match=r"pages.folder: /etc/x is below /etc"):
        Site.parse('[lake]\nuri = "/srv/lake"\n[pages]\nfolder = "/etc/x"\n', tmp_path / "site.toml")
    assert Site.parse((DEPLOY / "site.toml").read_text(), "/etc/iolake/site.toml").lake_uri == "/var/lib/iolake/lake"


def test_the_alarm_calls_a_webhook(tmp_path: Path, webhook: Webhook) -> None:
    """A failed unit's name reaches the webhook as JSON; its address is on no command line."""
    script = tmp_path / "alarm.sh"
    script.write_text((DEPLOY / "alarm.sh").read_text().replace("/opt/iolake/.venv/bin/python", sys.executable))
    environment = os.environ | {"IOLAKE_ALARM_URL": webhook.url}
    done = subprocess.run(["sh", script, 'iolake@"x".service'], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    (said,) = webhook.said
    assert 'iolake@"x".service failed' in json.loads(said)["text"]
