/*
description: The data catalogue (数据目录), what there is, whose it is and how it may be shared; made from contracts and headers.
grain: one row a dataset
columns:
  dataset: name it is queried by; a question takes arguments
  layer: schema, which says how far from the raw file it is
  title: name in Chinese
  description: what it holds
  owner: bureau that answers for it
  sharing_type: 无条件共享, 有条件共享 or 不予共享
  openness: 开放 or 不开放 to the public
  update_cycle: daily, weekly, irregular, on_demand, on_change, each_run or each_read; the fastest of its feeds
  grain: what a row is
  source_feeds: feeds it is made of
  editions: published editions that hold it
  plate_columns: columns that hold a plate
  personal_columns: columns that hold other personal data
  field_count: number of its columns
*/
CREATE TABLE IF NOT EXISTS meta.data_catalogue (
    dataset VARCHAR NOT NULL,
    layer VARCHAR NOT NULL,
    title VARCHAR,
    description VARCHAR,
    owner VARCHAR,
    sharing_type VARCHAR,
    openness VARCHAR,
    update_cycle VARCHAR,
    grain VARCHAR,
    source_feeds VARCHAR[],
    editions VARCHAR[],
    plate_columns VARCHAR[],
    personal_columns VARCHAR[],
    field_count INTEGER
)
