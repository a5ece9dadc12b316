-- Which rules make findings: what each looks at, from which value on, how grave it is, and what to do about it?
-- Drishti's and WisIO's thresholds are those of these tools; the others are iolake's own. A threshold in site.toml's section
-- [findings] replaces the rule's own.
-- column code: name of the rule
-- column severity: high, medium, low, or info
-- column subject: application, file system, neighbour, or scheduler
-- column side: above or below: on which side of the threshold a value is a finding
-- column threshold: the value that a finding is held against, in `unit`
-- column unit: unit of the threshold
-- column advice: what to do
-- column reference: where the rule comes from
-- column scope: what the rule judges: run, day of a file system, or both
-- column default_threshold: the threshold without site.toml
CREATE OR REPLACE VIEW finding_rules AS
SELECT
  r.code, r.severity, r.subject, r.side,
  coalesce(t.threshold, r.threshold)::DOUBLE AS threshold,
  r.unit, r.advice, r.reference, r.scope,
  r.threshold::DOUBLE AS default_threshold
FROM (VALUES
{rules}
) AS r(code, severity, subject, side, threshold, unit, advice, reference, scope)
LEFT JOIN thresholds t ON t.code = r.code
