/*
description: >-
  Records that somebody contested, open ones first: what is said against each, what was ruled, what the record said then
  and whether it says so still. None is ever taken away. FROM overload.contested
arguments: {}
columns:
  record_id: record that is contested
  is_open: whether nobody has ruled yet
  ruling: open, upheld (the record stands) or withdrawn (the record is taken back)
  contested_on: day it was contested
  contested_by: who contests it
  reason: what is said against it
  document_no: number of the paper the contest came with
  ruled_on: day of the ruling
  contest_count: contests of the record
  state_now: same, changed, or gone (there is no such record any more)
  changed_columns: what of the record says something else now
  gone_reason: superseded, voided or not_over
  plate: number plate as the record said then
  weighed_at: when it was weighed, as the record said then
  site_id: site then
  verdict: verdict then
  over_kg: mass over the limit then, kg
  over_beyond_error_kg: of it beyond the scale's in-service error then, kg
  was_enforcement_usable: whether it could go to enforcement then
  verdict_now: verdict now; NULL where the record is gone
  over_kg_now: mass over the limit now, kg
  snapshot_sha256: SHA-256 of the ticket's file
  line: physical line of that file
*/
CREATE OR REPLACE MACRO overload.contested() AS TABLE
    SELECT
        contested.record_id,
        contested.is_open,
        contested.ruling,
        contested.contested_on,
        contested.contested_by,
        contested.reason,
        contested.document_no,
        contested.ruled_on,
        contested.contest_count,
        contested.state_now,
        contested.changed_columns,
        contested.gone_reason,
        contested.frozen_plate AS plate,
        contested.frozen_weighed_at AS weighed_at,
        contested.frozen_site_id AS site_id,
        contested.frozen_verdict AS verdict,
        contested.frozen_over_kg AS over_kg,
        contested.frozen_over_beyond_error_kg AS over_beyond_error_kg,
        contested.frozen_is_enforcement_usable AS was_enforcement_usable,
        breach.verdict AS verdict_now,
        breach.over_kg AS over_kg_now,
        contested.frozen_snapshot_sha256 AS snapshot_sha256,
        contested.frozen_line AS line
    FROM mart.contested_record AS contested
    LEFT JOIN mart.overload_record AS breach ON contested.record_id = breach.record_id
    ORDER BY contested.is_open DESC, contested.contested_on DESC, contested.record_id ASC
