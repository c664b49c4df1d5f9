/*
description: Weeks of a table that changed since it was last made as a whole.
grain: one row a (table_name, week_start)
columns:
  table_name: table
  week_start: Monday of the ISO week
  change_no: step_no at which the week last changed
*/
CREATE TABLE IF NOT EXISTS meta.built_week (
    table_name VARCHAR NOT NULL,
    week_start DATE NOT NULL,
    change_no INTEGER NOT NULL
)
