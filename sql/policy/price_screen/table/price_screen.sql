/*
description: >-
  Leads of the price screens: where sellers' prices or stock behaved as they would under collusion or hoarding, and by
  chance seldom. A lead says whom to ask first and nothing about what was done. False leads are held to the share of
  sql/policy/price_screen among the leads of a screen and week (Benjamini-Hochberg over county and product). Names of
  sellers are business secrets: the table is in no public edition, and no alert carries it.
grain: one row a (screen, area_code, product_id, week_start)
columns:
  screen: spread_13, spread_52, same_move or hoarding, a screen of sql/policy/price_screen
  area_code: GB/T 2260 code of the county
  area_name: county
  product_id: product
  product_name: Chinese name of the product
  week_start: Monday of the week
  iso_week: ISO week
  value: coefficient of variation (share), sellers that moved alike (count), or rise of the price over 4 weeks (share)
  base: that coefficient in the 52 weeks before (share), sellers that quoted that day (count); NULL for hoarding
  value_unit: share or seller
  panel_rank: place among the tested series by coefficient of variation, 1 the lowest; NULL for the other screens
  p_value: probability of as much by chance under the screen's assumption, share; methods in docs/price_screens.md
  q_value: least share of false leads at which it is one (Benjamini-Hochberg), share
  tested_count: counties and products that the screen could test in the week
  seller_count: sellers with a quote in the week
  sellers: sellers that moved alike, separated by 、; NULL for the other screens
  text_zh: lead in words
  text_en: the same in English
*/
CREATE OR REPLACE TABLE mart.price_screen (
    screen VARCHAR NOT NULL,
    area_code VARCHAR NOT NULL,
    area_name VARCHAR NOT NULL,
    product_id VARCHAR NOT NULL,
    product_name VARCHAR NOT NULL,
    week_start DATE NOT NULL,
    iso_week VARCHAR NOT NULL,
    value DOUBLE NOT NULL,
    base DOUBLE,
    value_unit VARCHAR NOT NULL,
    panel_rank INTEGER,
    p_value DOUBLE NOT NULL,
    q_value DOUBLE NOT NULL,
    tested_count INTEGER NOT NULL,
    seller_count INTEGER NOT NULL,
    sellers VARCHAR,
    text_zh VARCHAR NOT NULL,
    text_en VARCHAR NOT NULL
);
