/*
description: >-
  What was said of every price series and week, in every version: 初值 is the first, 终值 the newest. A version uses only
  the quotes known then; late or corrected quotes bring another one and change none. Levels are those by quotes alone:
  what supply added then is in mart.price_level_week and in what was sent.
grain: one row a (area_code, product_id, unit, basis, tax, week_start, version_no)
period: week_start
lookback: unbounded
compare: true
columns:
  area_code: county code, the city code for a city alert, or the given text for an area outside the region table
  area_name: name of the area
  product_id: product
  product_name: Chinese name of the product
  unit: what one price is for, t or m3
  basis: ex_works or delivered
  tax: incl or excl, value added tax in the price or not
  week_start: Monday of the week
  iso_week: ISO week
  version_no: number of the version of this series and week, from 1
  is_first: true for the first version (初值)
  is_latest: true for the newest version (终值, so far)
  is_withdrawn: true where the week lost its score, as when a correction moved its quotes; all scores are empty then
  vintage_no: vintage that said it first, in meta.price_vintage
  load_no: newest load of quotes or answers that was known then
  reason: why there was another vintage; first, rules, quotes or reread
  is_lead: >-
    true where this series speaks for its product and area in the week, the one with most collection points of late;
    exactly one does
  segment: number of the unbroken chain; empty for a city row that only counts counties
  last_quoted_on: date of the newest quote behind the point
  price_yuan: geometric mean price, yuan per unit; for the city without quotes of its own, of its counties
  price_index: chained index, 100 in the first week of the segment
  quote_count: quote lines quoted in the week
  collection_point_count: markets with a quote in the week
  is_low_sample: true under the least number of collection points of sql/policy/price_level
  is_imputed: true where the point only carries older quotes; such a week decides nothing
  week_share: change against the week before, share
  month_share: change against 4 weeks before, share
  year_share: change against 52 weeks before, share
  low_26w_share: rise above the lowest of the last 26 weeks, share
  month_low_share: lower end of the 95 % interval of month_share, from the spread of its quote lines
  month_high_share: upper end of that interval, share
  median_13w_share: index above its median of 13 weeks, this one included, share
  rolling_level: >-
    1 at the highest of 366 days, 2 at the highest of 1,096 days, else 0; empty where the history is too short or a
    higher method speaks
  ifpa_score: indicator of food price anomalies (FAO) on months, the running one as far as seen; from 36 months
  alps_score: alert for price spikes (WFP) on months, fitted to data up to the week; from 36 months
  history_week_count: weeks of the segment so far
  history_month_count: calendar months of the segment so far
  best_rung: highest method of the ladder that this history allows
  rung_reason: the history it needs and has, and what the methods above it lack
  level: level of the open episode by quotes alone, 蓝 黄 橙 红, or 无; supply may have raised it
  rule_level: highest level whose clause is met this week alone; empty where the week cannot be judged
  price_level: level in force before supply is considered; always 无 where the series is not the lead
  rule: >-
    clause of sql/policy/price_level that speaks loudest, or the one that was left; of a series that is not the lead
    the highest one met this week
  value: what that clause measured, a share or a count by value_unit
  bound: figure it was compared with
  must_be: comparison of value with bound
  value_unit: share, score, step or county
  rung: method of the ladder that the clause belongs to, statutory, significance, rolling_maximum, ifpa or alps
  without_one_share: what the clause measured without the quote line that rose most, where it has such a figure
  rules_met: all clauses met this week, from the lowest, separated by comma
  county_count: counties whose lead series stands at the counted level or higher, for the city only
  is_fall_noted: true where the price fell by the noted share against the week before; information only
  fall_rule: clause that a rise as large as this week's fall would meet, the highest one; information only
  fall_level: its level; falls open no episode
  episode_id: open episode of the product and area in the week, on its lead row only
*/
WITH versioned AS (
    SELECT
        *,
        from_json(content, '{
            "is_lead": "BOOLEAN",
            "segment": "INTEGER",
            "last_quoted_on": "DATE",
            "price_yuan": "DOUBLE",
            "price_index": "DOUBLE",
            "quote_count": "INTEGER",
            "collection_point_count": "INTEGER",
            "is_low_sample": "BOOLEAN",
            "is_imputed": "BOOLEAN",
            "week_share": "DOUBLE",
            "month_share": "DOUBLE",
            "year_share": "DOUBLE",
            "low_26w_share": "DOUBLE",
            "month_low_share": "DOUBLE",
            "month_high_share": "DOUBLE",
            "median_13w_share": "DOUBLE",
            "rolling_level": "INTEGER",
            "ifpa_score": "DOUBLE",
            "alps_score": "DOUBLE",
            "history_week_count": "INTEGER",
            "history_month_count": "INTEGER",
            "best_rung": "VARCHAR",
            "rung_reason": "VARCHAR",
            "level": "VARCHAR",
            "rule_level": "VARCHAR",
            "price_level": "VARCHAR",
            "rule": "VARCHAR",
            "value": "DOUBLE",
            "bound": "DOUBLE",
            "must_be": "VARCHAR",
            "value_unit": "VARCHAR",
            "rung": "VARCHAR",
            "without_one_share": "DOUBLE",
            "rules_met": "VARCHAR",
            "county_count": "INTEGER",
            "is_fall_noted": "BOOLEAN",
            "fall_rule": "VARCHAR",
            "fall_level": "VARCHAR",
            "episode_id": "VARCHAR"
        }') AS score,
        row_number() OVER (series_week ORDER BY vintage_no) AS version_no,
        lead(vintage_no) OVER (series_week ORDER BY vintage_no) AS next_vintage_no
    FROM meta.price_vintage_row
    WINDOW series_week AS (PARTITION BY area_code, product_id, unit, basis, tax, week_start)
),

area AS (
    SELECT
        area_code,
        max(area_name) AS area_name
    FROM mart.price_level_week
    GROUP BY area_code
),

product AS (
    SELECT
        product_id,
        max(product_name) AS product_name
    FROM mart.price_level_week
    GROUP BY product_id
)

SELECT
    versioned.area_code,
    coalesce(area.area_name, versioned.area_code) AS area_name,
    versioned.product_id,
    coalesce(product.product_name, versioned.product_id) AS product_name,
    versioned.unit,
    versioned.basis,
    versioned.tax,
    versioned.week_start,
    strftime(versioned.week_start, '%G-W%V') AS iso_week,
    versioned.version_no,
    versioned.version_no = 1 AS is_first,
    versioned.next_vintage_no IS NULL AS is_latest,
    versioned.content IS NULL AS is_withdrawn,
    versioned.vintage_no,
    vintage.load_no,
    vintage.reason,
    versioned.score.is_lead,
    versioned.score.segment,
    versioned.score.last_quoted_on,
    versioned.score.price_yuan,
    versioned.score.price_index,
    versioned.score.quote_count,
    versioned.score.collection_point_count,
    versioned.score.is_low_sample,
    versioned.score.is_imputed,
    versioned.score.week_share,
    versioned.score.month_share,
    versioned.score.year_share,
    versioned.score.low_26w_share,
    versioned.score.month_low_share,
    versioned.score.month_high_share,
    versioned.score.median_13w_share,
    versioned.score.rolling_level,
    versioned.score.ifpa_score,
    versioned.score.alps_score,
    versioned.score.history_week_count,
    versioned.score.history_month_count,
    versioned.score.best_rung,
    versioned.score.rung_reason,
    versioned.score.level,
    versioned.score.rule_level,
    versioned.score.price_level,
    versioned.score.rule,
    versioned.score.value,
    versioned.score.bound,
    versioned.score.must_be,
    versioned.score.value_unit,
    versioned.score.rung,
    versioned.score.without_one_share,
    versioned.score.rules_met,
    versioned.score.county_count,
    versioned.score.is_fall_noted,
    versioned.score.fall_rule,
    versioned.score.fall_level,
    versioned.score.episode_id
FROM versioned
INNER JOIN meta.price_vintage AS vintage ON versioned.vintage_no = vintage.vintage_no
LEFT JOIN area ON versioned.area_code = area.area_code
LEFT JOIN product ON versioned.product_id = product.product_id
ORDER BY
    versioned.week_start,
    versioned.area_code,
    versioned.product_id,
    versioned.unit,
    versioned.basis,
    versioned.tax,
    versioned.version_no
