"""The `iolake` command. Heavy libraries are imported where a command uses them, so `--help` answers at once."""

from __future__ import annotations

import difflib
import errno
import io
import os
import select
import sys
from typing import Any

import click

from iolake.pipelines.cli.options import Where, where_options

_COMMANDS = {
    "demo": "iolake.pipelines.cli.run",
    "init": "iolake.pipelines.cli.init",
    "ingest": "iolake.pipelines.cli.run",
    "run": "iolake.pipelines.cli.passes",
    "serve": "iolake.pipelines.cli.run",
    "sql": "iolake.pipelines.cli.ask",
    "tables": "iolake.pipelines.cli.ask",
    "describe": "iolake.pipelines.cli.ask",
    "job": "iolake.pipelines.cli.judge",
    "worst": "iolake.pipelines.cli.judge",
    "compare": "iolake.pipelines.cli.judge",
    "umami": "iolake.pipelines.cli.judge",
    "find": "iolake.pipelines.cli.judge",
    "findings": "iolake.pipelines.cli.judge",
    "correlate": "iolake.pipelines.cli.analyse",
    "bad-osts": "iolake.pipelines.cli.analyse",
    "families": "iolake.pipelines.cli.analyse",
    "morning": "iolake.pipelines.cli.pages",
    "fs": "iolake.pipelines.cli.pages",
    "status": "iolake.pipelines.cli.ask",
    "rejects": "iolake.pipelines.cli.ask",
    "check": "iolake.pipelines.cli.check",
    "snapshots": "iolake.pipelines.cli.keep",
    "compact": "iolake.pipelines.cli.keep",
    "derive": "iolake.pipelines.cli.keep",
    "periods": "iolake.pipelines.cli.analyse",
    "gc": "iolake.pipelines.cli.keep",
    "files": "iolake.pipelines.cli.share",
    "relocate": "iolake.pipelines.cli.share",
    "export": "iolake.pipelines.cli.export",
    "export-delta": "iolake.pipelines.cli.share",
    "rebuild": "iolake.pipelines.cli.keep",
    "verify": "iolake.pipelines.cli.health",
    "repair": "iolake.pipelines.cli.health",
    "site": "iolake.pipelines.cli.sites",
}


class _Lazy(click.Group):
    """A group that imports a command's module only when the command is called or explained."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        import importlib

        module = importlib.import_module(_COMMANDS[cmd_name])
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. A reader that has had enough, as `head` has, is no error."""
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            if not _has_no_reader(sys.stdout.fileno()):
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return None
        return answer

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if meant := difflib.get_close_matches(args[0], _COMMANDS, n=1):
                raise click.UsageError(f"{error.message} Did you mean {meant[0]!r}?", ctx) from None
            raise


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="iolake")
@where_options
@click.pass_context
def cli(ctx: click.Context, where: Where) -> None:
    """The I/O telemetry of an HPC centre in one Parquet lake.

    \b
    iolake demo                               simulate a small centre, and ask it a first question
    iolake ingest --since 2026-11-21          load what is new
    iolake sql "FROM job_summary LIMIT 5"     ask
    """
    ctx.obj = where


def main() -> None:
    """Run the command line: what a user can mend is one line and exit status 1, a wrong command line is 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:  # an interrupt, whose line and status are entry.py's
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Exception as error:
        from iolake.schemas.errors import shortage

        line = shortage(error) or (_one_line(error) if _is_the_users(error) else None)
        if line is None:
            raise
        click.echo(f"iolake: {line}", err=True)
        sys.exit(1)


def _has_no_reader(file: int) -> bool:
    poll = select.poll()
    poll.register(file, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _is_the_users(error: Exception) -> bool:
    """Whether the text of an error says all that its reader needs."""
    from iolake.schemas.errors import IolakeError

    return isinstance(error, (IolakeError, OSError)) or type(error).__module__.split(".")[0] in {
        "duckdb",
        "_duckdb",
        "botocore",
    }


def _one_line(error: Exception) -> str:
    """An error's text without its further lines, which quote the query; of a failed call, its path first."""
    botocore = sys.modules.get("botocore.exceptions")  # an error of it can only come from a module that is there
    if botocore and isinstance(error, botocore.NoCredentialsError):
        variables = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        return f"the object store wants credentials; set {variables}"
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        is_full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        mend = "make room there, and run it again" if is_full else "check the path and its permissions"
        return f"{error.filename}: {error.strerror.lower()}; {mend}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    hints = [line for line in lines[1:] if line.startswith(("Candidate", "Did you mean"))]
    return "; ".join([lines[0] if lines else type(error).__name__, *hints])
