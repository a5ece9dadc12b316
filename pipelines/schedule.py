"""What is scheduled, declared once: `iolake serve` serves these deployments, and prefect.yaml names the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from prefect import Flow

Collision = Literal["ENQUEUE", "CANCEL_NEW"]


@dataclass(frozen=True)
class Deployment:
    """A flow of `pipelines.flows`, when it runs (UTC), and what happens to a run that is due while another one runs.

    One run of each at a time. A run of a schedule is cancelled then, for the next one does its work too; one that a
    person asked for waits.
    """

    name: str
    cron: str | None
    collision: Collision
    description: str

    @property
    def flow(self) -> Flow[..., Any]:
        """The flow of that name."""
        from iolake.pipelines import flows

        found: Flow[..., Any] = getattr(flows, self.name)
        return found


DEPLOYMENTS = (
    Deployment("nightly", "30 3 * * *", "CANCEL_NEW", "Load the last days, and write the page of the day that ended."),
    Deployment("hourly", "10 * * * *", "CANCEL_NEW", "Load what changed of today and yesterday."),
    Deployment("weekly", "0 5 * * 0", "CANCEL_NEW", "Merge files of closed days, and remove old snapshots."),
    Deployment("sweep", "0 6 * * 6", "CANCEL_NEW", "Load late files of the last 400 days, and list days without any."),
    Deployment("derive", None, "ENQUEUE", "Compute the marts whose sources changed."),
    Deployment("backfill", None, "ENQUEUE", "Load the days from `since` to `until`, some days at a time."),
)
"""The hourly run at :10 leaves the servers of a centre ten minutes to write the hour's files."""
