/*
description: >-
  Every release over a limit, exempt from one it would exceed, or not determinable, with the evidence. A ticket proves
  loading and release, not driving on a road; nor does it prove the plate where that is in doubt.
grain: one row a ticket_id
period: week_start
lookback: 0
columns:
  record_id: ticket of the release
  ticket_no: number on the ticket
  site_id: site
  site_name: site as the ticket names it
  firm_name: firm that runs the site
  is_registered_site: whether the register knows the site
  county_code: county of the site
  weighed_at: when it was weighed
  weighed_on: local date of it
  week_start: Monday of its ISO week
  plate: number plate
  plate_doubt: why the plate may not be this vehicle's (impossible_trip, cloned, register_mismatch); NULL where nothing says so
  carrier_uscc: unified social credit code of the registered carrier
  carrier_name: registered carrier
  product_name: product in words
  axle_count: axles
  axle_count_source: ticket or register
  body: rigid or train
  body_source: ticket or register
  drive_axle_count: drive axles
  drive_axle_count_source: ticket or register
  is_single_tyre: whether the register states single tyres, which lower the limit; NULL counts as dual
  exemption: exemption of order 62 art. 3 with evidence (gb1589_train, air_suspension, special_vehicle)
  exemption_doubt: why an exemption may apply that is not proved (plate_doubt, body)
  vehicle_snapshot_sha256: file of the vehicle register's row
  vehicle_line: line of that file
  gross_kg: gross mass, kg
  limit_kg: limit that is exceeded; the highest possible one where the facts leave several; NULL where none is found exceeded
  limit_basis: stated (one limit fits the facts), highest_possible, or unlisted_layout (the highest of all)
  limit_low_kg: lowest limit the facts leave possible, kg
  limit_high_kg: highest limit the facts leave possible, kg
  over_kg: gross less limit_kg; a lower bound where limit_basis is highest_possible
  over_rate: over_kg by limit_kg
  band: band of the rate
  is_over_55t: whether gross reaches 55 t (practice, not law)
  is_over_100t: whether gross reaches 100 t (百吨王; practice, not law)
  is_within_expressway_tolerance: whether gross is within 105 % of the limit, which expressway entries hold not over for now; over all the same
  scale_no: scale
  certificate_no: certificate of that scale in force when it weighed
  certificate_valid_until: last day of that certificate
  scale_max_kg: maximum of the scale, kg
  scale_division_kg: verification scale interval e that max_error_kg rests on, kg
  max_error_kg: largest error of a scale in service at that mass, kg (rule scale_error)
  error_basis: where e comes from; scale, site_register, or assumed
  over_beyond_error_kg: over_kg less max_error_kg, kg, not below 0
  reference_kind: warning or amount, by order 62 art. 43; a reference (参考), never a fine
  reference_amount_yuan: reference amount (参考金额), yuan
  verdict: breached, exempt or undetermined
  reason_code: why it is exempt or undetermined
  missing_field: fact that would settle it
  is_direction_assumed: whether the direction is the source profile's default
  is_above_scale_max: whether gross is above the scale's maximum; then it is no evidence for enforcement
  is_enforcement_usable: whether a breach may go to enforcement as it stands; false is no acquittal
  unusable_reasons: >-
    why not; plate_missing, plate_doubt, site_unregistered, direction_assumed, above_scale_max, off_division, axle_sum,
    scale_unknown, certificate_missing, certificate_expired, review_missing, location_unpublished, within_error
  lapses_on: last day on which the act can be penalised (limitation_years of rule repeat_overload)
  source: source profile
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
WITH figure AS (
    SELECT
        max(value) FILTER (rule = 'axle_limit' AND name = 'heavy_kg') AS heavy_kg,
        max(value) FILTER (rule = 'axle_limit' AND name = 'very_heavy_kg') AS very_heavy_kg,
        max(value) FILTER (rule = 'axle_limit' AND name = 'expressway_tolerance_rate') AS expressway_tolerance_rate,
        max(value) FILTER (rule = 'axle_limit' AND name = 'reference_warning_up_to_kg') AS warning_up_to_kg,
        max(value) FILTER (rule = 'axle_limit' AND name = 'reference_step_kg') AS step_kg,
        max(value) FILTER (rule = 'axle_limit' AND name = 'reference_yuan_per_step') AS yuan_per_step,
        max(value) FILTER (rule = 'axle_limit' AND name = 'reference_cap_yuan') AS cap_yuan,
        max(value) FILTER (rule = 'scale_error' AND name = 'small_up_to_e') AS small_up_to_e,
        max(value) FILTER (rule = 'scale_error' AND name = 'small_error_e') AS small_error_e,
        max(value) FILTER (rule = 'scale_error' AND name = 'middle_up_to_e') AS middle_up_to_e,
        max(value) FILTER (rule = 'scale_error' AND name = 'middle_error_e') AS middle_error_e,
        max(value) FILTER (rule = 'scale_error' AND name = 'large_error_e') AS large_error_e,
        max(value) FILTER (rule = 'scale_error' AND name = 'in_service_factor') AS in_service_factor,
        max(value) FILTER (rule = 'scale_error' AND name = 'assumed_division_kg') AS assumed_division_kg,
        max(value) FILTER (rule = 'scale_error' AND name = 'axle_sum_tolerance_e') AS axle_sum_tolerance_e,
        to_years((max(value) FILTER (rule = 'repeat_overload' AND name = 'limitation_years'))::INTEGER) AS limitation
    FROM policy.parameter
),

judged AS (
    SELECT
        *,
        CASE WHEN verdict = 'breached' THEN limit_high_kg END AS limit_kg,
        CASE WHEN verdict = 'breached' THEN value_low END AS over_kg,
        CASE WHEN verdict = 'breached' THEN (value_low / limit_high_kg)::DECIMAL(18, 6) END AS over_rate
    FROM policy.axle_limit
    WHERE verdict IN ('breached', 'undetermined') OR (verdict = 'exempt' AND value_low > 0)
),

-- A ticket that names no scale was weighed on the site's only one.
only_scale AS (
    SELECT
        site_id,
        any_value(scale_no) AS scale_no
    FROM staging.scale
    GROUP BY site_id
    HAVING count(DISTINCT scale_no) = 1
),

weighing AS (
    SELECT
        release.ticket_id,
        release.ticket_no,
        release.site_id,
        release.site_name,
        release.firm_name,
        release.is_registered_site,
        release.county_code,
        release.weighed_at,
        release.weighed_on,
        release.week_start,
        release.plate,
        release.product_name,
        release.gross_kg,
        release.axle_sum_kg,
        release.is_direction_assumed,
        release.source,
        release.snapshot_sha256,
        release.line,
        coalesce(release.scale_no, only_scale.scale_no) AS scale_no,
        vehicle.plate_doubt,
        vehicle.carrier_uscc,
        vehicle.carrier_name,
        vehicle.axle_count,
        vehicle.axle_count_source,
        vehicle.body,
        vehicle.body_source,
        vehicle.drive_axle_count,
        vehicle.drive_axle_count_source,
        vehicle.is_single_tyre,
        vehicle.exemption,
        vehicle.exemption_doubt,
        vehicle.vehicle_snapshot_sha256,
        vehicle.vehicle_line,
        judged.limit_kg,
        judged.over_kg,
        judged.over_rate,
        judged.limit_low_kg,
        judged.limit_high_kg,
        judged.is_layout_unlisted,
        judged.limit_count,
        judged.verdict,
        judged.reason_code,
        judged.missing_field
    FROM judged
    INNER JOIN mart.release AS release ON judged.subject_id = release.ticket_id
    INNER JOIN mart.release_vehicle AS vehicle ON judged.subject_id = vehicle.ticket_id
    LEFT JOIN only_scale ON release.site_id = only_scale.site_id
),

-- The scale as its newest certificate on the day says; one that has run out by then tells e and maximum still.
certificate AS (
    SELECT
        weighing.ticket_id,
        scale.scale_max_kg,
        scale.scale_division_kg,
        scale.certificate_no,
        scale.valid_until,
        scale.review_on,
        scale.location_published_on
    FROM weighing
    INNER JOIN staging.scale AS scale
        ON
            weighing.site_id = scale.site_id
            AND weighing.scale_no = scale.scale_no
            AND weighing.weighed_on >= scale.verified_on
    QUALIFY row_number() OVER (PARTITION BY weighing.ticket_id ORDER BY scale.verified_on DESC) = 1
),

known_scale AS (
    SELECT DISTINCT
        site_id,
        scale_no
    FROM staging.scale
),

scaled AS (
    SELECT
        weighing.*,
        certificate.certificate_no,
        certificate.valid_until AS certificate_valid_until,
        certificate.review_on,
        certificate.location_published_on,
        known_scale.scale_no IS NOT NULL AS is_known_scale,
        coalesce(certificate.scale_max_kg, site.scale_max_kg) AS scale_max_kg,
        CASE
            WHEN certificate.scale_division_kg IS NOT NULL THEN 'scale'
            WHEN site.scale_division_kg IS NOT NULL THEN 'site_register'
            ELSE 'assumed'
        END AS error_basis,
        coalesce(certificate.scale_division_kg, site.scale_division_kg) AS known_division_kg,
        coalesce(certificate.scale_division_kg, site.scale_division_kg, figure.assumed_division_kg)
            AS scale_division_kg
    FROM weighing
    CROSS JOIN figure
    LEFT JOIN certificate ON weighing.ticket_id = certificate.ticket_id
    LEFT JOIN known_scale ON weighing.site_id = known_scale.site_id AND weighing.scale_no = known_scale.scale_no
    LEFT JOIN staging.site AS site ON weighing.site_id = site.site_id
),

measured AS (
    SELECT
        scaled.*,
        coalesce(scaled.gross_kg > scaled.scale_max_kg, FALSE) AS is_above_max,
        abs(scaled.axle_sum_kg - scaled.gross_kg) > figure.axle_sum_tolerance_e * scaled.scale_division_kg
            AS is_off_axle_sum,
        scaled.certificate_no IS NOT NULL AND scaled.certificate_valid_until IS NOT NULL AS has_certificate,
        scaled.certificate_valid_until < scaled.weighed_on AS is_certificate_expired,
        coalesce(scaled.review_on <= scaled.weighed_on, FALSE) AS is_reviewed,
        coalesce(scaled.location_published_on <= scaled.weighed_on, FALSE) AS is_location_published,
        (
            scaled.scale_division_kg * figure.in_service_factor
            * CASE
                WHEN scaled.gross_kg <= figure.small_up_to_e * scaled.scale_division_kg THEN figure.small_error_e
                WHEN scaled.gross_kg <= figure.middle_up_to_e * scaled.scale_division_kg THEN figure.middle_error_e
                WHEN scaled.gross_kg IS NOT NULL THEN figure.large_error_e
            END
        )::DECIMAL(14, 3) AS max_error_kg
    FROM scaled
    CROSS JOIN figure
),

weighed_up AS (
    SELECT
        measured.*,
        CASE
            WHEN measured.over_kg IS NOT NULL THEN greatest(measured.over_kg - measured.max_error_kg, 0)
        END::DECIMAL(14, 3) AS over_beyond_error_kg,
        CASE WHEN measured.plate IS NULL THEN ['plate_missing'] ELSE [] END
        || CASE WHEN measured.plate_doubt IS NOT NULL THEN ['plate_doubt'] ELSE [] END
        || CASE WHEN NOT measured.is_registered_site THEN ['site_unregistered'] ELSE [] END
        || CASE WHEN measured.is_direction_assumed THEN ['direction_assumed'] ELSE [] END
        || CASE WHEN measured.is_above_max THEN ['above_scale_max'] ELSE [] END
        || CASE WHEN measured.gross_kg % measured.known_division_kg <> 0 THEN ['off_division'] ELSE [] END
        || CASE WHEN measured.is_off_axle_sum THEN ['axle_sum'] ELSE [] END
        || CASE WHEN NOT measured.is_known_scale THEN ['scale_unknown'] ELSE [] END
        || CASE WHEN measured.is_known_scale AND NOT measured.has_certificate THEN ['certificate_missing'] ELSE [] END
        || CASE WHEN measured.is_certificate_expired THEN ['certificate_expired'] ELSE [] END
        || CASE WHEN NOT measured.is_reviewed THEN ['review_missing'] ELSE [] END
        || CASE WHEN NOT measured.is_location_published THEN ['location_unpublished'] ELSE [] END
        || CASE WHEN measured.over_kg <= measured.max_error_kg THEN ['within_error'] ELSE [] END AS unusable_reasons
    FROM measured
)

SELECT
    weighed_up.ticket_id AS record_id,
    weighed_up.ticket_no,
    weighed_up.site_id,
    weighed_up.site_name,
    weighed_up.firm_name,
    weighed_up.is_registered_site,
    weighed_up.county_code,
    weighed_up.weighed_at,
    weighed_up.weighed_on,
    weighed_up.week_start,
    weighed_up.plate,
    weighed_up.plate_doubt,
    weighed_up.carrier_uscc,
    weighed_up.carrier_name,
    weighed_up.product_name,
    weighed_up.axle_count,
    weighed_up.axle_count_source,
    weighed_up.body,
    weighed_up.body_source,
    weighed_up.drive_axle_count,
    weighed_up.drive_axle_count_source,
    weighed_up.is_single_tyre,
    weighed_up.exemption,
    weighed_up.exemption_doubt,
    weighed_up.vehicle_snapshot_sha256,
    weighed_up.vehicle_line,
    weighed_up.gross_kg,
    weighed_up.limit_kg,
    CASE
        WHEN weighed_up.is_layout_unlisted THEN 'unlisted_layout'
        WHEN weighed_up.limit_count = 1 THEN 'stated'
        ELSE 'highest_possible'
    END AS limit_basis,
    weighed_up.limit_low_kg,
    weighed_up.limit_high_kg,
    weighed_up.over_kg,
    weighed_up.over_rate,
    over_band.band,
    coalesce(weighed_up.gross_kg >= figure.heavy_kg, FALSE) AS is_over_55t,
    coalesce(weighed_up.gross_kg >= figure.very_heavy_kg, FALSE) AS is_over_100t,
    coalesce(weighed_up.gross_kg <= weighed_up.limit_kg * figure.expressway_tolerance_rate, FALSE)
        AS is_within_expressway_tolerance,
    weighed_up.scale_no,
    weighed_up.certificate_no,
    weighed_up.certificate_valid_until,
    weighed_up.scale_max_kg,
    weighed_up.scale_division_kg,
    weighed_up.max_error_kg,
    weighed_up.error_basis,
    weighed_up.over_beyond_error_kg,
    CASE
        WHEN weighed_up.over_kg <= figure.warning_up_to_kg THEN 'warning'
        WHEN weighed_up.over_kg IS NOT NULL THEN 'amount'
    END AS reference_kind,
    CASE
        WHEN weighed_up.over_kg <= figure.warning_up_to_kg THEN 0
        ELSE least(floor(weighed_up.over_kg / figure.step_kg) * figure.yuan_per_step, figure.cap_yuan)
    END::INTEGER AS reference_amount_yuan,
    weighed_up.verdict,
    weighed_up.reason_code,
    CASE WHEN weighed_up.verdict = 'undetermined' THEN weighed_up.missing_field END AS missing_field,
    weighed_up.is_direction_assumed,
    weighed_up.is_above_max AS is_above_scale_max,
    weighed_up.verdict = 'breached' AND len(weighed_up.unusable_reasons) = 0 AS is_enforcement_usable,
    CASE WHEN weighed_up.verdict = 'breached' THEN weighed_up.unusable_reasons END AS unusable_reasons,
    (weighed_up.weighed_on + figure.limitation)::DATE AS lapses_on,
    weighed_up.source,
    weighed_up.snapshot_sha256,
    weighed_up.line
FROM weighed_up
CROSS JOIN figure
LEFT JOIN policy.axle_limit_over_band AS over_band
    ON weighed_up.over_rate >= over_band.over_rate_from AND weighed_up.over_rate < over_band.over_rate_below
ORDER BY weighed_up.weighed_at, weighed_up.ticket_id
