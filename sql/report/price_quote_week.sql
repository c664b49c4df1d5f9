/*
description: >-
  The quotes behind a week's prices: of each quote line (market, grading, publisher) the last quote of the week, or the
  one that is carried, beside the line's price of the week before. The mean of ln(price / price before) over the lines
  that have both is the week's link of the index. Earlier quotes of the same line and week are in staging.price_quote.
grain: one row a (quote_id, week_start)
period: week_start
lookback: 5
columns:
  week_start: Monday of the ISO week
  quote_id: quote
  area_code: county code, the city code, or the given text for an area outside the region table
  area_name: name of the area
  product_id: product
  product_name: product in words
  spec: grading as given
  unit: what one price is for, t or m3
  basis: ex_works or delivered
  tax: incl or excl, value added tax in the price or not
  market: market or seller as given
  quote_source: who collected or published it
  quoted_on: day of the quote
  carried_week_count: weeks it is carried, 0 for a quote of the week
  price_yuan: price, yuan per unit
  previous_price_yuan: price of the same line in the week before, carried ones included; NULL where there is none
  relative_ratio: price by that price
  source: profile of the feed
  snapshot_sha256: file it came in
  line: line of that file
*/
WITH ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY
                area_code, product_id, unit, basis, tax, coalesce(market, ''), coalesce(spec, ''),
                coalesce(quote_source, ''), week_start
            ORDER BY quoted_on DESC, line DESC, quote_id DESC
        ) AS quote_rank
    FROM staging.price_quote
    WHERE price_yuan > 0
),

quote AS (
    SELECT
        * EXCLUDE (week_start),
        week_start AS quoted_week_start
    FROM ranked
    WHERE quote_rank = 1
),

-- A quote stands for its own week and at most four after it, until the next of its line; so the index does.
carry AS (
    SELECT unnest([0, 1, 2, 3, 4]) AS carried_week_count
),

line_week AS (
    SELECT
        quote.*,
        carry.carried_week_count,
        (quote.quoted_week_start + 7 * carry.carried_week_count)::DATE AS stands_week_start
    FROM quote
    CROSS JOIN carry
    QUALIFY
        row_number() OVER (
            PARTITION BY
                quote.area_code, quote.product_id, quote.unit, quote.basis, quote.tax, coalesce(quote.market, ''),
                coalesce(quote.spec, ''), coalesce(quote.quote_source, ''), stands_week_start
            ORDER BY carry.carried_week_count
        ) = 1
),

compared AS (
    SELECT
        *,
        CASE
            WHEN lag(stands_week_start) OVER line_weeks = stands_week_start - 7
                THEN lag(price_yuan) OVER line_weeks
        END AS previous_price_yuan
    FROM line_week
    WINDOW
        line_weeks AS (
            PARTITION BY
                area_code, product_id, unit, basis, tax, coalesce(market, ''), coalesce(spec, ''),
                coalesce(quote_source, '')
            ORDER BY stands_week_start
        )
)

SELECT
    point.week_start,
    compared.quote_id,
    compared.area_code,
    compared.area_name,
    compared.product_id,
    compared.product_name,
    compared.spec,
    compared.unit,
    compared.basis,
    compared.tax,
    compared.market,
    compared.quote_source,
    compared.quoted_on,
    compared.carried_week_count,
    compared.price_yuan,
    compared.previous_price_yuan,
    round(compared.price_yuan / compared.previous_price_yuan, 9) AS relative_ratio,
    compared.source,
    compared.snapshot_sha256,
    compared.line
FROM compared
-- A line is carried no further than its series is known.
INNER JOIN mart.price_index_week AS point
    ON
        compared.stands_week_start = point.week_start
        AND compared.area_code = point.area_code
        AND compared.product_id = point.product_id
        AND compared.unit = point.unit
        AND compared.basis = point.basis
        AND compared.tax IS NOT DISTINCT FROM point.tax
ORDER BY point.week_start, compared.area_code, compared.product_id, compared.quote_id
