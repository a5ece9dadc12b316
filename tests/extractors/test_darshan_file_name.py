"""Facts about the run in a Darshan log's name and folders."""

from __future__ import annotations

import pytest

from iolake.extractors.darshan.file_name import NameParts, parse_name

POLARIS = "/logs/2026/8/13/ann/nonmpi_test/id7446808/x3208c0s37b1n0"


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("/l/ann_solver_id7_3-15-14722-17417065676046_1.darshan", ("ann", "solver", None, 17417065676046)),
        ("/l/ann_my_solver_id7_3-15-14722.darshan", (None, None, None, None)),
        ("/l/ann_solver_id7-4242_3-15-14722-99.darshan", ("ann", "solver", 4242, 99)),
        ("/l/ann_solver_id7_3-15-14722.darshan.gz", ("ann", "solver", None, None)),
        ("/l/ann_solver_id7_3-15-14722-99999999999999999999.darshan", ("ann", "solver", None, None)),
        ("/l/solver.darshan", (None, None, None, None)),
    ],
)  # fmt: skip
def test_a_file_name_that_darshan_made_has_user_program_process_and_tag(uri: str, parts: tuple[object, ...]) -> None:
    assert parse_name(uri, 7) == parts


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
def test_folders_that_darshan_made_have_user_program_and_process(name: str, tag: int | None) -> None:
    assert parse_name(f"{POLARIS}/{name}", 7446808) == NameParts("ann", "nonmpi_test", 4242, tag)
    assert parse_name(f"ann/nonmpi_test/7446808/x3208/{name}", 7446808) == NameParts("ann", "nonmpi_test", 4242, tag)
    assert parse_name(f"s3://logs/ann/nonmpi_test/7446808/x3208/{name}", 7446808).user == "ann"


def test_folders_of_another_job_say_nothing() -> None:
    """P6: folders by day resemble folders by job; unknown is null."""
    assert parse_name("/logs/ann/2026/3/15/4242.darshan", 7) == NameParts()
    assert parse_name(f"{POLARIS}/4242.darshan", None) == NameParts()
    assert parse_name(f"{POLARIS}/part-4242.darshan", 7446808) == NameParts()


@pytest.mark.parametrize(
    ("name", "program", "user"),
    [
        ("svc_hpc_python3_id7_3-15-14722.darshan", "python3", "svc_hpc"),
        ("a_b_c_my_solver_id7_3-15-14722.darshan", "my_solver", "a_b_c"),
        ("ann_solver_id7_3-15-14722.darshan", "other", "ann"),
        ("ann_solver_id7_3-15-14722.darshan", None, "ann"),
        ("1001_solver_id7_3-15-14722.darshan", "solver", None),
        ("1002_solver_id7_3-15-14722.darshan", "solver", "1002"),
        ("1001_my_solver_id7_3-15-14722.darshan", "", None),
        ("svc_hpc_python3_id7_3-15-14722.darshan", "/usr/bin/python3.11 train.py", "svc_hpc"),
        ("svc_hpc_python3.11_id7_3-15-14722.darshan", "python -m train", "svc_hpc"),
        ("svc_hpc_my_long_program_id7_3-15-14722.darshan", "/bin/my_long_program_name -x", "svc_hpc"),
        ("svc_hpc_my_long_program_name_id7_3-15-14722.darshan", "./my_long_program", "svc_hpc"),
        ("svc_hpc_train_net.py_id7_3-15-14722.darshan", "python3 /data/train_net.py 3", "svc_hpc"),
        ("svc_hpc_solver_id7_3-15-14722.darshan", "/opt/my programs/solver 3", "svc_hpc"),
        ("svc_hpc_step_two_id7_3-15-14722.darshan", "/home/svc_hpc/bin/wrapped", "svc_hpc"),
        ("a_b_b_x_id7_3-15-14722.darshan", "b", None),
        ("svc_hpc_python3_id7_3-15-14722.darshan", "other", None),
        ("lab_alice_run_id7_3-15-14722.darshan", "/lab/lab_alice/code/a.out", None),
        ("lab_alice_run_id7_3-15-14722.darshan", "/lab/lab_alice/code/run", "lab_alice"),
        ("lab_alice_run_id7_3-15-14722.darshan", "python3 /data/alice_run /x/run", None),
    ],
)
def test_the_logs_own_program_says_where_the_user_ends(name: str, program: str | None, user: str | None) -> None:
    """P6: user names may contain underscores, and a user's number is no name."""
    assert parse_name(f"/l/{name}", 7, program, 1001).user == user


def test_a_user_named_none_is_a_user() -> None:
    """P6: a log whose uid is unknown has a name all the same."""
    assert parse_name("/l/None_solver_id7_3-15-14722.darshan", 7).user == "None"
    assert parse_name("/l/None_my_solver_id7_3-15-14722.darshan", 7, "other").user is None
