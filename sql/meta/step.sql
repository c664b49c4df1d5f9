/*
description: When each step last ran to its end; publishing needs build and judge to be newer than the last load.
grain: one row a step
columns:
  step: build or judge
  finished_at: when it last ended
*/
CREATE TABLE IF NOT EXISTS meta.step (
    step VARCHAR NOT NULL,
    finished_at TIMESTAMPTZ NOT NULL
)
