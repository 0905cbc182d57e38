"""The build: what it makes of good input, and what it says of bad."""
import csv
import hashlib
import json
import re
import sqlite3

import pytest
from conftest import ROOT, SMALL, Record


def replace(table, line, column, value):
    """Return a change that puts a value into the cell of a small table; line 2 is its first row."""

    def change(record):
        rows = {name: [dict(row) for row in rows] for name, rows in SMALL.items()}
        rows[table][line - 2][column] = value
        for file in record.csv.glob("*.csv"):
            file.unlink()
        record.csv.rmdir()
        record.write(rows)

    return change


def text(name, change):
    """Return a change that passes the text of a file through a function."""

    def change_text(record):
        file = record.csv / name
        file.write_bytes(change(file.read_bytes()))

    return change_text


BAD = [
    # what is done to the small record, and the whole line that must be printed
    (replace("incidents", 2, "date_start", "2018-02-30"),
     "csv/incidents.csv:2: date_start: '2018-02-30' is not a date that exists, written 2018, 2018-05 or 2018-05-09"),
    (replace("incidents", 2, "date_start", "9 May 2018"),
     "csv/incidents.csv:2: date_start: '9 May 2018' is not a date that exists, written 2018, 2018-05 or 2018-05-09"),
    (replace("incidents", 2, "date_start", "2018-13"),
     "csv/incidents.csv:2: date_start: '2018-13' is not a date that exists, written 2018, 2018-05 or 2018-05-09"),
    # The first incident fills two lines, so the second one begins in line 4 as an editor counts.
    (replace("incidents", 3, "date_public", "19"),
     "csv/incidents.csv:4: date_public: '19' is not a date that exists, written 2018, 2018-05 or 2018-05-09"),
    (replace("incidents", 2, "organisations", "home-ofice"),
     "csv/incidents.csv:2: organisations: home-ofice is not an id of organisations (did you mean home-office?)"),
    (replace("incidents", 2, "place", "zzzzz"), "csv/incidents.csv:2: place: zzzzz is not an id of places"),
    (replace("incidents", 2, "sources", "gov-pages#page 2"), "csv/incidents.csv:2: sources: gov-pages is not an id of sources (did you mean gov-page?)"),
    (replace("incidents", 2, "kind", "data breech"), "csv/incidents.csv:2: kind: 'data breech' is not a term of incident kind (did you mean data breach?)"),
    (replace("responses", 2, "basis", "xyz"),
     "csv/responses.csv:2: basis: 'xyz' is not a term of basis (one of: stated, read from text, as reported)"),
    (replace("incidents", 2, "title", ""), "csv/incidents.csv:2: title: the cell is empty (it must hold some text)"),
    (replace("incidents", 2, "sources", ""), "csv/incidents.csv:2: sources: the cell is empty (it must hold at least one source, written source-id or source-id#page 4)"),
    (replace("responses", 2, "recommendation", ""), "csv/responses.csv:2: recommendation: the cell is empty (it must hold the id of a row of recommendations)"),
    (replace("incidents", 2, "id", "First_One"), "csv/incidents.csv:2: id: 'First_One' is not an id of lower-case letters, digits and single hyphens, such as brook-house-2023"),
    (replace("incidents", 3, "id", "first"), "csv/incidents.csv:4: id: first stands already in line 2 (once is enough)"),
    (replace("incidents", 3, "title", "The first"), "csv/incidents.csv:4: title: The first stands already in line 2 (once is enough)"),
    (replace("recommendations", 3, "number", "1"), "csv/recommendations.csv:3: number: a-report-2018, 1 stands already in line 2 (once is enough)"),
    (replace("sources", 2, "url", "gov.uk/page"), "csv/sources.csv:2: url: 'gov.uk/page' is not a web address that begins with https:// or http://, without spaces"),
    (replace("sources", 3, "url", "https://www.gov.uk/page"), "csv/sources.csv:3: url: https://www.gov.uk/page stands already in line 2 (once is enough)"),
    (replace("sources", 2, "official", "2"), "csv/sources.csv:2: official: 2 is not 1 for yes or 0 for no"),
    (replace("places", 2, "latitude", "151.1"), "csv/places.csv:2: latitude: 151.1 is not degrees from -90 to 90"),
    (replace("places", 2, "longitude", "east"), "csv/places.csv:2: longitude: 'east' is not a number (degrees from -180 to 180)"),
    (replace("incidents", 2, "people_affected", "many"), "csv/incidents.csv:2: people_affected: 'many' is not a whole number (a whole number, 0 or more)"),
    (replace("incidents", 2, "people_affected", "-1"), "csv/incidents.csv:2: people_affected: -1 is not a whole number, 0 or more"),
    (replace("recommendations", 2, "addressed_to", "home-office;border-force"),
     "csv/recommendations.csv:2: addressed_to: 'home-office;border-force' is not a list (items separated by '; ', none empty)"),
    (replace("recommendations", 2, "addressed_to", "home-office; home-office"),
     "csv/recommendations.csv:2: addressed_to: home-office stands twice (name it once)"),
    (replace("incidents", 2, "outcome", "None "), "csv/incidents.csv:2: outcome: the cell begins or ends with a space (delete it)"),
    (replace("incidents", 2, "outcome", "A\x07bell"), "csv/incidents.csv:2: outcome: the cell holds the control or replacement character U+0007 (delete it)"),
    # What would be a formula in a spreadsheet: in a cell, in an item of a list, in the place in a source.
    (replace("incidents", 2, "outcome", "=1+1"),
     "csv/incidents.csv:2: outcome: '=1+1' begins with =, as a formula does in a spreadsheet (begin with a letter, a digit or a quotation mark)"),
    (replace("organisations", 2, "short_name", "-HO"),
     "csv/organisations.csv:2: short_name: '-HO' begins with -, as a formula does in a spreadsheet (begin with a letter, a digit or a quotation mark)"),
    (replace("systems", 2, "aliases", "ATLAS; @SUM(A1)"),
     "csv/systems.csv:2: aliases: '@SUM(A1)' begins with @, as a formula does in a spreadsheet (begin with a letter, a digit or a quotation mark)"),
    (replace("incidents", 2, "sources", "gov-page#+44"),
     "csv/incidents.csv:2: sources: '+44' begins with +, as a formula does in a spreadsheet (begin with a letter, a digit or a quotation mark)"),
    (text("incidents.csv", lambda b: b.replace(b"kind,", b"knd,", 1)), "csv/incidents.csv:1: knd: no such column (did you mean kind?)"),
    (text("incidents.csv", lambda b: b.replace(b"kind,", b"knd,", 1)), "csv/incidents.csv:1: kind: the column is missing from the header"),
    (text("topics.csv", lambda b: b.replace(b"name", b"id", 1)), "csv/topics.csv:1: id: the header has this column more than once"),
    (text("topics.csv", lambda b: b + b"a,b,c,d\n"), "csv/topics.csv:3: 4 cells (the header has 3; is a comma unquoted?)"),
    (text("topics.csv", lambda b: b + b"\na,b,c\n"), "csv/topics.csv:3: an empty line (delete it)"),
    (text("topics.csv", lambda b: b + b'open,"Open'),
     "csv/topics.csv:3: not readable as CSV from here on: unexpected end of data (is a quotation mark missing?)"),
    (text("topics.csv", lambda b: b + "café,Café,Café\n".encode("latin-1")), "csv/topics.csv:3: byte 0xe9 is not UTF-8 (save the file as UTF-8)"),
    (text("topics.csv", lambda b: b""), "csv/topics.csv:1: the file is empty (the header is id,name,description)"),
    (lambda r: (r.csv / "topics.csv").unlink(), "csv/topics.csv:1: the file is missing (with the header id,name,description)"),
    (lambda r: (r.csv / "incident.csv").write_text("id\n"), "csv/incident.csv:1: no table has this name (did you mean incidents?)"),
    (text("vocabulary.csv", lambda b: b.replace(b",basis,", b",bases,")), "csv/vocabulary.csv:1: vocabulary: there are no terms of 'basis' (schema.sql names it)"),
]


@pytest.mark.parametrize("change, message", BAD, ids=[message[:60] for _, message in BAD])
def test_bad_input_is_named_and_the_old_database_stays(small, change, message):
    assert small.build().returncode == 0
    old = small.db.read_bytes()
    change(small)
    run = small.build()
    assert run.returncode == 1
    assert message in run.stderr.splitlines()
    assert small.db.read_bytes() == old
    assert sorted(p.name for p in small.db.parent.iterdir()) == ["csv", "record.db"]


def test_every_problem_is_printed_at_once(small):
    rows = {name: [dict(row) for row in rows] for name, rows in SMALL.items()}
    rows["incidents"][0].update(date_start="yesterday", kind="mishap", place="narnia")
    rows["incidents"][1].update(title="", topics="visa")
    rows["sources"][1]["url"] = "nowhere"
    other = Record(small.csv.parent / "other")
    other.csv.parent.mkdir()
    other.write(rows)
    found = [line.split(": ")[:2] for line in other.build().stderr.splitlines()]
    for place in ["incidents.csv:2", "date_start"], ["incidents.csv:2", "kind"], ["incidents.csv:2", "place"], \
            ["incidents.csv:4", "title"], ["incidents.csv:4", "topics"], ["sources.csv:3", "url"]:
        assert ["csv/" + place[0], place[1]] in found
    assert len(found) == 7  # the six, and a line that counts them


@pytest.mark.parametrize("option, value", [("--csv", "no-such-folder"), ("--db", "no-such-folder/record.db")])
def test_a_folder_that_does_not_exist_is_named(small, option, value):
    run = small.build(option, value)
    assert run.returncode == 1
    assert run.stderr.strip() == "no-such-folder: there is no such folder"


def test_check_writes_nothing(small):
    assert small.build("--check").returncode == 0
    assert not small.db.exists()


def test_the_same_input_gives_the_same_bytes(small):
    digests = set()
    for seed in "1", "2":
        assert small.build(PYTHONHASHSEED=seed, TZ=f"UTC{seed}").returncode == 0
        digests.add(hashlib.sha256(small.db.read_bytes()).hexdigest())
        small.db.unlink()
    assert len(digests) == 1


def test_a_byte_order_mark_and_windows_line_ends_are_read(small):
    for file in small.csv.glob("*.csv"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert small.build().returncode == 0
    with sqlite3.connect(small.db) as db:
        assert db.execute("SELECT name FROM topics").fetchall() == [("Visas",)]


def test_lists_and_citations_become_rows(small):
    assert small.build().returncode == 0
    with sqlite3.connect(small.db) as db:
        assert db.execute("SELECT organisation FROM recommendation_addressed_to WHERE recommendation = 'a-report-2018-r1' ORDER BY rowid").fetchall() == [
            ("home-office",), ("border-force",)]
        assert db.execute("SELECT addressed_to, sources FROM recommendations WHERE id = 'a-report-2018-r1'").fetchone() == (
            '["home-office", "border-force"]', '["gov-page", "news-page"]')
        assert db.execute("SELECT alias FROM system_aliases ORDER BY rowid").fetchall() == [("Atlas Caseworking",), ("ATLAS",)]
        assert db.execute("SELECT source, locator, ordinal FROM citations WHERE row_id = 'a-report-2018-r1'").fetchall() == [
            ("gov-page", "page 4", 1), ("gov-page", "page 5", 2), ("news-page", None, 3)]


@pytest.mark.parametrize("statement", [
    "INSERT INTO incidents (id, title, kind, summary, organisations, systems, reports, mous, topics, sources) VALUES ('x-y', 'T', 'mishap', 'S', '[]', '[]', '[]', '[]', '[]', '[\"gov-page\"]')",
    "UPDATE incidents SET date_start = '2018-02-30'",
    "UPDATE incidents SET place = 'narnia'",
    "UPDATE places SET latitude = 91",
    "UPDATE places SET latitude = 'north'",
    "UPDATE sources SET url = 'nowhere'",
    "UPDATE incidents SET sources = '[]'",
    "UPDATE incidents SET title = ' '",
])
def test_the_database_itself_refuses_bad_data(small, statement):
    assert small.build().returncode == 0
    with sqlite3.connect(small.db) as db:
        db.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(statement)


# The real record ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The real record, built afresh."""
    record = Record(tmp_path_factory.mktemp("real"))
    record.csv = ROOT / "csv"
    run = record.build()
    assert run.returncode == 0, run.stderr
    return record


def test_two_builds_of_the_record_are_one(real, tmp_path):
    again = Record(tmp_path)
    again.csv = real.csv
    assert again.build(PYTHONHASHSEED="7").returncode == 0
    assert again.db.read_bytes() == real.db.read_bytes()


def test_every_cell_of_the_record_comes_back(real):
    """Each CSV cell is in the database as it was written, lists and citations rebuilt from their own tables too."""
    with sqlite3.connect(real.db) as db:
        db.row_factory = sqlite3.Row
        tables = [name for name, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for path in real.csv.glob("*.csv"):
            columns = {c["name"]: c["type"] for c in db.execute(f"PRAGMA table_info({path.stem})")}
            singular = path.stem.removesuffix("s")
            lists = re.findall(r"json_type\((\w+)\)", db.execute("SELECT sql FROM sqlite_master WHERE name = ?", [path.stem]).fetchone()[0])
            assert {f"{singular}_{column}" for column in lists} - {f"{singular}_sources"} <= set(tables)
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    stored = dict(db.execute(f"SELECT * FROM {path.stem} WHERE id = ?", [row["id"]]).fetchone())
                    assert stored.keys() == row.keys() == columns.keys()
                    for column, cell in row.items():
                        value = stored[column]
                        if column == "sources":
                            cited = db.execute("SELECT source, locator FROM citations WHERE table_name = ? AND row_id = ? ORDER BY ordinal", [path.stem, row["id"]])
                            assert cell == "; ".join(s + (f"#{locator}" if locator else "") for s, locator in cited)
                        elif (join := f"{singular}_{column}") in tables:
                            assert cell == "; ".join(json.loads(value))
                            items = db.execute(f"SELECT * FROM {join} WHERE {singular} = ? ORDER BY rowid", [row["id"]])
                            assert cell == "; ".join(item[1] for item in items)
                        elif columns[column] in ("INTEGER", "REAL") and cell:
                            assert float(cell) == value
                        else:
                            assert cell == (value or "")


def test_every_citation_resolves_and_every_source_is_used(real):
    with sqlite3.connect(real.db) as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute("SELECT source FROM citations WHERE source NOT IN (SELECT id FROM sources)").fetchall() == []
        assert db.execute("SELECT id FROM sources WHERE id NOT IN (SELECT source FROM citations)").fetchall() == []
        for table, row in db.execute("SELECT DISTINCT table_name, row_id FROM citations"):
            assert db.execute(f"SELECT count(*) FROM {table} WHERE id = ?", [row]).fetchone() == (1,)
