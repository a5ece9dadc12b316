-- Which rules make findings: what each looks at, from which value on, how grave it is, and what to do about it?
-- Drishti's and WisIO's thresholds are those of these tools; the others are iolake's own.
-- column code: name of the rule
-- column severity: high, medium, low, or info
-- column subject: application, file system, neighbour, or scheduler
-- column side: above or below: on which side of the threshold a value is a finding
-- column threshold: the value that a finding is held against, in `unit`
-- column unit: unit of the threshold
-- column advice: what to do
-- column reference: where the rule comes from
CREATE OR REPLACE VIEW finding_rules AS
SELECT *
FROM (VALUES
  ('small-reads', 'high', 'application', 'above', 10, '%', 'Read in pieces of 1 MiB or more, or buffer.', 'Drishti P05, WisIO'),
  ('small-writes', 'high', 'application', 'above', 10, '%', 'Write in pieces of 1 MiB or more, or buffer.', 'Drishti P06, WisIO'),
  ('small-shared', 'high', 'application', 'above', 10, '%', 'Let MPI-IO collect small accesses to shared files.', 'Drishti P19, P20'),
  ('misaligned-in-file', 'medium', 'application', 'above', 10, '%', 'Align accesses to the stripe size.', 'Drishti P08'),
  ('misaligned-in-memory', 'low', 'application', 'above', 10, '%', 'Align buffers to the page size.', 'Drishti P07'),
  ('redundant-reads', 'medium', 'application', 'above', 0, 'B', 'Keep what is read more than once in memory.', 'Drishti P09'),
  ('redundant-writes', 'medium', 'application', 'above', 0, 'B', 'Write each byte once, when it is final.', 'Drishti P10'),
  ('random-reads', 'high', 'application', 'above', 20, '%', 'Read in the order of the file, or prefetch.', 'Drishti P11, WisIO'),
  ('random-writes', 'high', 'application', 'above', 20, '%', 'Write in the order of the file, or collect writes.', 'Drishti P13, WisIO'),
  ('byte-imbalance', 'medium', 'application', 'above', 15, '%', 'Give every rank the same share of the file.', 'Drishti P21'),
  ('time-imbalance', 'medium', 'application', 'above', 15, '%', 'Look for ranks that wait for slow targets or nodes.', 'Drishti P22'),
  ('stdio-heavy', 'medium', 'application', 'above', 10, '%', 'Move data by POSIX or MPI-IO, not by STDIO.', 'Drishti S01'),
  ('read-intensive', 'info', 'application', 'above', 10, '%', 'Read-ahead and caching help most.', 'Drishti P04'),
  ('write-intensive', 'info', 'application', 'above', 10, '%', 'Write-behind and fewer checkpoints help most.', 'Drishti P03'),
  ('long-metadata', 'high', 'application', 'above', 30, 's', 'Open fewer files, and each once.', 'Drishti P17'),
  ('metadata-heavy', 'high', 'application', 'above', 50, '%', 'Use fewer and larger files; keep files open.', 'WisIO'),
  ('slow-small-reads', 'high', 'application', 'above', 50, '%', 'Read in larger pieces: reading is most of the I/O time.', 'WisIO'),
  ('slow-small-writes', 'high', 'application', 'above', 50, '%', 'Write in larger pieces: writing is most of the I/O time.', 'WisIO'),
  ('no-mpiio', 'low', 'application', 'above', 0, 'processes', 'Shared files gain from MPI-IO.', 'Drishti M01'),
  ('no-collective', 'medium', 'application', 'below', 50, '%', 'Use collective calls, as MPI_File_write_all.', 'Drishti M02, M03'),
  ('no-nonblocking', 'info', 'application', 'below', 50, '%', 'Nonblocking calls overlap I/O with computing.', 'Drishti M06, M07'),
  ('rank0-alone', 'high', 'application', 'above', 95, '%', 'Let all ranks move the data, not rank 0 for them.', 'iolake'),
  ('one-ost-for-large-file', 'high', 'application', 'above', 0, 'B', 'Stripe large shared files: lfs setstripe -c -1.', 'iolake'),
  ('few-osts', 'medium', 'application', 'below', 10, '%', 'Spread files over more targets: lfs setstripe.', 'darshan#601, red'),
  ('some-osts', 'info', 'application', 'below', 50, '%', 'More targets may give more bandwidth.', 'darshan#601, yellow'),
  ('small-beside-kind', 'high', 'application', 'below', 25, '%', 'Compare the options of this run with others of its kind.', 'iolake'),
  ('fewer-writers-than-kind', 'high', 'application', 'below', 25, '%', 'Compare the options of this run with others of its kind.', 'iolake'),
  ('fewer-osts-than-kind', 'high', 'application', 'below', 34, '%', 'Compare the striping of this run with others of its kind.', 'iolake'),
  ('more-metadata-than-kind', 'high', 'application', 'above', 400, '%', 'Compare the options of this run with others of its kind.', 'iolake'),
  ('slow-beside-kind', 'medium', 'application', 'below', 67, '%', 'See the verdict for the cause.', 'iolake, after UMAMI'),
  ('neighbour', 'high', 'neighbour', 'above', 30, '%', 'Talk to the neighbour, or run apart from it.', 'iolake'),
  ('saturated', 'medium', 'file system', 'above', 80, '%', 'Spread heavy jobs over time or file systems.', 'iolake'),
  ('metadata-saturated', 'medium', 'file system', 'above', 500, '%', 'Find who loads the metadata server: mdt_users.', 'iolake, ldms#20'),
  ('full-target', 'high', 'file system', 'above', 90, '%', 'Move files off the target, and take it out of allocation.', 'iolake'),
  ('slow-target', 'high', 'file system', 'above', 20, '%', 'Check the target''s disks and server.', 'iolake, after bad_osts'),
  ('failed-over', 'high', 'file system', 'above', 0, 'targets', 'Bring the failed server back.', 'iolake'),
  ('crowded-server', 'medium', 'file system', 'above', 0, 'targets', 'Bring the failed server back.', 'TOKIO'),
  ('unwatched', 'info', 'file system', 'below', 95, '%', 'See iolake status for gaps of the servers'' data.', 'iolake'),
  ('waited', 'info', 'scheduler', 'above', 100, '%', 'Ask for less time or fewer nodes.', 'iolake'),
  ('requeued', 'medium', 'scheduler', 'above', 0, 'restarts', 'Look at the nodes of the earlier run.', 'iolake'),
  ('timeout', 'high', 'scheduler', 'above', 0, '%', 'Ask for more time, or checkpoint before the limit.', 'iolake')
) AS rules(code, severity, subject, side, threshold, unit, advice, reference)
