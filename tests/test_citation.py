"""Citations: CITATION.cff by the published rules, BibTeX as pybtex reads and sets it, RIS, and the words on the pages."""
import datetime
import html
import re
import sqlite3
from urllib.parse import urlsplit

import pytest
import yaml
from conftest import ROOT
from pybtex.database import parse_string
from pybtex import format_from_string

# cff-version 1.2.0: which keys there are, which must be, and what may be cited (citation-file-format, schema-guide.md).
REQUIRED = {"authors", "cff-version", "message", "title"}
ALLOWED = REQUIRED | {"abstract", "commit", "contact", "date-released", "doi", "identifiers", "keywords", "license", "license-url", "preferred-citation",
                      "references", "repository", "repository-artifact", "repository-code", "type", "url", "version"}


@pytest.fixture(scope="module")
def record():
    connection = sqlite3.connect(f"file:{ROOT / 'record.db'}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def dataset(record):
    return record.execute("SELECT * FROM dataset").fetchone()


def test_citation_cff_is_valid_and_of_this_version(dataset):
    text = (ROOT / "CITATION.cff").read_text("utf-8")
    cff = yaml.load(text, yaml.BaseLoader)
    assert REQUIRED <= set(cff) <= ALLOWED
    assert cff["cff-version"] == "1.2.0" and cff["type"] == "dataset" and cff["license"] == "CC-BY-4.0"
    assert cff["authors"] == [{"name": dataset["title"]}], "an entity has a name; a person would have a family name"
    assert (cff["title"], cff["version"], cff["date-released"]) == (dataset["title"], dataset["version"], dataset["as_of"])
    datetime.date.fromisoformat(cff["date-released"])
    assert isinstance(yaml.safe_load(text)["version"], str) and len(cff["keywords"]) == len(set(cff["keywords"]))


def entry(answer):
    """The one entry of an answer as (key, pybtex's entry)."""
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/x-bibtex; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="')
    (key, found), = parse_string(answer.text, "bibtex").entries.items()
    return key, found


CITED = {"/cite/record.bib": ("home-office-record", "/"), "/cite/reports/wllr-2020.bib": ("reports:wllr-2020", "/record/reports/wllr-2020"),
         "/cite/what-changed/wllr-2020.bib": ("what-changed:wllr-2020", "/what-changed/wllr-2020"),
         "/cite/asked-again/asylum-backlog.bib": ("asked-again:asylum-backlog", "/asked-again/asylum-backlog"),
         "/cite/question/told_to_do.bib": ("question:told_to_do", "/record/told_to_do"),
         "/cite/question/told_to_do.bib?state=no+response+found&organisation=home-office&other=x":
             ("question:told_to_do-organisation-home-office-state-no-response-found", "/record/told_to_do?organisation=home-office&state=no+response+found")}


@pytest.mark.parametrize("path", CITED)
def test_bibtex_names_address_version_and_day(site, server, dataset, path):
    key, found = entry(site.get(path))
    assert (key, found.fields["url"]) == (CITED[path][0], server + CITED[path][1])
    assert dataset["version"] in found.fields["note"] and found.fields["urldate"] == dataset["as_of"]
    assert site.get(urlsplit(found.fields["url"]).path).status_code == 200
    assert site.get(path).text == site.get(path).text
    words = format_from_string(site.get(path).text, "plain", output_backend="text")
    assert "What Changed? The Home Office record" in words and f"Version {dataset['version']}" in words


def test_titles_with_signs_that_bibtex_takes_for_commands_come_out_as_they_are(site, record):
    rows = record.execute("""SELECT table_name, row_id, title FROM searchable WHERE title GLOB '*[&%$#_{}~^\\]*' AND table_name <> 'sources' LIMIT 12""").fetchall()
    assert rows
    for table, id, title in rows:
        answer = site.get(f"/cite/{table}/{id}.bib")
        entry(answer)
        assert title in format_from_string(answer.text, "plain", output_backend="text")


def test_every_kind_of_row_can_be_cited(site, record):
    tables = [name for name, in record.execute("SELECT DISTINCT table_name FROM searchable")] + ["vocabulary", "mou_parties"]
    keys = [entry(site.get(f"/cite/{table}/{record.execute(f'SELECT id FROM {table} LIMIT 1').fetchone()[0]}.bib"))[0] for table in tables]
    assert len(set(keys)) == len(tables)
    pair = ",".join(record.execute("SELECT * FROM report_topics LIMIT 1").fetchone())
    entry(site.get(f"/cite/report_topics/{pair}.bib"))


def test_ris_says_the_same(site, server, dataset):
    answer = site.get("/cite/what-changed/wllr-2020.ris")
    assert answer.headers["content-type"] == "application/x-research-info-systems; charset=utf-8"
    lines = answer.text.split("\r\n")
    assert all(re.fullmatch(r"[A-Z][A-Z0-9]  - .*", line) for line in lines[:-1]) and lines[-1] == ""
    tags = dict(line.split("  - ", 1) for line in lines[:-1])
    assert list(tags)[0] == "TY" and list(tags)[-1] == "ER"
    assert tags["TI"] == "What changed after: Windrush Lessons Learned Review" and tags["UR"] == f"{server}/what-changed/wllr-2020"
    assert dataset["version"] in tags["ET"] and tags["Y2"] == dataset["as_of"].replace("-", "/")


@pytest.mark.parametrize("path", ["/cite/reports/nothing.bib", "/cite/nothing/nothing.bib", "/cite/what-changed/nothing.ris", "/cite/question/nothing.bib",
                                  "/cite/search_index/1.bib", "/cite/report_topics/one.bib", "/cite/reports]/x.bib"])
def test_what_is_not_there_cannot_be_cited(site, path):
    answer = site.get(path)
    assert answer.status_code == 404 and 'class="error"' in answer.text


@pytest.mark.parametrize("page, entry_name", [("/record/reports/wllr-2020", "reports/wllr-2020"), ("/record/organisations/home-office", "organisations/home-office"),
                                              ("/what-changed/wllr-2020", "what-changed/wllr-2020"), ("/asked-again/asylum-backlog", "asked-again/asylum-backlog"),
                                              ("/record/told_to_do", "question/told_to_do")])
def test_a_page_says_how_to_cite_it(site, server, dataset, page, entry_name):
    text = site.get(page).text
    assert "Cite this" in text and f"version {dataset['version']}" in text and f"{server}{page}" in text
    for form in "bib", "ris":
        link = f"/cite/{entry_name}.{form}"
        assert f'href="{link}"' in text and site.get(link).status_code == 200


def test_a_narrowed_answer_is_cited_as_narrowed(site, server):
    page = html.unescape(site.get("/record/told_to_do", params={"organisation": "home-office", "state": "", "_hide_sql": "1", "x": '"<'}).text)
    address = f"{server}/record/told_to_do?organisation=home-office"
    assert f'<span class="address">{address}</span>' in page
    for form in "bib", "ris":
        link = f"/cite/question/told_to_do.{form}?organisation=home-office"
        assert f'href="{link}"' in page and address in site.get(link).text


@pytest.mark.parametrize("page", ["/", "/what-changed", "/what-changed/wllr-2020", "/asked-again", "/timeline", "/map", "/systems", "/mous", "/about", "/data", "/search?q=visa",
                                  "/embed", "/record", "/record/reports", "/record/reports/wllr-2020", "/record/told_to_do", "/record?sql=select+1", "/embed/wllr-2020"])
def test_every_page_names_the_version_at_its_foot(site, dataset, page):
    footer = site.get(page).text.split("<footer", 1)[1]
    assert f"version {dataset['version']}" in footer
