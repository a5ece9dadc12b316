-- What did the file systems do while each run of a job ran, and how much of it was the job's?
-- fs_ columns are the servers' counts in the window, from the job's start to one interval after its end. darshan_ columns
-- are what the job's logs recorded on that file system, null without logs; jobstats_ what the servers themselves counted
-- for the job id, where they do. Shares are Darshan's bytes over the servers': above 1.2 clocks or names don't fit.
CREATE OR REPLACE VIEW job_lustre AS
WITH counted AS (  -- what the servers counted for the job
  SELECT
    w.cluster, w.job_id, w.submit_time, w.restart, w.file_system,
    sum(s.read_bytes)::BIGINT AS read_bytes, sum(s.write_bytes)::BIGINT AS write_bytes
  FROM job_windows w
  JOIN lustre_jobstats s
    ON s.file_system = w.file_system AND s.job_id = w.job_id
    AND s.ts < w.window_end AND s.ts + to_seconds(coalesce(s.interval_s, 0)) >= w.window_start
  GROUP BY ALL
)
SELECT
  w.cluster, w.job_id, w.submit_time, w.restart, w.file_system, w.window_start, w.window_until AS window_end,
  w.read_bytes AS fs_read_bytes,
  w.write_bytes AS fs_write_bytes,
  w.osts AS fs_osts,
  w.seen_pct AS fs_seen_pct,
  d.read_bytes AS darshan_read_bytes,
  d.write_bytes AS darshan_write_bytes,
  d.read_bytes / nullif(w.read_bytes, 0) AS read_share,
  d.write_bytes / nullif(w.write_bytes, 0) AS write_share,
  (d.read_bytes + d.write_bytes) / nullif(w.read_bytes + w.write_bytes, 0) AS share,
  d.opens AS darshan_opens,
  d.opens / nullif(w.opens, 0) AS opens_share,
  s.read_bytes AS jobstats_read_bytes,
  s.write_bytes AS jobstats_write_bytes,
  w.opens AS fs_opens,
  w.closes AS fs_closes,
  w.mknods AS fs_mknods,
  w.links AS fs_links,
  w.unlinks AS fs_unlinks,
  w.mkdirs AS fs_mkdirs,
  w.rmdirs AS fs_rmdirs,
  w.renames AS fs_renames,
  w.getattrs AS fs_getattrs,
  w.setattrs AS fs_setattrs,
  w.getxattrs AS fs_getxattrs,
  w.statfs AS fs_statfs
FROM lustre_during('job_windows', steps_after := 1) w
LEFT JOIN job_file_systems d
  ON d.cluster = w.cluster AND d.job_id = w.job_id AND d.submit_time = w.submit_time
  AND d.restart IS NOT DISTINCT FROM w.restart AND d.file_system = w.file_system
LEFT JOIN counted s
  ON s.cluster = w.cluster AND s.job_id = w.job_id AND s.submit_time = w.submit_time
  AND s.restart IS NOT DISTINCT FROM w.restart AND s.file_system = w.file_system
