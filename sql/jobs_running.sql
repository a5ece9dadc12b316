-- Which jobs wait or run, as far as the lake knows: seen unfinished, and not seen to end since?
-- A requeue is submitted anew, so a run of the same id that ended and was submitted later ends an earlier one as well.
CREATE OR REPLACE VIEW jobs_running AS
SELECT *
FROM slurm_running r
WHERE NOT EXISTS (
  FROM slurm_jobs j WHERE j.cluster = r.cluster AND j.job_id = r.job_id AND j.submit_time >= r.submit_time
)
AND NOT EXISTS (
  FROM slurm_jobs j
  WHERE j.cluster = r.cluster AND j.array_job_id = r.array_job_id AND j.array_task_id = r.array_task_id
    AND j.submit_time >= r.submit_time
)
QUALIFY row_number() OVER (
  PARTITION BY cluster, job_id, array_task_id ORDER BY submit_time DESC, load_id DESC, input_id
) = 1
