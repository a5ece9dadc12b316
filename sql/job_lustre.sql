-- What did the file systems do while each run of a job ran, and how much of it was the run's?
-- fs_ columns are the servers' counts in the window, from the run's start to one interval after its end. darshan_ columns
-- are what the run's logs recorded on that file system, null without logs; jobstats_ what the servers themselves counted
-- for the job id, where they do. Shares are Darshan's bytes over the servers'; share_reason says why one is null.
CREATE OR REPLACE VIEW job_lustre AS
SELECT
  cluster, job_id, submit_time, restart, file_system, window_start, window_end,
  fs_read_bytes, fs_write_bytes, fs_osts, fs_seen_pct,
  darshan_read_bytes, darshan_write_bytes, read_share, write_share, share, darshan_opens, opens_share,
  jobstats_read_bytes, jobstats_write_bytes,
  fs_{op},
  fs_peak_read_bytes_per_s, fs_peak_write_bytes_per_s, peak_reason, share_reason, jobstats_reason, run_id, date
FROM job_file_system
WHERE window_start IS NOT NULL
