/*
description: Fields of the datasets in the data catalogue.
grain: one row a (dataset, field_name)
columns:
  dataset: dataset, in meta.data_catalogue
  field_no: place of the column, from 1
  field_name: name of the column
  title: name in Chinese, where there is one
  data_type: type it is stored with
  unit: unit of its numbers
  meaning: what it says
  personal_kind: plate, driver, phone, contact or operator; NULL where it holds no personal data
*/
CREATE TABLE IF NOT EXISTS meta.data_catalogue_field (
    dataset VARCHAR NOT NULL,
    field_no INTEGER NOT NULL,
    field_name VARCHAR NOT NULL,
    title VARCHAR,
    data_type VARCHAR,
    unit VARCHAR,
    meaning VARCHAR,
    personal_kind VARCHAR
)
