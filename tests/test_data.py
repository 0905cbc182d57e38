"""The data and its description: every column explained, every question answered, everything that must be found, found."""
import difflib
import itertools
import re
import sqlite3
import subprocess
import sys

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def db(server):
    """The database that is being served (the server fixture has made it current)."""
    with sqlite3.connect(f"file:{ROOT / 'record.db'}?mode=ro", uri=True) as connection:
        yield connection


def described(db):
    """Return {table or view: [column, …]} for all that schema.sql declares, search indexes left aside."""
    names = db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE '%\\_fts%' ESCAPE '\\' "
                       "AND name NOT LIKE 'search\\_index%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'").fetchall()
    return {name: [column[1] for column in db.execute(f"PRAGMA table_info({name})")] for name, in names}


def test_every_table_and_column_is_described_and_nothing_else_is(db, metadata):
    tables = metadata["databases"]["record"]["tables"]
    assert {name: set(columns) for name, columns in described(db).items()} == {name: set(t["columns"]) for name, t in tables.items()}
    for name, table in tables.items():
        for text in [table["description"], *table["columns"].values()]:
            assert text.strip() and text.strip()[-1] in ".)", f"{name}: {text!r} is not a sentence"


def test_sorts_facets_and_labels_name_columns_that_exist(db, metadata):
    columns = described(db)
    for name, table in metadata["databases"]["record"]["tables"].items():
        facets = [f if isinstance(f, str) else f["array"] for f in table.get("facets", [])]
        used = [table.get(key) for key in ("label_column", "sort", "sort_desc") if key in table] + facets
        assert set(used) <= set(columns[name]), name


def test_every_vocabulary_is_in_use_by_a_column(db):
    """Each vocabulary constrains a column, and each term of a constraint is defined."""
    schema = (ROOT / "schema.sql").read_text("utf-8")
    for vocabulary, in db.execute("SELECT DISTINCT vocabulary FROM vocabulary"):
        assert f"(in {vocabulary.replace(' ', '_')})" in schema


def test_groupings_cover_the_vocabularies_that_counts_are_made_with(db):
    assert db.execute("SELECT vocabulary, term FROM vocabulary WHERE grouping IS NULL AND vocabulary IN "
                      "('response position', 'assessment status', 'statement content')").fetchall() == []


def test_nothing_is_dated_after_the_record_itself(db):
    as_of, = db.execute("SELECT as_of FROM dataset").fetchone()
    assert db.execute("SELECT date, title FROM timeline WHERE date > ?", [as_of]).fetchall() == []
    assert db.execute("SELECT id FROM sources WHERE published > ?", [as_of]).fetchall() == []


def test_no_more_recommendations_are_recorded_than_were_made(db):
    assert db.execute("SELECT report FROM report_scorecard WHERE recommendations_recorded > recommendations_made").fetchall() == []


def test_no_listed_organisation_or_topic_is_an_orphan(db):
    """Each organisation is used by a row, directly or as the parent or successor of another."""
    used = {value for table in described(db) for column, other in
            [(key[3], key[2]) for key in db.execute(f"PRAGMA foreign_key_list({table})")] if other == "organisations"
            for value, in db.execute(f"SELECT DISTINCT {column} FROM {table}")}
    assert {id for id, in db.execute("SELECT id FROM organisations")} - used == set()
    assert db.execute("SELECT id FROM places WHERE id NOT IN (SELECT place FROM incidents WHERE place IS NOT NULL)").fetchall() == []


def test_no_row_of_a_report_is_dated_before_it(db):
    """An answer given before the report, to the same demand made earlier, must say so in its first words."""
    for table, prose in ("responses", "summary"), ("assessments", "what_changed"), ("statements", "summary"):
        join = "JOIN reports p ON p.id = x.report" if table == "statements" else \
            "JOIN recommendations r ON r.id = x.recommendation JOIN reports p ON p.id = r.report"
        early = db.execute(f"SELECT x.id, x.{prose} FROM {table} x {join} WHERE {EARLIER.format(a='x.date', b='p.published')}").fetchall()
        assert [id for id, text in early if not text.startswith("Before the report")] == []


# Two dates compared at the precision that both have.
EARLIER = "substr({a}, 1, min(length({a}), length({b}))) < substr({b}, 1, min(length({a}), length({b})))"


@pytest.mark.parametrize("table, first, then", [("incidents", "date_start", "date_end"), ("mous", "signed", "ended"), ("mous", "in_force", "ended"),
                                                ("systems", "announced", "retired"), ("machinery_changes", "date", "follow_up_date")])
def test_nothing_ends_before_it_begins(db, table, first, then):
    assert db.execute(f"SELECT id, {first}, {then} FROM {table} WHERE {EARLIER.format(a=then, b=first)}").fetchall() == []


def test_where_a_report_is_complete_its_numbers_run_through(db):
    complete = db.execute("SELECT report, recommendations_made FROM report_scorecard WHERE recommendations_recorded = recommendations_made").fetchall()
    assert complete
    for report, made in complete:
        numbers = [n for n, in db.execute("SELECT number FROM recommendations WHERE report = ? AND number IS NOT NULL", [report])]
        assert all(not n.isdigit() or 1 <= int(n) <= made for n in numbers), report


# Pairs that look alike and are not the same.
ALIKE = {
    frozenset(pair) for pair in [
        ("angiolini-1-2024", "angiolini-2-first-2025"), ("bscc-ar-2022-23", "bscc-ar-2023-24"), ("grenfell-phase1-2019", "grenfell-phase2-2024"),
        ("hac-wcs-2021", "justice-wcs-2021"), ("hac-wcs-2021", "pac-wcs-2021"), ("icibi-aar-1-2020", "icibi-aar-2-2021"),
        ("icibi-uasc-hotels-2022", "icibi-uasc-hotels-2024"), ("ip-wcs-2022", "ip-wcs-2023"), ("lampard-yarls-wood-2016", "verita-brook-house-2018"),
        ("nao-eborders-2015", "pac-eborders-2016"), ("nao-immigration-enforcement-2020", "pac-immigration-enforcement-2020"),
        ("pac-esn-2017", "pac-esn-2017-recall"), ("egates-outage-2021-09-24", "egates-outage-2021-11-10"),
        ("medconf-q-third-refugee-event-a", "medconf-q-third-refugee-event-b"), ("essex-police", "sussex-police"), ("nfcc", "npcc"),
    ]
}


@pytest.mark.parametrize("table, column", [("incidents", "title"), ("reports", "title"), ("systems", "name"), ("mous", "title"), ("proposals", "title"),
                                           ("organisations", "name"), ("asks", "title")])
def test_no_two_rows_have_nearly_the_same_name(db, table, column):
    """Judgments and foreign governments are left aside: their names differ in a word or a citation."""
    rows = [(id, re.sub("[^a-z0-9 ]", "", name.lower())) for id, name in db.execute(f"SELECT id, {column} FROM {table}")
            if " v " not in name and not name.startswith("Government of")]
    found = set()
    for (a, one), (b, other) in itertools.combinations(rows, 2):
        matcher = difflib.SequenceMatcher(None, one, other)
        if matcher.real_quick_ratio() > 0.86 and matcher.quick_ratio() > 0.86 and matcher.ratio() > 0.86:
            found.add(frozenset((a, b)))
    assert found - ALIKE == set()


def prose(db):
    """Yield (table, id, column, text) for every text that the record says in its own words."""
    for table in ("incidents", "reports", "recommendations", "responses", "assessments", "statements", "mous", "mou_events",
                  "systems", "proposals", "machinery_changes", "asks"):
        columns = [c[1] for c in db.execute(f"PRAGMA table_info({table})")
                   if c[1] in ("summary", "what_changed", "outcome", "people_affected_note", "purpose", "data_shared", "function", "announcement", "follow_up")]
        for row in db.execute(f"SELECT id, {', '.join(columns)} FROM {table}"):
            for column, text in zip(columns, row[1:]):
                if text:
                    yield table, row[0], column, text


def test_no_sentence_is_longer_than_45_words(db):
    long = [(table, id, column, sentence[:60]) for table, id, column, text in prose(db)
            for sentence in re.split(r"(?<=[.!?])[”’)]?\s+(?=[A-Z“‘(])", text) if len(sentence.split()) > 45]
    assert long == []


def test_the_record_addresses_nobody_and_judges_in_nobody_else_s_name(db):
    """No second person outside quotation marks, no words of outrage, nothing about how the record was made."""
    banned = re.compile(r"\b(you|your|shocking|shockingly|outrageous|disgraceful|appalling|dataset researcher|stored copy|seed page)\b", re.I)
    found = [(table, id, banned.search(plain)[0]) for table, id, _, text in prose(db)
             if banned.search(plain := re.sub("“[^”]*”", "", text))]
    assert found == []


def test_prose_tells_facts_and_not_how_they_were_looked_up(db):
    """What was not read belongs to `extent_read`, `note` and the leads; a reader can do nothing with it in a summary."""
    notes = re.compile(r"\b(the (part|parts|extract|excerpt|copy) (seen|read|cited)|was not read|breaks off|the (row|source)s? (cited|read|seen) (do|does|did) not (say|show|name))\b", re.I)
    assert [(table, id, notes.search(text)[0]) for table, id, _, text in prose(db) if notes.search(text)] == []


def test_nobody_is_independent_of_a_recommendation_to_itself_or_its_own_part_or_department(db):
    assert db.execute("""SELECT a.id, a.made_by FROM assessments a
        JOIN recommendation_addressed_to t ON t.recommendation = a.recommendation
        JOIN organisations assessor ON assessor.id = a.made_by JOIN organisations addressee ON addressee.id = t.organisation
        WHERE a.independent = 1 AND (a.made_by = t.organisation OR assessor.parent = t.organisation OR addressee.parent = a.made_by)
        """).fetchall() == []


def test_what_a_search_found_is_what_the_statements_hold(db):
    """“Account found” means that a statement of the institution says what was done; no other outcome may stand beside one."""
    assert db.execute("""SELECT s.id, s.outcome FROM statement_searches s WHERE (s.outcome = 'account found') <>
        EXISTS (SELECT 1 FROM statements x WHERE x.report = s.report AND x.content = 'what was done')""").fetchall() == []


def test_no_address_of_a_firm_or_campaign_carries_the_name_of_a_claimant(db):
    """Case names stand as titles of judgments. In addresses they may stand only where courts and Parliament publish."""
    titles = [title for title, in db.execute("SELECT title FROM reports WHERE kind = 'judgment'")]
    parties = [name for title in titles for name in re.findall(r"^(?:R \()?([A-Z][a-z]+)(?: and ([A-Z][a-z]+))?(?=\)|,| v | &| and others)", title)]
    names = {name.lower() for pair in parties for name in pair if name} - {"liberty"}
    assert names, "no case is named after a person"
    official = ("nationalarchives.gov.uk", "parliament.uk", "bailii.org", "judiciary.uk", "supremecourt.uk")
    found = [(id, name) for id, url in db.execute("SELECT id, url FROM sources") for name in names
             if re.search(rf"\b{name}\b", url.lower()) and not any(host in url for host in official)]
    assert [pair for pair in found if pair not in NOT_CLAIMANTS] == []


NOT_CLAIMANTS = [("buzzfeed-mou-2017", "donald"), ("nelson-guest-hmicfrs-2022", "nelson")]  # a president, and the name of a firm


def test_the_quality_report_is_current(db):
    run = subprocess.run([sys.executable, ROOT / "quality.py", "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_only_all_is_told_as_100_percent():
    shares = re.findall(r"([\d,]+) of ([\d,]+) \((\d+)%\)", (ROOT / "docs/quality.md").read_text("utf-8"))
    assert any(part == whole for part, whole, _ in shares) and any(part != whole for part, whole, _ in shares)
    assert [s for s in shares if (s[0] == s[1]) != (s[2] == "100")] == []


# What the page that this project began with states, row by row: words a reader would search for, and a row they must find.
SEED = [
    ("common data platform", "systems/common-data-platform"),
    ("home office biometrics programme", "systems/home-office-biometrics"),
    ("biometrics strategy", "incidents/biometrics-strategy-delay"),
    ("watchlist", "systems/watchlist"),
    ("status checking", "systems/status-checking"),
    ("atlas caseworking", "systems/atlas"),
    ("e-gates", "systems/e-gates"),
    ("identity checks right to work rent", "systems/idvt"),
    ("GOV.UK account", "systems/gov-uk-account"),
    ("GOV.UK UK phone number", "incidents/gov-uk-account-phone"),
    ("landing cards phone number", "incidents/passenger-landing-card-test"),
    ("Ukraine visas Afghans process", "incidents/ukraine-visas-no-reuse"),
    ("asylum seekers phones seized", "incidents/phone-seizures-2020"),
    ("St Mungo’s", "incidents/st-mungos-sharing-2010-17"),
    ("councils rough sleepers details", "incidents/rsss-referrals-2020-21"),
    ("Everard vigil", "incidents/everard-vigil-appeal-2022"),
    ("NHS Digital memorandum tracing immigration offenders", "mous/nhsd-home-office-mou-2016"),
    ("NHS Information Centre", "mous/nhsd-home-office-mou-2016"),
    ("Health and Social Care Information Centre", "organisations/hscic"),
    ("NHS patient charging Lewisham", "reports/lgt-panel-2021"),
    ("Lewisham Greenwich recommendation 26", "recommendations/lgt-panel-2021-r26"),
    ("eight-day-old baby", "incidents/baby-id-2017"),
    ("scientist told to leave", "incidents/scientist-told-to-leave"),
    ("Hillsborough patronising disposition", "reports/hillsborough-jones-2017"),
    ("undercover policing inquiry", "reports/ucpi-tranche1-2023"),
    ("Wayne Couzens", "reports/angiolini-1-2024"),
    ("visa allocation", "proposals/medconf-visas-to-dluhc"),
    ("Misuse of Drugs Act", "proposals/medconf-drugs-to-ukhsa"),
    ("written statement six months machinery of government", "proposals/medconf-machinery-statement"),
    ("third refugee event biometric passports", "proposals/medconf-q-third-refugee-event-a"),
    ("third refugee event without biometric passports", "proposals/medconf-q-third-refugee-event-b"),
]


@pytest.mark.parametrize("words, row", SEED)
def test_what_the_seed_page_states_is_found_by_search_and_has_a_source(site, db, words, row):
    table, id = row.split("/")
    found = site.get("/record/search.json", params={"words": words, "_shape": "objects"}).json()["rows"]
    assert row in [f"{f['table_name']}/{f['row_id']}" for f in found]
    assert site.get(f"/record/{row}").status_code == 200
    if table != "organisations":
        assert db.execute("SELECT count(*) FROM citations WHERE table_name = ? AND row_id = ?", [table, id]).fetchone()[0] > 0


def test_the_nhs_digital_agreement_is_told_from_signing_to_end(db):
    """Signed in 2016, in force in 2017, narrowed in May 2018, withdrawn that November."""
    events = db.execute("SELECT event, date FROM mou_events WHERE mou = 'nhsd-home-office-mou-2016'").fetchall()
    for event, date in ("signed", "2016"), ("in force", "2017-01"), ("withdrawn", "2018-11"):
        assert any(e == event and d.startswith(date) for e, d in events), (event, events)
    assert any(e in ("suspended", "amended") and d.startswith("2018-05") for e, d in events)
