/*
description: Files of the editions that were published, so that the next one can start from one of them.
grain: one row a (edition, file_name)
columns:
  edition: regulator or public
  file_name: file in the folder of editions
  byte_count: size of the file
  modified_ns: when the file was last written, nanoseconds of the file system; another one means another file
  step_no: step up to which it holds what the tables said
  fingerprint: SHA-256 over the names of its tables and views and the fixed tables they come from
  free_share: share of the file that holds nothing any more
*/
CREATE TABLE IF NOT EXISTS meta.published_edition (
    edition VARCHAR NOT NULL,
    file_name VARCHAR NOT NULL,
    byte_count BIGINT NOT NULL,
    modified_ns BIGINT NOT NULL,
    step_no INTEGER NOT NULL,
    fingerprint VARCHAR NOT NULL,
    free_share DOUBLE NOT NULL
)
