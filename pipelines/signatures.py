"""What the first bytes of each source's files look like, so that `iolake init` recognises them."""

from __future__ import annotations

import csv
import re
from typing import Final

_JSON: Final = r"\A\s*+[\[{]"
_PLACES: Final = frozenset({"x", "switch", "switches", "network_group", "cabinet", "location"})
"""A CSV file of nodes has one of these columns; `role` or `status` alone would fit other files as well."""
_GAP: Final = r"[ \t]{1,20}"
_ISDCT: Final = "serial_number|model_number|device_path|endurance_analyzer|percentage_used|available_spare"
"""Attributes that isdct prints, by pytokio's names; one of them is in each drive's record."""
_COMMENT: Final = re.compile(r"\s*(#|$)|([\w.-]+:)?\s*BEGIN\b")
_MOST_HEADER: Final = 10_000


def _has(*keys: str) -> str:
    """The pattern of JSON that has all the keys in its beginning; each key may be alternatives, such as a|b."""
    return "".join(rf"(?=(?s:.)*\"(?:{key})\"\s*:)" for key in keys)


_TEXTS: Final = (
    ("slurm", r"^\"?(\w+[|,\x1f]\"?)*JobID(Raw)?\"?[|,\x1f]"),
    ("flux", rf"{_JSON}{_has('t_submit')}"),
    ("slurm", r"\A\s*+\{\s*\"(meta|jobs)\"(?s:.)*\"(?i:slurm)\""),
    ("slurm", rf"{_JSON}{_has('job_id', 'association', 'allocation_nodes|kill_request_user')}"),
    ("slurm", rf"\A\s*+\{{\s*\"\d[^\"]*\"\s*:\s*\{{{_has('(?i:jobid(?:raw)?)', '(?i:end)', '(?i:start|submit)')}"),
    ("df", r"^UUID +1K-blocks +Used"),
    ("targets", r"^ *\d+ UP \w+ \S+"),
    ("params", r"^(obdfilter|mdt|mds|mgs|osd-\w+|ost|osc|osp|mdd|mdc|llite|ldlm)\.[\w.*-]+="),
    ("params", r"^[ \t]*- net type: \w|\Astatistics:[ \t\r]*$"),
    ("mmperfmon", r"^Legend:|^ *Row +Timestamp"),
    ("mmpmon", r"^_(fs_)?io_s_ |^mmpmon node \S+ name \S+ (fs_)?io_s "),
    ("gpfs_exporter", r"^gpfs_\w+(\{| )"),
    ("mmdf", r"^mmdf:\w+:(HEADER|0):|^disk +disk size +failure holds"),
    ("mmlsdisk", r"^mmlsdisk::(HEADER|0):"),
    ("mmlsfs", r"^mmlsfs::(HEADER|0):"),
    ("pbs", r"^\d\d/\d\d/\d{4} \d\d:\d\d:\d\d;[A-Z];"),
    ("lsf", r"^\"JOB_FINISH\" \""),
    ("gridftp", r"^DATE=\d{14}.* PROG=globus-gridftp-server"),
    ("globus", rf"{_JSON}{_has('NBYTES')}"),
    ("hpss_ftp", r"^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} (?>.*? [bo] ).*\w_Cmd "),
    ("hsi", r"^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} \S+ (hsi|htar) "),
    ("hpss_report", r"^ *HPSS Report for Date "),
    ("collectd", rf"{_JSON}{_has('plugin', '@timestamp', 'hostname|host', 'collectd_type|type')}"),
    ("esnet_snmp", r"\A\s*\{\s*\"[^\"]+\"\s*:\s*\{\s*\"[^\"]+\"\s*:\s*\{\s*\"(in|out|units)\"\s*:"),
    ("interface_counters", r"\A\W*+(?=.*\bts\b)(?=.*\brouter\b)(?=.*\binterface\b).*\b(in|out)_octets\b"),
    ("jobs", r"\A\W*+(?=.*\bscheduler_id\b)(?=.*\bstart_time\b).*\bend_time\b"),
    ("ssd", rf"^-{_GAP}(Intel\b.*|SMART Attributes|SMART and Health Information){_GAP}[A-Z0-9]{{8,40}}(-\d+)?{_GAP}-"),
    ("ssd", rf"{_JSON}{_has('smartctl', 'device|serial_number')}"),
    ("ssd", rf"{_JSON}{_has('critical_warning', 'data_units_read')}"),
    ("ssd", rf"{_JSON}{_has('sn', 'mn', 'fr|vid|subnqn')}"),
    ("ssd", rf"{_JSON}{_has('Devices', 'SerialNumber', 'DevicePath|ModelNumber|Firmware')}"),
    ("ssd", rf"\A\s*+\{{\s*\"[A-Z0-9]{{8,40}}(-\d+)?\"\s*:\s*\{{{_has('timestamp', _ISDCT)}"),
    ("topology", r"^(\w+=[^,=\n]*,)*processor_id=\d"),
    ("topology", r"^[ \t]*(?i:SwitchName|BlockName)=\S"),
)
"""Sources of text, each with what one of its first lines, or its beginning, looks like; the first that fits counts."""
_PATTERNS: Final = tuple((source, re.compile(pattern, re.MULTILINE)) for source, pattern in _TEXTS)


def source_of(text: str) -> str | None:
    """The source whose files begin like the text; None where no source's do."""
    found = next((source for source, pattern in _PATTERNS if pattern.search(text)), None)
    return "topology" if found is None and _is_table_of_nodes(text) else found


def _is_table_of_nodes(text: str) -> bool:
    """Whether it is CSV with a column `node`, one of a node's place, and a row as wide as its header."""
    lines = text[:_MOST_HEADER].splitlines()
    meaningful = [line for line in lines if not _COMMENT.match(line)][:2]
    try:
        header, *rows = csv.reader(meaningful, skipinitialspace=True)
    except (csv.Error, ValueError):
        return False
    is_wide = not rows or len(rows[0]) == len(header) or len(text) > _MOST_HEADER
    return is_wide and "node" in header and not _PLACES.isdisjoint(header)
