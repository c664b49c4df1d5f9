/*
description: >-
  Weighbridges and their verifications in force, with the site resolved. A scale has a row for each verification;
  certificates that overlap are both here.
grain: one row a (snapshot_sha256, line)
period: none
columns:
  site_id: registered site, or the name in the list where the register does not know it
  site_name: site as the list names it
  county_code: county of the site; NULL where the site is not registered
  scale_no: number of the scale, as in staging.weighbridge_ticket
  scale_max_kg: maximum capacity, kg
  scale_division_kg: verification scale interval e, kg
  certificate_no: number of the verification certificate
  verified_on: day of the verification; NULL where the scale was never verified
  valid_until: last day on which the certificate holds
  review_on: day on which the legal and technical review was passed
  location_published_on: day on which its place was published
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
SELECT
    coalesce(alias.site_id, scale.site_name) AS site_id,
    scale.site_name,
    site.county_code,
    -- As in staging.weighbridge_ticket, or certificate and ticket do not meet: 01, 1#, １号 and 一号磅 are 1, 东01磅 is 东1.
    CASE
        WHEN regexp_full_match(scale.scale_no, '[A-Z]|[1-9][0-9]*') THEN scale.scale_no
        ELSE coalesce(
            nullif(
                regexp_replace(
                    regexp_replace(
                        translate(
                            upper(scale.scale_no),
                            '０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ＃－一二三四五六七八九',
                            '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ#-123456789'
                        ),
                        '^\s*NO|汽车衡|地磅|车道|[\s#号磅衡秤台№._-]',
                        '',
                        'g'
                    ),
                    '(^|[^0-9])0+([0-9])',
                    '\1\2',
                    'g'
                ),
                ''
            ),
            trim(scale.scale_no)
        )
    END AS scale_no,
    scale.max_kg AS scale_max_kg,
    scale.e_kg AS scale_division_kg,
    scale.certificate_no,
    scale.verified_on,
    scale.valid_until,
    scale.review_on,
    scale.location_published_on,
    scale.snapshot_sha256,
    scale.line
FROM raw.scale AS scale
LEFT JOIN staging.site_alias AS alias ON scale.site_name = alias.alias
LEFT JOIN staging.site AS site ON alias.site_id = site.site_id
WHERE scale.outcome = 'accepted'
ORDER BY scale.site_name, scale.verified_on, scale.line
