/*
description: Every name a site goes by; a name that two sites claim belongs to neither.
grain: one row an alias
period: none
columns:
  alias: name as it may stand on a ticket
  site_id: site it means
*/
WITH name AS (
    SELECT
        site_name AS alias,
        site_name AS site_id
    FROM raw.site_register
    WHERE outcome = 'accepted'
    UNION
    SELECT
        trim(unnest(string_split(other_names, '、'))) AS alias,
        site_name AS site_id
    FROM raw.site_register
    WHERE outcome = 'accepted' AND other_names IS NOT NULL
)

SELECT
    alias,
    min(site_id) AS site_id
FROM name
WHERE alias <> ''
GROUP BY alias
HAVING count(DISTINCT site_id) = 1
