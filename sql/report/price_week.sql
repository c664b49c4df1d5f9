/*
description: >-
  Price, index and warning level of every series in every week, beside its level of the week before
  and its neighbours.
grain: one row a (area_code, product_id, unit, basis, tax, week_start)
period: week_start
lookback: unbounded
columns:
  week_start: Monday of the ISO week
  area_code: county code, the city code for a city alert, or the given text for an area outside the region table
  area_name: name of the area
  is_city_area: whether the area is in the region table
  product_id: product
  product_name: product in words
  unit: what one price is for, t or m3
  basis: ex_works or delivered
  tax: incl or excl, value added tax in the price or not
  is_main_kind: whether the report's charts show this unit, basis and tax; the one with most quotes in the city
  segment: number of the unbroken chain; an index is compared inside one segment only
  base_week: ISO week in which the segment stands at 100
  last_quoted_on: date of the newest quote behind the point
  price_yuan: geometric mean price, yuan per unit
  price_index: chained index, 100 in the first week of the segment
  week_share: change against the week before, share
  month_share: change against 4 weeks before, share
  month_low_share: lower end of the 95 % interval of that, share; NULL where the quotes do not tell
  month_high_share: upper end
  year_share: change against 52 weeks before, share
  quote_count: quote lines of the week
  collection_point_count: markets with a quote in the week
  is_low_sample: whether that is under the least number of points
  is_imputed: whether the point only carries older quotes
  level: level in force
  level_before: level of the week before; NULL where there is no such week
  rules_met: all clauses of sql/policy/price_level met in the week, from the lowest, with commas
  rule: the one that speaks
  value: what it measured
  bound: figure it was compared with
  must_be: comparison of value with bound
  value_unit: share or county
  rung: method that the clause belongs to
  best_rung: best method that the series has the history for
  rung_reason: which history that needs and has, and what the next one lacks
  without_one_share: value without the quote line that rose most, share; NULL where one line is all
  supply_state: 供应紧张, 供应不紧 or 供应未知
  is_fall_noted: whether the price fell by the noted share; information only
  neighbour_count: other places of the city with such a price in the week
  neighbour_price_yuan: median price of those places, yuan per unit
  neighbour_spread_share: price above that median, share
*/
WITH kind_quote AS (
    SELECT
        area_code,
        is_city_area,
        product_id,
        unit,
        basis,
        tax,
        sum(quote_count) AS quote_count
    FROM mart.price_index_week
    GROUP BY ALL
),

city_kind AS (
    SELECT
        product_id,
        unit,
        basis,
        tax
    FROM kind_quote
    WHERE is_city_area
    GROUP BY product_id, unit, basis, tax
    QUALIFY row_number() OVER (PARTITION BY product_id ORDER BY sum(quote_count) DESC, unit ASC, basis ASC, tax ASC) = 1
),

main_kind AS (
    SELECT
        kind_quote.area_code,
        kind_quote.product_id,
        kind_quote.unit,
        kind_quote.basis,
        kind_quote.tax
    FROM kind_quote
    LEFT JOIN city_kind
        ON
            kind_quote.product_id = city_kind.product_id
            AND kind_quote.unit = city_kind.unit
            AND kind_quote.basis = city_kind.basis
            AND kind_quote.tax IS NOT DISTINCT FROM city_kind.tax
    QUALIFY
        row_number() OVER (
            PARTITION BY kind_quote.area_code, kind_quote.product_id
            ORDER BY
                city_kind.product_id IS NULL ASC,
                kind_quote.quote_count DESC,
                kind_quote.unit ASC,
                kind_quote.basis ASC,
                kind_quote.tax ASC
        ) = 1
    UNION
    -- The city has a level, but often no quotes of its own.
    SELECT
        city.county_code,
        city_kind.product_id,
        city_kind.unit,
        city_kind.basis,
        city_kind.tax
    FROM city_kind
    CROSS JOIN reference.region AS city
    WHERE city.kind = 'city'
),

neighbour AS (
    SELECT
        here.area_code,
        here.product_id,
        here.unit,
        here.basis,
        here.tax,
        here.week_start,
        count(*) AS neighbour_count,
        median(there.price_yuan) AS neighbour_price_yuan
    FROM mart.price_index_week AS here
    INNER JOIN mart.price_index_week AS there
        ON
            here.week_start = there.week_start
            AND here.product_id = there.product_id
            AND here.unit = there.unit
            AND here.basis = there.basis
            AND here.tax IS NOT DISTINCT FROM there.tax
            AND here.area_code <> there.area_code
            AND there.is_city_area
    WHERE here.is_city_area
    GROUP BY ALL
)

SELECT
    level_week.week_start,
    level_week.area_code,
    level_week.area_name,
    level_week.is_city_area,
    level_week.product_id,
    level_week.product_name,
    level_week.unit,
    level_week.basis,
    level_week.tax,
    main_kind.area_code IS NOT NULL AS is_main_kind,
    level_week.segment,
    point.base_week,
    level_week.last_quoted_on,
    level_week.price_yuan,
    level_week.price_index,
    level_week.week_share,
    level_week.month_share,
    level_week.month_low_share,
    level_week.month_high_share,
    level_week.year_share,
    level_week.quote_count,
    level_week.collection_point_count,
    level_week.is_low_sample,
    level_week.is_imputed,
    level_week.level,
    CASE
        WHEN lag(level_week.week_start) OVER series = level_week.week_start - 7
            THEN lag(level_week.level) OVER series
    END AS level_before,
    level_week.rules_met,
    level_week.rule,
    level_week.value,
    level_week.bound,
    level_week.must_be,
    level_week.value_unit,
    level_week.rung,
    level_week.best_rung,
    level_week.rung_reason,
    level_week.without_one_share,
    level_week.supply_state,
    level_week.is_fall_noted,
    neighbour.neighbour_count,
    neighbour.neighbour_price_yuan,
    level_week.price_yuan / neighbour.neighbour_price_yuan - 1 AS neighbour_spread_share
FROM mart.price_level_week AS level_week
LEFT JOIN main_kind
    ON
        level_week.area_code = main_kind.area_code
        AND level_week.product_id = main_kind.product_id
        AND level_week.unit = main_kind.unit
        AND level_week.basis = main_kind.basis
        AND level_week.tax IS NOT DISTINCT FROM main_kind.tax
LEFT JOIN mart.price_index_week AS point
    ON
        level_week.area_code = point.area_code
        AND level_week.product_id = point.product_id
        AND level_week.unit = point.unit
        AND level_week.basis = point.basis
        AND level_week.tax IS NOT DISTINCT FROM point.tax
        AND level_week.week_start = point.week_start
LEFT JOIN neighbour
    ON
        level_week.area_code = neighbour.area_code
        AND level_week.product_id = neighbour.product_id
        AND level_week.unit = neighbour.unit
        AND level_week.basis = neighbour.basis
        AND level_week.tax IS NOT DISTINCT FROM neighbour.tax
        AND level_week.week_start = neighbour.week_start
WINDOW
    series AS (
        PARTITION BY
            level_week.area_code, level_week.product_id, level_week.unit, level_week.basis, level_week.tax
        ORDER BY level_week.week_start
    )
ORDER BY level_week.week_start, level_week.area_code, level_week.product_id, level_week.basis, level_week.tax
