"""The downloads, each read by the programs that people read such files with."""
import csv
import hashlib
import html
import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import duckdb
import duckdb_extension_sqlite_scanner
import openpyxl
import pandas
import pytest
import sqlite_utils
from conftest import ROOT, run_async
from datasette.app import Datasette
from frictionless import Package, system

BIN = Path(sys.executable).parent
HIDDEN = {"searchable"}  # the one view that is for the site alone
FORMULA = tuple("=+-@\t\r＝＋－＠")  # https://owasp.org/www-community/attacks/CSV_Injection


def run(db, out, **environment):
    """Run exports.py; return the finished process, with its output as text."""
    return subprocess.run(
        [sys.executable, ROOT / "exports.py", "--db", db, "--out", out], capture_output=True, text=True, timeout=120, cwd=out.parent, env=environment or None,
    )


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The downloads of the real record."""
    folder = tmp_path_factory.mktemp("exports") / "dist"
    done = run(ROOT / "record.db", folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def record(dist):
    """The database that the downloads were made from."""
    with sqlite3.connect(f"{(dist / 'record.db').as_uri()}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        yield db


@pytest.fixture(scope="module")
def counts(record):
    """{table or view: rows} of what is for everybody, as SQLite itself counts."""
    names = [
        name for name, type in record.execute("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view')")
        if name not in HIDDEN and not re.search(r"(^sqlite_|^search_index|_fts(_|$))", name)
    ]
    return {name: record.execute(f"SELECT count(*) FROM [{name}]").fetchone()[0] for name in names}


@pytest.fixture(scope="module")
def index(dist):
    """index.json."""
    return json.loads((dist / "index.json").read_bytes())


@pytest.fixture(scope="module")
def workbook(dist):
    """The workbook, opened by openpyxl."""
    return openpyxl.load_workbook(dist / "record.xlsx")


def lists(record, name):
    """Return the columns of a table or view in which every cell is a JSON list."""
    columns = [c["name"] for c in record.execute(f"PRAGMA table_info([{name}])")]
    sums = ", ".join(f"sum(CASE WHEN json_valid([{c}]) THEN json_type([{c}]) = 'array' ELSE 0 END) = count(*)" for c in columns)
    return {column for column, all_lists in zip(columns, record.execute(f"SELECT {sums} FROM [{name}]").fetchone()) if all_lists}


def rows_of(record, name):
    """Return the rows of a table or view as dicts, with lists as lists, in any order that is always the same."""
    named = lists(record, name)
    rows = [{c: json.loads(r[c]) if c in named and r[c] is not None else r[c] for c in r.keys()} for r in record.execute(f"SELECT * FROM [{name}]")]
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


# The folder -------------------------------------------------------------------------------------------------------


def test_index_is_true(dist, index, counts, record):
    of_dataset = dict(record.execute("SELECT id, title, version, as_of FROM dataset").fetchone())
    assert {key: index[key] for key in of_dataset} == of_dataset
    assert index["licence"] == "CC-BY-4.0" and index["version"] in index["citation"]
    files = {file["path"]: file for file in index["files"]}
    assert set(files) == {p.relative_to(dist).as_posix() for p in dist.rglob("*") if p.is_file()} - {"index.json"}
    for path, file in files.items():
        content = (dist / path).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest()), path
        assert file["rows"] == (counts[file["table"]] if file["table"] else None), path
    for kind in "csv", "parquet", "ndjson":
        assert {file["table"] for path, file in files.items() if path.startswith(kind + "/")} == set(counts)


def test_two_exports_are_one(dist, tmp_path):
    again = tmp_path / "again"
    assert run(dist / "record.db", again, PYTHONHASHSEED="7", TZ="Pacific/Auckland").returncode == 0
    for path in dist.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(dist)).read_bytes(), path


def foreign(path):
    """Make a database that is not the record."""
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE other (id TEXT)")


def spoil_pages(path):
    """Overwrite the middle of a copy of the record."""
    content = bytearray((ROOT / "record.db").read_bytes())
    content[len(content) // 3:len(content) // 2] = b"\xff" * (len(content) // 2 - len(content) // 3)
    path.write_bytes(content)


def put_formula(path):
    """Put what build.py would refuse into a copy of the record."""
    shutil.copy(ROOT / "record.db", path)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE topics SET description = '=HYPERLINK(\"https://example.org\")' WHERE rowid = 1")


def put_long_text(path):
    """Put a text into a copy of the record that no Excel cell can hold."""
    shutil.copy(ROOT / "record.db", path)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE topics SET description = ? WHERE rowid = 1", ["long " * 7_000])


def change_view(path):
    """Give a view of a copy of the record other columns."""
    shutil.copy(ROOT / "record.db", path)
    with sqlite3.connect(path) as db:
        db.execute("DROP VIEW timeline")
        db.execute("CREATE VIEW timeline AS SELECT published AS date, 1 AS what, title, 2 AS table_name, id AS row_id, 3 AS more FROM reports")


@pytest.mark.parametrize("spoil, told", [
    (lambda path: None, "there is no such file (make it with `make build`)"),
    (lambda path: path.write_text("not a database"), "file is not a database"),
    (foreign, "not built from this schema.sql"),
    (spoil_pages, "the database is damaged"),
    (put_formula, "topics.description: '=HYPERLINK(\"https://example.org\")' would be a formula in a spreadsheet"),
    (put_long_text, "too long for Excel"),
    (change_view, "not built from this schema.sql: timeline has the columns date, what, title, table_name, row_id, more, but"),
])
def test_a_failure_leaves_the_old_downloads_whole(tmp_path, spoil, told):
    db, out = tmp_path / "bad.db", tmp_path / "dist"
    out.mkdir()
    (out / "index.json").write_text("old")
    spoil(db)
    done = run(db, out)
    assert done.returncode == 1
    assert done.stderr.startswith(str(db)) and told in done.stderr and "Traceback" not in done.stderr
    assert "the old ones are as they were" in done.stderr
    assert [p.name for p in out.iterdir()] == ["index.json"] and (out / "index.json").read_text() == "old"
    assert {p.name for p in tmp_path.iterdir()} <= {"bad.db", "dist"}


def test_only_its_own_folder_is_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("ten years")
    done = run(ROOT / "record.db", tmp_path / "mine")
    assert done.returncode == 1 and "not a folder of downloads" in done.stderr
    assert (tmp_path / "mine/thesis.txt").read_text() == "ten years" and len(list(tmp_path.iterdir())) == 1


def test_a_new_export_replaces_the_old_one(small, tmp_path):
    """Tables may be empty, and files of an older export go."""
    assert small.build().returncode == 0
    out = tmp_path / "dist"
    (out / "csv").mkdir(parents=True)
    (out / "index.json").write_text("old")
    (out / "csv/gone.csv").write_text("old")
    done = run(small.db, out)
    assert done.returncode == 0, done.stderr
    assert not (out / "csv/gone.csv").exists()
    assert (out / "csv/mous.csv").read_bytes().startswith(b"id,title,purpose") and (out / "csv/mous.csv").read_bytes().count(b"\r\n") == 1
    assert duckdb.sql(f"SELECT data_kinds, count(*) FROM '{out}/parquet/mous.parquet' GROUP BY 1").fetchall() == []
    assert duckdb.sql(f"SELECT aliases FROM '{out}/parquet/systems.parquet'").fetchall() == [(["Atlas Caseworking", "ATLAS"],)]
    assert validated(out / "datapackage.json") == []


# Data Package, CSV on the Web, DCAT -------------------------------------------------------------------------------


def validated(path):
    """Return what frictionless finds wrong, as [(table, type of error)]."""
    with system.use_context(trusted=True):
        report = Package(str(path)).validate()
    return [(task.name, error.type) for task in report.tasks for error in task.errors]


def test_frictionless_validates_the_package(dist):
    done = subprocess.run([BIN / "frictionless", "validate", "datapackage.json"], cwd=dist, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("table, column, value, error", [
    ("responses", "recommendation", "no-such-recommendation", "foreign-key"),
    ("organisations", "parent", "no-such-body", "foreign-key"),
    ("responses", "position", "shrugged", "constraint-error"),
    ("sources", "official", "2", "constraint-error"),
    ("places", "latitude", "91", "constraint-error"),
    ("recommendations", "position", "-1", "constraint-error"),
    ("incidents", "date_start", "9 May 2018", "constraint-error"),
    ("incidents", "title", "", "constraint-error"),
    ("incidents", "sources", "", "constraint-error"),
    ("reports", "recommendations_made", "many", "type-error"),
    ("topics", "id", None, "primary-key"),
    ("topics", "description", "Something else.", "hash-count"),
])
def test_the_package_holds_the_rules(dist, tmp_path, table, column, value, error):
    """A cell is spoilt in the first row (None: copied from the second); the package says so."""
    package = json.loads((dist / "datapackage.json").read_bytes())
    names = {table} | {key["reference"]["resource"] or table for r in package["resources"] if r["name"] == table for key in r["schema"].get("foreignKeys", [])}
    package["resources"] = [resource for resource in package["resources"] if resource["name"] in names]
    for resource in package["resources"]:
        resource["schema"]["foreignKeys"] = [k for k in resource["schema"].get("foreignKeys", []) if k["reference"]["resource"] in {"", *names}]
        rows = list(csv.DictReader(io.StringIO((dist / resource["path"]).read_text("utf-8"), newline="")))
        if resource["name"] == table:
            rows[0][column] = rows[1][column] if value is None else value
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, rows[0])
        writer.writeheader()
        writer.writerows(rows)
        content = text.getvalue().encode()
        (tmp_path / resource["path"]).parent.mkdir(exist_ok=True)
        (tmp_path / resource["path"]).write_bytes(content)
        if resource["name"] == table and error != "hash-count":
            resource |= {"bytes": len(content), "hash": f"sha256:{hashlib.sha256(content).hexdigest()}"}
    (tmp_path / "datapackage.json").write_text(json.dumps(package))
    assert (table, error) in validated(tmp_path / "datapackage.json")


def test_the_package_says_what_schema_and_metadata_say(dist, record, counts, metadata):
    package = json.loads((dist / "datapackage.json").read_bytes())
    about = metadata["databases"]["record"]["tables"]
    assert {resource["name"] for resource in package["resources"]} == set(counts)
    assert package["version"] == record.execute("SELECT version FROM dataset").fetchone()[0]
    assert package["licenses"] == [{"name": "CC-BY-4.0", "path": metadata["license_url"], "title": metadata["license"]}]
    assert "contributors" not in package  # nobody is named who was not asked
    terms = {}
    for row in record.execute("SELECT vocabulary, term FROM vocabulary ORDER BY rowid"):
        terms.setdefault(row[0], []).append(row[1])
    enums = []
    for resource in package["resources"]:
        name, schema = resource["name"], resource["schema"]
        assert resource["description"] == about[name]["description"]
        assert {f["name"]: f["description"] for f in schema["fields"]} == about[name]["columns"]
        info = record.execute(f"PRAGMA table_info([{name}])").fetchall()
        assert [f["name"] for f in schema["fields"]] == [column["name"] for column in info]
        assert schema.get("primaryKey", []) == [c["name"] for c in sorted(info, key=lambda c: c["pk"]) if c["pk"]]
        keys = {(k["from"], k["table"]) for k in record.execute(f"PRAGMA foreign_key_list([{name}])")}
        assert {(k["fields"][0], k["reference"]["resource"] or name) for k in schema.get("foreignKeys", [])} == keys
        assert {f["name"] for f in schema["fields"] if f["type"] == "list"} >= lists(record, name)
        enums += [f["constraints"]["enum"] for f in schema["fields"] if "enum" in f.get("constraints", {})]
    assert len(enums) >= 20 and all(enum in terms.values() for enum in enums)


def test_the_zip_is_the_same_package(dist, tmp_path, counts):
    with zipfile.ZipFile(dist / "record-csv.zip") as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {"README.txt", "datapackage.json", "csv-metadata.json", *(f"csv/{name}.csv" for name in counts)}
        archive.extractall(tmp_path)
    assert set(Package(str(dist / "record-csv.zip")).resource_names) == set(counts)
    assert "CC-BY-4.0" in (tmp_path / "README.txt").read_text("utf-8")
    for path in tmp_path.rglob("*.*"):
        if path.name != "README.txt":
            assert path.read_bytes() == (dist / path.relative_to(tmp_path)).read_bytes()


def test_csvw_readers_validate_the_tables(dist):
    from csvw import CSVW

    described = CSVW(str(dist / "csv-metadata.json"), validate=True)
    assert described.is_valid, [str(warning.message) for warning in described.warnings]
    incidents = next(table for table in described.tables if str(table.url) == "csv/incidents.csv")
    assert all(isinstance(row["topics"], list) for row in incidents)


def test_the_catalogue_is_rdf_and_true(dist, index, counts):
    import rdflib

    base = "https://example.org/downloads/"
    graph = rdflib.Graph().parse(dist / "catalog.jsonld", publicID=base + "catalog.jsonld", format="json-ld")
    found = graph.query("""
        PREFIX dcat: <http://www.w3.org/ns/dcat#> PREFIX dct: <http://purl.org/dc/terms/> PREFIX spdx: <http://spdx.org/rdf/terms#>
        SELECT ?url ?bytes ?sum ?type WHERE {
          ?catalogue a dcat:Catalog; dcat:dataset/dct:hasPart* ?dataset . ?dataset a dcat:Dataset; dct:license ?licence; dcat:distribution ?file .
          ?file a dcat:Distribution; dcat:downloadURL ?url; dcat:byteSize ?bytes; dcat:mediaType ?type; spdx:checksum/spdx:checksumValue ?sum }""")
    said = {(str(r.url), int(r.bytes), r.sum.toPython().hex(), str(r.type).split("media-types/")[1]) for r in found}
    of_index = {(base + f["path"], f["bytes"], f["sha256"], f["media_type"]) for f in index["files"] if f["format"] not in ("Data Package", "CSVW", "DCAT")}
    assert said == of_index and len(said) == 3 * len(counts) + 3
    assert (None, None, rdflib.URIRef("https://example.org/data")) in graph


# The readers of each form -----------------------------------------------------------------------------------------


def test_pandas_reads_csv_and_workbook(dist, record, counts):
    sheets = pandas.read_excel(dist / "record.xlsx", sheet_name=None)
    assert set(sheets) == {"About", "Columns", *counts}
    for name, count in counts.items():
        frame = pandas.read_csv(dist / f"csv/{name}.csv")
        columns = [c["name"] for c in record.execute(f"PRAGMA table_info([{name}])")]
        assert (len(frame), list(frame.columns)) == (count, columns), name
        assert (len(sheets[name]), list(sheets[name].columns)) == (count, columns), name
    status = pandas.read_csv(dist / "csv/recommendation_status.csv")
    assert status["state"].value_counts().to_dict() == dict(map(tuple, record.execute("SELECT state, count(*) FROM recommendation_status GROUP BY 1")))


def test_every_csv_cell_is_that_of_the_database_and_no_formula(dist, record, counts):
    for name in counts:
        content = (dist / f"csv/{name}.csv").read_bytes()
        assert not content.startswith(b"\xef\xbb\xbf") and content.endswith(b"\r\n")  # RFC 4180 has no byte order mark
        found = list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))
        expected = [{c: "; ".join(v) if isinstance(v, list) else "" if v is None else str(v) for c, v in row.items()} for row in rows_of(record, name)]
        assert sorted(map(str, found)) == sorted(map(str, expected)), name
        numbers = {c["name"] for c in record.execute(f"PRAGMA table_info([{name}])") if c["type"] in ("INTEGER", "REAL")}
        for row in found:
            for column, cell in row.items():
                if cell.startswith(FORMULA):
                    assert column in numbers and float(cell) < 0, (name, column, cell)


def test_ndjson_and_parquet_hold_the_same_with_lists_as_lists(dist, record, counts):
    for name in counts:
        expected = rows_of(record, name)
        lines = [json.loads(line) for line in (dist / f"ndjson/{name}.ndjson").read_text("utf-8").splitlines()]
        assert sorted(lines, key=lambda row: json.dumps(row, sort_keys=True)) == expected, name
        result = duckdb.sql(f"SELECT * FROM '{dist}/parquet/{name}.parquet'")
        types = dict(zip(result.columns, map(str, result.types)))
        rows = [dict(zip(result.columns, row)) for row in result.fetchall()]
        assert rows == lines, name
        assert {c for c, type in types.items() if type == "VARCHAR[]"} >= lists(record, name)
        assert set(types.values()) <= {"VARCHAR", "BIGINT", "DOUBLE", "VARCHAR[]"}
    about = dict(duckdb.sql(f"SELECT decode(key), decode(value) FROM parquet_kv_metadata('{dist}/parquet/reports.parquet')").fetchall())
    assert about["version"] == record.execute("SELECT version FROM dataset").fetchone()[0] and about["license"] == "CC-BY-4.0"


def test_duckdb_reads_the_sqlite_file(dist, record, tmp_path):
    """With its extension for SQLite, which it would download; here it comes from PyPI, and is kept out of the home folder."""
    extension = Path(duckdb_extension_sqlite_scanner.__file__).parent
    (file,) = extension.rglob("sqlite_scanner.duckdb_extension*")
    database = duckdb.connect(config={"extension_directory": str(tmp_path)})
    database.execute(f"INSTALL '{file}'; LOAD sqlite_scanner; ATTACH '{dist}/record.db' AS record (TYPE sqlite, READ_ONLY)")
    question = "SELECT p.id, count(*) FROM {0}reports p JOIN {0}recommendations r ON r.report = p.id GROUP BY p.id ORDER BY p.id"
    answer = database.sql(question.format("record.")).fetchall()
    assert answer == [tuple(row) for row in record.execute(question.format(""))] and answer


def test_duckdb_joins_the_parquet_files(dist, record):
    question = "SELECT p.title, count(*) FROM {r} r JOIN {p} p ON p.id = r.report GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5"
    answer = duckdb.sql(question.format(r=f"'{dist}/parquet/recommendations.parquet'", p=f"'{dist}/parquet/reports.parquet'")).fetchall()
    assert answer == [tuple(row) for row in record.execute(question.format(r="recommendations", p="reports"))]


def test_csvkit_answers_sql(dist, record):
    sql = "select kind, count(*) as n from reports group by kind order by n desc, kind"
    done = subprocess.run([BIN / "csvsql", "--no-inference", "--query", sql, "csv/reports.csv"], cwd=dist, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [tuple(row) for row in csv.reader(done.stdout.splitlines()[1:])] == [(kind, str(n)) for kind, n in record.execute(sql)]
    done = subprocess.run([BIN / "csvstat", "--count", "csv/sources.csv"], cwd=dist, capture_output=True, text=True, timeout=60)
    assert int(re.sub(r"\D", "", done.stdout)) == record.execute("SELECT count(*) FROM sources").fetchone()[0]


def test_sqlite_utils_reads_the_file(dist, counts):
    db = sqlite_utils.Database(str(dist / "record.db"))
    assert (dist / "record.db").read_bytes() == (ROOT / "record.db").read_bytes()
    assert {name: db[name].count for name in counts} == counts
    done = subprocess.run([BIN / "sqlite-utils", "record.db", "select version from dataset"], cwd=dist, capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == [{"version": next(db.query("select version from dataset"))["version"]}]


def test_the_workbook_has_no_formula_and_live_links(workbook, record, counts, index):
    about = [cell for row in workbook["About"].iter_rows(values_only=True) for cell in row if isinstance(cell, str)]
    assert any(index["version"] in text for text in about) and any("CC-BY-4.0" in text for text in about) and index["citation"] in " ".join(about)
    assert workbook.sheetnames[:2] == ["About", "Columns"]
    assert workbook["Columns"].max_row == 1 + sum(workbook[name].max_column for name in counts)
    linked = set()
    for sheet in workbook:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type in ("s", "n"), (sheet.title, cell.coordinate, cell.data_type)  # never f, a formula
                if isinstance(cell.value, str):
                    assert not cell.value.startswith(FORMULA) and len(cell.value) <= 32_767
                if cell.hyperlink and cell.hyperlink.location:
                    name, place = re.fullmatch(r"'(\w+)'!(A\d+)", cell.hyperlink.location).groups()
                    target = workbook[name][place].value
                    assert target == cell.value if sheet.title in counts else target == workbook[name]["A1"].value
                    linked.add(sheet.title)
                elif cell.hyperlink:
                    assert cell.hyperlink.target.startswith("http") and (cell.value == cell.hyperlink.target or sheet.title == "About")
        if sheet.title in counts:
            last = openpyxl.utils.get_column_letter(sheet.max_column)
            assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("B2", f"A1:{last}{max(counts[sheet.title], 1) + 1}")
            assert (sheet.max_row, sheet["A1"].font.bold) == (counts[sheet.title] + 1, True)
    assert {"About", "Columns", "recommendations", "responses", "citations"} <= linked
    urls = {cell.value: cell.hyperlink.target for cell in workbook["sources"]["D"][1:]}
    assert urls == {url: url for url, in record.execute("SELECT url FROM sources")}


def test_the_workbook_does_not_change_texts(workbook, record):
    sheet = workbook["recommendations"]
    header = [cell.value for cell in sheet[1]]
    found = [dict(zip(header, row)) for row in sheet.iter_rows(min_row=2, values_only=True)]
    for row, stored in zip(found, record.execute("SELECT * FROM recommendations ORDER BY rowid"), strict=True):
        assert (row["number"], row["position"], row["summary"]) == (stored["number"], stored["position"], stored["summary"])
        assert (row["topics"] or "") == "; ".join(json.loads(stored["topics"]))


# Served -----------------------------------------------------------------------------------------------------------


def test_the_site_serves_the_downloads(site, tmp_path):
    answer = site.get("/downloads/index.json")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    index = answer.json()
    assert index["version"] == site.get("/record/dataset.json?_shape=array").json()[0]["version"]
    for file in index["files"]:
        if file["table"] in (None, "reports"):
            answer = site.get(f"/downloads/{file['path']}")
            assert answer.status_code == 200 and hashlib.sha256(answer.content).hexdigest() == file["sha256"], file["path"]
            assert answer.headers["content-type"] == file["media_type"] and answer.headers["access-control-allow-origin"] == "*"
            if file["format"] == "Parquet":
                (tmp_path / "reports.parquet").write_bytes(answer.content)
    assert duckdb.sql(f"SELECT count(*) FROM '{tmp_path}/reports.parquet'").fetchall()[0][0] == site.get("/record/reports.json?_size=0").json()["filtered_table_rows_count"]
    assert site.get("/downloads/nothing.csv").status_code == 404
    assert site.get("/downloads/%2e%2e/schema.sql").status_code == 404
    for path in "/downloads", "/downloads/":
        assert site.get(path).headers["location"] == "/data"


def test_the_page_links_every_download(site):
    page = site.get("/data").text
    linked = set(re.findall(r'href="/downloads/([^"]+)"', page))
    assert linked == {f["path"] for f in site.get("/downloads/index.json").json()["files"]} - {"record.db"} | {"index.json"}


def snippet(page, label):
    """Return the code of the page under a heading."""
    return html.unescape(re.search(rf'<pre[^>]* aria-labelledby="{label}"><code>(.*?)</code>', page, re.S)[1])


def test_the_snippets_of_the_page_run(site, tmp_path):
    page = site.get("/data").text
    done = subprocess.run([sys.executable, "-c", snippet(page, "pandas")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    states = site.get("/record.json", params={"sql": "select state, count(*) as n from recommendation_status group by 1 order by n desc limit 1", "_shape": "array"}).json()
    assert re.search(rf"{re.escape(states[0]['state'])} +{states[0]['n']}\b", done.stdout)

    curl, command = snippet(page, "duckdb").split("\n", 1)
    (tmp_path / "recommendation_status.parquet").write_bytes(site.get(curl.split()[-1]).content)
    sql = re.fullmatch(r'duckdb -c "(.*)"', command, re.S)[1].replace("'recommendation_status.parquet'", f"'{tmp_path}/recommendation_status.parquet'")
    topics = site.get("/record.json", params={
        "sql": "select topic, count(*) as n from recommendation_topics group by 1 order by n desc, topic limit 10", "_shape": "array"}).json()
    assert duckdb.sql(sql).fetchall() == [(row["topic"], row["n"]) for row in topics]

    # R and Observable are not here to run; the addresses and the SQL that they are given are put to the test.
    for label in "r", "observable":
        code = snippet(page, label)
        for address in re.findall(r'"(http[^"]+)"', code):
            answer = site.get(address)
            assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "*"
        sql = re.search(r'"(select [^"]+)"', code)[1]
        assert site.get("/record.json", params={"sql": sql, "_shape": "array"}).json()[0] == states[0]


@pytest.fixture
def without_downloads(metadata):
    """Return a function that asks the site for a path; mounts: the folders served, among which there is no export."""

    def get(path, mounts):
        datasette = Datasette(
            immutables=[str(ROOT / "record.db")], plugins_dir=str(ROOT / "plugins"), template_dir=str(ROOT / "templates"),
            static_mounts=mounts, metadata=metadata,
        )

        async def ask():
            await datasette.invoke_startup()
            return await datasette.client.get(path)

        return run_async(ask())

    return get


@pytest.mark.parametrize("mounts", [[], [("downloads", "/nonexistent")]])
def test_the_page_stands_without_downloads(without_downloads, mounts):
    answer = without_downloads("/data", mounts)
    assert answer.status_code == 200
    assert "make exports" in answer.text and "/downloads/" not in answer.text
    assert '/record/incidents.csv?_stream=on"' in answer.text
