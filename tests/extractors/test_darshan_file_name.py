"""What the name of a Darshan log and its folders tell."""

from __future__ import annotations

import pytest

from iolake.extractors.darshan.file_name import Told, told_by_name

POLARIS = "/logs/2026/8/13/ann/nonmpi_test/id7446808/x3208c0s37b1n0"


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("/l/ann_my_solver_id7_3-15-14722-17417065676046_1.darshan", ("ann", "my_solver", None, 17417065676046)),
        ("/l/ann_solver_id7-4242_3-15-14722-99.darshan", ("ann", "solver", 4242, 99)),
        ("/l/ann_solver_id7_3-15-14722.darshan.gz", ("ann", "solver", None, None)),
        ("/l/ann_solver_id7_3-15-14722-99999999999999999999.darshan", ("ann", "solver", None, None)),
        ("/l/solver.darshan", (None, None, None, None)),
    ],
)  # fmt: skip
def test_a_file_name_of_darshans_making_tells_user_program_process_and_tag(uri: str, told: tuple[object, ...]) -> None:
    assert told_by_name(uri, 7) == told


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("4242.darshan", None),
        ("4242-17417065676046418211.darshan", 17417065676046418211),
        ("4242-99_1.darshan", 99),
        ("4242_8-13-500-99_1.darshan", 99),
        ("4242-8-13-500.darshan", None),
        ("4242-abc.darshan", None),
    ],
)
def test_folders_of_darshans_making_tell_user_program_and_process(name: str, tag: int | None) -> None:
    assert told_by_name(f"{POLARIS}/{name}", 7446808) == Told("ann", "nonmpi_test", 4242, tag)
    assert told_by_name(f"ann/nonmpi_test/7446808/x3208/{name}", 7446808) == Told("ann", "nonmpi_test", 4242, tag)
    assert told_by_name(f"s3://logs/ann/nonmpi_test/7446808/x3208/{name}", 7446808).user == "ann"


def test_folders_that_are_not_of_the_logs_job_tell_nothing() -> None:
    """P6: a day's folders have the look of a job's; unknown is null."""
    assert told_by_name("/logs/ann/2026/3/15/4242.darshan", 7) == Told()
    assert told_by_name(f"{POLARIS}/4242.darshan", None) == Told()
    assert told_by_name(f"{POLARIS}/part-4242.darshan", 7446808) == Told()
