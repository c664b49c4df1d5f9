/*
description: >-
  Chained weekly Jevons price index by area and product, for people who watch prices. Only like is compared with
  like: one series is one area, product, unit, basis and tax; inside it a week is chained to the week before over
  matched quote lines (same market, specification and publisher). A missing quote is carried at most 4 weeks;
  after a longer gap, or when no line matches, a new segment starts at 100 and no change is measured across it.
  Which series speaks for its product and area is in mart.price_level_week (is_lead).
grain: one row a (area_code, product_id, unit, basis, tax, week_start)
period: week_start
lookback: unbounded
columns:
  area_code: county code, or the given text for an area outside the region table
  area_name: name of the area
  is_city_area: true where the area is in the region table
  product_id: product
  product_name: Chinese name of the product
  unit: what one price is for, t or m3
  basis: ex_works or delivered
  tax: incl or excl, value added tax in the price or not
  segment: number of the unbroken chain within the series, from 1
  week_start: Monday of the week
  iso_week: ISO week, like 2026-W47
  last_quoted_on: date of the newest quote behind this point, older than the week where the point is imputed
  price_yuan: geometric mean of the week's last quotes, yuan per unit; of the carried quotes where the point is imputed
  price_index: chained index, 100 in base_week
  base_week: ISO week in which this segment stands at 100
  quote_count: quote lines quoted in the week
  carried_quote_count: quote lines carried from one of the 4 weeks before
  matched_quote_count: quote lines that have a value in this week and in the week before
  collection_point_count: markets with a quote in the week
  is_imputed: true where no line was quoted in the week and the point only carries older quotes
  change_1w_share: index against the week before (a carried one included), share
  change_4w_share: index against 4 weeks before, share
  change_52w_share: index against 52 weeks before, share
  rise_from_26w_low_share: index above the lowest week of the last 26, this one included, share
  history_week_count: weeks of the segment up to this one, carried ones included
  matched_4w_count: lines quoted in this week that have a value 4 weeks before too
  change_4w_se_share: >-
    standard error of the change over 4 weeks, share; from how far single lines' changes over 4 weeks lie apart, pooled
    over the last 13 weeks of the segment, by the root of matched_4w_count
  change_1w_without_one_share: change on the week before without the line that rose most; NULL under 2 matched lines
  change_4w_without_one_share: >-
    change over 4 weeks of the lines quoted in this week, without the one that rose most; NULL under 2 matched lines
*/
WITH ranked_quote AS (
    SELECT
        area_code,
        area_name,
        is_city_area,
        product_id,
        product_name,
        unit,
        basis,
        tax,
        week_start,
        quoted_on,
        COALESCE(market, '') AS market,
        COALESCE(spec, '') AS spec,
        COALESCE(quote_source, '') AS quote_source,
        LN(CAST(price_yuan AS DOUBLE)) AS log_price,
        ROW_NUMBER() OVER (
            PARTITION BY
                area_code, product_id, unit, basis, tax, COALESCE(market, ''), COALESCE(spec, ''),
                COALESCE(quote_source, ''), week_start
            ORDER BY quoted_on DESC, line DESC, quote_id DESC
        ) AS quote_rank
    FROM staging.price_quote
    WHERE price_yuan > 0
),

line_week AS (
    SELECT
        *,
        LEAD(week_start) OVER (
            PARTITION BY area_code, product_id, unit, basis, tax, market, spec, quote_source
            ORDER BY week_start
        ) AS next_week_start,
        MAX(week_start) OVER () AS data_week_start
    FROM ranked_quote
    WHERE quote_rank = 1
),

-- A quote stands for its own week and for at most 4 weeks after it, never past the newest week of the data.
carry AS (
    SELECT UNNEST([0, 1, 2, 3, 4]) AS carried_week_count
),

filled_line AS (
    SELECT
        line_week.* EXCLUDE (week_start),
        carry.carried_week_count,
        CAST(line_week.week_start + 7 * carry.carried_week_count AS DATE) AS week_start
    FROM line_week
    INNER JOIN carry
        ON
            carry.carried_week_count = 0
            OR (
                line_week.week_start + 7 * carry.carried_week_count <= line_week.data_week_start
                AND (
                    line_week.next_week_start IS NULL
                    OR line_week.week_start + 7 * carry.carried_week_count < line_week.next_week_start
                )
            )
),

chained_line AS (
    SELECT
        *,
        LAG(week_start) OVER line_weeks AS previous_week_start,
        LAG(log_price) OVER line_weeks AS previous_log_price
    FROM filled_line
    WINDOW
        line_weeks AS (
            PARTITION BY area_code, product_id, unit, basis, tax, market, spec, quote_source
            ORDER BY week_start
        )
),

series_week AS (
    SELECT
        area_code,
        product_id,
        unit,
        basis,
        tax,
        week_start,
        MAX(area_name) AS area_name,
        BOOL_OR(is_city_area) AS is_city_area,
        MAX(product_name) AS product_name,
        MAX(quoted_on) AS last_quoted_on,
        COUNT(*) FILTER (WHERE carried_week_count = 0) AS quote_count,
        COUNT(*) FILTER (WHERE carried_week_count > 0) AS carried_quote_count,
        COUNT(*) FILTER (WHERE previous_week_start = week_start - 7) AS matched_quote_count,
        COUNT(DISTINCT market) FILTER (WHERE carried_week_count = 0) AS collection_point_count,
        COALESCE(AVG(log_price) FILTER (WHERE carried_week_count = 0), AVG(log_price)) AS log_price,
        AVG(log_price - previous_log_price) FILTER (WHERE previous_week_start = week_start - 7) AS log_relative,
        MAX(log_price - previous_log_price) FILTER (WHERE previous_week_start = week_start - 7) AS most_log_relative
    FROM chained_line
    GROUP BY area_code, product_id, unit, basis, tax, week_start
),

-- Each line against itself 4 weeks ago. A carried price of today says nothing, one of then is what was known then.
month_line AS (
    SELECT
        this_week.area_code,
        this_week.product_id,
        this_week.unit,
        this_week.basis,
        this_week.tax,
        this_week.week_start,
        this_week.log_price - month_ago.log_price AS log_relative
    FROM filled_line AS this_week
    INNER JOIN filled_line AS month_ago
        ON
            this_week.area_code = month_ago.area_code
            AND this_week.product_id = month_ago.product_id
            AND this_week.unit = month_ago.unit
            AND this_week.basis = month_ago.basis
            AND this_week.tax IS NOT DISTINCT FROM month_ago.tax
            AND this_week.market = month_ago.market
            AND this_week.spec = month_ago.spec
            AND this_week.quote_source = month_ago.quote_source
            AND this_week.week_start - 28 = month_ago.week_start
    WHERE this_week.carried_week_count = 0
),

month_week AS (
    SELECT
        area_code,
        product_id,
        unit,
        basis,
        tax,
        week_start,
        COUNT(*) AS matched_4w_count,
        SUM(log_relative) AS sum_4w_log_relative,
        MAX(log_relative) AS most_4w_log_relative,
        COALESCE(VAR_SAMP(log_relative), 0) * (COUNT(*) - 1) AS squares_4w
    FROM month_line
    GROUP BY area_code, product_id, unit, basis, tax, week_start
),

joined_week AS (
    SELECT
        series_week.*,
        month_week.sum_4w_log_relative,
        month_week.most_4w_log_relative,
        month_week.squares_4w,
        COALESCE(month_week.matched_4w_count, 0) AS matched_4w_count
    FROM series_week
    LEFT JOIN month_week
        ON
            series_week.area_code = month_week.area_code
            AND series_week.product_id = month_week.product_id
            AND series_week.unit = month_week.unit
            AND series_week.basis = month_week.basis
            AND series_week.tax IS NOT DISTINCT FROM month_week.tax
            AND series_week.week_start = month_week.week_start
),

segment_week AS (
    SELECT
        *,
        CAST(SUM(CASE WHEN matched_quote_count = 0 THEN 1 ELSE 0 END) OVER (
            PARTITION BY area_code, product_id, unit, basis, tax
            ORDER BY week_start
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS INTEGER) AS segment
    FROM joined_week
),

-- Rounding at 1e-9 keeps a price that stands exactly at a bound at the bound after the logarithms.
index_week AS (
    SELECT
        *,
        100 * EXP(SUM(COALESCE(log_relative, 0)) OVER (
            PARTITION BY area_code, product_id, unit, basis, tax, segment
            ORDER BY week_start
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )) AS chained_index,
        MIN(week_start) OVER (PARTITION BY area_code, product_id, unit, basis, tax, segment) AS base_week_start
    FROM segment_week
),

measured_week AS (
    SELECT
        *,
        quote_count = 0 AS is_imputed,
        STRFTIME(week_start, '%G-W%V') AS iso_week,
        STRFTIME(base_week_start, '%G-W%V') AS base_week,
        ROUND(EXP(log_price), 4) AS price_yuan,
        ROUND(chained_index, 6) AS price_index,
        ROUND(chained_index / LAG(chained_index, 1) OVER segment_weeks - 1, 9) AS change_1w_share,
        ROUND(chained_index / LAG(chained_index, 4) OVER segment_weeks - 1, 9) AS change_4w_share,
        ROUND(chained_index / LAG(chained_index, 52) OVER segment_weeks - 1, 9) AS change_52w_share,
        ROUND(
            chained_index / MIN(chained_index) OVER (
                PARTITION BY area_code, product_id, unit, basis, tax, segment
                ORDER BY week_start
                ROWS BETWEEN 25 PRECEDING AND CURRENT ROW
            ) - 1,
            9
        ) AS rise_from_26w_low_share,
        ROW_NUMBER() OVER segment_weeks AS history_week_count,
        ROUND(
            SQRT(
                SUM(squares_4w) OVER last_13_weeks
                / NULLIF(SUM(GREATEST(matched_4w_count - 1, 0)) OVER last_13_weeks, 0)
                / NULLIF(matched_4w_count, 0)
            ),
            9
        ) AS change_4w_se_share,
        ROUND(
            EXP((log_relative * matched_quote_count - most_log_relative) / NULLIF(matched_quote_count - 1, 0)) - 1, 9
        ) AS change_1w_without_one_share,
        ROUND(
            EXP((sum_4w_log_relative - most_4w_log_relative) / NULLIF(matched_4w_count - 1, 0)) - 1, 9
        ) AS change_4w_without_one_share
    FROM index_week
    WINDOW
        segment_weeks AS (
            PARTITION BY area_code, product_id, unit, basis, tax, segment
            ORDER BY week_start
        ),
        last_13_weeks AS (
            PARTITION BY area_code, product_id, unit, basis, tax, segment
            ORDER BY week_start
            ROWS BETWEEN 12 PRECEDING AND CURRENT ROW
        )
)

SELECT
    area_code,
    area_name,
    is_city_area,
    product_id,
    product_name,
    unit,
    basis,
    tax,
    segment,
    week_start,
    iso_week,
    last_quoted_on,
    price_yuan,
    price_index,
    base_week,
    quote_count,
    carried_quote_count,
    matched_quote_count,
    collection_point_count,
    is_imputed,
    change_1w_share,
    change_4w_share,
    change_52w_share,
    rise_from_26w_low_share,
    history_week_count,
    matched_4w_count,
    change_4w_se_share,
    change_1w_without_one_share,
    change_4w_without_one_share
FROM measured_week
