/*
description: >-
  What does not fit between forms of sand haulage (五联单), tickets and river sand permits, between two days: the day of the
  form's issue, or of the weighing for a ticket. Leads (线索) for somebody to look at, never verdicts.
  FROM overload.waybill_finding('2026-06-01', '2026-06-30')
arguments:
  from_on: first local day
  to_on: last local day
columns:
  finding: what was found, as in policy.waybill_finding
  subject_kind: form or ticket
  subject_id: waybill_id of the form, or ticket_id of the ticket
  waybill_id: form; NULL for a ticket without one
  ticket_id: ticket; NULL for a form without one
  form_no: number on the form
  ticket_no: number on the ticket, or the one that the form names where there is none
  kind: river or mine, by the form
  permit_no: permit the form names
  site_id: site
  site_name: site as form or ticket names it
  county_code: county of the site
  issued_at: when the form was issued
  weighed_at: when the ticket was weighed
  week_start: Monday of the ISO week of the form's issue, or of the weighing for a ticket
  plate: number plate on the form
  ticket_plate: number plate on the ticket
  stated: what the form (or the ticket) says, in words
  against: what it is laid against, in words
  value: figure that is laid against the bound; NULL where neither is a figure
  bound: figure that it may be at most
  unit: unit of both
  other_waybill_id: another form that belongs to the finding
  document: document the finding rests on, in policy.document
  clause: clause of it
  confidence: P primary text read, S secondary copy, M not confirmed
  bound_source: where the bound comes from
  snapshot_sha256: file of the form
  line: line of that file
  ticket_snapshot_sha256: file of the ticket
  ticket_line: line of that file
*/
CREATE OR REPLACE MACRO overload.waybill_finding(from_on, to_on) AS TABLE
    SELECT
        finding,
        subject_kind,
        subject_id,
        waybill_id,
        ticket_id,
        form_no,
        ticket_no,
        kind,
        permit_no,
        site_id,
        site_name,
        county_code,
        issued_at,
        weighed_at,
        week_start,
        plate,
        ticket_plate,
        stated,
        against,
        value,
        bound,
        unit,
        other_waybill_id,
        document,
        clause,
        confidence,
        bound_source,
        snapshot_sha256,
        line,
        ticket_snapshot_sha256,
        ticket_line
    FROM mart.waybill_finding
    WHERE
        week_start BETWEEN from_on::DATE - 6 AND to_on::DATE
        AND (coalesce(issued_at, weighed_at) AT TIME ZONE 'Asia/Shanghai')::DATE BETWEEN from_on::DATE AND to_on::DATE
    ORDER BY coalesce(issued_at, weighed_at), subject_id, finding
