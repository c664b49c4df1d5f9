/*
description: >-
  How many of the sites that should send to the platform do so, by county and for the whole city (policy clause 五(二)).
  Sites that need not send, or of which the register does not say, are counted apart and in no share.
grain: one row a county_code
period: none
columns:
  county_code: GB/T 2260 code; 411700 is the whole city
  county_name: county or city
  registered_site_count: sites in the register
  unasked_site_count: of those, that need not send
  unknown_cadence_count: of those, of which the register does not say
  asked_site_count: of those, that should send
  connected_site_count: of the asked, from which a ticket ever came
  never_site_count: of the asked, from which none ever came
  complete_site_count: of the asked, complete and not silent
  incomplete_site_count: of the asked, incomplete and not silent
  silent_site_count: of the asked, silent
  undetermined_site_count: of the asked, sending, without a day to measure completeness by
  connected_share: connected by asked sites; NULL where none is asked
  complete_share: complete by asked sites without the undetermined ones; NULL where none is left
  silent_share: silent by asked sites; NULL where none is asked
  asked_firm_count: firms with an asked site; a site without a firm counts as one
  connected_firm_count: of those, with every asked site connected
  complete_firm_count: of those, with every asked site complete
  data_through_on: last day any site told of
*/
WITH site AS (
    SELECT
        site.county_code,
        coalesce(site.uscc, site.firm_name, site.site_id) AS firm_id,
        site.expected_cadence,
        sending.state,
        sending.is_connected,
        sending.data_through_on
    FROM staging.site AS site
    LEFT JOIN mart.platform_connection AS sending ON site.site_id = sending.site_id
),

placed AS (
    SELECT
        site.county_code AS place_code,
        site.*
    FROM site
    INNER JOIN reference.region AS county ON site.county_code = county.county_code
    WHERE county.kind <> 'city'
    UNION ALL
    SELECT
        city.county_code AS place_code,
        site.*
    FROM site
    CROSS JOIN reference.region AS city
    WHERE city.kind = 'city'
),

firm AS (
    SELECT
        place_code,
        firm_id,
        bool_and(is_connected) AS is_connected,
        bool_and(state = 'complete') AS is_complete
    FROM placed
    WHERE state IS NOT NULL
    GROUP BY place_code, firm_id
),

firm_count AS (
    SELECT
        place_code,
        count(*) AS asked_firm_count,
        count(*) FILTER (is_connected) AS connected_firm_count,
        count(*) FILTER (is_complete) AS complete_firm_count
    FROM firm
    GROUP BY place_code
),

place AS (
    SELECT
        place_code,
        count(*) AS registered_site_count,
        count(*) FILTER (expected_cadence = 'none') AS unasked_site_count,
        count(*) FILTER (expected_cadence IS NULL) AS unknown_cadence_count,
        count(state) AS asked_site_count,
        count(*) FILTER (is_connected) AS connected_site_count,
        count(*) FILTER (state = 'never') AS never_site_count,
        count(*) FILTER (state = 'complete') AS complete_site_count,
        count(*) FILTER (state = 'incomplete') AS incomplete_site_count,
        count(*) FILTER (state = 'silent') AS silent_site_count,
        count(*) FILTER (state = 'undetermined') AS undetermined_site_count,
        max(data_through_on) AS data_through_on
    FROM placed
    GROUP BY place_code
)

SELECT
    region.county_code,
    region.county_name,
    coalesce(place.registered_site_count, 0) AS registered_site_count,
    coalesce(place.unasked_site_count, 0) AS unasked_site_count,
    coalesce(place.unknown_cadence_count, 0) AS unknown_cadence_count,
    coalesce(place.asked_site_count, 0) AS asked_site_count,
    coalesce(place.connected_site_count, 0) AS connected_site_count,
    coalesce(place.never_site_count, 0) AS never_site_count,
    coalesce(place.complete_site_count, 0) AS complete_site_count,
    coalesce(place.incomplete_site_count, 0) AS incomplete_site_count,
    coalesce(place.silent_site_count, 0) AS silent_site_count,
    coalesce(place.undetermined_site_count, 0) AS undetermined_site_count,
    (place.connected_site_count / nullif(place.asked_site_count, 0))::DECIMAL(7, 6) AS connected_share,
    (place.complete_site_count / nullif(place.asked_site_count - place.undetermined_site_count, 0))::DECIMAL(7, 6)
        AS complete_share,
    (place.silent_site_count / nullif(place.asked_site_count, 0))::DECIMAL(7, 6) AS silent_share,
    coalesce(firm_count.asked_firm_count, 0) AS asked_firm_count,
    coalesce(firm_count.connected_firm_count, 0) AS connected_firm_count,
    coalesce(firm_count.complete_firm_count, 0) AS complete_firm_count,
    place.data_through_on
FROM reference.region AS region
LEFT JOIN place ON region.county_code = place.place_code
LEFT JOIN firm_count ON region.county_code = firm_count.place_code
ORDER BY region.county_code
