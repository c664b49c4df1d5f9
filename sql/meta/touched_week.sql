/*
description: Weeks whose rows a load changed, by adding, replacing, cancelling or completing them; those are built anew.
grain: one row a (feed, week_start, load_no)
columns:
  feed: feed of the load
  week_start: Monday of the ISO week of the changed rows, of the version before and of the new one
  load_no: load that changed them
*/
CREATE TABLE IF NOT EXISTS meta.touched_week (
    feed VARCHAR NOT NULL,
    week_start DATE NOT NULL,
    load_no INTEGER NOT NULL
)
