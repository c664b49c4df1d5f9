/*
description: >-
  River sand permits and what their forms carried so far, against the permitted amount (policy clause 三(一)). Leads to be
  looked at, never verdicts; forms that were not sent are not in it.
grain: one row a (permit_no, valid_from)
period: none
columns:
  permit_no: permit
  zone: zone of the permit
  holder_name: holder
  site_id: site of the permit, where the register names one
  county_code: county of that site
  valid_from: first day
  valid_until: last day
  permitted_t: permitted amount, t; NULL where the register does not give it
  form_count: forms in force that name the permit
  unknown_count: of those, forms whose mass is not known; sold_t is then a lower bound
  sold_t: mass of those forms, t
  weighed_t: net mass of the tickets that those forms name, t
  sold_share: sold_t by permitted_t
  first_crossed_on: first day on which the sum was above the permitted amount; NULL while it is not
  last_issued_on: day of the newest form
  state: within, over or undetermined (no permitted amount, or forms of unknown mass that could reach it)
  snapshot_sha256: file of the permit
  line: line of that file
*/
WITH running AS (
    SELECT
        *,
        sum(counted_t) OVER (
            PARTITION BY permit_no, permit_valid_from
            ORDER BY issued_on
        ) AS sold_so_far_t
    FROM mart.river_permit_day
),

sold AS (
    SELECT
        permit.permit_no,
        permit.valid_from,
        coalesce(sum(running.form_count), 0)::BIGINT AS form_count,
        coalesce(sum(running.unknown_count), 0)::BIGINT AS unknown_count,
        coalesce(sum(running.counted_t), 0)::DECIMAL(18, 3) AS sold_t,
        coalesce(sum(running.weighed_t), 0)::DECIMAL(18, 3) AS weighed_t,
        min(running.issued_on) FILTER (running.sold_so_far_t > permit.permitted_t) AS first_crossed_on,
        max(running.issued_on) AS last_issued_on
    FROM staging.river_permit AS permit
    LEFT JOIN running ON permit.permit_no = running.permit_no AND permit.valid_from = running.permit_valid_from
    GROUP BY permit.permit_no, permit.valid_from
)

SELECT
    permit.permit_no,
    permit.zone,
    permit.holder_name,
    permit.site_id,
    site.county_code,
    permit.valid_from,
    permit.valid_until,
    permit.permitted_t,
    sold.form_count,
    sold.unknown_count,
    sold.sold_t,
    sold.weighed_t,
    (sold.sold_t / nullif(permit.permitted_t, 0))::DECIMAL(18, 6) AS sold_share,
    sold.first_crossed_on,
    sold.last_issued_on,
    CASE
        WHEN permit.permitted_t IS NULL THEN 'undetermined'
        WHEN sold.first_crossed_on IS NOT NULL THEN 'over'
        WHEN sold.unknown_count > 0 THEN 'undetermined'
        ELSE 'within'
    END AS state,
    permit.snapshot_sha256,
    permit.line
FROM staging.river_permit AS permit
INNER JOIN sold ON permit.permit_no = sold.permit_no AND permit.valid_from = sold.valid_from
LEFT JOIN staging.site AS site ON permit.site_id = site.site_id
ORDER BY permit.permit_no, permit.valid_from
