/*
description: Forms of sand haulage that another form names as the one it replaces; they count no more and are no finding.
grain: one row a waybill_id
period: week_start
lookback: unbounded
compare: true
columns:
  waybill_id: form that was replaced
  week_start: Monday of the ISO week it was issued in
  replacing_waybill_id: form that replaces it, the first of several
*/
WITH child AS (
    SELECT
        parent_form_no,
        form_no,
        waybill_id,
        issued_at
    FROM staging.waybill
    WHERE parent_form_no IS NOT NULL
)

SELECT
    parent.waybill_id,
    parent.week_start,
    min_by(child.waybill_id, (child.issued_at, child.waybill_id)) AS replacing_waybill_id
FROM staging.waybill AS parent
INNER JOIN child ON parent.form_no = child.parent_form_no
-- A form that is issued again under its own number names itself as parent: it replaces the others of that number.
WHERE coalesce(parent.parent_form_no <> parent.form_no, TRUE) AND parent.waybill_id <> child.waybill_id
GROUP BY parent.waybill_id, parent.week_start
ORDER BY parent.week_start, parent.waybill_id
