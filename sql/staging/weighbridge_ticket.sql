/*
description: Tickets in force, with site, county and product resolved; an unregistered site or unknown product stays in.
grain: one row a ticket_id
period: week_start
lookback: 0
columns:
  ticket_id: first 12 digits of the file's SHA-256 and the line, so a ticket is found again by anyone
  site_id: registered site, or the name on the ticket where the register does not know it
  site_name: site as the ticket names it
  is_registered_site: whether the register knows the site
  firm_name: firm that runs the site
  county_code: county of the site; NULL where the site is not registered
  ticket_no: number on the ticket
  number_period: period within which the number is unique
  weighed_at: when the judged weight was taken
  weighed_on: local date of it
  week_start: Monday of its ISO week
  first_weighed_at: when the first of two weighings (usually tare) was taken
  received_at: when the platform received it
  plate: number plate, normalised
  product_id: product; NULL where the name is unknown
  product_name: product in the standards' words, or as the ticket names it
  source_class: natural, manufactured or recycled; other where the product is unknown
  direction: out, in or internal
  is_direction_assumed: whether the direction is the source profile's default
  gross_kg: gross mass, kg
  tare_kg: tare mass, kg
  net_t: net mass, t; gross less tare where the ticket gives no net
  destination: destination as the ticket names it
  destination_county_code: county of the destination, where it is one of ours
  receiver: receiving firm
  scale_no: number of the scale, as in staging.scale
  operator: person who weighed
  axle_count: axles
  body: rigid or train
  drive_axle_count: drive axles
  axle_sum_kg: sum of the masses on the axles, kg, where the station weighs axle by axle
  is_above_scale_max: whether gross is above the scale's maximum; such a row is judged but not enforcement-usable
  is_off_division: whether gross is not a multiple of the scale's interval
  suspect_codes: row rules that flag the row
  correction_ids: corrections that changed the row (expectations/corrections)
  source: source profile
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
  load_no: load that brought it; meta.load_account says when
*/
SELECT
    left(ticket.snapshot_sha256, 12) || '-' || ticket.line AS ticket_id,
    coalesce(alias.site_id, ticket.site_name) AS site_id,
    ticket.site_name,
    alias.site_id IS NOT NULL AS is_registered_site,
    site.firm_name,
    site.county_code,
    ticket.ticket_no,
    ticket.number_period,
    ticket.weighed_at,
    ticket.weighed_at::DATE AS weighed_on,
    date_trunc('week', ticket.weighed_at)::DATE AS week_start,
    ticket.first_weighed_at,
    ticket.received_at,
    ticket.plate,
    product.product_id,
    coalesce(product.product_name, ticket.product_name) AS product_name,
    coalesce(product.source_class, 'other') AS source_class,
    ticket.direction,
    list_contains(ticket.assumed_columns, 'direction') AS is_direction_assumed,
    ticket.gross_kg,
    ticket.tare_kg,
    (coalesce(ticket.net_kg, ticket.gross_kg - ticket.tare_kg) / 1000)::DECIMAL(14, 3) AS net_t,
    ticket.destination,
    destination.county_code AS destination_county_code,
    ticket.receiver,
    -- As in staging.scale, or certificate and ticket do not meet: 01, 1#, １号 and 一号磅 are 1, 东01磅 is 东1.
    CASE
        WHEN regexp_full_match(ticket.scale_no, '[A-Z]|[1-9][0-9]*') THEN ticket.scale_no
        ELSE coalesce(
            nullif(
                regexp_replace(
                    regexp_replace(
                        translate(
                            upper(ticket.scale_no),
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
            trim(ticket.scale_no)
        )
    END AS scale_no,
    ticket.operator,
    ticket.axle_count,
    ticket.body,
    ticket.drive_axle_count,
    (
        ticket.axle_1_kg
        + coalesce(ticket.axle_2_kg, 0)
        + coalesce(ticket.axle_3_kg, 0)
        + coalesce(ticket.axle_4_kg, 0)
        + coalesce(ticket.axle_5_kg, 0)
        + coalesce(ticket.axle_6_kg, 0)
        + coalesce(ticket.axle_7_kg, 0)
        + coalesce(ticket.axle_8_kg, 0)
        + coalesce(ticket.axle_9_kg, 0)
        + coalesce(ticket.axle_10_kg, 0)
    )::DECIMAL(14, 3) AS axle_sum_kg,
    coalesce(ticket.gross_kg > site.scale_max_kg, FALSE) AS is_above_scale_max,
    coalesce(ticket.gross_kg % site.scale_division_kg <> 0, FALSE) AS is_off_division,
    ticket.suspect_codes,
    ticket.correction_ids,
    ticket.feed_source AS source,
    ticket.snapshot_sha256,
    ticket.line,
    ticket.load_no
FROM raw.weighbridge_ticket AS ticket
LEFT JOIN staging.site_alias AS alias ON ticket.site_name = alias.alias
LEFT JOIN staging.site AS site ON alias.site_id = site.site_id
LEFT JOIN staging.product_alias AS product_name ON ticket.product_name = product_name.alias
LEFT JOIN reference.product AS product ON product_name.product_id = product.product_id
LEFT JOIN reference.region AS destination ON ticket.destination = destination.county_name
WHERE ticket.outcome = 'accepted'
ORDER BY ticket.weighed_at, ticket.snapshot_sha256, ticket.line
