/*
description: How far each step has come; publishing needs build, check and judge to have seen the last load.
grain: one row a step
columns:
  step: build, check or judge
  load_no: newest load it has seen; 0 before the first one
  step_no: running number of the step, higher is later whatever the clock says
  fingerprint: SHA-256 over the contracts and the files of sql it ran with
  finished_at: when it last ended, for people; nothing is decided by it
*/
CREATE TABLE IF NOT EXISTS meta.step (
    step VARCHAR NOT NULL,
    load_no INTEGER NOT NULL,
    step_no INTEGER NOT NULL,
    fingerprint VARCHAR NOT NULL,
    finished_at TIMESTAMPTZ NOT NULL
)
