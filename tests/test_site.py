"""The site over HTTP: pages, JSON, CSV, SQL, search, errors."""
import csv
import gzip
import io
import json
import re
import sqlite3

import pytest
import yaml
from conftest import ROOT

METADATA = yaml.safe_load((ROOT / "metadata.yml").read_text("utf-8"))["databases"]["record"]
TABLES, QUERIES = METADATA["tables"], METADATA["queries"]


def test_home_says_what_it_is_under_which_licence_and_leads_on(site):
    page = site.get("/").text
    for words in "What Changed? The Home Office record", "CC BY 4.0", 'href="/record/search"', 'href="/record/incidents"':
        assert words in page
    assert "basemap" not in page


@pytest.mark.parametrize("table", TABLES)
def test_every_table_answers_as_page_json_and_csv(site, table):
    page = site.get(f"/record/{table}")
    assert page.status_code == 200
    answer = site.get(f"/record/{table}.json", params={"_shape": "objects", "_size": "max"})
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "*"
    rows = answer.json()["rows"]
    assert rows and set(rows[0]) - {"rowid"} == set(TABLES[table]["columns"])
    everything = site.get(f"/record/{table}.csv", params={"_stream": "on"})
    assert everything.status_code == 200
    count = site.get("/record.json", params={"sql": f"select count(*) from [{table}]", "_shape": "arrays"}).json()["rows"][0][0]
    assert len(list(csv.DictReader(io.StringIO(everything.text)))) == count


@pytest.mark.parametrize("table, facet", [(t, f) for t, m in TABLES.items() for f in m.get("facets", [])], ids=str)
def test_every_facet_counts_something_in_time(site, table, facet):
    array = isinstance(facet, dict)
    column = facet["array"] if array else facet
    answer = site.get(f"/record/{table}.json", params={"_facet_array" if array else "_facet": column, "_size": 0})
    assert answer.status_code == 200
    results = answer.json()["facet_results"]
    found = results[f"{column}_array"] if f"{column}_array" in results else results[column]
    assert found["results"], "the facet is empty"
    one = found["results"][0]
    page = site.get(f"/record/{table}", params={f"{column}__arraycontains" if array else column: one["value"]})
    assert page.status_code == 200 and f"{one['count']:,} row" in page.text


@pytest.mark.parametrize("table", [t for t, m in TABLES.items() if "id" in m["columns"]])
def test_a_row_has_its_own_page_and_json(site, table):
    id = site.get(f"/record/{table}.json", params={"_shape": "array", "_size": 1}).json()[0]["id"]
    assert site.get(f"/record/{table}/{id}").status_code == 200
    assert site.get(f"/record/{table}/{id}.json", params={"_shape": "array"}).json()[0]["id"] == id


@pytest.mark.parametrize("query", QUERIES)
def test_every_question_answers_with_rows(site, query):
    page = site.get(f"/record/{query}")
    assert page.status_code == 200 and QUERIES[query]["title"] in page.text
    assert QUERIES[query]["description"]
    answer = site.get(f"/record/{query}.json", params={"_shape": "objects"})
    assert answer.status_code == 200
    assert answer.json()["rows"], "no rows"
    assert site.get(f"/record/{query}.csv").text.count("\n") > 1


@pytest.mark.parametrize("words", ['"', "'", "AND", "NEAR(", "*", "a-b", "café", "😀", "(((", "x" * 10_000, "%", "\\", "-", "col:on"])
def test_odd_words_do_not_break_the_search(site, words):
    for url, name in ("/record/search", "words"), ("/record/events_about", "about"):
        assert site.get(url + ".json", params={name: words}).status_code == 200
    # Datasette's own search of a table hands a lone quotation mark to SQLite, and says that it is no query.
    assert site.get("/record/incidents.json", params={"_search": words}).status_code in (200, 400)


def test_the_search_finds_a_form_of_a_word_and_an_accent_left_out(site):
    found = lambda words: site.get("/record/search.json", params={"words": words, "_shape": "objects"}).json()["rows"]
    assert found("detained") and found("detained") == found("detention") or found("detain")
    assert found("windrush")[0]["title"]


def test_parameters_narrow_an_answer(site):
    ask = lambda query, **p: site.get(f"/record/{query}.json", params={**p, "_shape": "objects"}).json()["rows"]
    assert 0 < len(ask("promises_older_than", years="4")) < len(ask("promises_older_than", years="0"))
    assert {r["system"] for r in ask("incidents_by_system", system="e-gates")} == {"Passport e-gates"}
    in_2018 = ask("events_about", about="windrush", first_date="2018", last_date="2018")
    assert in_2018 and {r["date"][:4] for r in in_2018} == {"2018"}
    assert "Home Office" in {r["addressed_to"] for r in ask("told_to_do")}
    assert {r["addressed_to"] for r in ask("told_to_do", organisation="NHS Digital")} == {"NHS Digital"}


def test_numbers_in_views_can_be_filtered_for(site):
    for view, column in ("report_scorecard", "recommendations_recorded"), ("asked_again", "reports"), ("source_use", "claims"), \
            ("promises_without_assessment", "years_since_response"), ("mou_overview", "events"), ("thin_evidence", "sources"):
        value = site.get(f"/record/{view}.json", params={"_shape": "array", "_size": 1}).json()[0][column]
        assert site.get(f"/record/{view}.json", params={"_shape": "array", column: value}).json(), (view, column, value)


def test_anybody_may_ask_in_sql(site):
    answer = site.get("/record.json", params={"sql": "select count(*) as n from reports where kind = 'judgment'", "_shape": "array"})
    assert answer.status_code == 200 and answer.json()[0]["n"] > 0


@pytest.mark.parametrize("sql", ["delete from incidents", "update incidents set title = 'x'", "drop table incidents",
                                 "insert into topics values ('a', 'b', 'c')", "attach database '/tmp/x' as x", "pragma writable_schema = 1"])
def test_writing_is_refused(site, sql):
    before = site.get("/record/incidents.json", params={"_size": 0}).json()["filtered_table_rows_count"]
    answer = site.get("/record.json", params={"sql": sql})
    assert answer.status_code == 400 and answer.json()["ok"] is False
    assert site.get("/record/incidents.json", params={"_size": 0}).json()["filtered_table_rows_count"] == before > 0


def test_a_question_that_takes_too_long_is_stopped(site):
    sql = "with recursive n(i) as (select 1 union all select i + 1 from n) select sum(i) from n"
    answer = site.get("/record.json", params={"sql": sql})
    assert answer.status_code == 400 and "interrupt" in answer.text.lower()


@pytest.mark.parametrize("path", ["/nothing", "/record/nothing", "/record/incidents/nothing"])
def test_what_is_not_there_is_a_404_in_html_and_in_json(site, path):
    assert site.get(path).status_code == 404
    answer = site.get(path + ".json")
    assert answer.status_code == 404 and answer.json()["ok"] is False


def test_the_database_of_tiles_is_not_offered_as_data(site):
    assert site.get("/basemap").status_code == 403


def test_the_whole_database_can_be_taken_away(site, tmp_path):
    file = tmp_path / "taken.db"
    file.write_bytes(site.get("/record.db").content)
    with sqlite3.connect(file) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM reports").fetchone()[0] > 0


def test_lists_and_ids_are_links_with_names(site):
    page = site.get("/record/reports/brook-house-inquiry-2023").text
    assert '<a href="/record/organisations/home-office">Home Office</a>' in page
    page = site.get("/record/recommendation_status", params={"recommendation": "lgt-panel-2021-r26"}).text
    assert '<a href="/record/recommendations/lgt-panel-2021-r26">' in page
    assert '<a href="/record/reports/lgt-panel-2021">' in page


def test_the_json_of_a_list_is_a_list_inside(site):
    rows = site.get("/record/incidents.json", params={"_shape": "array", "_json": "topics"}).json()
    assert isinstance(rows[0]["topics"], list)
    assert json.dumps(rows[0]["topics"])


@pytest.mark.parametrize("path", ["/", "/what-changed", "/what-changed/wllr-2020", "/record", "/record/incidents", "/record/recommendation_status",
                                  "/record/reports/wllr-2020", "/search?q=home", "/timeline", "/asked-again", "/mous", "/systems", "/about", "/data"])
def test_a_first_view_takes_at_most_100_kb(site, path):
    """The page and what it names, as sent: compressed for a browser that accepts it."""
    def sent(url):
        with site.stream("GET", url, headers={"accept-encoding": "gzip"}) as answer:
            assert answer.status_code == 200
            body = b"".join(answer.iter_raw())
            return len(body), answer.headers.get("content-encoding"), body

    size, encoding, body = sent(path)
    assert encoding == "gzip"
    files = set(re.findall(r'(?:src|href)="(/[^"?]+\.(?:css|js|svg)(?:\?[^"]*)?)"', gzip.decompress(body).decode()))
    assert "/static/record.css" in files
    assert size + sum(sent(file)[0] for file in files) <= 100_000


def test_the_events_of_an_agreement_are_drawn_and_told(site):
    page = site.get("/record/mous/nhsd-home-office-mou-2016").text
    drawn = page.split('<svg class="line"')[1].split("</svg>")[0]
    events = site.get("/record/mou_events.json", params={"mou": "nhsd-home-office-mou-2016", "_shape": "array"}).json()
    assert drawn.count("<circle") == len(events) > 5
    assert "withdrawn" in drawn and "told in the list below" in drawn


def test_tiles_of_the_map_come_from_here(site):
    tile = site.get("/-/tiles/basemap/5/15/10.png")
    assert tile.status_code == 200 and tile.headers["content-type"] == "image/png" and tile.content.startswith(b"\x89PNG")
