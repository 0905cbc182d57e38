-- The structure of the record, declared once. build.py makes record.db from this file and csv/.
--
-- SQLite has no CREATE DOMAIN, so CHECK (is date) stands for the rule of that name in build.py, and
-- CHECK (in mou_status) for the terms of that vocabulary in csv/vocabulary.csv. build.py writes both out in full:
-- the published database refuses bad data by itself.
--
-- A table with an id is loaded from the CSV of its name. A column with CHECK (is list) holds "a; b; c" in the CSV
-- and a JSON array here; where a join table <parent>_<column> exists below, each item becomes a row of it too.
-- Dates are ISO 8601 at the precision known: 2018, 2018-05 or 2018-05-09.
-- What each table and column means is said in metadata.yml.

-- Reference ---------------------------------------------------------------------------------------------------

CREATE TABLE dataset (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  title          TEXT NOT NULL CHECK (is text),
  version        TEXT NOT NULL CHECK (is text),
  as_of          TEXT NOT NULL CHECK (is date)
) STRICT;

CREATE TABLE vocabulary (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  vocabulary     TEXT NOT NULL CHECK (is text),
  term           TEXT NOT NULL CHECK (is text),
  definition     TEXT NOT NULL CHECK (is text),
  grouping       TEXT,
  UNIQUE (vocabulary, term)
) STRICT;

CREATE TABLE topics (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  name           TEXT NOT NULL UNIQUE CHECK (is text),
  description    TEXT NOT NULL CHECK (is text)
) STRICT;

CREATE TABLE sources (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  title          TEXT NOT NULL CHECK (is text),
  publisher      TEXT NOT NULL CHECK (is text),
  url            TEXT NOT NULL UNIQUE CHECK (is url),
  archived_url   TEXT CHECK (is url),
  published      TEXT CHECK (is date),
  kind           TEXT NOT NULL CHECK (in source_kind),
  official       INTEGER NOT NULL CHECK (is flag),
  licence        TEXT NOT NULL CHECK (in licence),
  extent_read    TEXT NOT NULL CHECK (in extent_read),
  note           TEXT CHECK (is text)
) STRICT;

CREATE TABLE organisations (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  name           TEXT NOT NULL UNIQUE CHECK (is text),
  short_name     TEXT CHECK (is text),
  kind           TEXT NOT NULL CHECK (in organisation_kind),
  parent         TEXT REFERENCES organisations (id),
  successor      TEXT REFERENCES organisations (id),
  website        TEXT CHECK (is url),
  sources        TEXT NOT NULL CHECK (is list)
) STRICT;

CREATE TABLE places (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  name           TEXT NOT NULL UNIQUE CHECK (is text),
  kind           TEXT NOT NULL CHECK (in place_kind),
  latitude       REAL NOT NULL CHECK (is latitude),
  longitude      REAL NOT NULL CHECK (is longitude),
  sources        TEXT NOT NULL CHECK (is list)
) STRICT;

CREATE TABLE systems (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  name           TEXT NOT NULL UNIQUE CHECK (is text),
  aliases        TEXT NOT NULL CHECK (is list),
  owner          TEXT REFERENCES organisations (id),
  purpose        TEXT NOT NULL CHECK (is text),
  status         TEXT NOT NULL CHECK (in system_status),
  announced      TEXT CHECK (is date),
  retired        TEXT CHECK (is date),
  summary        TEXT NOT NULL CHECK (is text),
  topics         TEXT NOT NULL CHECK (is list),
  sources        TEXT NOT NULL CHECK (is cited),
  checked        TEXT CHECK (is date)
) STRICT;

-- Reports, and what became of them ----------------------------------------------------------------------------

CREATE TABLE reports (
  id                   TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  title                TEXT NOT NULL UNIQUE CHECK (is text),
  short_title          TEXT CHECK (is text),
  author               TEXT NOT NULL CHECK (is text),
  author_organisation  TEXT REFERENCES organisations (id),
  kind                 TEXT NOT NULL CHECK (in report_kind),
  commissioned_by      TEXT REFERENCES organisations (id),
  about                TEXT NOT NULL CHECK (is list),
  published            TEXT CHECK (is date),
  status               TEXT NOT NULL CHECK (in report_status),
  recommendations_made INTEGER CHECK (is count),
  summary              TEXT NOT NULL CHECK (is text),
  topics               TEXT NOT NULL CHECK (is list),
  sources              TEXT NOT NULL CHECK (is cited),
  checked              TEXT CHECK (is date)
) STRICT;

CREATE TABLE asks (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  title          TEXT NOT NULL UNIQUE CHECK (is text),
  summary        TEXT NOT NULL CHECK (is text),
  topics         TEXT NOT NULL CHECK (is list)
) STRICT;

CREATE TABLE recommendations (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  report         TEXT NOT NULL REFERENCES reports (id),
  number         TEXT CHECK (is text),
  position       INTEGER CHECK (is count),
  addressed_to   TEXT NOT NULL CHECK (is list),
  summary        TEXT NOT NULL CHECK (is text),
  asks           TEXT NOT NULL CHECK (is list),
  topics         TEXT NOT NULL CHECK (is list),
  sources        TEXT NOT NULL CHECK (is cited),
  checked        TEXT CHECK (is date),
  UNIQUE (report, number),
  UNIQUE (report, position)
) STRICT;

CREATE TABLE responses (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  recommendation TEXT NOT NULL REFERENCES recommendations (id),
  made_by        TEXT NOT NULL REFERENCES organisations (id),
  date           TEXT CHECK (is date),
  position       TEXT NOT NULL CHECK (in response_position),
  basis          TEXT NOT NULL CHECK (in basis),
  summary        TEXT NOT NULL CHECK (is text),
  sources        TEXT NOT NULL CHECK (is cited),
  checked        TEXT CHECK (is date)
) STRICT;

CREATE TABLE assessments (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  recommendation TEXT NOT NULL REFERENCES recommendations (id),
  made_by        TEXT NOT NULL REFERENCES organisations (id),
  independent    INTEGER NOT NULL CHECK (is flag),
  date           TEXT CHECK (is date),
  status         TEXT NOT NULL CHECK (in assessment_status),
  basis          TEXT NOT NULL CHECK (in basis),
  what_changed   TEXT NOT NULL CHECK (is text),
  sources        TEXT NOT NULL CHECK (is cited),
  checked        TEXT CHECK (is date)
) STRICT;

CREATE TABLE statements (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  report         TEXT NOT NULL REFERENCES reports (id),
  made_by        TEXT NOT NULL REFERENCES organisations (id),
  date           TEXT CHECK (is date),
  title          TEXT NOT NULL CHECK (is text),
  kind           TEXT NOT NULL CHECK (in statement_kind),
  content        TEXT NOT NULL CHECK (in statement_content),
  summary        TEXT NOT NULL CHECK (is text),
  sources        TEXT NOT NULL CHECK (is cited),
  checked        TEXT CHECK (is date)
) STRICT;

-- What was looked for after a report, so that "none found" can be checked and repeated.
CREATE TABLE statement_searches (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  report         TEXT NOT NULL REFERENCES reports (id),
  date           TEXT NOT NULL CHECK (is date),
  searched_in    TEXT NOT NULL CHECK (is text),
  phrases        TEXT NOT NULL CHECK (is text),
  outcome        TEXT NOT NULL CHECK (in search_outcome),
  note           TEXT CHECK (is text)
) STRICT;

-- Data-sharing agreements -------------------------------------------------------------------------------------

CREATE TABLE mous (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  title          TEXT NOT NULL UNIQUE CHECK (is text),
  purpose        TEXT CHECK (is text),
  data_shared    TEXT CHECK (is text),
  data_kinds     TEXT NOT NULL CHECK (is list),
  legal_basis    TEXT CHECK (is text),
  signed         TEXT CHECK (is date),
  in_force       TEXT CHECK (is date),
  ended          TEXT CHECK (is date),
  status         TEXT NOT NULL CHECK (in mou_status),
  summary        TEXT NOT NULL CHECK (is text),
  systems        TEXT NOT NULL CHECK (is list),
  topics         TEXT NOT NULL CHECK (is list),
  sources        TEXT NOT NULL CHECK (is cited),
  checked        TEXT CHECK (is date)
) STRICT;

CREATE TABLE mou_parties (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  mou            TEXT NOT NULL REFERENCES mous (id),
  organisation   TEXT NOT NULL REFERENCES organisations (id),
  role           TEXT NOT NULL CHECK (in mou_role),
  sources        TEXT NOT NULL CHECK (is cited),
  checked        TEXT CHECK (is date),
  UNIQUE (mou, organisation, role)
) STRICT;

CREATE TABLE mou_events (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  mou            TEXT NOT NULL REFERENCES mous (id),
  date           TEXT NOT NULL CHECK (is date),
  event          TEXT NOT NULL CHECK (in mou_event),
  summary        TEXT NOT NULL CHECK (is text),
  sources        TEXT NOT NULL CHECK (is cited),
  checked        TEXT CHECK (is date)
) STRICT;

-- What happened, and what was proposed ------------------------------------------------------------------------

CREATE TABLE incidents (
  id                   TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  title                TEXT NOT NULL UNIQUE CHECK (is text),
  kind                 TEXT NOT NULL CHECK (in incident_kind),
  date_start           TEXT CHECK (is date),
  date_end             TEXT CHECK (is date),
  date_public          TEXT CHECK (is date),
  organisations        TEXT NOT NULL CHECK (is list),
  place                TEXT REFERENCES places (id),
  systems              TEXT NOT NULL CHECK (is list),
  reports              TEXT NOT NULL CHECK (is list),
  mous                 TEXT NOT NULL CHECK (is list),
  topics               TEXT NOT NULL CHECK (is list),
  people_affected      INTEGER CHECK (is count),
  people_affected_note TEXT CHECK (is text),
  summary              TEXT NOT NULL CHECK (is text),
  outcome              TEXT CHECK (is text),
  sources              TEXT NOT NULL CHECK (is cited),
  checked              TEXT CHECK (is date)
) STRICT;

CREATE TABLE proposals (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  title          TEXT NOT NULL UNIQUE CHECK (is text),
  kind           TEXT NOT NULL CHECK (in proposal_kind),
  made_by        TEXT NOT NULL REFERENCES organisations (id),
  addressed_to   TEXT NOT NULL CHECK (is list),
  date           TEXT CHECK (is date),
  summary        TEXT NOT NULL CHECK (is text),
  status         TEXT NOT NULL CHECK (in proposal_status),
  topics         TEXT NOT NULL CHECK (is list),
  sources        TEXT NOT NULL CHECK (is cited),
  checked        TEXT CHECK (is date)
) STRICT;

CREATE TABLE machinery_changes (
  id             TEXT PRIMARY KEY NOT NULL CHECK (is slug),
  title          TEXT NOT NULL UNIQUE CHECK (is text),
  date           TEXT NOT NULL CHECK (is date),
  moved_from     TEXT NOT NULL CHECK (is list),
  moved_to       TEXT NOT NULL CHECK (is list),
  function       TEXT NOT NULL CHECK (is text),
  announced_by   TEXT REFERENCES organisations (id),
  announcement   TEXT CHECK (is text),
  follow_up_date TEXT CHECK (is date),
  follow_up      TEXT CHECK (is text),
  sources        TEXT NOT NULL CHECK (is cited),
  checked        TEXT CHECK (is date)
) STRICT;

-- Join tables: one row for each item of a list column, in the order of the list ---------------------------------

CREATE TABLE system_topics                (system TEXT NOT NULL REFERENCES systems (id), topic TEXT NOT NULL REFERENCES topics (id), PRIMARY KEY (system, topic)) STRICT;
CREATE TABLE system_aliases               (system TEXT NOT NULL REFERENCES systems (id), alias TEXT NOT NULL, PRIMARY KEY (system, alias)) STRICT;
CREATE TABLE report_about                 (report TEXT NOT NULL REFERENCES reports (id), organisation TEXT NOT NULL REFERENCES organisations (id), PRIMARY KEY (report, organisation)) STRICT;
CREATE TABLE report_topics                (report TEXT NOT NULL REFERENCES reports (id), topic TEXT NOT NULL REFERENCES topics (id), PRIMARY KEY (report, topic)) STRICT;
CREATE TABLE ask_topics                   (ask TEXT NOT NULL REFERENCES asks (id), topic TEXT NOT NULL REFERENCES topics (id), PRIMARY KEY (ask, topic)) STRICT;
CREATE TABLE recommendation_addressed_to  (recommendation TEXT NOT NULL REFERENCES recommendations (id), organisation TEXT NOT NULL REFERENCES organisations (id), PRIMARY KEY (recommendation, organisation)) STRICT;
CREATE TABLE recommendation_asks          (recommendation TEXT NOT NULL REFERENCES recommendations (id), ask TEXT NOT NULL REFERENCES asks (id), PRIMARY KEY (recommendation, ask)) STRICT;
CREATE TABLE recommendation_topics        (recommendation TEXT NOT NULL REFERENCES recommendations (id), topic TEXT NOT NULL REFERENCES topics (id), PRIMARY KEY (recommendation, topic)) STRICT;
CREATE TABLE mou_data_kinds               (mou TEXT NOT NULL REFERENCES mous (id), data_kind TEXT NOT NULL CHECK (in data_kind), PRIMARY KEY (mou, data_kind)) STRICT;
CREATE TABLE mou_systems                  (mou TEXT NOT NULL REFERENCES mous (id), system TEXT NOT NULL REFERENCES systems (id), PRIMARY KEY (mou, system)) STRICT;
CREATE TABLE mou_topics                   (mou TEXT NOT NULL REFERENCES mous (id), topic TEXT NOT NULL REFERENCES topics (id), PRIMARY KEY (mou, topic)) STRICT;
CREATE TABLE incident_organisations       (incident TEXT NOT NULL REFERENCES incidents (id), organisation TEXT NOT NULL REFERENCES organisations (id), PRIMARY KEY (incident, organisation)) STRICT;
CREATE TABLE incident_systems             (incident TEXT NOT NULL REFERENCES incidents (id), system TEXT NOT NULL REFERENCES systems (id), PRIMARY KEY (incident, system)) STRICT;
CREATE TABLE incident_reports             (incident TEXT NOT NULL REFERENCES incidents (id), report TEXT NOT NULL REFERENCES reports (id), PRIMARY KEY (incident, report)) STRICT;
CREATE TABLE incident_mous                (incident TEXT NOT NULL REFERENCES incidents (id), mou TEXT NOT NULL REFERENCES mous (id), PRIMARY KEY (incident, mou)) STRICT;
CREATE TABLE incident_topics              (incident TEXT NOT NULL REFERENCES incidents (id), topic TEXT NOT NULL REFERENCES topics (id), PRIMARY KEY (incident, topic)) STRICT;
CREATE TABLE proposal_addressed_to        (proposal TEXT NOT NULL REFERENCES proposals (id), organisation TEXT NOT NULL REFERENCES organisations (id), PRIMARY KEY (proposal, organisation)) STRICT;
CREATE TABLE proposal_topics              (proposal TEXT NOT NULL REFERENCES proposals (id), topic TEXT NOT NULL REFERENCES topics (id), PRIMARY KEY (proposal, topic)) STRICT;
CREATE TABLE machinery_change_moved_from  (machinery_change TEXT NOT NULL REFERENCES machinery_changes (id), organisation TEXT NOT NULL REFERENCES organisations (id), PRIMARY KEY (machinery_change, organisation)) STRICT;
CREATE TABLE machinery_change_moved_to    (machinery_change TEXT NOT NULL REFERENCES machinery_changes (id), organisation TEXT NOT NULL REFERENCES organisations (id), PRIMARY KEY (machinery_change, organisation)) STRICT;

-- Every source of every row. The CSV cell reads "source-id#locator; source-id#locator".
CREATE TABLE citations (
  table_name     TEXT NOT NULL,
  row_id         TEXT NOT NULL,
  source         TEXT NOT NULL REFERENCES sources (id),
  locator        TEXT,
  ordinal        INTEGER NOT NULL,
  PRIMARY KEY (table_name, row_id, ordinal)
) STRICT;

-- Search: one index over everything. (build.py also makes an index of each table, from its text columns.) -------

CREATE VIRTUAL TABLE search_index USING fts5 (
  table_name UNINDEXED, row_id UNINDEXED, title, text, tokenize = 'porter unicode61 remove_diacritics 2'
);

CREATE VIEW searchable AS
SELECT 'incidents' AS table_name, id AS row_id, title, summary || ' ' || coalesce(outcome, '') || ' ' || coalesce(people_affected_note, '') AS text FROM incidents
UNION ALL
SELECT 'reports', id, title, coalesce(short_title, '') || ' ' || author || ' ' || summary || ' ' || coalesce(published, '') FROM reports
UNION ALL
SELECT 'recommendations', r.id, coalesce(p.short_title, p.title) || coalesce(', recommendation ' || r.number, ': ' || trim(rtrim(substr(r.summary, 1, 60), replace(substr(r.summary, 1, 60), ' ', ''))) || '…'), r.summary || ' ' || p.title FROM recommendations r JOIN reports p ON p.id = r.report
UNION ALL
SELECT 'asks', id, title, summary FROM asks
UNION ALL
SELECT 'responses', s.id, o.name || ' on ' || coalesce(p.short_title, p.title) || coalesce(', recommendation ' || r.number, ''), s.position || '. ' || s.summary
FROM responses s JOIN organisations o ON o.id = s.made_by JOIN recommendations r ON r.id = s.recommendation JOIN reports p ON p.id = r.report
UNION ALL
SELECT 'assessments', a.id, o.name || ' on ' || coalesce(p.short_title, p.title) || coalesce(', recommendation ' || r.number, ''), a.status || '. ' || a.what_changed
FROM assessments a JOIN organisations o ON o.id = a.made_by JOIN recommendations r ON r.id = a.recommendation JOIN reports p ON p.id = r.report
UNION ALL
SELECT 'statements', id, title, summary FROM statements
UNION ALL
SELECT 'mous', id, title, summary || ' ' || coalesce(purpose, '') || ' ' || coalesce(data_shared, '') FROM mous
UNION ALL
SELECT 'mou_events', e.id, m.title || ': ' || e.event, e.summary FROM mou_events e JOIN mous m ON m.id = e.mou
UNION ALL
SELECT 'systems', id, name, summary || ' ' || purpose || ' ' || aliases FROM systems
UNION ALL
SELECT 'proposals', id, title, summary FROM proposals
UNION ALL
SELECT 'machinery_changes', id, title, function || ' ' || coalesce(announcement, '') || ' ' || coalesce(follow_up, '') FROM machinery_changes
UNION ALL
SELECT 'organisations', id, name, coalesce(short_name, '') FROM organisations
UNION ALL
SELECT 'topics', id, name, description FROM topics
UNION ALL
SELECT 'places', id, name, kind FROM places
UNION ALL
SELECT 'sources', id, title, publisher || ' ' || coalesce(note, '') FROM sources;

-- Views: the questions that the record answers ------------------------------------------------------------------
-- "Latest" compares dates as text, so 2018-05 comes after 2018; a row without a date comes first. Ages are counted
-- from the first day that a date allows to dataset.as_of, the day up to which the record was looked after.
-- Numbers are CAST, because the bare result of an expression equals no number that comes as text from a web address.

CREATE VIEW recommendation_status AS
WITH
latest_response AS (
  SELECT * FROM (
    SELECT *, row_number() OVER (PARTITION BY recommendation ORDER BY coalesce(date, '') DESC, id DESC) AS n FROM responses
  ) WHERE n = 1
),
latest_assessment AS (
  SELECT * FROM (
    SELECT *, row_number() OVER (PARTITION BY recommendation, independent ORDER BY coalesce(date, '') DESC, id DESC) AS n FROM assessments
  ) WHERE n = 1
),
joined AS (
  SELECT
    r.id AS recommendation, r.report, p.title AS report_title, p.published AS report_published, r.number, r.summary, r.addressed_to, r.topics,
    s.id AS response, s.made_by AS response_made_by, s.date AS response_date, s.position AS response_position, s.basis AS response_basis,
    CAST(julianday((SELECT as_of FROM dataset)) - julianday(substr(s.date || '-01-01', 1, 10)) AS INTEGER) AS days_since_response,
    own.id AS own_assessment, own.made_by AS own_made_by, own.date AS own_date, own.status AS own_status,
    ind.id AS independent_assessment, ind.made_by AS independent_made_by, ind.date AS independent_date, ind.status AS independent_status,
    (SELECT grouping FROM vocabulary WHERE vocabulary = 'response position' AND term = s.position) AS answer,
    (SELECT grouping FROM vocabulary WHERE vocabulary = 'assessment status' AND term = own.status) AS own_finding,
    (SELECT grouping FROM vocabulary WHERE vocabulary = 'assessment status' AND term = ind.status) AS independent_finding
  FROM recommendations r
  JOIN reports p ON p.id = r.report
  LEFT JOIN latest_response s ON s.recommendation = r.id
  LEFT JOIN latest_assessment own ON own.recommendation = r.id AND own.independent = 0
  LEFT JOIN latest_assessment ind ON ind.recommendation = r.id AND ind.independent = 1
)
SELECT
  recommendation, report, report_title, report_published, number, summary, addressed_to, topics,
  response, response_made_by, response_date, response_position, response_basis, days_since_response,
  own_assessment, own_made_by, own_date, own_status,
  independent_assessment, independent_made_by, independent_date, independent_status,
  CAST(CASE WHEN own_finding <> 'unclear' AND independent_finding <> 'unclear' THEN own_finding <> independent_finding END AS INTEGER) AS assessors_disagree,
  CASE
    WHEN independent_finding = 'met' THEN 'independently found met'
    WHEN independent_finding = 'partly' THEN 'independently found partly met or in progress'
    WHEN independent_finding = 'not' THEN 'independently found not met'
    WHEN answer = 'no' THEN 'rejected or withdrawn'
    WHEN independent_finding IS NOT NULL THEN 'independently looked at, no verdict'
    WHEN own_finding IS NOT NULL THEN 'only the institution’s own report found'
    WHEN answer IN ('yes', 'partly') THEN 'promised, no assessment found'
    WHEN answer = 'open' THEN 'answered without a promise'
    WHEN response IS NULL AND EXISTS (
      SELECT 1 FROM statements x JOIN vocabulary v ON v.vocabulary = 'statement content' AND v.term = x.content
      WHERE x.report = joined.report AND v.grouping = 'plan'
    ) THEN 'only the report as a whole was answered'
    ELSE 'no response found'
  END AS state
FROM joined;

CREATE VIEW report_scorecard AS
SELECT
  p.id AS report, p.title, p.published, p.recommendations_made,
  CAST(count(s.recommendation) AS INTEGER) AS recommendations_recorded,
  count(s.recommendation) || coalesce(' of ' || p.recommendations_made, '') || ' recorded' AS coverage,
  CAST(count(nullif(s.response_position, 'no response')) AS INTEGER) AS with_response,
  CAST(sum(s.response_position = 'accepted') AS INTEGER) AS accepted,
  CAST(sum(s.response_position IN ('accepted in part', 'accepted in principle')) AS INTEGER) AS accepted_with_limits,
  CAST(sum(s.response_position IN ('rejected', 'acceptance withdrawn')) AS INTEGER) AS rejected,
  CAST(count(coalesce(s.own_assessment, s.independent_assessment)) AS INTEGER) AS with_assessment,
  CAST(count(s.independent_assessment) AS INTEGER) AS with_independent_assessment,
  CAST(sum(s.state = 'independently found met') AS INTEGER) AS independently_met,
  CAST(sum(s.state = 'independently found partly met or in progress') AS INTEGER) AS independently_partly_met,
  CAST(sum(s.state = 'independently found not met') AS INTEGER) AS independently_not_met,
  CAST(sum(s.state = 'promised, no assessment found') AS INTEGER) AS promised_not_assessed,
  CAST((SELECT count(*) FROM statements x JOIN vocabulary v ON v.vocabulary = 'statement content' AND v.term = x.content WHERE x.report = p.id AND v.grouping = 'plan') AS INTEGER) AS plans,
  CAST((SELECT count(*) FROM statements x JOIN vocabulary v ON v.vocabulary = 'statement content' AND v.term = x.content WHERE x.report = p.id AND v.grouping = 'change') AS INTEGER) AS statements_of_change,
  (SELECT max(date) FROM statement_searches x WHERE x.report = p.id) AS last_searched
FROM reports p
JOIN recommendation_status s ON s.report = p.id
GROUP BY p.id;

CREATE VIEW asked_again AS
SELECT
  k.id AS ask, k.title,
  CAST(count(DISTINCT r.id) AS INTEGER) AS times_asked,
  CAST(count(DISTINCT r.report) AS INTEGER) AS reports,
  min(p.published) AS first_asked,
  max(p.published) AS last_asked,
  (SELECT group_concat(line, '; ') FROM (
     SELECT DISTINCT coalesce(p2.short_title, p2.title) || ' (' || coalesce(substr(p2.published, 1, 4), 'no date') || ')' AS line
     FROM recommendation_asks a2 JOIN recommendations r2 ON r2.id = a2.recommendation JOIN reports p2 ON p2.id = r2.report
     WHERE a2.ask = k.id ORDER BY p2.published, p2.id)) AS asked_by,
  (SELECT group_concat(line, '; ') FROM (
     SELECT r2.id || ': ' || o.name || ', ' || coalesce(s.date, 'no date') || ', ' || s.position AS line
     FROM recommendation_asks a2 JOIN recommendations r2 ON r2.id = a2.recommendation
     JOIN responses s ON s.recommendation = r2.id JOIN organisations o ON o.id = s.made_by
     WHERE a2.ask = k.id ORDER BY coalesce(s.date, ''), s.id)) AS answers
FROM asks k
JOIN recommendation_asks a ON a.ask = k.id
JOIN recommendations r ON r.id = a.recommendation
JOIN reports p ON p.id = r.report
GROUP BY k.id;

CREATE VIEW promises_without_assessment AS
SELECT
  recommendation, report, number, summary, response_made_by, response_date, response_position, response_basis,
  days_since_response, CAST(round(days_since_response / 365.25, 1) AS REAL) AS years_since_response
FROM recommendation_status
WHERE state = 'promised, no assessment found';

CREATE VIEW timeline AS
SELECT date_start AS date, 'incident began' AS what, title, 'incidents' AS table_name, id AS row_id FROM incidents WHERE date_start IS NOT NULL
UNION ALL
SELECT date_end, 'incident ended', title, 'incidents', id FROM incidents WHERE date_end IS NOT NULL
UNION ALL
SELECT date_public, 'incident reported', title, 'incidents', id FROM incidents WHERE date_public IS NOT NULL
UNION ALL
SELECT published, 'report published', title, 'reports', id FROM reports WHERE published IS NOT NULL
UNION ALL
SELECT s.date, 'response: ' || s.position, x.title, 'responses', s.id FROM responses s JOIN searchable x ON x.table_name = 'responses' AND x.row_id = s.id WHERE s.date IS NOT NULL
UNION ALL
SELECT a.date, 'assessment: ' || a.status, x.title, 'assessments', a.id FROM assessments a JOIN searchable x ON x.table_name = 'assessments' AND x.row_id = a.id WHERE a.date IS NOT NULL
UNION ALL
SELECT date, 'statement: ' || kind, title, 'statements', id FROM statements WHERE date IS NOT NULL
UNION ALL
SELECT e.date, 'agreement: ' || e.event, m.title, 'mou_events', e.id FROM mou_events e JOIN mous m ON m.id = e.mou
UNION ALL
SELECT date, 'proposal', title, 'proposals', id FROM proposals WHERE date IS NOT NULL
UNION ALL
SELECT announced, 'system announced', name, 'systems', id FROM systems WHERE announced IS NOT NULL
UNION ALL
SELECT retired, 'system retired', name, 'systems', id FROM systems WHERE retired IS NOT NULL
UNION ALL
SELECT date, 'function moved', title, 'machinery_changes', id FROM machinery_changes;

CREATE VIEW mou_overview AS
SELECT
  m.id AS mou, m.title, m.status, m.signed, m.in_force, m.ended, m.data_kinds,
  (SELECT group_concat(name, '; ') FROM (SELECT o.name FROM mou_parties y JOIN organisations o ON o.id = y.organisation WHERE y.mou = m.id AND y.role LIKE 'provides%' ORDER BY o.name)) AS data_from,
  (SELECT group_concat(name, '; ') FROM (SELECT o.name FROM mou_parties y JOIN organisations o ON o.id = y.organisation WHERE y.mou = m.id AND y.role LIKE '%receives data' ORDER BY o.name)) AS data_to,
  (SELECT group_concat(name, '; ') FROM (SELECT o.name FROM mou_parties y JOIN organisations o ON o.id = y.organisation WHERE y.mou = m.id AND y.role = 'signatory' ORDER BY o.name)) AS signatories,
  CAST((SELECT count(*) FROM mou_events e WHERE e.mou = m.id) AS INTEGER) AS events,
  (SELECT max(date) FROM mou_events e WHERE e.mou = m.id) AS last_event
FROM mous m;

-- The rule of six months is a proposal (medconf-machinery-statement), not a law. A year alone is counted from its end.
CREATE VIEW machinery_statements_due AS
SELECT
  id AS machinery_change, title, date, due, moved_from, moved_to, follow_up_date, follow_up,
  CASE
    WHEN follow_up IS NOT NULL THEN 'found'
    WHEN due > (SELECT as_of FROM dataset) THEN 'not yet due'
    ELSE 'none found'
  END AS statement
FROM (
  SELECT *, CASE length(date)
    WHEN 10 THEN date(date, '+6 months')
    WHEN 7 THEN substr(date(date || '-01', '+6 months'), 1, 7)
    ELSE (date + 1) || '-06'
  END AS due
  FROM machinery_changes
);

CREATE VIEW incident_map AS
SELECT i.id AS incident, i.title, i.kind, i.date_start, i.date_public, i.people_affected, p.name AS place, p.latitude, p.longitude
FROM incidents i JOIN places p ON p.id = i.place;

CREATE VIEW source_use AS
SELECT
  s.id AS source, s.title, s.publisher, s.kind, s.official, s.extent_read,
  CAST(count(*) AS INTEGER) AS claims,
  CAST(count(DISTINCT c.table_name || '/' || c.row_id) AS INTEGER) AS rows_supported,
  CAST(sum(c.locator IS NOT NULL) AS INTEGER) AS with_locator,
  s.url
FROM sources s JOIN citations c ON c.source = s.id
GROUP BY s.id;

-- Rows for which no official source is cited.
CREATE VIEW thin_evidence AS
SELECT
  c.table_name, c.row_id, x.title,
  CAST(count(DISTINCT c.source) AS INTEGER) AS sources,
  (SELECT group_concat(kind, '; ') FROM (
     SELECT DISTINCT s2.kind FROM citations c2 JOIN sources s2 ON s2.id = c2.source
     WHERE c2.table_name = c.table_name AND c2.row_id = c.row_id ORDER BY s2.kind)) AS source_kinds,
  CAST(min(s.kind IN ('news', 'campaign')) AS INTEGER) AS only_news_or_campaign
FROM citations c
JOIN sources s ON s.id = c.source
LEFT JOIN searchable x ON x.table_name = c.table_name AND x.row_id = c.row_id
GROUP BY c.table_name, c.row_id
HAVING max(s.official) = 0;
