"""The data and its description: every column explained, every question answered, everything that must be found, found."""
import sqlite3

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


def test_sorts_facets_labels_and_units_name_columns_that_exist(db, metadata):
    columns = described(db)
    for name, table in metadata["databases"]["record"]["tables"].items():
        facets = [f if isinstance(f, str) else f["array"] for f in table.get("facets", [])]
        used = [table.get(key) for key in ("label_column", "sort", "sort_desc") if key in table] + facets + list(table.get("units", {}))
        assert set(used) <= set(columns[name]), name


def test_every_vocabulary_is_in_use_by_a_column(db):
    """Each vocabulary constrains a column, and each term of a constraint is defined."""
    schema = (ROOT / "schema.sql").read_text("utf-8")
    for vocabulary, in db.execute("SELECT DISTINCT vocabulary FROM vocabulary"):
        assert f"(in {vocabulary.replace(' ', '_')})" in schema


def test_groupings_cover_the_vocabularies_that_counts_are_made_with(db):
    assert db.execute("SELECT vocabulary, term FROM vocabulary WHERE grouping IS NULL AND vocabulary IN "
                      "('response position', 'assessment status', 'statement kind')").fetchall() == []


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
