/*
description: Price alerts that run in a week or close in it, with what was known of them then.
grain: one row a (episode_id, week_start)
period: week_start
lookback: unbounded
columns:
  week_start: Monday of the ISO week
  episode_id: episode
  area_code: county code, the city code, or the given text for an area outside the region table
  area_name: name of the area
  product_id: product
  product_name: product in words
  unit: what one price is for, t or m3
  basis: ex_works or delivered
  tax: incl or excl
  opened_on: date of the newest quote in the week that opened it
  weeks_running: calendar weeks since then, both counted
  event: opened, raised, lowered or closed in this week; NULL where nothing changed
  close_reason: why it closed
  level: level in this week; 无 while it waits to close
  rules_met: all clauses met in the week, from the lowest, with commas
  rule: clause that speaks
  value: what it measured
  bound: figure it was compared with
  must_be: comparison of value with bound
  value_unit: share or county
  rung: method that the clause belongs to
  rung_reason: which history the best method of the series needs and has, and what the next one lacks
  without_one_share: value without the quote line that rose most, share; NULL where one line is all
  month_share: change against 4 weeks before, share
  month_low_share: lower end of the 95 % interval of that, share; NULL where the quotes do not tell
  month_high_share: upper end
  price_yuan: price of the week, yuan per unit
  base_price_yuan: price before it opened, yuan per unit
  base_on: date of the newest quote behind that
  rise_over_base_share: index above its base, share
  quote_count: quote lines of the week
  collection_point_count: markets with a quote in the week
  quote_source_count: who collected or published them, so many different ones
  last_quoted_on: date of the newest quote behind the price
  is_low_sample: whether that is under the least number of points
  is_imputed: whether the week only carries older quotes
  neighbour_count: other places of the city with such a price
  neighbour_spread_share: price above their median, share
  supply_state: 供应紧张, 供应不紧 or 供应未知
  history: levels so far with their dates
*/
WITH opened AS (
    SELECT
        *,
        week_start AS opened_week_start
    FROM mart.price_alert_event
    WHERE event = 'opened'
),

closed AS (
    SELECT
        episode_id,
        week_start AS closed_week_start,
        close_reason
    FROM mart.price_alert_event
    WHERE event = 'closed'
),

episode_week AS (
    SELECT
        week.week_start,
        opened.episode_id,
        opened.area_code,
        opened.area_name,
        opened.product_id,
        opened.product_name,
        opened.unit,
        opened.basis,
        opened.tax,
        opened.opened_on,
        opened.opened_week_start,
        opened.base_price_yuan,
        opened.base_index,
        opened.base_on,
        CASE WHEN week.week_start = closed.closed_week_start THEN closed.close_reason END AS close_reason
    FROM opened
    LEFT JOIN closed ON opened.episode_id = closed.episode_id
    INNER JOIN report.week AS week
        ON
            opened.opened_week_start <= week.week_start
            AND week.week_start <= coalesce(closed.closed_week_start, week.week_start)
),

told AS (
    SELECT
        episode_week.episode_id,
        episode_week.week_start,
        max_by(change.history, change.week_start) AS history,
        any_value(change.event) FILTER (change.week_start = episode_week.week_start) AS week_event
    FROM episode_week
    INNER JOIN mart.price_alert_event AS change
        ON episode_week.episode_id = change.episode_id AND episode_week.week_start >= change.week_start
    GROUP BY episode_week.episode_id, episode_week.week_start
),

published AS (
    SELECT
        week_start,
        area_code,
        product_id,
        unit,
        basis,
        tax,
        count(DISTINCT coalesce(quote_source, '')) AS quote_source_count
    FROM report.price_quote_week
    WHERE carried_week_count = 0
    GROUP BY ALL
)

SELECT
    episode_week.week_start,
    episode_week.episode_id,
    episode_week.area_code,
    episode_week.area_name,
    episode_week.product_id,
    episode_week.product_name,
    episode_week.unit,
    episode_week.basis,
    episode_week.tax,
    episode_week.opened_on,
    ((episode_week.week_start - episode_week.opened_week_start) // 7 + 1)::INTEGER AS weeks_running,
    told.week_event AS event,
    episode_week.close_reason,
    coalesce(price.level, '无') AS level,
    price.rules_met,
    price.rule,
    price.value,
    price.bound,
    price.must_be,
    price.value_unit,
    price.rung,
    price.rung_reason,
    price.without_one_share,
    price.month_share,
    price.month_low_share,
    price.month_high_share,
    price.price_yuan,
    episode_week.base_price_yuan,
    episode_week.base_on,
    price.price_index / episode_week.base_index - 1 AS rise_over_base_share,
    coalesce(price.quote_count, 0) AS quote_count,
    coalesce(price.collection_point_count, 0) AS collection_point_count,
    coalesce(published.quote_source_count, 0) AS quote_source_count,
    price.last_quoted_on,
    coalesce(price.is_low_sample, TRUE) AS is_low_sample,
    coalesce(price.is_imputed, TRUE) AS is_imputed,
    price.neighbour_count,
    price.neighbour_spread_share,
    price.supply_state,
    told.history
FROM episode_week
INNER JOIN told
    ON episode_week.episode_id = told.episode_id AND episode_week.week_start = told.week_start
LEFT JOIN report.price_week AS price
    ON
        episode_week.week_start = price.week_start
        AND episode_week.area_code = price.area_code
        AND episode_week.product_id = price.product_id
        AND episode_week.unit = price.unit
        AND episode_week.basis = price.basis
        AND episode_week.tax IS NOT DISTINCT FROM price.tax
LEFT JOIN published
    ON
        episode_week.week_start = published.week_start
        AND episode_week.area_code = published.area_code
        AND episode_week.product_id = published.product_id
        AND episode_week.unit = published.unit
        AND episode_week.basis = published.basis
        AND episode_week.tax IS NOT DISTINCT FROM published.tax
ORDER BY episode_week.week_start, episode_week.episode_id
