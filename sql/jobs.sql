-- Which jobs ran, who ran them, when and on what: every scheduler's jobs in one shape, one row a run.
-- A run that several inputs hold (a job over midnight is in two days' archives) is one row here, and a job that is in both
-- Slurm's accounting and a site's own database is Slurm's. run_id is the key of a run: join runs USING (cluster, run_id).
-- Where submit_known is false, submit_time stands in for an unknown one and wait_s is null. elapsed_s of another
-- scheduler's job and node_hours of any job are null where the job ends before it starts.
-- column run_id: one run of a job within its cluster: each array task and each requeue has its own
-- column submit_time: UTC; when the run was submitted; where that is unknown, its start, else its end
-- column submit_known: whether submit_time is when the run was submitted
-- column scheduler: slurm, pbs, lsf, flux, ...
-- column scheduler_id: the job's id as its scheduler writes it
-- column partition: partition or queue
-- column elapsed_s: [s] how long the run ran, as its scheduler counts
-- column wait_s: [s] from submission to start; null where the submission is unknown
-- column node_hours: nodes times hours
CREATE OR REPLACE VIEW jobs AS
WITH runs AS (
  SELECT
    cluster, run_id, date, job_id, submit_time, restart, submit_known, 'slurm' AS scheduler, job_id::VARCHAR AS scheduler_id,
    array_job_id, array_task_id, array_tasks, het_job_id, het_offset,
    job_name, user_name, uid, account, "partition", qos, state, exit_code, exit_signal,
    start_time, end_time, elapsed_s, timelimit_s, nnodes, ncpus, node_list, nodes, energy_j, time_ambiguous,
    load_id, input_id
  FROM slurm_jobs
),
slurm AS (
  SELECT *
  FROM runs
  QUALIFY row_number() OVER (
    PARTITION BY cluster, date, job_id, start_time, end_time, CASE WHEN start_time IS NULL THEN array_task_id END
    ORDER BY submit_known DESC, user_name IS NULL, load_id DESC, input_id
  ) = 1
),
started AS (           -- a join, not NOT EXISTS, so that a filter on a job reaches this side of it as well
  SELECT DISTINCT cluster, job_id, start_time, true AS by_slurm
  FROM slurm_jobs
),
others AS (
  SELECT
    cluster, run_id, date, job_id, coalesce(submit_time, start_time, end_time) AS submit_time, NULL::BIGINT AS restart,
    submit_time IS NOT NULL AS submit_known, scheduler, scheduler_id,
    NULL::BIGINT AS array_job_id, NULL::BIGINT AS array_task_id, NULL::VARCHAR AS array_tasks,
    NULL::BIGINT AS het_job_id, NULL::BIGINT AS het_offset,
    job_name, user_name, uid, account, queue AS "partition", NULL::VARCHAR AS qos, state, exit_code, exit_signal,
    start_time, end_time,
    CASE WHEN end_time >= start_time THEN (epoch_us(end_time)::HUGEINT - epoch_us(start_time)) / 1e6 END AS elapsed_s,
    timelimit_s, nnodes, ncpus, node_list, nodes, NULL::BIGINT AS energy_j, time_ambiguous, load_id, input_id
  FROM other_jobs
  LEFT JOIN started USING (cluster, job_id, start_time)
  WHERE by_slurm IS NULL
  QUALIFY row_number() OVER (
    PARTITION BY cluster, date, job_id, scheduler_id, start_time, CASE WHEN start_time IS NULL THEN run_id END
    ORDER BY load_id DESC, input_id
  ) = 1
)
SELECT
  * REPLACE (coalesce(run_id, CASE  -- rows of a lake from before the column
    WHEN scheduler = 'slurm'
      THEN job_id || '.' || floor(epoch(submit_time))::BIGINT || CASE WHEN restart > 0 THEN '.' || restart ELSE '' END
    ELSE scheduler_id || '.' || floor(epoch(coalesce(start_time, submit_time)))::BIGINT
  END) AS run_id),
  CASE WHEN submit_known THEN (epoch_us(start_time)::HUGEINT - epoch_us(submit_time)) / 1e6 END AS wait_s,
  CASE
    WHEN end_time >= start_time THEN nnodes * ((epoch_us(end_time)::HUGEINT - epoch_us(start_time)) / 1e6) / 3600
  END AS node_hours
FROM (FROM slurm UNION ALL FROM others)
