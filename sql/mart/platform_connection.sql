/*
description: >-
  Sites that the register says should send their weighing tickets to the platform, and whether they do (policy clause
  五(二)); connected, complete, silent. As of the last day any site told of, not of the clock. A site whose cadence is blank
  or `none` is not asked and not in it. Silence is what `sandwatch chase` calls so on that day.
grain: one row a site_id
period: none
columns:
  site_id: site
  site_name: name of the site
  firm_name: firm that runs the site
  uscc: unified social credit code of the firm
  county_code: county of the site
  county_name: name of the county
  entity_kind: kind of site
  expected_cadence: daily, workday or weekly, by the register
  state: >-
    never (no ticket ever came), silent, incomplete, complete, or undetermined (it sends, but no whole week of the window
    expected a day of it; a weekly cadence expects none)
  is_connected: whether a ticket ever came
  first_on: day of the first ticket
  last_on: day of the last ticket
  last_weighed_at: last ticket
  is_silent: whether more expected days went by since the last ticket than are allowed; NULL where none ever came
  silent_since_on: first of those days; NULL where it is not silent
  missed_day_count: expected days since the last ticket
  allowed_day_count: expected days that may go by, by the feed's contract and the site's cadence
  is_complete: whether completeness_share reaches the bound of rule platform_connection; NULL where it is not known
  completeness_share: seen by expected days of the window; NULL where none is expected
  expected_day_count: expected days in the window
  seen_day_count: of those, days with tickets
  window_from_on: first day of the window, the last whole weeks by rule platform_connection; weeks before all data expect nothing
  window_until_on: last day of it
  data_through_on: last day any site told of
  snapshot_sha256: file that registered the site
  line: line of that file
*/
WITH asked AS (
    SELECT
        site.site_id,
        site.site_name,
        site.firm_name,
        site.uscc,
        site.county_code,
        site.county_name,
        site.entity_kind,
        site.expected_cadence,
        fresh.first_on,
        fresh.last_on,
        site.snapshot_sha256,
        site.line,
        feed.max_age_days
        - CASE feed.cadence WHEN 'weekly' THEN 7 ELSE 1 END
        + CASE site.expected_cadence WHEN 'weekly' THEN 7 ELSE 1 END AS allowed_day_count
    FROM staging.site AS site
    INNER JOIN mart.source_freshness AS fresh
        ON site.site_id = fresh.source_id AND fresh.feed = 'weighbridge_ticket'
    INNER JOIN reference.feed AS feed ON fresh.feed = feed.feed
    WHERE site.expected_cadence IN ('daily', 'workday', 'weekly')
),

data_through AS (
    SELECT max(last_on) AS data_through_on
    FROM mart.source_freshness
    WHERE feed = 'weighbridge_ticket'
),

span AS (
    SELECT
        data_through.data_through_on,
        date_trunc('week', data_through.data_through_on + 1)::DATE - 7 * figure.value::INTEGER AS window_from_on,
        date_trunc('week', data_through.data_through_on + 1)::DATE - 1 AS window_until_on
    FROM data_through
    CROSS JOIN policy.parameter AS figure
    WHERE figure.rule = 'platform_connection' AND figure.name = 'window_weeks'
),

seen AS (
    SELECT
        week.site_id,
        sum(week.expected_day_count)::BIGINT AS expected_day_count,
        sum(week.seen_day_count)::BIGINT AS seen_day_count
    FROM mart.site_week AS week
    CROSS JOIN span
    WHERE week.week_start BETWEEN span.window_from_on AND span.window_until_on
    GROUP BY week.site_id
),

last_ticket AS (
    SELECT
        site_id,
        max(last_weighed_at) AS last_weighed_at
    FROM mart.site_week
    GROUP BY site_id
),

missed AS (
    SELECT
        asked.site_id,
        count(*) AS missed_day_count,
        min(calendar.day_on) AS first_missed_on
    FROM asked
    CROSS JOIN span
    INNER JOIN reference.calendar AS calendar
        ON asked.last_on < calendar.day_on AND span.data_through_on >= calendar.day_on
    WHERE
        CASE asked.expected_cadence
            WHEN 'workday' THEN calendar.is_workday
            WHEN 'weekly' THEN NOT calendar.is_public_holiday
            ELSE TRUE
        END
    GROUP BY asked.site_id
),

measured AS (
    SELECT
        asked.*,
        last_ticket.last_weighed_at,
        span.data_through_on,
        span.window_from_on,
        span.window_until_on,
        asked.last_on IS NOT NULL AS is_connected,
        CASE WHEN asked.last_on IS NOT NULL THEN coalesce(missed.missed_day_count, 0) END AS missed_day_count,
        missed.first_missed_on,
        coalesce(seen.expected_day_count, 0) AS expected_day_count,
        coalesce(seen.seen_day_count, 0) AS seen_day_count,
        complete.value AS complete_share
    FROM asked
    CROSS JOIN span
    LEFT JOIN missed ON asked.site_id = missed.site_id
    LEFT JOIN seen ON asked.site_id = seen.site_id
    LEFT JOIN last_ticket ON asked.site_id = last_ticket.site_id
    LEFT JOIN policy.parameter AS complete
        ON complete.rule = 'platform_connection' AND complete.name = 'complete_share'
),

compared AS (
    SELECT
        *,
        missed_day_count > allowed_day_count AS is_silent,
        CASE
            -- Counts and an exact bound: a share that was rounded could fall on the other side.
            WHEN expected_day_count > 0 THEN seen_day_count >= complete_share * expected_day_count
        END AS is_complete
    FROM measured
)

SELECT
    site_id,
    site_name,
    firm_name,
    uscc,
    county_code,
    county_name,
    entity_kind,
    expected_cadence,
    CASE
        WHEN NOT is_connected THEN 'never'
        WHEN is_silent THEN 'silent'
        WHEN is_complete IS NULL THEN 'undetermined'
        WHEN is_complete THEN 'complete'
        ELSE 'incomplete'
    END AS state,
    is_connected,
    first_on,
    last_on,
    last_weighed_at,
    is_silent,
    CASE WHEN is_silent THEN first_missed_on END AS silent_since_on,
    missed_day_count,
    allowed_day_count,
    is_complete,
    (seen_day_count / nullif(expected_day_count, 0))::DECIMAL(7, 6) AS completeness_share,
    expected_day_count,
    seen_day_count,
    window_from_on,
    window_until_on,
    data_through_on,
    snapshot_sha256,
    line
FROM compared
ORDER BY county_code, site_id
