"""`iolake init` recognises the real samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from iolake.pipelines.recognise import recognise

SOURCES = {
    "darshanlogs.db": "darshan_index", "collectdes_cpuloads.json.gz": "collectd", "esnet_snmp.json.gz": "esnet_snmp",
    "globuslogs.json.gz": "globus", "globuslogs.txt.gz": "gridftp", "hpss_daily.txt": "hpss_report",
    "hpssftplog.txt.gz": "hpss_ftp", "hsilog.txt.gz": "hsi", "lctl-dl-t.txt.gz": "targets", "lfs-df.txt.gz": "df",
    "mmperfmon-nsdds.txt.gz": "mmperfmon", "mmperfmon.tgz": "mmperfmon", "sample.slurm": "slurm",
    "sample.xtdb2proc.gz": "topology", "sample_nersc_isdct.json.gz": "ssd", "sample_nersc_isdct.tgz": "ssd",
    "sample_nersc_jobsdb.sqlite3": "jobs", "snx11025_2018-01-28.sqlite3": "lmt", "sample_tokiots.hdf5": "hdf5",
    "site.json": None, "sample_config.json": None, "sample-badost.README": None,
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_a_sample_of_pytokio_is_of_its_source(samples: Path, name: str) -> None:
    found = recognise(samples / "pytokio" / name)
    assert (found.source if found else None) == SOURCES[name]


@pytest.mark.parametrize("name", ["sacct.json.gz", "noconvert.txt", "parsable2_all.txt"])
def test_what_sacct_wrote_is_slurms(samples: Path, name: str) -> None:
    found = recognise(samples / "sacct" / name)
    assert found is not None
    assert found.source == "slurm"
