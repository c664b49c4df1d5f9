/*
description: >-
  What the price screens look at, one row a county, product and week with quotes: how far sellers' like quotes lie apart,
  moves of the same size on the same day, and stock, dispatch and price over 4 weeks. It measures and names nobody a
  lead. Like quotes are those of one unit, basis, tax and grading; a seller is a market that gave its name.
grain: one row a (area_code, product_id, week_start)
period: week_start
lookback: unbounded
columns:
  area_code: GB/T 2260 code of the county
  area_name: county
  product_id: product
  product_name: Chinese name of the product
  week_start: Monday of the week
  iso_week: ISO week
  seller_count: sellers with a quote in the week
  now_13_square_sum: squared distances (logarithms) of sellers from the mean of their week's like quotes, 13 weeks to this one
  now_13_degree_count: like quotes less their groups, the degrees of freedom of that sum
  now_13_week_count: weeks of the 13 with two like quotes or more
  before_13_square_sum: the same over the 52 weeks before those 13
  before_13_degree_count: degrees of freedom of that sum
  before_13_week_count: weeks of those 52 with two like quotes or more
  before_13_memory_share: correlation of a seller's distance with its distance a week before, over those 52 weeks
  now_52_square_sum: squared distances over the 52 weeks to this one
  now_52_degree_count: degrees of freedom of that sum
  now_52_week_count: weeks of the 52 with two like quotes or more
  before_52_square_sum: the same over the 52 weeks before those 52
  before_52_degree_count: degrees of freedom of that sum
  before_52_week_count: weeks of those with two like quotes or more
  before_52_memory_share: correlation of a seller's distance with its distance a week before, over those weeks
  day_seller_counts: sellers that quoted and had quoted within 4 weeks before, by day and unit of the week
  moves: >-
    changes of price made by two sellers or more on one day, each with day, unit, size in yuan, sellers that made it
    and sellers that quoted; the same size among sellers of other counties in the week (other) and of this county in
    the 52 weeks before (past), and how many sizes there were in the city that week
  stock_site_count: sites that reported stock in the last 28 days and in the 28 before
  stock_log: stock of those sites, last reports of the two spells, logarithm of the ratio
  stock_mean_log: mean of stock_log from 56 to 5 weeks before
  stock_sd_log: standard deviation of the same
  stock_week_count: weeks behind it
  dispatch_log: dispatch of 4 weeks by that of the 4 before, logarithm
  dispatch_mean_log: mean of dispatch_log from 56 to 5 weeks before
  dispatch_sd_log: standard deviation of the same
  dispatch_week_count: weeks behind it
  price_log: change of the index over 4 weeks, logarithm; the mean of the ways of quoting by their collection points
  price_mean_log: mean of price_log from 56 to 5 weeks before
  price_sd_log: standard deviation of the same
  price_week_count: weeks behind it
  completeness_share: least weekly share of the county's expected site-days that were seen in the 8 weeks
  holiday_week_count: weeks of the 8 with a public holiday
*/
WITH line_quote AS (
    SELECT
        area_code,
        area_name,
        product_id,
        product_name,
        unit,
        basis,
        tax,
        COALESCE(spec, '') AS spec,
        market,
        COALESCE(quote_source, '') AS quote_source,
        quoted_on,
        week_start,
        CAST(price_yuan AS DOUBLE) AS price_yuan
    FROM staging.price_quote
    WHERE
        price_yuan > 0
        AND market IS NOT NULL
        AND area_code IN (
            SELECT region.county_code FROM reference.region AS region
            WHERE region.kind <> 'city'
        )
    QUALIFY
        ROW_NUMBER() OVER (
            PARTITION BY
                area_code, product_id, unit, basis, tax, COALESCE(spec, ''), market, COALESCE(quote_source, ''),
                quoted_on
            ORDER BY line DESC, quote_id DESC
        ) = 1
),

-- Spread: each seller's last quote of the week against the mean of the like quotes of that week.
seller_week AS (
    SELECT
        area_code,
        product_id,
        unit,
        basis,
        tax,
        spec,
        market,
        week_start,
        LN(ARG_MAX(price_yuan, quoted_on)) AS log_price
    FROM line_quote
    GROUP BY ALL
),

distance AS (
    SELECT
        *,
        log_price - AVG(log_price) OVER like_quote AS distance_log,
        COUNT(*) OVER like_quote AS like_count
    FROM seller_week
    WINDOW like_quote AS (PARTITION BY area_code, product_id, unit, basis, tax, spec, week_start)
),

paired_distance AS (
    SELECT
        *,
        CASE
            WHEN LAG(week_start) OVER seller_weeks = week_start - 7 THEN LAG(distance_log) OVER seller_weeks
        END AS last_distance_log
    FROM distance
    WHERE like_count > 1
    WINDOW seller_weeks AS (PARTITION BY area_code, product_id, unit, basis, tax, spec, market ORDER BY week_start)
),

spread_week AS (
    SELECT
        area_code,
        product_id,
        week_start,
        SUM(POW(distance_log, 2)) AS square_sum,
        SUM(1 - 1 / like_count) AS degree_count,
        SUM(distance_log * last_distance_log) AS cross_sum,
        SUM((POW(distance_log, 2) + POW(last_distance_log, 2)) / 2) AS pair_sum
    FROM paired_distance
    GROUP BY area_code, product_id, week_start
),

-- Moves: what a seller changed its price by since its last quote, at most 4 weeks before. 0 is a price that was kept.
line_move AS (
    SELECT
        *,
        ROUND(price_yuan - LAG(price_yuan) OVER line_days, 2) AS size_yuan,
        quoted_on - LAG(quoted_on) OVER line_days AS gap_day_count
    FROM line_quote
    WINDOW
        line_days AS (
            PARTITION BY area_code, product_id, unit, basis, tax, spec, market, quote_source
            ORDER BY quoted_on
        )
),

seller_move AS (
    SELECT DISTINCT
        area_code,
        product_id,
        unit,
        week_start,
        quoted_on,
        market,
        size_yuan
    FROM line_move
    WHERE gap_day_count <= 28
),

move_day AS (
    SELECT
        area_code,
        product_id,
        unit,
        week_start,
        quoted_on,
        COUNT(DISTINCT market) AS seller_count
    FROM seller_move
    GROUP BY ALL
),

move_size AS (
    SELECT
        area_code,
        product_id,
        unit,
        week_start,
        quoted_on,
        size_yuan,
        COUNT(*) AS mover_count,
        LIST(market ORDER BY market) AS sellers
    FROM seller_move
    GROUP BY ALL
),

-- The same counts by week, and what they are held against.
county_week_seller AS (
    SELECT
        area_code,
        product_id,
        unit,
        week_start,
        SUM(seller_count) AS seller_count
    FROM move_day
    GROUP BY ALL
),

county_pool AS (
    SELECT
        *,
        SUM(seller_count) OVER (PARTITION BY product_id, unit, week_start) - seller_count AS other_count,
        COALESCE(SUM(seller_count) OVER (
            PARTITION BY area_code, product_id, unit
            ORDER BY week_start
            RANGE BETWEEN INTERVAL 364 DAYS PRECEDING AND INTERVAL 7 DAYS PRECEDING
        ), 0) AS past_count
    FROM county_week_seller
),

county_week_size AS (
    SELECT
        area_code,
        product_id,
        unit,
        week_start,
        size_yuan,
        SUM(mover_count) AS mover_count
    FROM move_size
    GROUP BY ALL
),

size_pool AS (
    SELECT
        *,
        SUM(mover_count) OVER (PARTITION BY product_id, unit, week_start, size_yuan) - mover_count AS other_same_count,
        COALESCE(SUM(mover_count) OVER (
            PARTITION BY area_code, product_id, unit, size_yuan
            ORDER BY week_start
            RANGE BETWEEN INTERVAL 364 DAYS PRECEDING AND INTERVAL 7 DAYS PRECEDING
        ), 0) AS past_same_count
    FROM county_week_size
),

city_size AS (
    SELECT
        product_id,
        unit,
        week_start,
        COUNT(DISTINCT size_yuan) AS size_count
    FROM move_size
    WHERE size_yuan <> 0
    GROUP BY ALL
),

day_week AS (
    SELECT
        area_code,
        product_id,
        week_start,
        LIST(seller_count ORDER BY quoted_on, unit) AS day_seller_counts
    FROM move_day
    GROUP BY ALL
),

move_week AS (
    SELECT
        move_size.area_code,
        move_size.product_id,
        move_size.week_start,
        LIST(
            {
                'quoted_on': move_size.quoted_on,
                'unit': move_size.unit,
                'size_yuan': move_size.size_yuan,
                'mover_count': move_size.mover_count,
                'seller_count': move_day.seller_count,
                'other_count': county_pool.other_count,
                'other_same_count': size_pool.other_same_count,
                'past_count': county_pool.past_count,
                'past_same_count': size_pool.past_same_count,
                'size_count': city_size.size_count,
                'sellers': move_size.sellers
            }
            ORDER BY move_size.quoted_on, move_size.unit, move_size.size_yuan
        ) AS moves
    FROM move_size
    INNER JOIN move_day
        ON
            move_size.area_code = move_day.area_code
            AND move_size.product_id = move_day.product_id
            AND move_size.unit = move_day.unit
            AND move_size.quoted_on = move_day.quoted_on
    INNER JOIN county_pool
        ON
            move_size.area_code = county_pool.area_code
            AND move_size.product_id = county_pool.product_id
            AND move_size.unit = county_pool.unit
            AND move_size.week_start = county_pool.week_start
    INNER JOIN size_pool
        ON
            move_size.area_code = size_pool.area_code
            AND move_size.product_id = size_pool.product_id
            AND move_size.unit = size_pool.unit
            AND move_size.week_start = size_pool.week_start
            AND move_size.size_yuan = size_pool.size_yuan
    INNER JOIN city_size
        ON
            move_size.product_id = city_size.product_id
            AND move_size.unit = city_size.unit
            AND move_size.week_start = city_size.week_start
    WHERE move_size.size_yuan <> 0 AND move_size.mover_count > 1
    GROUP BY move_size.area_code, move_size.product_id, move_size.week_start
),

-- Hoarding: stock of the same sites, dispatch and price, each over 4 weeks.
quoted_week AS (
    SELECT
        area_code,
        product_id,
        week_start,
        MAX(area_name) AS area_name,
        MAX(product_name) AS product_name,
        COUNT(DISTINCT market) AS seller_count
    FROM line_quote
    GROUP BY ALL
),

stock_day AS (
    SELECT
        site_id,
        county_code,
        product_id,
        reported_on,
        CAST(SUM(stock_t) AS DOUBLE) AS stock_t
    FROM staging.stock_report
    GROUP BY ALL
),

site_stock AS (
    SELECT
        quoted_week.area_code,
        quoted_week.product_id,
        quoted_week.week_start,
        stock_day.site_id,
        ARG_MAX(stock_day.stock_t, stock_day.reported_on)
        FILTER (WHERE stock_day.reported_on > quoted_week.week_start - 22) AS stock_t,
        ARG_MAX(stock_day.stock_t, stock_day.reported_on)
        FILTER (WHERE stock_day.reported_on <= quoted_week.week_start - 22) AS before_t
    FROM quoted_week
    INNER JOIN stock_day
        ON
            quoted_week.area_code = stock_day.county_code
            AND quoted_week.product_id = stock_day.product_id
            AND stock_day.reported_on BETWEEN quoted_week.week_start - 49 AND quoted_week.week_start + 6
    GROUP BY ALL
),

stock_week AS (
    SELECT
        area_code,
        product_id,
        week_start,
        COUNT(*) AS stock_site_count,
        LN(NULLIF(SUM(stock_t), 0) / NULLIF(SUM(before_t), 0)) AS stock_log
    FROM site_stock
    WHERE stock_t IS NOT NULL AND before_t IS NOT NULL
    GROUP BY ALL
),

dispatch_week AS (
    SELECT
        county_code AS area_code,
        product_id,
        week_start,
        LN(
            SUM(CAST(dispatch_t AS DOUBLE)) OVER last_weeks
            / NULLIF(SUM(CAST(dispatch_t AS DOUBLE)) OVER weeks_before, 0)
        ) AS dispatch_log
    FROM mart.county_product_week
    WHERE dispatch_t > 0 AND county_code IS NOT NULL AND product_id IS NOT NULL
    WINDOW
        last_weeks AS (
            PARTITION BY county_code, product_id ORDER BY week_start
            RANGE BETWEEN INTERVAL 21 DAYS PRECEDING AND CURRENT ROW
        ),
        weeks_before AS (
            PARTITION BY county_code, product_id ORDER BY week_start
            RANGE BETWEEN INTERVAL 49 DAYS PRECEDING AND INTERVAL 28 DAYS PRECEDING
        )
),

price_week AS (
    SELECT
        area_code,
        product_id,
        week_start,
        SUM(LN(1 + change_4w_share) * collection_point_count) / SUM(collection_point_count) AS price_log
    FROM mart.price_index_week
    WHERE NOT is_imputed AND change_4w_share IS NOT NULL AND collection_point_count > 0
    GROUP BY ALL
),

county_week AS (
    SELECT
        county_code AS area_code,
        week_start,
        SUM(seen_day_count) / NULLIF(SUM(expected_day_count), 0) AS completeness_share,
        BOOL_OR(is_holiday_week) AS is_holiday_week
    FROM mart.site_week
    WHERE county_code IS NOT NULL
    GROUP BY ALL
),

seen_week AS (
    SELECT
        area_code,
        week_start,
        MIN(COALESCE(completeness_share, 0)) OVER eight_weeks AS completeness_share,
        COUNT(*) FILTER (WHERE is_holiday_week) OVER eight_weeks AS holiday_week_count
    FROM county_week
    WINDOW
        eight_weeks AS (
            PARTITION BY area_code ORDER BY week_start
            RANGE BETWEEN INTERVAL 49 DAYS PRECEDING AND CURRENT ROW
        )
)

SELECT
    quoted_week.area_code,
    quoted_week.area_name,
    quoted_week.product_id,
    quoted_week.product_name,
    quoted_week.week_start,
    STRFTIME(quoted_week.week_start, '%G-W%V') AS iso_week,
    quoted_week.seller_count,
    SUM(spread_week.square_sum) OVER now_13 AS now_13_square_sum,
    SUM(spread_week.degree_count) OVER now_13 AS now_13_degree_count,
    COUNT(spread_week.square_sum) OVER now_13 AS now_13_week_count,
    SUM(spread_week.square_sum) OVER before_13 AS before_13_square_sum,
    SUM(spread_week.degree_count) OVER before_13 AS before_13_degree_count,
    COUNT(spread_week.square_sum) OVER before_13 AS before_13_week_count,
    SUM(spread_week.cross_sum) OVER before_13 / NULLIF(SUM(spread_week.pair_sum) OVER before_13, 0)
        AS before_13_memory_share,
    SUM(spread_week.square_sum) OVER now_52 AS now_52_square_sum,
    SUM(spread_week.degree_count) OVER now_52 AS now_52_degree_count,
    COUNT(spread_week.square_sum) OVER now_52 AS now_52_week_count,
    SUM(spread_week.square_sum) OVER before_52 AS before_52_square_sum,
    SUM(spread_week.degree_count) OVER before_52 AS before_52_degree_count,
    COUNT(spread_week.square_sum) OVER before_52 AS before_52_week_count,
    SUM(spread_week.cross_sum) OVER before_52 / NULLIF(SUM(spread_week.pair_sum) OVER before_52, 0)
        AS before_52_memory_share,
    COALESCE(day_week.day_seller_counts, []) AS day_seller_counts,
    COALESCE(move_week.moves, []) AS moves,
    COALESCE(stock_week.stock_site_count, 0) AS stock_site_count,
    stock_week.stock_log,
    AVG(stock_week.stock_log) OVER earlier AS stock_mean_log,
    STDDEV_SAMP(stock_week.stock_log) OVER earlier AS stock_sd_log,
    COUNT(stock_week.stock_log) OVER earlier AS stock_week_count,
    dispatch_week.dispatch_log,
    AVG(dispatch_week.dispatch_log) OVER earlier AS dispatch_mean_log,
    STDDEV_SAMP(dispatch_week.dispatch_log) OVER earlier AS dispatch_sd_log,
    COUNT(dispatch_week.dispatch_log) OVER earlier AS dispatch_week_count,
    price_week.price_log,
    AVG(price_week.price_log) OVER earlier AS price_mean_log,
    STDDEV_SAMP(price_week.price_log) OVER earlier AS price_sd_log,
    COUNT(price_week.price_log) OVER earlier AS price_week_count,
    seen_week.completeness_share,
    COALESCE(seen_week.holiday_week_count, 0) AS holiday_week_count
FROM quoted_week
LEFT JOIN spread_week
    ON
        quoted_week.area_code = spread_week.area_code
        AND quoted_week.product_id = spread_week.product_id
        AND quoted_week.week_start = spread_week.week_start
LEFT JOIN day_week
    ON
        quoted_week.area_code = day_week.area_code
        AND quoted_week.product_id = day_week.product_id
        AND quoted_week.week_start = day_week.week_start
LEFT JOIN move_week
    ON
        quoted_week.area_code = move_week.area_code
        AND quoted_week.product_id = move_week.product_id
        AND quoted_week.week_start = move_week.week_start
LEFT JOIN stock_week
    ON
        quoted_week.area_code = stock_week.area_code
        AND quoted_week.product_id = stock_week.product_id
        AND quoted_week.week_start = stock_week.week_start
LEFT JOIN dispatch_week
    ON
        quoted_week.area_code = dispatch_week.area_code
        AND quoted_week.product_id = dispatch_week.product_id
        AND quoted_week.week_start = dispatch_week.week_start
LEFT JOIN price_week
    ON
        quoted_week.area_code = price_week.area_code
        AND quoted_week.product_id = price_week.product_id
        AND quoted_week.week_start = price_week.week_start
LEFT JOIN seen_week
    ON
        quoted_week.area_code = seen_week.area_code
        AND quoted_week.week_start = seen_week.week_start
WINDOW
    now_13 AS (
        PARTITION BY quoted_week.area_code, quoted_week.product_id ORDER BY quoted_week.week_start
        RANGE BETWEEN INTERVAL 84 DAYS PRECEDING AND CURRENT ROW
    ),
    before_13 AS (
        PARTITION BY quoted_week.area_code, quoted_week.product_id ORDER BY quoted_week.week_start
        RANGE BETWEEN INTERVAL 448 DAYS PRECEDING AND INTERVAL 91 DAYS PRECEDING
    ),
    now_52 AS (
        PARTITION BY quoted_week.area_code, quoted_week.product_id ORDER BY quoted_week.week_start
        RANGE BETWEEN INTERVAL 357 DAYS PRECEDING AND CURRENT ROW
    ),
    before_52 AS (
        PARTITION BY quoted_week.area_code, quoted_week.product_id ORDER BY quoted_week.week_start
        RANGE BETWEEN INTERVAL 721 DAYS PRECEDING AND INTERVAL 364 DAYS PRECEDING
    ),
    earlier AS (
        PARTITION BY quoted_week.area_code, quoted_week.product_id ORDER BY quoted_week.week_start
        RANGE BETWEEN INTERVAL 392 DAYS PRECEDING AND INTERVAL 35 DAYS PRECEDING
    )
ORDER BY quoted_week.area_code, quoted_week.product_id, quoted_week.week_start
