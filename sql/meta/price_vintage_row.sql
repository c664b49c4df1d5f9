/*
description: The scores of each vintage as they were said, rows are added only; read them in mart.price_vintage.
grain: one row a (vintage_no, area_code, product_id, unit, basis, tax, week_start)
columns:
  vintage_no: vintage
  area_code: county code, the city code, or the given text for an area outside the region table
  product_id: product
  unit: what one price is for, t or m3
  basis: ex_works or delivered
  tax: incl or excl, value added tax in the price or not
  week_start: Monday of the week
  content: >-
    the score as JSON, names in order, without what is empty: the columns of mart.price_level_week that follow from
    quotes alone; NULL where the week has no score any more
*/
CREATE TABLE IF NOT EXISTS meta.price_vintage_row (
    vintage_no INTEGER NOT NULL,
    area_code VARCHAR NOT NULL,
    product_id VARCHAR NOT NULL,
    unit VARCHAR NOT NULL,
    basis VARCHAR NOT NULL,
    tax VARCHAR,
    week_start DATE NOT NULL,
    content VARCHAR
)
