"""Every sample that the core sources read, in one lake; and what it knows of job 4478544.

That job ran on Edison on 2017-03-20 from 01:59:02 to 02:11:38 local time, which was seven hours behind UTC.
"""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from iolake.pipelines.ingest import Report, ingest
from iolake.reports.job import job_page
from iolake.reports.worst import worst_jobs
from iolake.schemas.site import Site
from iolake.warehouse import Lake

JOB = 4478544
RUN = f"cluster = 'edison' AND job_id = {JOB}"
START, END = datetime(2017, 3, 20, 8, 59, 2), datetime(2017, 3, 20, 9, 11, 38)
WRITTEN, READ = 2_199_023_259_968, 1_649_291_067_392


@pytest.fixture(scope="module")
def site(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site.toml beside this file, with a lake of its own."""
    site = Site.read(Path(__file__).with_name("site.toml"))
    uri = str(tmp_path_factory.mktemp("real") / "lake")
    return site.model_copy(update={"lake": site.lake.model_copy(update={"uri": uri})})


@pytest.fixture(scope="module")
def report(site: Site) -> Report:
    return ingest(site, workers=0)


@pytest.fixture(scope="module")
def lake(site: Site, report: Report) -> Lake:
    return Lake(site.lake_uri)


@pytest.fixture(scope="module")
def page(lake: Lake) -> str:
    return job_page(lake, JOB)


def rows(lake: Lake, query: str) -> list[tuple[Any, ...]]:
    return lake.sql(query).fetchall()


def has_line(page: str, *parts: str) -> bool:
    """Whether one line of a page has all of `parts`."""
    return any(all(part in line for part in parts) for line in page.splitlines())


def test_every_sample_is_accounted_for_and_only_the_empty_logs_are_rejected(lake: Lake) -> None:
    """P5: found = loaded + unchanged + rejected + superseded; nothing vanishes."""
    counts = rows(
        lake,
        "SELECT source, owner, sum(found), sum(loaded), sum(unchanged), sum(rejected), sum(superseded) "
        "FROM coverage GROUP BY ALL ORDER BY ALL",
    )
    assert counts == [
        ("darshan", "edison", 8, 4, 2, 2, 0),
        ("darshan", "others", 96, 96, 0, 0, 0),
        ("df", "cscratch", 1, 1, 0, 0, 0),
        ("df", "scratch1", 1, 1, 0, 0, 0),
        ("df", "scratch2", 1, 1, 0, 0, 0),
        ("df", "scratch3", 1, 1, 0, 0, 0),
        ("hdf5", "burst_buffer", 1, 1, 0, 0, 0),
        ("hdf5", "scratch1", 2, 2, 0, 0, 0),
        ("lmt", "scratch1", 1, 1, 0, 0, 0),
        ("params", "ai400x2", 1, 1, 0, 0, 0),
        ("params", "lustrefs", 1, 1, 0, 0, 0),
        ("slurm", "edison", 1, 1, 0, 0, 0),
        ("slurm", "tiny", 4, 4, 0, 0, 0),
        ("slurm", "tiny_la", 1, 1, 0, 0, 0),
        ("targets", "cscratch", 1, 1, 0, 0, 0),
        ("targets", "scratch1", 1, 1, 0, 0, 0),
        ("targets", "scratch2", 1, 1, 0, 0, 0),
        ("targets", "scratch3", 1, 1, 0, 0, 0),
    ]
    empty = rows(lake, "SELECT parse_filename(uri)[:24], day, reason FROM rejects WHERE part = '' ORDER BY ALL")
    assert [(name, day) for name, day, _ in empty] == [
        ("glock_dbscan_read_id4487", date(2017, 3, 21)),
        ("glock_vpicio_uni_id44875", date(2017, 3, 21)),
    ]
    assert all("empty" in reason for _, _, reason in empty)


def test_ingesting_the_samples_again_changes_nothing(site: Site, lake: Lake) -> None:
    """P2: the same input twice gives the same rows as once, and needs no snapshot."""
    again = ingest(site, workers=0)
    assert again.snapshots == []
    assert Lake(site.lake_uri).snapshot == lake.snapshot


def test_the_scheduler_says_128_nodes_and_756_seconds_in_utc(lake: Lake, page: str) -> None:
    """P8: every TIMESTAMP is UTC, whatever zone the source wrote in."""
    assert rows(lake, f"SELECT cluster, nnodes, len(nodes), start_time, end_time, elapsed_s FROM jobs WHERE {RUN}") == [
        ("edison", 128, 128, START, END, 756.0)
    ]
    assert has_line(page, "started", "2017-03-20 08:59:02")
    assert has_line(page, "ended", "2017-03-20 09:11:38", "756 s")
    assert has_line(page, "nodes", "128", "nid[05301-05428]")


def test_the_extern_step_ends_a_second_after_the_job(lake: Lake, page: str) -> None:
    steps = rows(lake, f"SELECT step_id, end_time FROM slurm_steps WHERE {RUN} ORDER BY end_time DESC")
    assert len(steps) == 10
    assert steps[0] == ("extern", datetime(2017, 3, 20, 9, 11, 39))
    assert has_line(page, "steps", "extern ended last, 2017-03-20 09:11:39")


def test_what_the_sample_does_not_tell_is_unknown(lake: Lake, page: str) -> None:
    """P6: null is not zero, and not an empty text."""
    assert rows(lake, f"SELECT user_name, state, exit_code, timelimit_s, submit_known FROM jobs WHERE {RUN}") == [
        (None, None, None, None, False)
    ]
    assert all(has_line(page, label, "unknown") for label in ("user", "state", "submitted", "limit"))


def test_two_logs_belong_to_the_run_with_their_bytes_and_modules(lake: Lake, page: str) -> None:
    assert rows(
        lake,
        "SELECT l.exe_name, l.nprocs, l.modules, p.POSIX_BYTES_READ, p.POSIX_BYTES_WRITTEN "
        "FROM job_darshan d JOIN darshan_logs l USING (cluster, log_id) JOIN darshan_posix p USING (cluster, log_id) "
        f"WHERE d.cluster = 'edison' AND d.job_id = {JOB} ORDER BY l.start_time",
    ) == [
        ("vpicio_uni", 2048, ["POSIX", "MPI-IO", "LUSTRE", "STDIO"], 0, WRITTEN),
        ("dbscan_read", 2048, ["POSIX", "MPI-IO", "LUSTRE", "STDIO"], READ, 0),
    ]
    assert has_line(page, "POSIX", "2.00 TiB", "(2,199,023,259,968 B)")
    assert has_line(page, "POSIX", "1.50 TiB", "(1,649,291,067,392 B)")
    assert has_line(page, "MPI-IO", "(2,199,023,259,968 B)", "the same bytes one layer up")
    assert has_line(page, "2,048 processes", "2017-03-20 09:07:47 to 2017-03-20 09:09:43", "117 s")
    assert has_line(page, "modules POSIX, MPI-IO, LUSTRE, STDIO")


def test_a_copy_of_a_log_is_not_counted_twice(lake: Lake) -> None:
    """P2: sample.darshan and sample-2.darshan are the two logs again, under other names."""
    logs = rows(
        lake, f"SELECT count(*), count(DISTINCT log_id) FROM darshan_logs WHERE cluster = 'edison' AND job_id = {JOB}"
    )
    assert logs == [(2, 2)]


def test_the_job_moved_its_data_on_scratch2_by_the_longest_mount_point(lake: Lake, page: str) -> None:
    assert rows(lake, f"SELECT file_system, read_bytes, write_bytes FROM job_file_systems WHERE {RUN}") == [
        ("scratch2", READ, WRITTEN)
    ]
    assert rows(
        lake, f"SELECT DISTINCT mount_point FROM darshan_posix WHERE cluster = 'edison' AND job_id = {JOB}"
    ) == [("/scratch2",)]
    assert has_line(page, "the job read 1.50 TiB and wrote 2.00 TiB there")


def test_the_summary_has_one_row_for_the_run_with_the_performance_of_its_slowest_processes(lake: Lake) -> None:
    """darshan-parser --perf gives agg_perf_by_slowest 24535.281934 and 20615.869434 MiB/s for the two logs."""
    seconds = WRITTEN / 2**20 / 24535.281934 + READ / 2**20 / 20615.869434
    assert rows(
        lake,
        f"SELECT logs, files, posix_read_bytes, posix_write_bytes, mpiio_write_bytes FROM job_summary WHERE {RUN}",
    ) == [(2, 1, READ, WRITTEN, WRITTEN)]
    ((slowest, performance),) = rows(lake, f"SELECT slowest_io_s, performance_bytes_per_s FROM job_summary WHERE {RUN}")
    assert slowest == pytest.approx(seconds, rel=1e-6)
    assert performance == pytest.approx((READ + WRITTEN) / seconds, rel=1e-6)


def test_the_fullest_target_is_ost0006_and_the_emptiest_ost000e(lake: Lake, page: str) -> None:
    """The last `lfs df` before the start was at epoch 1489999502: 74730308892 of 90767651352 KiB on OST0006."""
    ((ts, osts, fullest, most, emptiest, least, used),) = rows(
        lake,
        "SELECT df_ts, osts, fullest_ost, fullest_ost_pct, emptiest_ost, emptiest_ost_pct, used_pct "
        f"FROM job_summary WHERE {RUN}",
    )
    assert (ts, osts, fullest, emptiest) == (datetime(2017, 3, 20, 8, 45, 2), 24, "OST0006", "OST000e")
    assert most == pytest.approx(100 * 74730308892 / 90767651352, rel=1e-12)
    assert least == pytest.approx(100 * 64189687472 / 90767651352, rel=1e-12)
    assert used == pytest.approx(72.9888177739439, rel=1e-9)
    assert has_line(page, "space at 2017-03-20 08:45:02", "24 OSTs", "72.99 % used")
    assert has_line(page, "fullest", "OST0006 82.33 %")
    assert has_line(page, "emptiest", "OST000e 70.72 %")


def test_one_server_serves_two_targets_while_the_others_serve_one_each(lake: Lake, page: str) -> None:
    state = rows(
        lake,
        "SELECT targets_ts, servers, usual_osts_per_server, overloaded_servers, overloaded_osts, overloaded "
        f"FROM job_ost_state WHERE {RUN}",
    )
    twice = [{"server": "10.100.101.7", "osts": ["OST0002", "OST0003"]}]
    assert state == [(datetime(2017, 3, 20, 8, 45, 3), 23, 1, 1, 2, twice)]
    assert has_line(page, "23 serve 24 OSTs, most 1 each")
    assert has_line(page, "10.100.101.7 serves 2: OST0002, OST0003")
    assert has_line(page, "the job's files lie on 24 OSTs", "OST0002, OST0003 on an overloaded server")


def test_the_last_snapshot_of_a_file_is_in_the_lake(lake: Lake) -> None:
    """Both files hold 70 snapshots, the last after the others' hour."""
    for table, last in (("lustre_df", 1490081107), ("lustre_target", 1490081108)):
        assert rows(lake, f"SELECT count(DISTINCT ts), epoch(max(ts)) FROM {table} WHERE file_system = 'scratch2'") == [
            (70, last)
        ]


def test_traffic_that_nobody_recorded_is_said_to_be_missing_with_what_to_ingest(lake: Lake, page: str) -> None:
    """P6: no counters of snx11035 for that day are there, so the job has no share of them."""
    assert rows(lake, f"SELECT fs_read_bytes, fs_write_bytes, share FROM job_summary WHERE {RUN}") == [
        (None, None, None)
    ]
    assert has_line(page, "its servers' traffic is not in the lake")
    assert has_line(page, "iolake ingest hdf5 lmt --since 2017-03-19 --until 2017-03-21")


def test_the_id_is_in_logs_of_another_machine_too_which_the_page_says(lake: Lake, page: str) -> None:
    assert rows(lake, f"SELECT DISTINCT cluster FROM darshan_logs WHERE job_id = {JOB} ORDER BY 1") == [
        ("edison",),
        ("others",),
    ]
    assert "1 Darshan log of the id 4478544 on others" in page
    assert "vpicio_uni" in job_page(lake, JOB, "others")
    assert "dbscan_read" not in job_page(lake, JOB, "others")


def test_of_three_sources_of_a_day_the_first_fills_the_tables(lake: Lake) -> None:
    """P2: the TTS file stands first in site.toml; H5LMT and LMT have the same day and add nothing to it."""
    assert rows(lake, "SELECT read_bytes, write_bytes, opens FROM file_system_day WHERE file_system = 'scratch1'") == [
        (6_347_173_888, 119_037_925_429, 1_529_078)
    ]
    assert rows(
        lake,
        "SELECT DISTINCT parse_filename(uri) FROM lustre_ost JOIN inputs USING (input_id) "
        "WHERE file_system = 'scratch1'",
    ) == [("snx11025_2018-01-28.hdf5",)]


def test_the_jobs_of_los_angeles_are_the_same_in_utc(lake: Lake) -> None:
    """P8: the same jobs, listed in UTC and in Los Angeles time, ran at the same moments."""
    same = rows(
        lake,
        "SELECT count(*), count(*) FILTER (WHERE a.start_time = b.start_time AND a.end_time = b.end_time) "
        "FROM jobs a JOIN jobs b USING (job_id, submit_time) WHERE a.cluster = 'tiny' AND b.cluster = 'tiny_la' "
        "AND a.start_time IS NOT NULL AND b.start_time IS NOT NULL",
    )[0]
    assert same[0] == same[1] > 5


def test_the_worst_jobs_are_listed_even_where_little_is_known(lake: Lake) -> None:
    answer = worst_jobs(lake, limit=1000)
    assert "job 4478544 on edison" in answer
    assert "22.16 GiB/s by its slowest process; too few jobs like it to compare" in answer


def test_docs_show_this_page(page: str) -> None:
    shown = Path(__file__).resolve().parents[2] / "docs" / "real-samples.md"
    assert page.strip() in shown.read_text()
