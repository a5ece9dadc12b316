"""What the first bytes of each source's files look like, so that `iolake init` recognises them."""

from __future__ import annotations

import re
from typing import Final

_JSON: Final = r"\A\s*[\[{](?s:.)*"
_PLACE: Final = "(x|switch|switches|network_group|cabinet|location)"
_TEXTS: Final = (
    ("slurm", r"^\"?(\w+[|,\x1f]\"?)*JobID(Raw)?\"?[|,\x1f]"),
    ("flux", rf"{_JSON}\"t_submit\""),
    ("slurm", r"\A\s*\{\s*\"(meta|jobs)\"(?s:.)*\"(?i:slurm)\""),
    ("slurm", rf"{_JSON}\"jobid(raw)?\"\s*:"),
    ("df", r"^UUID +1K-blocks +Used"),
    ("targets", r"^ *\d+ UP \w+ \S+"),
    ("params", r"^(obdfilter|mdt|mds|mgs|osd-\w+|ost|osc|osp|mdd|mdc|llite|ldlm)\.[\w.*-]+="),
    ("params", r"^\s*- net type: \w|\Astatistics:\s*$"),
    ("mmperfmon", r"^Legend:|^ *Row +Timestamp"),
    ("mmpmon", r"^_(fs_)?io_s_ |^mmpmon node \S+ name \S+ (fs_)?io_s "),
    ("gpfs_exporter", r"^gpfs_\w+(\{| )"),
    ("mmdf", r"^mmdf:\w+:(HEADER|0):|^disk +disk size +failure holds"),
    ("mmlsdisk", r"^mmlsdisk::(HEADER|0):"),
    ("mmlsfs", r"^mmlsfs::(HEADER|0):"),
    ("pbs", r"^\d\d/\d\d/\d{4} \d\d:\d\d:\d\d;[A-Z];"),
    ("lsf", r"^\"JOB_FINISH\" \""),
    ("gridftp", r"^DATE=\d{14}.* PROG=globus-gridftp-server"),
    ("globus", rf"{_JSON}\"NBYTES\""),
    ("hpss_ftp", r"^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} .* [bo] .*\w+_Cmd "),
    ("hsi", r"^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} \S+ (hsi|htar) "),
    ("hpss_report", r"^ *HPSS Report for Date "),
    ("collectd", rf"{_JSON}\"(plugin|collectd_type)\"\s*:"),
    ("esnet_snmp", r"\A\s*\{\s*\"[^\"]+\"\s*:\s*\{\s*\"[^\"]+\"\s*:\s*\{\s*\"(in|out|units)\"\s*:"),
    ("interface_counters", r"\A\W*(?=.*\bts\b)(?=.*\brouter\b)(?=.*\binterface\b).*\b(in|out)_octets\b"),
    ("jobs", r"\A\W*(?=.*\bscheduler_id\b)(?=.*\bstart_time\b).*\bend_time\b"),
    ("ssd", r"^-\s+(Intel\b.*|SMART Attributes|SMART and Health Information)\s+[A-Z0-9]{8,}(-\d+)?\s+-"),
    ("ssd", rf"{_JSON}\"(smartctl|smart_status|percent_used|percentage_used|avail_spare|subnqn|SerialNumber)\"\s*:"),
    ("ssd", r"\A\s*\{\s*\"[A-Z0-9]{8,}(-\d+)?\"\s*:\s*\{"),
    ("topology", r"^(\w+=[^,=]*,)*processor_id=\d"),
    ("topology", r"^\s*(?i:SwitchName|BlockName)=\S"),
    ("topology", rf"\A(#.*\n|BEGIN \d+\n)*(?=.*\bnode\b)[\w ,]*\b{_PLACE}\b[\w ,]*$"),
)
"""Sources of text, each with what one of its first lines, or its beginning, looks like; the first that fits counts."""
_PATTERNS: Final = tuple((source, re.compile(pattern, re.MULTILINE)) for source, pattern in _TEXTS)


def source_of(text: str) -> str | None:
    """The source whose files begin like the text; None where no source's do."""
    return next((source for source, pattern in _PATTERNS if pattern.search(text)), None)
