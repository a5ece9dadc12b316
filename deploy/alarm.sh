#!/bin/sh
# alarm.sh UNIT: say that a unit failed, with the end of its journal. IOLAKE_ALARM_MAIL takes a mail address,
# IOLAKE_ALARM_URL a webhook, which gets JSON {"text": "..."} by POST (the form of Slack, Mattermost and others). With
# neither, the system's log gets it.
set -u
unit=$1
said=$(journalctl --unit "$unit" --lines 20 --no-pager --output cat 2>/dev/null || true)
title="iolake on $(hostname): $unit failed"
text=$(printf '%s\n%s\n' "$title" "$said")
status=0
if [ -n "${IOLAKE_ALARM_MAIL:-}" ]; then
    printf '%s\n' "$text" | mail -s "$title" "$IOLAKE_ALARM_MAIL" || status=1
fi
if [ -n "${IOLAKE_ALARM_URL:-}" ]; then
    # The address is often a secret: curl reads it from a file descriptor, not from its command line.
    body=$(printf '%s' "$text" | /opt/iolake/.venv/bin/python -c 'import json, sys; print(json.dumps({"text": sys.stdin.read()}))')
    printf 'url = "%s"\n' "$IOLAKE_ALARM_URL" |
        curl --silent --show-error --fail --max-time 30 --header 'Content-Type: application/json' \
            --data "$body" --output /dev/null --config - || status=1
fi
if [ -z "${IOLAKE_ALARM_MAIL:-}${IOLAKE_ALARM_URL:-}" ] || [ "$status" = 1 ]; then
    printf '%s\n' "$text" | logger --tag iolake --priority daemon.err || status=1
fi
exit "$status"
