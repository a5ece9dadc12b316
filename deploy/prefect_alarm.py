"""Tell a webhook of each run that failed or crashed, by an automation of the Prefect server.

    (set -a; . /etc/iolake/alarm; /opt/iolake/.venv/bin/python deploy/prefect_alarm.py)

/etc/iolake/alarm has IOLAKE_ALARM_URL=https://chat.example.org/hooks/..., and PREFECT_API_URL is set.
The webhook gets JSON {"text": "..."} by POST, the form of Slack, Mattermost and others. Prefect keeps the address,
encrypted, in the block `iolake-alarm`. Run it again to change the address.
"""

from __future__ import annotations

import os
import sys

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from pydantic import SecretStr

from iolake.pipelines.schedule import DEPLOYMENTS

NAME = "iolake: alarm of failed runs"
SAYS = (
    '{"text": {{ ("iolake: " ~ flow_run.name ~ " " ~ flow_run.state.name ~ ": " ~ flow_run.state.message) | tojson }} }'
)


def main() -> None:
    """Save the address, and create the automation where the server has none yet."""
    url = os.environ.get("IOLAKE_ALARM_URL")
    if not url:
        sys.exit("IOLAKE_ALARM_URL names no webhook; set it to the address that alarms go to")
    # Chat servers of a centre lie on its own network, which Prefect leaves out by default.
    Webhook(method="POST", url=SecretStr(url), allow_private_urls=True).save("iolake-alarm", overwrite=True)
    ours: dict[str, str | list[str]] = {
        "prefect.resource.role": "flow",
        "prefect.resource.name": [d.flow.name for d in DEPLOYMENTS],
    }
    automation = AutomationCore(
        name=NAME,
        description="POSTs the name, state and reason of each run of iolake that failed or crashed.",
        trigger=EventTrigger(
            expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related=ours,
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[],
    )
    with get_client(sync_client=True) as client:
        hook = client.read_block_document_by_name("iolake-alarm", "webhook")
        automation.actions = [CallWebhook(block_document_id=hook.id, payload=SAYS)]
        if not client.read_automations_by_name(NAME):
            client.create_automation(automation)


if __name__ == "__main__":
    main()
