"""`iolake init` over the folder of real samples: every source of the core is found, checked and read."""

from __future__ import annotations

from pathlib import Path

from iolake.extractors.base import Span
from iolake.pipelines.finding import find
from iolake.pipelines.ingest import ingest
from iolake.pipelines.init import Answers, survey, write
from iolake.schemas.site import Site


def test_the_samples_folder_becomes_a_site(samples: Path, tmp_path: Path) -> None:
    """P5: what is written finds its files, and the small sources of it ingest without a failure."""
    draft = survey(tmp_path, [samples], Answers(timezone="America/Los_Angeles"))
    site = Site.parse(write(draft), tmp_path / "site.toml")
    sources = {source for _, _, source in draft.patterns}
    assert sources >= {"darshan", "slurm", "hdf5", "lmt", "df", "targets", "params", "gridftp", "mmperfmon"}
    mounts = {name: fs.mounts for name, fs in site.file_systems.items() if fs.backend == "snx11035"}
    assert mounts == {"scratch2": ("/scratch2",)}
    logs = {
        Path(i.uri).resolve()
        for (s, *_), inputs in find(site, ("darshan",), Span()).items()
        for i in inputs
        if s == "darshan"
    }
    assert logs == {p.resolve() for p in samples.rglob("*") if p.name.endswith((".darshan", ".darshan.gz"))}
    report = ingest(site, ("df", "targets", "gridftp", "mmperfmon"), workers=0)
    assert report.failures == []
