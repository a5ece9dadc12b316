"""Ends runs whose process was killed: a local Prefect server would show them as running for ever.

A flow run sends a heartbeat event while it lives. An automation of the server marks a run as crashed once its
heartbeats stop (Prefect's documentation, "Detect zombie flows").
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

NAME: Final = "iolake: mark killed runs as crashed"
SILENCE: Final = timedelta(minutes=5)
"""How long a run may be silent. Ten beats, so that a busy machine or a server that restarts crashes nobody."""
_ENDS: Final = ("Completed", "Failed", "Cancelled", "Crashed")


def watch_heartbeats(within: timedelta = SILENCE, **_: Any) -> dict[str, Any]:
    """Create the automation where the server has none yet. A step of prefect.yaml calls it too; its output is empty."""
    with get_client(sync_client=True) as client:
        if not client.read_automations_by_name(NAME):
            client.create_automation(automation(within))
    return {}


def automation(within: timedelta) -> AutomationCore:
    """The automation: a run that beat once, then neither beats nor ends `within` that time, has crashed."""
    beat = "prefect.flow-run.heartbeat"
    return AutomationCore(
        name=NAME,
        description="A run that stops its heartbeats has been killed. The next run does its work; the lake is whole.",
        trigger=EventTrigger(
            after={beat},
            expect={beat, *(f"prefect.flow-run.{end}" for end in _ENDS)},
            match={"prefect.resource.id": ["prefect.flow-run.*"]},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=within,
        ),
        actions=[
            ChangeFlowRunState(
                name=None,
                state=StateType.CRASHED,
                force=False,
                message=f"No heartbeat for {within.total_seconds():.0f} s: its process was killed. The lake is whole; "
                "the next run does the work that is left.",
            )
        ],
    )
