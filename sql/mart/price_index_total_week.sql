/*
description: >-
  Chained weekly price index over several products or counties, weighted by tonnes: of the city by product, of a county
  over its products, of the city over all. Its elements are the series of mart.price_index_week; prices of one kind
  (unit, basis, tax) are never mixed with another. A week is chained to the week before over the elements that have a
  value in both; they weigh by the tonnes released in the last full calendar quarter before the week. price_index is
  the weighted geometric mean (Jevons), laspeyres_index the cost of the same tonnes. A series that starts anew enters
  from its second week; where no element matches, a new segment starts at 100 and no change is measured across it.
  The method in words: docs/price_index.md.
grain: one row a (scope, area_code, product_id, unit, basis, tax, week_start)
period: week_start
lookback: unbounded
columns:
  scope: city_product (counties of one product), county (products of one area) or city (counties and products)
  area_code: city or county code, or the given text for an area outside the region table
  area_name: name of the area
  product_id: product; NULL where the index is over products
  product_name: Chinese name of the product; NULL where the index is over products
  unit: what one price is for, t or m3
  basis: ex_works or delivered
  tax: incl or excl, value added tax in the price or not
  segment: number of the unbroken chain within the series, from 1
  week_start: Monday of the week
  iso_week: ISO week, like 2026-W47
  last_quoted_on: date of the newest quote behind this point, older than the week where the point is imputed
  price_index: chained weighted geometric mean of the elements' relatives, 100 in base_week
  laspeyres_index: >-
    chained cost of the weights' tonnes at the elements' prices (matched quotes), 100 in base_week; a check beside
    price_index, not judged
  base_week: ISO week in which this segment stands at 100
  weight_basis: >-
    tonnes; equal where no matched element has tonnes in the quarter, each counting once; NULL in the first week of a
    segment, which has no link to weigh
  weight_quarter: calendar quarter whose tonnes weigh, like 2026-Q3; a week belongs to the quarter of its Thursday
  element_count: series with a value in the week
  matched_element_count: series that have a value in this week and the week before, and a weight
  quote_count: quote lines quoted in the week
  matched_weight_share: >-
    tonnes of the matched elements by all tonnes of the area (and product) in the quarter, share; NULL where no full
    quarter was weighed
  imputed_weight_share: weight that stands on carried quotes, an element by its share of carried lines; NULL at a start
  is_imputed: true where no element with a weight was quoted in the week
  change_1w_share: price_index against the week before, share
  change_4w_share: price_index against 4 weeks before, share
  change_52w_share: price_index against 52 weeks before, share
*/
WITH weighing_start AS (
    SELECT MIN(week_start) AS week_start
    FROM mart.county_product_week
),

-- A quarter counts when weighing was on from its first week: half a quarter tells seasons and not shares.
weighed_quarter AS (
    SELECT
        dispatch.county_code,
        dispatch.product_id,
        CAST(DATE_TRUNC('quarter', dispatch.week_start + 3) AS DATE) AS quarter_start,
        CAST(SUM(dispatch.dispatch_t) AS DOUBLE) AS quarter_t
    FROM mart.county_product_week AS dispatch
    CROSS JOIN weighing_start
    WHERE
        dispatch.county_code IS NOT NULL
        AND CAST(DATE_TRUNC('quarter', dispatch.week_start + 3) AS DATE) > weighing_start.week_start - 4
    GROUP BY ALL
),

element_week AS (
    SELECT
        *,
        1 + change_1w_share AS relative,
        LAG(price_yuan) OVER (
            PARTITION BY area_code, product_id, unit, basis, tax, segment
            ORDER BY week_start
        ) AS previous_price_yuan,
        carried_quote_count / (quote_count + carried_quote_count) AS carried_share,
        CAST(DATE_TRUNC('quarter', week_start + 3) - INTERVAL 3 MONTH AS DATE) AS weight_quarter_start
    FROM mart.price_index_week
),

-- The counties of a city share its first four digits; the city's own quotes are a series of their own, no element.
city_county AS (
    SELECT
        county.county_code,
        city.county_code AS city_code,
        city.county_name AS city_name
    FROM reference.region AS county
    INNER JOIN reference.region AS city
        ON LEFT(county.county_code, 4) = LEFT(city.county_code, 4)
    WHERE county.kind <> 'city' AND city.kind = 'city'
),

member AS (
    SELECT
        'city_product' AS scope,
        city_county.city_code AS total_code,
        city_county.city_name AS total_name,
        element_week.product_id AS total_product_id,
        element_week.product_name AS total_product_name,
        element_week.*
    FROM element_week
    INNER JOIN city_county ON element_week.area_code = city_county.county_code
    UNION ALL
    SELECT
        'city' AS scope,
        city_county.city_code AS total_code,
        city_county.city_name AS total_name,
        NULL AS total_product_id,
        NULL AS total_product_name,
        element_week.*
    FROM element_week
    INNER JOIN city_county ON element_week.area_code = city_county.county_code
    UNION ALL
    SELECT
        'county' AS scope,
        element_week.area_code AS total_code,
        element_week.area_name AS total_name,
        NULL AS total_product_id,
        NULL AS total_product_name,
        element_week.*
    FROM element_week
    LEFT JOIN reference.region AS region ON element_week.area_code = region.county_code
    WHERE region.kind IS NULL OR region.kind <> 'city'
),

total_quarter AS (
    SELECT
        'city_product' AS scope,
        city_county.city_code AS total_code,
        weighed_quarter.product_id AS total_product_id,
        weighed_quarter.quarter_start,
        SUM(weighed_quarter.quarter_t) AS total_t
    FROM weighed_quarter
    INNER JOIN city_county ON weighed_quarter.county_code = city_county.county_code
    WHERE weighed_quarter.product_id IS NOT NULL
    GROUP BY ALL
    UNION ALL
    SELECT
        'city' AS scope,
        city_county.city_code AS total_code,
        NULL AS total_product_id,
        weighed_quarter.quarter_start,
        SUM(weighed_quarter.quarter_t) AS total_t
    FROM weighed_quarter
    INNER JOIN city_county ON weighed_quarter.county_code = city_county.county_code
    GROUP BY ALL
    UNION ALL
    SELECT
        'county' AS scope,
        county_code AS total_code,
        NULL AS total_product_id,
        quarter_start,
        SUM(quarter_t) AS total_t
    FROM weighed_quarter
    GROUP BY ALL
),

matched_member AS (
    SELECT
        member.*,
        total_quarter.total_t,
        COALESCE(weighed_quarter.quarter_t, 0) AS quarter_t,
        SUM(weighed_quarter.quarter_t) FILTER (WHERE member.relative IS NOT NULL) OVER total_week AS matched_t,
        COUNT(member.relative) OVER total_week AS matched_count
    FROM member
    LEFT JOIN weighed_quarter
        ON
            member.area_code = weighed_quarter.county_code
            AND member.product_id = weighed_quarter.product_id
            AND member.weight_quarter_start = weighed_quarter.quarter_start
    LEFT JOIN total_quarter
        ON
            member.scope = total_quarter.scope
            AND member.total_code = total_quarter.total_code
            AND member.total_product_id IS NOT DISTINCT FROM total_quarter.total_product_id
            AND member.weight_quarter_start = total_quarter.quarter_start
    WINDOW
        total_week AS (
            PARTITION BY
                member.scope, member.total_code, member.total_product_id, member.unit, member.basis, member.tax,
                member.week_start
        )
),

weighted_member AS (
    SELECT
        *,
        CASE
            WHEN relative IS NULL THEN 0
            WHEN matched_t > 0 THEN quarter_t / matched_t
            ELSE 1 / matched_count
        END AS weight
    FROM matched_member
),

total_week AS (
    SELECT
        scope,
        total_code,
        total_product_id,
        unit,
        basis,
        tax,
        week_start,
        weight_quarter_start,
        MAX(total_name) AS area_name,
        MAX(total_product_name) AS product_name,
        MAX(last_quoted_on) AS last_quoted_on,
        COUNT(*) AS element_count,
        COUNT(*) FILTER (WHERE weight > 0) AS matched_element_count,
        SUM(quote_count) AS quote_count,
        MAX(matched_t) AS matched_t,
        MAX(total_t) AS total_t,
        COALESCE(SUM(weight * LN(relative)), 0) AS log_relative,
        COALESCE(LN(
            SUM(weight * previous_price_yuan * relative) / NULLIF(SUM(weight * previous_price_yuan), 0)
        ), 0) AS log_cost_relative,
        SUM(weight * carried_share) AS imputed_weight_share,
        BOOL_AND(is_imputed) FILTER (WHERE weight > 0) AS is_imputed
    FROM weighted_member
    GROUP BY scope, total_code, total_product_id, unit, basis, tax, week_start, weight_quarter_start
),

segment_week AS (
    SELECT
        *,
        CAST(SUM(CASE WHEN matched_element_count = 0 THEN 1 ELSE 0 END) OVER (
            PARTITION BY scope, total_code, total_product_id, unit, basis, tax
            ORDER BY week_start
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS INTEGER) AS segment
    FROM total_week
),

chained_week AS (
    SELECT
        *,
        100 * EXP(SUM(log_relative) OVER so_far) AS chained_index,
        100 * EXP(SUM(log_cost_relative) OVER so_far) AS chained_cost_index,
        MIN(week_start) OVER so_far AS base_week_start
    FROM segment_week
    WINDOW
        so_far AS (
            PARTITION BY scope, total_code, total_product_id, unit, basis, tax, segment
            ORDER BY week_start
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
)

SELECT
    scope,
    total_code AS area_code,
    area_name,
    total_product_id AS product_id,
    product_name,
    unit,
    basis,
    tax,
    segment,
    week_start,
    STRFTIME(week_start, '%G-W%V') AS iso_week,
    last_quoted_on,
    ROUND(chained_index, 6) AS price_index,
    ROUND(chained_cost_index, 6) AS laspeyres_index,
    STRFTIME(base_week_start, '%G-W%V') AS base_week,
    CASE
        WHEN matched_element_count = 0 THEN NULL
        WHEN matched_t > 0 THEN 'tonnes'
        ELSE 'equal'
    END AS weight_basis,
    YEAR(weight_quarter_start) || '-Q' || QUARTER(weight_quarter_start) AS weight_quarter,
    element_count,
    matched_element_count,
    CAST(quote_count AS BIGINT) AS quote_count,
    CASE WHEN total_t > 0 THEN ROUND(COALESCE(matched_t, 0) / total_t, 9) END AS matched_weight_share,
    CASE WHEN matched_element_count > 0 THEN ROUND(imputed_weight_share, 9) END AS imputed_weight_share,
    COALESCE(is_imputed, FALSE) AS is_imputed,
    ROUND(chained_index / LAG(chained_index, 1) OVER segment_weeks - 1, 9) AS change_1w_share,
    ROUND(chained_index / LAG(chained_index, 4) OVER segment_weeks - 1, 9) AS change_4w_share,
    ROUND(chained_index / LAG(chained_index, 52) OVER segment_weeks - 1, 9) AS change_52w_share
FROM chained_week
WINDOW
    segment_weeks AS (
        PARTITION BY scope, total_code, total_product_id, unit, basis, tax, segment
        ORDER BY week_start
    )
ORDER BY week_start, scope, area_code, product_id, unit, basis, tax
