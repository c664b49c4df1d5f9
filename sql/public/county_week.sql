/*
description: >-
  Dispatch and completeness of each county in each week. A figure that would show a single firm is withheld, also
  one that would show it by subtraction from the city. What the city leaves after the shown counties (the withheld
  ones and the sites in no county) must stand on as many firms as any shown figure; where it does not, the county
  with the next smallest dispatch is withheld too, until it does. That hides less than withholding the city, whose
  total is asked for most; the city goes only where all counties would have to.
grain: one row a (county_code, week_start)
period: week_start
lookback: 4
columns:
  county_code: GB/T 2260 code; 411700 is the whole city
  county_name: county or city
  week_start: Monday of the ISO week
  iso_week: ISO week, as 2026-W47
  is_withheld: >-
    whether figures are withheld because fewer than 3 firms, or one firm above 80 %, stand behind them or behind what
    they would leave of the city
  dispatch_t: net mass dispatched, t; NULL where withheld
  dispatch_change_share: >-
    change on the week before; NULL where either week is withheld or incomplete, and for a running week, one whose
    Sunday is after the last ticket day
  utilisation_share: capacity utilisation; NULL where withheld
  completeness_share: seen by expected site-days
*/
WITH limits AS (
    SELECT
        max(value) FILTER (name = 'least_firm_count') AS least_firm_count,
        max(value) FILTER (name = 'largest_firm_share') AS largest_firm_share
    FROM policy.parameter
    WHERE rule = 'publication'
),

place AS (
    SELECT
        county_week.*,
        region.kind = 'city' AS is_city,
        county_week.firm_count < limits.least_firm_count
        OR coalesce(county_week.largest_firm_share > limits.largest_firm_share, TRUE) AS is_small
    FROM mart.county_week AS county_week
    INNER JOIN reference.region AS region ON county_week.county_code = region.county_code
    CROSS JOIN limits
),

-- Counties in the order they are withheld: those that must be, then by dispatch.
county AS (
    SELECT
        county_code,
        week_start,
        row_number() OVER (
            PARTITION BY week_start
            ORDER BY is_small DESC, dispatch_t ASC, county_code ASC
        ) AS place_no
    FROM place
    WHERE NOT is_city
),

-- Sites in no county are left of the city whatever is shown. Firms nobody knows may all be one.
firm_week AS (
    SELECT
        site_week.week_start,
        coalesce(county.place_no, 0) AS place_no,
        coalesce(site_week.firm_name, '') AS firm_name,
        sum(site_week.dispatch_t) AS dispatch_t
    FROM mart.site_week AS site_week
    LEFT JOIN county
        ON site_week.county_code = county.county_code AND site_week.week_start = county.week_start
    WHERE site_week.dispatch_t > 0
    GROUP BY ALL
),

-- What may be withheld in a week: the first so many counties, but not all unless all are small.
choice AS (
    SELECT
        week_start,
        county_count,
        unnest(range(small_count, greatest(small_count + 1, county_count))) AS withheld_count
    FROM (
        SELECT
            week_start,
            count(*) FILTER (NOT is_city) AS county_count,
            count(*) FILTER (NOT is_city AND is_small) AS small_count
        FROM place
        GROUP BY week_start
    ) AS week
),

remainder AS (
    SELECT
        week_start,
        withheld_count,
        count(*) AS firm_count,
        max(dispatch_t) / sum(dispatch_t) AS largest_firm_share
    FROM (
        SELECT
            choice.week_start,
            choice.withheld_count,
            firm_week.firm_name,
            sum(firm_week.dispatch_t) AS dispatch_t
        FROM choice
        INNER JOIN firm_week
            ON choice.week_start = firm_week.week_start AND choice.withheld_count >= firm_week.place_no
        GROUP BY ALL
    ) AS firm
    GROUP BY week_start, withheld_count
),

chosen AS (
    SELECT
        choice.week_start,
        min(choice.withheld_count) AS withheld_count
    FROM choice
    CROSS JOIN limits
    LEFT JOIN remainder
        ON choice.week_start = remainder.week_start AND choice.withheld_count = remainder.withheld_count
    WHERE
        (choice.withheld_count = 0 AND remainder.firm_count IS NULL)
        -- Without a shown county nothing is subtracted: the city is a figure like any other.
        OR choice.withheld_count = choice.county_count
        OR (
            remainder.firm_count >= limits.least_firm_count
            AND remainder.largest_firm_share <= limits.largest_firm_share
        )
    GROUP BY choice.week_start
),

city AS (
    SELECT
        place.week_start,
        place.is_small OR chosen.withheld_count IS NULL AS is_withheld,
        chosen.withheld_count
    FROM place
    LEFT JOIN chosen ON place.week_start = chosen.week_start
    WHERE place.is_city
),

shown AS (
    SELECT
        place.*,
        CASE
            WHEN place.is_city THEN city.is_withheld
            WHEN city.is_withheld THEN place.is_small
            ELSE county.place_no <= city.withheld_count
        END AS is_withheld
    FROM place
    INNER JOIN city ON place.week_start = city.week_start
    LEFT JOIN county ON place.county_code = county.county_code AND place.week_start = county.week_start
)

SELECT
    this_week.county_code,
    this_week.county_name,
    this_week.week_start,
    this_week.iso_week,
    this_week.is_withheld,
    CASE WHEN NOT this_week.is_withheld THEN this_week.dispatch_t END AS dispatch_t,
    -- Dispatch by 1 + change is the week before: that one must be shown too.
    CASE
        WHEN NOT this_week.is_withheld AND NOT week_before.is_withheld THEN this_week.dispatch_change_share
    END AS dispatch_change_share,
    CASE WHEN NOT this_week.is_withheld THEN this_week.utilisation_share END AS utilisation_share,
    this_week.completeness_share
FROM shown AS this_week
LEFT JOIN shown AS week_before
    ON this_week.county_code = week_before.county_code AND this_week.week_start = week_before.week_start + 7
ORDER BY this_week.week_start, this_week.county_code
