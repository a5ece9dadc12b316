"""The command line as users run it: a real process, its output, its exit status."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

IOLAKE = str(Path(sys.executable).with_name("iolake"))
DF = """BEGIN 1577880000
UUID 1K-blocks Used Available Use% Mounted on
fs-OST0000_UUID 1000 100 900 10% /fs[OST:0]
fs-OST0001_UUID 1000 200 800 20% /fs[OST:1]
"""


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    env = os.environ | environment
    return subprocess.run([IOLAKE, *arguments], cwd=cwd, env=env, capture_output=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a site.toml, a good and a bad input, and the lake that holds them."""
    root = tmp_path_factory.mktemp("centre")
    (root / "df-2020-01-01.txt").write_text(DF)
    (root / "df-2020-01-02.txt").write_text("")
    (root / "site.toml").write_text('[file_systems.fs]\nmounts = ["/fs"]\ndf = { files = "df-%Y-%m-%d.txt" }\n')
    done = run("ingest", cwd=root)
    assert done.returncode == 0, done.stderr.decode()
    return root


def test_ingest_prints_plain_lines_where_there_is_no_terminal(centre: Path) -> None:
    text = run("ingest", cwd=centre).stdout.decode()
    assert "\x1b" not in text
    assert "2 inputs: 0 loaded, 1 unchanged, 1 rejected" in text
    assert "iolake rejects" in text


def test_a_file_of_which_a_part_is_left_out_says_so(tmp_path: Path) -> None:
    """P5: the second job is truncated, and its load's line names the command that shows the reason."""
    (tmp_path / "site.toml").write_text('[clusters.c]\ntimezone = "UTC"\nslurm = { files = "s.txt" }\n')
    fields = "JobIDRaw|State|Submit|Start|End|NNodes"
    when = "2026-01-05T10:00:00|2026-01-05T10:01:00|2026-01-05T10:02:00"
    (tmp_path / "s.txt").write_text(f"{fields}\n1|COMPLETED|{when}|1\n2|COMPLETED|2026-01-05T10:")
    text = run("ingest", cwd=tmp_path).stdout.decode()
    assert "1 found: 1 loaded; 1 row; 1 part left out" in text
    assert "`iolake rejects` says what was left out, and why." in text


def test_sql_answers_as_table_csv_json_and_parquet(centre: Path) -> None:
    query = "SELECT target, used_bytes FROM lustre_df ORDER BY target"
    assert b"OST0001" in run("sql", query, cwd=centre).stdout
    rows = list(csv.DictReader(io.StringIO(run("sql", query, "--format", "csv", cwd=centre).stdout.decode())))
    assert rows == [{"target": "OST0000", "used_bytes": "102400"}, {"target": "OST0001", "used_bytes": "204800"}]
    lines = run("sql", query, "--format", "json", cwd=centre).stdout.decode().splitlines()
    assert [json.loads(line)["used_bytes"] for line in lines] == [102400, 204800]
    table = pq.read_table(io.BytesIO(run("sql", query, "--format", "parquet", cwd=centre).stdout))
    assert table["used_bytes"].to_pylist() == [102400, 204800]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sql", "SELEC 1"], "SELEC"),
        (["sql", "FROM no_such_table"], "no_such_table"),
        (["describe", "lustre_d"], "did you mean lustre_df"),
        (["tables", "--lake", "nowhere"], "no lake here"),
        (["tables", "--snapshot", "99"], "no snapshot 99"),
        (["ingest", "--site", "nowhere.toml"], "no such file"),
        (["ingest", "nosuch"], "nosuch"),
        (["job", "1"], "1"),
        (["job", "99999999999999999999999"], "no job 99999999999999999999999 in the lake"),
        (["rebuild", "--lake", "nowhere"], "no lake here"),
        (["sql", ""], "the query asks for nothing"),
        (["sql", "SELECT '\udcff'"], "the query is not UTF-8"),
        (["sql", "/* a comment */", "--format", "csv"], "the query asks for nothing"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_status_1(centre: Path, arguments: list[str], message: str) -> None:
    done = run(*arguments, cwd=centre)
    lines = done.stderr.decode().strip().splitlines()
    assert (done.returncode, len(lines)) == (1, 1), done.stderr.decode()
    assert lines[0].startswith("iolake: ")
    assert message in lines[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ["ingest", "--since", "yesterday"],
        ["ingest", "--since", "2020-01-03", "--until", "2020-01-02"],
        ["gc", "--retention-days", "nan"],
        ["gc", "--retention-days=-1"],
        ["demo", "--jobs", "0"],
        ["demo", "--days=-1"],
        ["serve", "--cron", "at night"],
        ["serve", "--days=-1"],
        ["nosuch"],
        ["sql"],
        ["sql", "x", "--format", "xml"],
    ],
)
def test_a_wrong_command_line_is_status_2(centre: Path, arguments: list[str]) -> None:
    assert run(*arguments, cwd=centre).returncode == 2


def test_a_day_in_another_form_is_named_with_an_example(centre: Path) -> None:
    done = run("ingest", "--since", "01/02/2023", cwd=centre)
    assert done.returncode == 2
    assert b"'01/02/2023' is not a day such as 2026-11-27" in done.stderr


def test_an_object_store_without_credentials_names_the_variables(centre: Path) -> None:
    pytest.importorskip("s3fs")
    nowhere = {"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_EC2_METADATA_DISABLED": "true"}
    unset = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "")
    done = run("sql", "FROM jobs", "--lake", "s3://bucket/lake", cwd=centre, **nowhere, **unset)
    assert done.returncode == 1
    assert done.stderr.decode().startswith("iolake: the object store wants credentials; set AWS_ACCESS_KEY_ID")


@pytest.mark.parametrize(
    "arguments", [["sql", "SELECT 'é' AS x FROM lustre_df"], ["job", "1"], ["tables"], ["rejects"]]
)
def test_a_terminal_without_these_characters_causes_no_error(centre: Path, arguments: list[str]) -> None:
    done = run(*arguments, cwd=centre, LC_ALL="C", PYTHONIOENCODING="ascii")
    assert b"Traceback" not in done.stderr
    done.stdout.decode("ascii")


def test_an_imported_site_is_utf8_whatever_the_terminals_encoding(tmp_path: Path) -> None:
    (tmp_path / "site.json").write_text('{"mount_to_fsname": {"/é": "fs"}}')
    done = run("site", "import", "site.json", cwd=tmp_path, LC_ALL="C", PYTHONIOENCODING="ascii")
    assert 'mounts = ["/é"]' in done.stdout.decode("utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ["sql", "FROM range(100000)"],
        ["sql", "FROM range(100000)", "--format", "csv"],
        ["sql", "SELECT 1"],
        ["describe", "lustre_df"],
    ],
)
def test_a_reader_that_closes_the_pipe_causes_no_error(centre: Path, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [IOLAKE, *arguments], cwd=centre, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=120
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_mistyped_command_gets_a_suggestion(tmp_path: Path) -> None:
    assert b"Did you mean 'ingest'?" in run("ingst", cwd=tmp_path).stderr


def test_a_wrong_key_of_site_toml_is_named_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('[file_systems.fs]\nmount = ["/fs"]\n[clusters.c]\ntimezone = "Mars/Base"\n')
    done = run("ingest", cwd=tmp_path)
    text = done.stderr.decode()
    assert done.returncode == 1
    assert "file_systems.fs.mount" in text
    assert "clusters.c.timezone: 'Mars/Base' is not a time zone" in text


def test_a_site_says_of_each_source_what_is_there_or_that_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text(DF)
    (tmp_path / "site.toml").write_text(
        '[file_systems.fs]\ntimezone = "UTC"\ndf = { files = "d.txt" }\ntargets = { files = "e/*.txt" }\n'
    )
    lines = run("site", "check", cwd=tmp_path).stdout.decode().splitlines()
    assert [line.split()[:2] for line in lines] == [["df", "fs"], ["targets", "fs"]]
    assert "nothing is there; correct file_systems.fs.targets" in lines[1]


def test_a_file_system_without_mounts_is_named(tmp_path: Path) -> None:
    """Only `mounts` assign Darshan's files to a file system; without them every share would be unknown."""
    owners = '[clusters.c]\ntimezone = "UTC"\n[file_systems.fs]\ntimezone = "UTC"\n'
    (tmp_path / "site.toml").write_text(owners)
    (line,) = run("site", "check", cwd=tmp_path).stdout.decode().splitlines()
    assert line.startswith("file_systems.fs has no mounts")
    assert 'mounts = ["/fs"]' in line
    (tmp_path / "site.toml").write_text(owners + 'mounts = ["/fs"]\n')
    assert run("site", "check", cwd=tmp_path).stdout == b""


def test_a_source_below_the_wrong_kind_of_owner_names_the_right_kind(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('[file_systems.fs]\nslurm = { files = "x" }\n')
    assert b"file_systems.fs.slurm: slurm is a source of a cluster" in run("ingest", cwd=tmp_path).stderr


def test_site_and_lake_may_stand_before_or_after_the_command(centre: Path, tmp_path: Path) -> None:
    site = str(centre / "site.toml")
    before = run("--site", site, "sql", "SELECT count(*) AS n FROM lustre_df", "--format", "csv", cwd=tmp_path)
    after = run(
        "sql", "SELECT count(*) AS n FROM lustre_df", "--format", "csv", "--lake", str(centre / "lake"), cwd=tmp_path
    )
    assert before.stdout == after.stdout == b"n\n2\n"


def test_an_option_counts_before_the_environment_wherever_it_stands(centre: Path, tmp_path: Path) -> None:
    query = ("sql", "SELECT 1")
    site, nowhere = str(centre / "site.toml"), "nowhere.toml"
    assert run(*query, cwd=tmp_path, IOLAKE_SITE=site).returncode == 0
    for arguments in (("--site", nowhere, *query), (*query, "--site", nowhere)):
        done = run(*arguments, cwd=tmp_path, IOLAKE_SITE=site)
        assert (done.returncode, b"nowhere.toml" in done.stderr) == (1, True)


def test_a_source_that_the_site_lacks_is_named_with_those_that_it_has(centre: Path) -> None:
    assert b"fd: site.toml has no such source; it has df" in run("ingest", "fd", cwd=centre).stderr


def test_rejects_say_which_file_and_why(centre: Path) -> None:
    text = run("rejects", cwd=centre).stdout.decode()
    assert "df-2020-01-02.txt" in text
    assert len(text.strip().splitlines()) == 3


def test_tables_and_describe_show_what_the_declarations_say(centre: Path) -> None:
    assert "lustre_df" in run("tables", cwd=centre).stdout.decode()
    assert "[B]" in run("describe", "lustre_df", cwd=centre).stdout.decode()
    assert "uri" in run("describe", "inputs", cwd=centre).stdout.decode()


def test_help_is_there_before_any_heavy_library() -> None:
    """--help answers at once, because it imports no slow module."""
    heavy = {"pyarrow", "polars", "duckdb", "h5py", "prefect", "numpy", "pydantic"}
    code = (
        "import sys; from iolake.pipelines.cli import main; sys.argv = ['iolake', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_each_statement_of_a_query_is_answered(centre: Path) -> None:
    """A Parquet file holds one answer, so it is refused for two."""
    assert run("sql", "SELECT 1 AS a; SELECT 2 AS b", "--format", "csv", cwd=centre).stdout == b"a\n1\nb\n2\n"
    assert run("sql", "SET threads = 1; SELECT 3 AS c", "--unsafe", "--format", "csv", cwd=centre).stdout == b"c\n3\n"
    refused = run("sql", "SELECT 1; SELECT 2", "--format", "parquet", cwd=centre)
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert b"ask them one by one" in refused.stderr


def test_answers_pass_through_a_folder_of_any_name(centre: Path, tmp_path: Path) -> None:
    folder = tmp_path / "it's here"
    folder.mkdir()
    done = run("sql", "SELECT 1 AS a", "--format", "json", cwd=centre, TMPDIR=str(folder))
    assert done.stdout == b'{"a":1}\n'


def test_the_plan_of_a_query_is_printed_as_it_is_drawn(centre: Path) -> None:
    """Not in a cell of a table, with \\n for its lines."""
    lines = run("sql", "EXPLAIN FROM lustre_df", cwd=centre).stdout.decode().splitlines()
    assert len(lines) > 5
    assert not any("\\n" in line for line in lines)


def test_sql_without_a_query_answers_those_of_standard_input(centre: Path) -> None:
    """The statements after a failed one still run, and the exit status is 1."""
    program = str(Path(sys.executable).with_name("iolake"))
    queries = "SELECT 1 AS one;\nFROM nothing_there;\nSELECT target\nFROM lustre_df ORDER BY ALL"
    done = subprocess.run(
        [program, "sql", "--format", "line"], cwd=centre, input=queries, capture_output=True, text=True, check=False
    )
    assert done.stdout == "one = 1\ntarget = OST0000\n\ntarget = OST0001\n"
    assert done.stderr.startswith("iolake: ")
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode == 1
