"""The API as it is promised: /openapi.json, docs/api.md, JSON of statements and searches, errors, and the tools for models."""
import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import jsonschema
import pytest
from conftest import ROOT, run_async
from mcp import Client
from openapi_spec_validator import validate

API = (ROOT / "docs/api.md").read_text("utf-8")


@pytest.fixture(scope="module")
def site(server):
    """An HTTP client that follows redirects, as docs/api.md asks of programs."""
    with httpx.Client(base_url=server, timeout=60, follow_redirects=True) as client:
        yield client


@pytest.fixture(scope="module")
def document(site):
    return site.get("/openapi.json").json()


def rows(site, sql, **values):
    return site.get("/record.json", params={"sql": sql, "_shape": "array", **values}).json()


def test_the_document_is_valid_openapi_and_names_every_table_view_and_question(site, document, metadata):
    validate(document)
    record = metadata["databases"]["record"]
    for name in [*record["tables"], *record["queries"]]:
        assert f"/record/{name}.json" in document["paths"] and f"/record/{name}.csv" in document["paths"], name
    for table in record["tables"]:
        columns = document["components"]["schemas"][table]["properties"]
        assert set(columns) == set(record["tables"][table]["columns"]) and all(c["description"] for c in columns.values()), table
    terms = [row["term"] for row in rows(site, "select term from vocabulary where vocabulary = 'response position' order by rowid")]
    assert document["components"]["schemas"]["responses"]["properties"]["position"]["enum"] == terms


def test_every_address_answers_as_the_document_says(site, document):
    for path, item in document["paths"].items():
        operation = item["get"]
        parameters = [p if "name" in p else document["components"]["parameters"][p["$ref"].split("/")[-1]] for p in operation["parameters"]] if "parameters" in operation else []
        values = {p["name"]: p.get("example", p["schema"].get("const", p["schema"].get("enum", ["a"])[0])) for p in parameters if p.get("required")}
        address = path
        for p in parameters:
            if p["in"] == "path":
                address = address.replace("{%s}" % p["name"], values.pop(p["name"]))
        answer = site.get(address, params=values)
        assert answer.status_code == 200, (address, values, answer.text[:200])
        content = operation["responses"]["200"]["content"]
        media = answer.headers["content-type"].split(";")[0]
        assert media in content, (address, media)
        if media == "application/json":
            assert answer.headers["access-control-allow-origin"] == "*", address
            schema = {**content[media]["schema"], "components": document["components"]}
            jsonschema.validate(answer.json(), schema)


def test_schemathesis_finds_no_way_to_break_a_promise(server, tmp_path):
    """One table with everything, a row, a view, questions with and without inputs, SQL, search and a statement."""
    names = ["list_incidents", "csv_reports", "get_reports", "list_recommendation_status", "ask_told_to_do", "ask_rejected_or_withdrawn_csv", "sql",
             "search", "statement", "downloads", "openapi"]
    command = [Path(sys.executable).absolute().with_name("schemathesis"), "run", f"{server}/openapi.json", "--seed", "1", "--max-examples", "3", "--mode", "positive",
               "--phases", "examples,coverage,fuzzing", "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"]
    for name in names:
        command += ["--include-operation-id", name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:]
    assert f"Tested: {len(names)}" in done.stdout


@pytest.mark.parametrize("address", re.findall(r"curl '(http\S+)'$", API, re.M))
def test_the_examples_of_the_page_work(site, address):
    answer = site.get(address.removeprefix("http://127.0.0.1:8001"))
    assert answer.status_code == 200 and answer.json()


def test_the_page_promises_what_the_document_names(document):
    for path in document["paths"]:
        if not path.startswith("/record/"):
            assert re.sub(r"{(\w+)}", lambda part: part[1].upper(), path) in API, path


@pytest.mark.parametrize("path", ["/record/reports.json", "/record/recommendation_status.json"])
def test_pages_lead_on_to_every_row(site, path):
    found, after = [], None
    while True:
        page = site.get(path, params={"_shape": "objects", "_size": 100, **({"_next": after} if after else {})}).json()
        found += page["rows"]
        after = page["next"]
        if not after:
            break
    key = "id" if "id" in found[0] else "recommendation"
    count = rows(site, f"select count(*) as n from {path.split('/')[2].removesuffix('.json')}")[0]["n"]
    assert len(found) == count == len({row[key] for row in found})


@pytest.mark.parametrize("path, status", [
    ("/record/reports/no-such-report.json", 404), ("/record/nothing.json", 404), ("/what-changed/nothing.json", 404), ("/nothing.json", 404),
    ("/record/reports.json?_sort=nothing", 400), ("/record/reports.json?_sort=id&_sort_desc=id", 400), ("/record/reports.json?_size=many", 400),
    ("/record.json?_shape=array", 400), ("/record.json?_shape=array&sql=", 400), ("/record.json?_shape=array&sql=drop+table+reports", 400),
    ("/record.json?_shape=array&sql=select+nothing", 400), ("/record/reports.json?_timelimit=x", 400),
    ("/record/recommendation_status.json?_shape=objects&_next=99999999999999999999", 400), ("/record/reports.json?id__in=[", 400),
    ("/record.json?_shape=array&sql=select+zeroblob(500000000)", 400), ("/record.json?_shape=array&sql=select+" + ",".join("1" * 61), 400),
    ("/record.json?_shape=array&sql=with+recursive+n(i)+as+(select+1+union+all+select+i%2b1+from+n)+select+sum(i)+from+n", 400),
])
def test_errors_are_json_with_a_status_and_a_message(site, path, status):
    answer = site.get(path)
    assert answer.status_code == status == site.head(path).status_code
    failure = answer.json()
    assert failure["ok"] is False and failure["status"] == status and failure["error"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/openapi.json", "/record/reports.json", "/record/told_to_do.json", "/what-changed/wllr-2020.json", "/downloads/index.json"])
def test_nothing_but_reading_is_answered(site, method, path):
    answer = site.request(method, path)
    assert answer.status_code == 405 and answer.headers["allow"].startswith("GET") and answer.json()["status"] == 405


def test_many_words_do_not_hold_the_site_up(site):
    words = "the " * 5000
    for path, name in ("/search.json", "q"), ("/search", "q"), ("/record/search.json", "words"):
        assert site.get(path, params={name: words, "_shape": "array"}).status_code == 200, path
    assert site.get("/search.json", params={"q": f'"{words}"'}).status_code == 200


def test_a_statement_as_json_holds_what_the_record_holds(site):
    report = rows(site, "select report from report_scorecard order by with_assessment desc, report limit 1")[0]["report"]
    statement = site.get(f"/what-changed/{report}.json").json()
    count = lambda table: rows(site, f"select count(*) as n from {table} x join recommendations r on r.id = x.recommendation where r.report = :r", r=report)[0]["n"]
    assert statement["report"]["id"] == report and isinstance(statement["report"]["topics"], list)
    assert len(statement["recommendations"]) == statement["score"]["recommendations_recorded"]
    for table in "responses", "assessments":
        assert sum(len(r[table]) for r in statement["recommendations"]) == count(table) > 0
    known = {source["id"] for source in statement["sources"]}
    cited = re.findall(r'"source": "([^"]+)"', json.dumps(statement))
    assert cited and set(cited) == known
    assert site.get(statement["url"]).status_code == 200
    assert site.get(f"/what-changed/{report}").status_code == 200, "the page of the same name stays"


def test_search_as_json_finds_what_the_page_finds(site):
    found = site.get("/search.json", params={"q": "eVisa"}).json()
    assert found["total"] == sum(found["counts"].values()) > 0
    first = next(iter(found["groups"].values()))[0]
    assert site.get(first["url"]).status_code == 200 and "<mark>" not in json.dumps(found)
    table, count = max(found["counts"].items(), key=lambda pair: pair[1])
    paged = [site.get("/search.json", params={"q": "eVisa", "kind": table, "page": n}).json()["groups"][table] for n in range(1, -(-count // 20) + 1)]
    assert len({row["id"] for page in paged for row in page}) == count
    assert site.get("/search.json", params={"q": "windrsh"}).json()["suggestion"] == "windrush"
    for words, report in ("brook house", "brook-house-inquiry-2023"), ("shaw", "shaw-2016"), ("windrush", "wllr-2020"):  # not its follow-ups
        assert site.get("/search.json", params={"q": words}).json()["groups"]["reports"][0]["id"] == report


def test_llms_txt_leads_to_pages_that_are_there(site, server, metadata):
    text = site.get("/llms.txt")
    assert text.headers["content-type"].startswith("text/plain") and text.text.startswith("# What Changed?")
    links = re.findall(r"\]\((http\S+?)\)", text.text)
    assert "basemap" not in text.text and f"{server}/record/reports.json?_shape=objects" in links
    for link in links:
        if not link.endswith("/-/mcp"):
            assert site.get(link).status_code == 200, link


def test_a_model_can_search_read_a_statement_and_ask_in_sql(server):
    async def session():
        async with Client(f"{server}/-/mcp") as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            found = (await client.call_tool("search_record", {"words": "Windrush lessons learned 2020"})).structured_content
            statement = (await client.call_tool("what_changed", {"report": "wllr-2020"})).structured_content
            counted = await client.call_tool("execute_sql", {"database": "record", "sql": "select count(*) as n from recommendations where report = 'wllr-2020'"})
            asked = await client.call_tool("execute_canned_query", {"database": "record", "query": "rejected_or_withdrawn"})
            refused = [await client.call_tool("execute_sql", {"database": "record", "sql": "delete from reports"}),
                       await client.call_tool("execute_sql", {"database": "basemap", "sql": "select 1"}),
                       await client.call_tool("what_changed", {"report": "no-such-report"})]
            return tools, found, statement, counted.structured_content, asked.structured_content, refused

    tools, found, statement, counted, asked, refused = run_async(session())
    assert {"search_record", "what_changed", "execute_sql", "execute_canned_query"} <= tools
    assert not any("write" in tool or "writable" in tool for tool in tools)
    review = [row for row in found["groups"]["reports"] if row["id"] == "wllr-2020"]
    assert httpx.get(review[0]["url"]).status_code == 200 and review[0]["url"].startswith(server)
    assert len(statement["recommendations"]) == counted["rows"][0]["n"] > 0
    assert asked["rows"] and all(answer.is_error for answer in refused)
    assert "no-such-report" in refused[2].content[0].text


def test_a_browser_of_another_site_may_read_and_a_page_says_how_long_to_keep_it(site):
    for path in "/openapi.json", "/search.json?q=eVisa", "/what-changed/wllr-2020.json", "/record/topics.json?_shape=array":
        answer = site.get(path, headers={"origin": "https://example.org"})
        assert answer.headers["access-control-allow-origin"] == "*" and answer.headers["cache-control"] == "max-age=300", path
    assert httpx.options(f"{site.base_url}/search.json").status_code < 500
