/*
description: >-
  Plates that somebody may mean: full width, blanks, dots and small letters do not matter, the province may be missing,
  ? stands for one sign and * for any number, 0/O/D, 1/I, 2/Z, 5/S and 8/B count as alike, and one sign may be wrong,
  missing, too many or two of them swapped. The nearest first. FROM overload.find_plate('豫q1234S')
arguments:
  written: plate, or a part with ? and *
columns:
  plate: number plate as the feeds keep it; what overload.truck takes
  match_kind: >-
    exact, province_missing, wildcard, look_alike or one_edit; each but the first two is a guess of ours and says nothing
    of the truck
  release_count: releases under the plate
  doubted_count: those of them that may be another vehicle's
  first_week_start: Monday of the first week with a release
  last_week_start: Monday of the last week with a release
  is_registered: whether the vehicle register knows the plate
  case_count: penalty decisions on the plate, of all years
*/
CREATE OR REPLACE MACRO overload.find_plate(written) AS TABLE
    WITH spelt AS (
        SELECT regexp_replace(overload.plate_text(written), '[^\p{Han}A-Z0-9?*]', '', 'g') AS bare
    ),

    asked AS (
        SELECT
            bare,
            translate(bare, 'ODIZSB', '001258') AS alike,
            regexp_replace(bare, '[^\p{Han}]', '', 'g') AS words,
            regexp_replace(translate(bare, 'ODIZSB', '001258'), '\p{Han}', '', 'g') AS signs,
            regexp_matches(bare, '[?*]') AS is_pattern,
            regexp_matches(bare, '^[\p{Han}?*]') AS has_province
        FROM spelt
        -- Wildcards alone would list every truck.
        WHERE regexp_matches(bare, '[^?*]')
    ),

    released AS (
        SELECT
            plate,
            sum(release_count)::BIGINT AS release_count,
            sum(doubted_count)::BIGINT AS doubted_count,
            min(week_start) AS first_week_start,
            max(week_start) AS last_week_start
        FROM mart.plate_week
        GROUP BY plate
    ),

    registered AS (
        SELECT DISTINCT plate
        FROM staging.vehicle
    ),

    penalised AS (
        SELECT
            plate,
            count(DISTINCT case_no) AS case_count
        FROM mart.established_case
        WHERE plate IS NOT NULL
        GROUP BY plate
    ),

    known AS (
        SELECT plate
        FROM released
        UNION
        SELECT plate
        FROM registered
        UNION
        SELECT plate
        FROM penalised
    ),

    candidate AS (
        SELECT
            known.plate,
            asked.bare,
            asked.alike,
            asked.words,
            asked.signs,
            asked.is_pattern,
            CASE WHEN asked.has_province THEN known.plate ELSE regexp_replace(known.plate, '^\p{Han}', '') END AS part
        FROM known
        CROSS JOIN asked
    ),

    compared AS (
        SELECT
            *,
            translate(part, 'ODIZSB', '001258') AS part_alike,
            -- Distances are told in bytes, and a word has three of them: words are compared apart.
            (regexp_replace(part, '[^\p{Han}]', '', 'g') <> words)::INTEGER AS word_edit_count,
            regexp_replace(translate(part, 'ODIZSB', '001258'), '\p{Han}', '', 'g') AS part_signs
        FROM candidate
    ),

    matched AS (
        SELECT
            plate,
            CASE
                WHEN is_pattern
                    THEN CASE WHEN part_alike LIKE translate(alike, '?*', '_%') THEN 'wildcard' END
                WHEN part = bare AND part = plate THEN 'exact'
                WHEN part = bare THEN 'province_missing'
                WHEN part_alike = alike THEN 'look_alike'
                WHEN
                    abs(length(part) - length(bare)) <= 1
                    AND word_edit_count + damerau_levenshtein(part_signs, signs) <= 1
                    THEN 'one_edit'
            END AS match_kind
        FROM compared
    )

    SELECT
        matched.plate,
        matched.match_kind,
        coalesce(released.release_count, 0) AS release_count,
        coalesce(released.doubted_count, 0) AS doubted_count,
        released.first_week_start,
        released.last_week_start,
        registered.plate IS NOT NULL AS is_registered,
        coalesce(penalised.case_count, 0) AS case_count
    FROM matched
    LEFT JOIN released ON matched.plate = released.plate
    LEFT JOIN registered ON matched.plate = registered.plate
    LEFT JOIN penalised ON matched.plate = penalised.plate
    WHERE matched.match_kind IS NOT NULL
    ORDER BY
        list_position(['exact', 'province_missing', 'wildcard', 'look_alike', 'one_edit'], matched.match_kind) ASC,
        release_count DESC,
        matched.plate ASC
