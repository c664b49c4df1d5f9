/*
description: >-
  What key projects need week by week, in the newest lines, with county and product resolved. Lines of one project,
  product and week that name the county by code and by name are one need: the newest line stands.
grain: one row a (project, county_code, product_given, week_start)
period: none
columns:
  project: key project
  county_code: GB/T 2260 code of the county, or the area as given
  county_name: name of the county; NULL outside the region table
  product_id: product; the name as given where it is unknown
  product_name: product in the standards' words, or as given
  product_given: product as given
  week_start: Monday of the ISO week of the need
  demand_t: need of the week, t
  contracted_t: part of it under contract, t; NULL is unknown
  supplier: who delivers by contract
  source: source profile
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
SELECT
    demand.project,
    coalesce(region.county_code, demand.county_code) AS county_code,
    region.county_name,
    coalesce(product.product_id, demand.product) AS product_id,
    coalesce(product.product_name, demand.product) AS product_name,
    demand.product AS product_given,
    date_trunc('week', demand.week_start)::DATE AS week_start,
    demand.demand_t,
    demand.contracted_t,
    demand.supplier,
    demand.feed_source AS source,
    demand.snapshot_sha256,
    demand.line
FROM raw.key_project_demand AS demand
LEFT JOIN reference.region AS region
    ON demand.county_code = region.county_code OR demand.county_code = region.county_name
LEFT JOIN staging.product_alias AS product_name ON demand.product = product_name.alias
LEFT JOIN reference.product AS product ON product_name.product_id = product.product_id
WHERE demand.outcome = 'accepted'
QUALIFY
    row_number() OVER (
        PARTITION BY
            demand.project,
            coalesce(region.county_code, demand.county_code),
            demand.product,
            date_trunc('week', demand.week_start)
        ORDER BY demand.load_no DESC, demand.line DESC
    ) = 1
ORDER BY week_start, county_code, demand.project, product_given
