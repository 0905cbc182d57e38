#!/bin/sh
# Who gets people’s data from whom, under agreements?
#
# For a developer; SQL with sqlite-utils on the whole database, then csvkit.
#
#     sh who_gets_data.sh [SITE]
#
# It downloads record.db, prints who receives data from how many bodies, writes who_gets_data.csv (each pair of bodies, with
# its agreement), and prints whose data the Home Office receives.
#
# A pair is one body recorded as giving data and another as receiving it under the same agreement. “In force” is how the
# agreement stood when it was last read about.
#
# It does not say that data flowed, nor how much, nor that each giver of an agreement gives to each receiver. Parties whose
# part is not stated are left out. Agreements that are not recorded are not counted, and many are not published.
set -eu
site=${1:-http://127.0.0.1:8001}
curl --fail --silent --show-error --output record.db "$site/downloads/record.db"

sqlite-utils create-view record.db pairs --replace "
  SELECT f.name AS giver, t.name AS receiver, m.status, m.title AS agreement, m.id AS mou
  FROM mous m
  JOIN mou_parties a ON a.mou = m.id AND a.role LIKE 'provides%'
  JOIN mou_parties b ON b.mou = m.id AND b.role LIKE '%receives data' AND b.organisation <> a.organisation
  JOIN organisations f ON f.id = a.organisation
  JOIN organisations t ON t.id = b.organisation"

sqlite-utils query record.db --table "
  SELECT receiver, count(DISTINCT mou) AS agreements, count(DISTINCT mou) FILTER (WHERE status = 'in force') AS in_force,
         count(DISTINCT giver) AS givers, replace(hex(zeroblob(count(DISTINCT giver))), '00', '#') AS bar
  FROM pairs GROUP BY receiver ORDER BY givers DESC, agreements DESC, receiver"

echo
echo "Who gives it to the Home Office:"
sqlite-utils rows record.db pairs --csv --order 'receiver, giver, mou' > who_gets_data.csv
csvgrep -c receiver -r '^Home Office$' who_gets_data.csv | csvcut -c giver,status,mou | csvlook
