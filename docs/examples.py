"""Runs the examples of README.md, docs/verdict.md and docs/real-samples.md, and writes what they print beneath them.

    python docs/examples.py DEMO REAL

DEMO is a folder that holds demo-centre/, as `iolake demo` leaves it; REAL is a lake of the real samples. An example
is a console block whose first line is "$ iolake ..."; the rest is what it prints. Two longer ones have a comment above
them that names their command. Tests fail where a command prints anything else.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from iolake import Lake
from iolake.reports.job import job_page
from iolake.reports.worst import worst_jobs

README = Path(__file__).resolve().parents[1] / "README.md"
VERDICT = Path(__file__).with_name("verdict.md")
REAL_SAMPLES = Path(__file__).with_name("real-samples.md")
DEMO, JOB = "iolake demo", "iolake job 4478544"
_EXAMPLE = re.compile(r"```console\n\$ (?P<command>iolake [^\n]*)\n(?P<output>.*?)```", re.DOTALL)


def examples(text: str) -> list[tuple[str, str]]:
    """(command, what it prints) of each example."""
    return [(m["command"], m["output"]) for m in _EXAMPLE.finditer(text)]


def printed(command: str, folder: Path) -> str:
    """What a command prints when it is run in `folder`; RuntimeError where it fails."""
    program, *arguments = shlex.split(command)
    path = Path(sys.executable).with_name(program)
    done = subprocess.run([path, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr}")
    return re.sub(r"[ \t]+$", "", done.stdout, flags=re.MULTILINE).rstrip("\n") + "\n"


def refreshed(text: str, run: Callable[[str], str]) -> str:
    """The text with what each example prints now."""
    return _EXAMPLE.sub(lambda m: f"```console\n$ {m['command']}\n{run(m['command'])}```", text)


def page(text: str, command: str) -> str:
    """What stands beneath the comment that names `command`."""
    return _page_of(command).search(text)["page"]  # type: ignore[index]


def with_page(text: str, command: str, shown: str) -> str:
    """The text with `shown` beneath the comment that names `command`."""
    return _page_of(command).sub(lambda m: f"{m['head']}{shown.rstrip()}\n```", text)


def _page_of(command: str) -> re.Pattern[str]:
    head = re.escape(f"<!-- printed by: {command} -->\n```text\n")
    return re.compile(rf"(?P<head>{head})(?P<page>.*?)```", re.DOTALL)


def demo_answer(lake: Lake) -> str:
    """The first two jobs of what `iolake demo` answers."""
    return worst_jobs(lake).split("\n\n3. ")[0] + "\n"


def main(demo: str, real: str) -> None:
    """Write what every example prints into README.md, docs/verdict.md and docs/real-samples.md."""
    VERDICT.write_text(refreshed(VERDICT.read_text(), lambda command: printed(command, Path(demo))))
    text = refreshed(README.read_text(), lambda command: printed(command, Path(demo)))
    README.write_text(with_page(text, DEMO, demo_answer(Lake(f"{demo}/demo-centre/lake"))))
    REAL_SAMPLES.write_text(with_page(REAL_SAMPLES.read_text(), JOB, job_page(Lake(real), 4478544)))


if __name__ == "__main__":
    main(*sys.argv[1:])
