"""Questions: /ask, the page of each question with its inputs, Excel, the SQL primer and its picture, the reporter's path."""
import csv
import datetime
import html
import io
import re
import sqlite3

import httpx
import openpyxl
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT

METADATA = yaml.safe_load((ROOT / "metadata.yml").read_text("utf-8"))["databases"]["record"]
TABLES, QUERIES = METADATA["tables"], METADATA["queries"]
# Addresses that were given to the world first: they stay.
FIRST = ("search accepted_but_not_met promises_older_than mous_with_health_data incidents_by_system told_to_do events_about heaviest_sources "
         "machinery_statements_not_found asked_more_than_once where_assessors_disagree rejected_or_withdrawn reports_without_statement "
         "who_gets_data_from_whom sources_of_a_row").split()
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PAGES = ["/ask", "/ask/primer", "/record/told_to_do?organisation=nhs-digital", "/record/events_about?about=windrush&first_date=2018&last_date=2018-12-31",
         "/record/promises_older_than?years=7", "/record?sql=select+:one+as+one&one=1"]


def open_book(answer):
    """The workbook of an answer over HTTP."""
    assert answer.status_code == 200 and answer.headers["content-type"] == SHEET
    return openpyxl.load_workbook(io.BytesIO(answer.content))


def addresses(page, start):
    """The links of a page that begin so."""
    return [html.unescape(link) for link in re.findall(r'href="([^"]+)"', page) if link.startswith(start)]


@pytest.fixture(scope="module")
def primer(site):
    return site.get("/ask/primer").text


# How each question is declared ---------------------------------------------------------------------------------------

def test_there_are_many_questions_and_no_address_was_lost():
    assert len(QUERIES) >= 20 and not set(FIRST) - set(QUERIES)


@pytest.mark.parametrize("name", QUERIES)
def test_a_question_says_all_that_its_page_needs(name):
    about = QUERIES[name]
    for key in "theme", "title", "description", "answer", "sql":
        assert about[key], key
    inputs = about.get("inputs", {})
    assert list(inputs) == about.get("params", []) and set(inputs) == set(re.findall(r"(?<!:):([a-z_]+)", re.sub("'[^']*'|--.*", "", about["sql"])))
    for field in inputs.values():
        assert field["label"] and ("sql" in field or field.get("type", "text") in ("text", "number", "date"))


def test_a_long_answer_shows_a_hundred_rows_and_all_of_them_on_asking(site):
    first = site.get("/record/told_to_do", params={"organisation": "home-office"}).text
    whole = [link for link in addresses(first, "/record/told_to_do") if "_all=1" in link]
    assert first.count("<tr>") == 1 + 100 and len(whole) == 1 and "organisation=home-office" in whole[0]
    count = len(site.get("/record/told_to_do.json", params={"organisation": "home-office", "_shape": "array"}).json())
    assert count > 100 and site.get(whole[0]).text.count("<tr>") == 1 + count
    assert len(list(csv.reader(io.StringIO(site.get("/record/told_to_do.csv", params={"organisation": "home-office"}).text)))) == 1 + count
    short = site.get("/record/promises_older_than").text
    assert "_all=1" not in short and short.count("<tr>") < 101


# Every question, every list to choose from ---------------------------------------------------------------------------

@pytest.mark.parametrize("name", QUERIES)
def test_a_question_is_answered_in_a_line_and_for_each_choice(site, name):
    page = site.get(f"/record/{name}").text
    line = re.search(r'<p class="lede answer" role="status">([A-Z0-9].+)\.</p>', page)[1]
    assert "None" not in line
    assert html.escape(QUERIES[name]["description"], quote=False) in html.unescape(page).replace("&", "&amp;") and "The SQL behind it" in page
    for param, about in QUERIES[name].get("inputs", {}).items():
        assert f'<label for="in-{param}">{about["label"]}</label>' in page
        if "sql" in about:
            select = re.search(rf'<select id="in-{param}".*?</select>', page, re.S)[0]
            values = [html.unescape(value) for value in re.findall(r'<option value="([^"]+)"', select)]
            assert values and '<option value="">' in select
            more = {"years": 0} if name == "promises_older_than" else {}  # left empty, it means two
            for value in values[0], values[-1]:
                answer = site.get(f"/record/{name}", params={param: value, **more})
                assert answer.status_code == 200 and re.search(r'<option value="[^"]+" selected>', answer.text), (param, value)
                assert '<p class="lede answer"' in answer.text, (param, value)
            for value in values:
                assert site.get(f"/record/{name}.json", params={param: value, **more, "_shape": "array"}).json(), (param, value)


@pytest.mark.parametrize("name", [name for name in QUERIES if QUERIES[name].get("params")])
def test_odd_values_break_no_question(site, name):
    for value in '"', "' or 1 = 1 --", "%", "2018", "Home Office", "😀", "x" * 2000:
        values = dict.fromkeys(QUERIES[name]["params"], value)
        answer = site.get(f"/record/{name}.json", params={**values, "_shape": "array"})
        assert answer.status_code == 200 and isinstance(answer.json(), list), value
    assert site.get(f"/record/{name}", params=dict.fromkeys(QUERIES[name]["params"], "“odd” <values>")).status_code == 200


def test_choices_narrow_the_answer(site):
    ask = lambda name, **values: site.get(f"/record/{name}.json", params={**values, "_shape": "array"}).json()
    assert {row["addressed_to"] for row in ask("told_to_do", organisation="home-office")} == {"Home Office"}
    assert len(ask("told_to_do")) > len(ask("told_to_do", organisation="home-office")) > len(ask("told_to_do", organisation="home-office", state="rejected or withdrawn")) > 0
    assert {row["independent"] for row in ask("who_assessed_whom", independent="0")} == {0}
    assert {row["assessor_kind"] for row in ask("who_assessed_whom", assessor_kind="charity")} == {"charity"}
    assert {row["table_name"] for row in ask("sources_of_a_row", table_name="assessments")} == {"assessments"}
    assert {row["row_id"] for row in ask("sources_of_a_row")} == {row["row_id"] for row in ask("sources_of_a_row", row_id="wllr-2020")} == {"wllr-2020"}
    assert ask("promises_older_than", years="abc") == ask("promises_older_than", years="2") == ask("promises_older_than") != ask("promises_older_than", years="0.5")
    assert {row["year"] for row in ask("incidents_by_year_and_kind", first_year="2018", last_year="2019")} == {"2018", "2019"}
    one = ask("agreements_by_data_and_party", data_kind="education")
    assert one and all("education" in row["data_kinds"] for row in one)
    assert {row["ask"] for row in ask("answers_to_an_ask", ask="detention-time-limit-28-days")} == {"detention-time-limit-28-days"}


def test_counts_agree_with_each_other(site):
    """The same facts, counted another way."""
    count = lambda sql: site.get("/record.json", params={"sql": sql, "_shape": "arrays"}).json()["rows"][0][0]
    rows = lambda name: site.get(f"/record/{name}.json", params={"_shape": "array"}).json()
    years = rows("accepted_by_year")
    parts = "found_met found_partly_met_or_in_progress found_not_met no_verdict own_account_only no_assessment_found".split()
    assert all(sum(year[part] for part in parts) == year["accepted"] for year in years)
    assert sum(year["accepted"] for year in years) == count("select sum(accepted + accepted_with_limits) from report_scorecard")
    assert sum(body["promises"] for body in rows("oldest_promise_by_body")) == count("select count(*) from promises_without_assessment")
    assert sum(row["incidents"] for row in rows("incidents_by_year_and_kind")) == count("select count(*) from incidents")
    assert sum(row["recommendations"] for row in rows("recommendations_by_body")) == count("select count(*) from recommendation_addressed_to")
    assert sum(row["recommendations_recorded"] for row in rows("recorded_of_made")) == count("select count(*) from recommendations")
    assert len(rows("reports_without_response")) == count("select sum(with_response = 0 and plans = 0) from report_scorecard")
    assert sum(row["accounts_of_what_changed"] for row in rows("reports_without_response")) == count("select sum(statements_of_change) from report_scorecard where with_response = 0 and plans = 0")
    assert all(row["days"] >= 0 for row in rows("days_to_response"))
    by_body = rows("recommendations_by_body")
    assert all(sum(value for column, value in body.items() if column not in ("addressed_to", "recommendations")) == body["recommendations"] for body in by_body)
    assert len({row["made_by"] for row in rows("who_assessed_whom")}) == count("select count(distinct made_by) from assessments")
    assert sum(body["with_limits"] for body in rows("oldest_promise_by_body")) == count("select sum(response_position <> 'accepted') from promises_without_assessment")


def line(site, name, **values):
    """The answer in a line of a question, None if there is none."""
    found = re.search(r'<p class="lede answer" role="status">(.+)\.</p>', site.get(f"/record/{name}", params=values).text)
    return found and html.unescape(found[1])


def test_an_answer_counts_what_was_chosen_out_of_what_was_chosen(site):
    recorded = site.get("/record/incidents.json", params={"kind": "data breach", "_size": 0}).json()["filtered_table_rows_count"]
    for name in "most_people_affected", "incidents_without_report":
        assert f" of {recorded} recorded that fit the choices" in line(site, name, kind="data breach")
    reports = "select count(*) as n from report_scorecard c join reports p on p.id = c.report where p.kind = 'ombudsman'"
    recorded = site.get("/record.json", params={"sql": reports, "_shape": "array"}).json()[0]["n"]
    assert f" of {recorded} of this kind whose" in line(site, "reports_without_response", kind="ombudsman")


def test_no_rows_no_answer_in_a_line(site):
    for name, values in ("told_to_do", {"organisation": "zzz"}), ("answers_to_an_ask", {"ask": "zzz"}), ("reports_without_response", {"kind": "zzz"}):
        assert line(site, name, **values) is None and "0 rows" in site.get(f"/record/{name}", params=values).text


def test_an_answer_says_whose_it_is(site):
    rows = lambda name: site.get(f"/record/{name}.json", params={"_shape": "array"}).json()
    told = rows("told_to_do")
    assert list(told[0])[:5] == ["recommendation", "addressed_to", "summary", "state", "response_made_by"]
    assert all(bool(row["response_made_by"]) == bool(row["response_position"]) and bool(row["own_made_by"]) == bool(row["own_status"])
               and bool(row["independent_made_by"]) == bool(row["independent_status"]) for row in told)
    for name in "accepted_but_not_met", "independently_met", "where_assessors_disagree":
        assert all(row["assessor_kind"] for row in rows(name)), name
    late = next(row for row in rows("days_to_response") if row["report"] == "wllr-2020" and row["made_by"] == "uk-government")
    assert late["earlier_answer_by_another_body"] < late["first_answer"]
    three = [int(n) for n in re.findall(r"(\d+) (?:found not met or dropped|partly met|in progress)", line(site, "accepted_but_not_met"))]
    assert len(three) == 3 and sum(three) == len(rows("accepted_but_not_met"))


def test_no_report_that_was_answered_as_a_whole_is_called_unanswered(site):
    statements = site.get("/record/statements.json", params={"content": "answer or plan", "_shape": "array", "_size": "max"}).json()
    unanswered = {row["report"] for row in site.get("/record/reports_without_response.json", params={"_shape": "array"}).json()}
    assert unanswered and not unanswered & {row["report"] for row in statements}


def test_many_words_do_not_hold_up_the_search(site):
    answer = site.get("/record/search.json", params={"words": "the " * 1000, "_shape": "array"}, timeout=3)
    assert answer.status_code == 200 and answer.json()


@pytest.mark.parametrize("page", ["/ask", "/ask/primer", "/record/told_to_do", "/record/search?words=visa"])
def test_the_menu_says_that_this_is_among_the_questions(site, page):
    (current,) = re.findall(r'<a href="([^"]+)" aria-current', site.get(page).text.split('id="site-nav"')[1].split("</nav>")[0])
    assert current == "/ask"


def test_an_event_known_by_its_year_alone_lies_between_days_of_that_year(site):
    ask = lambda **values: {(row["date"], row["row_id"]) for row in site.get("/record/events_about.json", params={**values, "_shape": "array"}).json()}
    year = {event for event in ask() if event[0].startswith("2018")}
    assert any(len(date) == 4 for date, _ in year)
    assert ask(first_date="2018-01-01", last_date="2018-12-31") == ask(first_date="2018", last_date="2018") == year


def test_dates_have_a_calendar_that_loses_no_year_or_month(site):
    field = lambda value: re.search(r'<input id="in-first_date"[^>]*>', site.get("/record/events_about", params={"first_date": value}).text)[0]
    assert 'type="date"' in field("") and 'type="date"' in field("2018-05-09") and 'value="2018-05-09"' in field("2018-05-09")
    assert 'type="text"' in field("2018") and 'value="2018"' in field("2018") and "pattern=" in field("2018-05")


# /ask ----------------------------------------------------------------------------------------------------------------

def test_ask_lists_every_question_with_its_answer_under_its_theme(site):
    page = site.get("/ask").text
    assert [html.unescape(theme) for theme in re.findall(r"<h2 [^>]*>([^<]*)</h2>", page)] == list(dict.fromkeys(q["theme"] for q in QUERIES.values()))
    for name, about in QUERIES.items():
        entry = page[page.index(f'<li id="{name}">'):].split("</details>")[0]
        assert f'<h3><a href="/record/{name}">{html.escape(about["title"], quote=False)}</a></h3>' in entry
        assert re.search(r'<p class="answer">[A-Z0-9].+\.</p>', entry), name
        assert "<pre>" in entry
        for end in ".csv?_dl=1", ".json?_shape=array", ".xlsx":
            assert f'href="/record/{name}{end}"' in entry


@pytest.mark.parametrize("name", QUERIES)
def test_every_question_is_an_excel_workbook_too(site, name):
    sheet = open_book(site.get(f"/record/{name}.xlsx")).worksheets[0]
    rows = site.get(f"/record/{name}.json", params={"_shape": "objects"}).json()["rows"]
    assert [cell.value for cell in sheet[1]] == list(rows[0]) and sheet.max_row == len(rows) + 1


# Excel ---------------------------------------------------------------------------------------------------------------

def test_text_in_a_workbook_is_never_a_formula(site):
    sql = "select '=1+1' as a, '+1' as b, '-1' as c, '@x' as d, 7 as e, 2.5 as f, null as g, 'http://example.org/?a=1&b=2' as h, 1234567890123456789 as i, '[\"one\", \"two\"]' as j, '{=1}' as k"
    sheet = open_book(site.get("/record.xlsx", params={"sql": sql})).worksheets[0]
    cells = {cell.value: found for cell, found in zip(sheet[1], sheet[2])}
    assert [cells[c].value for c in "abcdefgijk"] == ["=1+1", "+1", "-1", "@x", 7, 2.5, None, "1234567890123456789", "one; two", "{=1}"]
    assert {cells[c].data_type for c in "abcdhik"} == {"s"}
    assert cells["h"].hyperlink.target == "http://example.org/?a=1&b=2"


def test_no_value_breaks_a_workbook(site):
    sql = "select 1e308 * 10 as a, -1e308 * 10 as b, 'http://x' || char(1) || 'y' as c, 'https://x/' || char(8232) as d, x'00ff' as e"
    row = open_book(site.get("/record.xlsx", params={"sql": sql})).worksheets[0][2]
    assert [cell.value for cell in row[:2]] == ["inf", "-inf"] and row[4].value == "2 bytes"
    assert row[2].hyperlink is None and row[3].hyperlink is None


def test_a_workbook_needs_a_question(site):
    answer = site.get("/record.xlsx")
    assert answer.status_code == 400 and "sql" in answer.json()["error"]


def test_the_page_says_that_a_long_answer_is_cut_in_csv_too(site):
    sql = "select * from citations"
    assert "Here, and in CSV, JSON and Excel, are the first 2,000" in site.get("/record", params={"sql": sql}).text
    assert len(list(csv.reader(io.StringIO(site.get("/record.csv", params={"sql": sql}).text)))) == 2001


def test_a_workbook_says_what_it_holds_and_is_the_same_each_time(site):
    first, again = (site.get("/record/told_to_do.xlsx", params={"organisation": "nhs-digital"}) for _ in range(2))
    assert first.content == again.content and first.headers["access-control-allow-origin"] == "*"
    assert 'filename="told_to_do.xlsx"' in first.headers["content-disposition"]
    book = open_book(first)
    assert book.sheetnames == ["Rows", "About"] and book.worksheets[0].freeze_panes == "A2"
    dataset = site.get("/record/dataset.json", params={"_shape": "array"}).json()[0]
    assert book.properties.created == datetime.datetime.fromisoformat(dataset["as_of"])
    about = dict(book["About"].iter_rows(values_only=True))
    assert dataset["version"] in about["Dataset"] and "organisation=nhs-digital" in about["Address"] and "CC BY 4.0" in about["Licence"]


def test_a_table_is_a_workbook_of_as_many_rows_as_the_site_gives(site):
    sheet = open_book(site.get("/record/reports.xlsx", follow_redirects=True)).worksheets[0]
    assert sheet.max_row - 1 == site.get("/record/reports.json", params={"_size": 0}).json()["filtered_table_rows_count"]
    book = open_book(site.get("/record/citations.xlsx", follow_redirects=True))
    about = dict(book["About"].iter_rows(values_only=True))
    assert book.worksheets[0].max_row == 2001 and about["Rows"] == "The first 2,000: there are more"
    labelled = open_book(site.get("/record/recommendations.xlsx", params={"_labels": "on", "_size": 5})).worksheets[0]
    heads = [cell.value for cell in labelled[1]]
    assert "report" in heads and "report_label" in heads and labelled.max_row == 6
    assert open_book(site.get("/record/reports/wllr-2020.xlsx")).worksheets[0]["A2"].value == "wllr-2020"


def test_a_mistake_in_sql_makes_no_workbook(site):
    assert site.get("/record.xlsx", params={"sql": "select nothing"}).status_code == 400


# The primer and the path ---------------------------------------------------------------------------------------------

def test_every_question_of_the_primer_returns_rows(site, primer):
    links = addresses(primer, "/record?sql=")
    assert len(links) >= 5 + 6 + 1 and primer.count("<pre>") >= 6
    for link in links:
        assert site.get(link).status_code == 200
        assert site.get(link.replace("/record?", "/record.json?") + "&_shape=array").json(), link
    joins = re.findall(r"<pre>(.*?)</pre>", primer.split('id="joins"')[1].split('id="picture"')[0], re.S)
    assert len(joins) == 6 and all("join" in sql for sql in joins)


def test_the_picture_and_its_list_name_every_table_and_key(primer):
    picture = html.unescape(re.search(r'<svg class="er" role="img".*?</svg>', primer, re.S)[0])
    listed = primer.split('class="er-list"')[1].split("</details>")[0]
    assert "<title id=" in picture and "<desc id=" in picture and "style=" not in picture
    drawn = set(re.findall(r'<text class="(?:one|many)"[^>]*>([^<]*)</text>', picture))
    with sqlite3.connect(f"file:{ROOT / 'record.db'}?mode=ro", uri=True) as db:
        keys = {table: db.execute(f"PRAGMA foreign_key_list([{table}])").fetchall() for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE%STRICT'")}
    assert len(keys) > 30
    expected = set()
    for table, found in keys.items():
        if TABLES[table].get("hidden"):
            parent = TABLES[table]["columns"]
            to = {key[3]: key[2] for key in found}
            item = to.get(list(parent)[1])
            expected.add(f"{table} → {item}" if item else f"{table} (words)")
        else:
            assert f">{table}</text>" in picture and f"<code>{table}</code>" in listed
            expected |= {f"{key[3]} → {key[2]}" for key in found}
    assert drawn == expected
    for words in expected:
        assert f"<code>{words.split()[0]}</code>" in listed


def test_lines_of_the_two_sides_of_the_picture_never_lie_on_each_other(primer):
    picture = re.search(r'<svg class="er".*?</svg>', primer, re.S)[0]
    runs = [tuple(map(int, run)) for run in re.findall(r'<path class="(?:one|many) [^"]*" d="M(\d+) (\d+)H(\d+)"', picture)]
    left, right = ({y for x, y, to in runs if (x < to) is side} for side in (True, False))
    assert left and right and not left & right


def test_every_address_of_the_reporters_path_answers_and_is_on_the_site(site, primer):
    told = (ROOT / "docs/reporters-path.md").read_text("utf-8")
    links = re.findall(r"http://127\.0\.0\.1:8001([^\s>)]*[^\s>).:,])", told)
    assert len(links) >= 6
    on_site = addresses(primer, "/")
    for link in links:
        assert site.get(link).status_code == 200, link
        assert httpx.URL(link) in [httpx.URL(there) for there in on_site] or link in ("/ask/primer#path",), link
    sql = re.search(r"```sql\n(.*?)```", told, re.S)[1].replace("\n   ", "\n").strip()
    assert httpx.QueryParams(next(link for link in links if "sql=" in link).split("?")[1])["sql"] == sql
    rows = list(csv.DictReader(io.StringIO(site.get("/record.csv", params={"sql": sql}).text)))
    assert len(rows) > 3 and all(re.fullmatch(r"\d{4}", row["year"]) and row["assessed"].isdigit() and row["not_assessed"].isdigit() for row in rows)


# In the browser ------------------------------------------------------------------------------------------------------

def test_a_reporter_goes_from_a_question_to_a_csv_without_javascript(chromium, server):
    context = chromium.new_context(base_url=server, java_script_enabled=False)
    page = context.new_page()
    page.goto("/ask")
    page.get_by_role("link", name="Of what was accepted each year").first.click()
    everybody = page.locator("p.answer").inner_text()
    page.get_by_label("Who answered").select_option(label="Home Office")
    page.get_by_label("From the year").fill("2018")
    page.get_by_role("button", name="Ask", exact=True).click()
    assert "organisation=home-office" in page.url and "first_year=2018" in page.url
    assert page.get_by_label("Who answered").input_value() == "home-office"
    assert page.locator("p.answer").inner_text() != everybody
    shown = page.locator("td.col-year").all_inner_texts()
    assert shown and min(shown) >= "2018"
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "accepted_by_year.csv"
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8"))))
    assert [row["year"] for row in rows] == shown
    page.get_by_role("link", name="Edit SQL").click()
    page.get_by_label("SQL, read only").fill("select kind, count(*) as n from reports group by kind")
    page.get_by_role("button", name="Run SQL").click()
    assert page.locator("td.col-n").count() > 3
    with page.expect_download() as download:
        page.get_by_role("link", name="Excel").click()
    assert openpyxl.load_workbook(io.BytesIO(download.value.path().read_bytes())).worksheets[0].max_row == page.locator("td.col-n").count() + 1
    context.close()


@pytest.mark.parametrize("width", [1280, 375])
def test_axe_finds_nothing_and_nothing_is_too_wide(chromium, server, width):
    context = chromium.new_context(base_url=server, viewport={"width": width, "height": 900})
    page, found = context.new_page(), []
    for path in PAGES:
        page.emulate_media(color_scheme="light")
        page.goto(path)
        found += [(path, v["id"], node["html"][:200]) for v in Axe().run(page).response["violations"] for node in v["nodes"]]
        if width < 500:  # the same page in other colours: these are the same at any width
            page.emulate_media(color_scheme="dark")
            dark = Axe().run(page, options={"runOnly": ["color-contrast", "link-in-text-block"]})
            found += [(path, "dark", v["id"], node["html"][:200]) for v in dark.response["violations"] for node in v["nodes"]]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append((path, "too wide"))
    context.close()
    assert found == []


def test_the_picture_scrolls_by_the_keyboard_on_a_phone(chromium, server):
    context = chromium.new_context(base_url=server, viewport={"width": 375, "height": 800})
    page = context.new_page()
    page.goto("/ask/primer")
    region = page.get_by_role("region", name="Picture of the tables")
    region.evaluate("region => { window.scrolled = new Promise(done => region.addEventListener('scroll', () => done(region.scrollLeft))) }")
    region.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("window.scrolled") > 0
    context.close()
