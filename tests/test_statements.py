"""Statements of what changed, their blank forms, and what was asked again: over HTTP, on paper and in the browser."""
import csv
import datetime
import io
import json
from urllib.parse import urljoin, urlsplit

import docx
import pypdf
import pytest
from axe_playwright_python.sync_playwright import Axe
from lxml import html

MANY, OTHER, FEW, NONE = "wllr-2020", "brook-house-inquiry-2023", "nao-windrush-2018", "ucpi-final"
PAGES = [
    "/what-changed", *(f"/what-changed/{report}" for report in (MANY, OTHER, FEW, NONE)), f"/what-changed/{MANY}/blank",
    "/asked-again", "/asked-again/detention-time-limit-28-days",
]


def rows(site, sql, **parameters):
    """The rows that the site's own API gives for a query."""
    answer = site.get("/record.json", params={"sql": sql, "_shape": "array", **parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()


def read(site, path, **parameters):
    """The main part of a page, parsed."""
    answer = site.get(path, params=parameters)
    assert answer.status_code == 200, path
    return html.fromstring(answer.text).get_element_by_id("content")


def words(element):
    """The text of an element, with single spaces."""
    return " ".join(element.text_content().split())


# The list of reports ----------------------------------------------------------------------------------------------


def test_every_report_with_recommendations_is_listed_with_coverage_and_statement(site):
    listed = {item.find(".//a").get("href"): words(item) for item in read(site, "/what-changed").xpath(".//ol/li")}
    scores = rows(site, "select * from report_scorecard")
    assert set(listed) == {f"/what-changed/{score['report']}" for score in scores}
    for score in scores:
        text = listed[f"/what-changed/{score['report']}"]
        found = f"yes, {score['statements_of_change']} found" if score["statements_of_change"] else "none found"
        assert score["coverage"] in text and f"Statement of change: {found}" in text


@pytest.mark.parametrize("sort, column, falls", [
    ("oldest", "published", False), ("most", "recommendations_recorded", True), ("not-met", "independently_not_met", True),
    ("statement", "statements_of_change", False), ("; drop table reports", "published", True),
])
def test_the_list_is_sorted_by_a_plain_link(site, sort, column, falls):
    page = read(site, "/what-changed", sort=sort)
    values = {f"/what-changed/{row['report']}": row["value"] for row in rows(site, f"select report, coalesce({column}, '') as value from report_scorecard")}
    got = [values[item.find(".//a").get("href")] for item in page.xpath(".//ol/li")]
    assert got == sorted(got, reverse=falls)
    assert len(page.xpath(".//nav//a[@aria-current]")) == 1


# A statement ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("report", [MANY, OTHER, FEW])
def test_a_statement_holds_every_recommendation_answer_and_finding_with_its_sources(site, report):
    page = read(site, f"/what-changed/{report}")
    text = words(page)
    for heading in ("What went wrong", "What was recommended", "What was promised", "What has changed, and who says so", "What has not", "On what no verdict was found"):
        assert page.xpath(f".//h2[normalize-space()='{heading}']"), heading
    for row in rows(site, "select recommendation, summary, state from recommendation_status where report = :r", r=report):
        section = words(page.get_element_by_id(row["recommendation"]))
        assert row["state"].capitalize() in section and " ".join(row["summary"].split()) in section
        assert page.xpath(f".//a[@href='#{row['recommendation']}']")
    for row in rows(site, "select r.id, o.name from recommendations r join recommendation_addressed_to a on a.recommendation = r.id join organisations o on o.id = a.organisation where r.report = :r", r=report):
        told = words(page.get_element_by_id(row["id"]).xpath(".//p[@class='told']")[0])
        assert told.startswith("To: ") and row["name"] in told
    for table, column, coded in ("responses", "summary", "position"), ("assessments", "what_changed", "status"):
        for row in rows(site, f"select e.*, o.name from {table} e join recommendations r on r.id = e.recommendation join organisations o on o.id = e.made_by where r.report = :r", r=report):
            section = words(page.get_element_by_id(row["recommendation"]))
            for said in row["name"], row[coded], " ".join(row[column].split()):
                assert said in section
    for row in rows(site, "select i.title from incidents i join incident_reports x on x.incident = i.id where x.report = :r", r=report):
        assert row["title"] in text


@pytest.mark.parametrize("report", [MANY, OTHER, FEW, NONE])
def test_every_number_in_brackets_leads_to_a_source_and_every_source_is_cited(site, report):
    page = read(site, f"/what-changed/{report}")
    cited = {link.get("href")[1:] for link in page.xpath(".//*[@class='cites']//a")}
    assert cited == {note.get("id") for note in page.xpath(".//ol[@class='notes']/li")} and cited
    locators = rows(site, "select locator from citations where table_name = 'reports' and row_id = :r and locator is not null", r=report)
    assert all(row["locator"] in words(page) for row in locators)


def test_the_counts_are_those_of_the_scorecard(site):
    score = rows(site, "select * from report_scorecard where report = :r", r=MANY)[0]
    text = words(read(site, f"/what-changed/{MANY}"))
    assert f"{score['recommendations_made']} recommendations. This record holds {score['recommendations_recorded']} of them so far." in text
    assert f"By the latest answers: {score['accepted']} accepted" in text
    assert f"Independently found not met, or dropped: {score['independently_not_met']}." in text
    assert f"yes, here: {score['statements_of_change']} found" in text


def test_each_recommendation_stands_in_the_bar_once(site):
    for report in MANY, OTHER, FEW:
        page = read(site, f"/what-changed/{report}")
        numbers = [int(number) for number in page.xpath(".//ul[@class='key']//strong/text()")]
        assert sum(numbers) == len(page.xpath(".//section[@class='recommendation']"))
        assert page.xpath(".//svg[@role='img']/@aria-label")


def test_a_report_without_a_statement_or_without_recommendations_says_so(site):
    text = words(read(site, f"/what-changed/{FEW}"))
    as_of = datetime.date.fromisoformat(rows(site, "select as_of from dataset")[0]["as_of"])
    assert f"published by the institution: none found in the sources read. Record as of {as_of:%-d %B %Y}." in text
    text = words(read(site, f"/what-changed/{NONE}"))
    assert "None of its recommendations are in this record" in text and "What was promised" not in text


def test_every_report_of_the_record_has_a_statement_that_opens(site):
    for row in rows(site, "select id from reports"):
        assert site.get(f"/what-changed/{row['id']}").status_code == 200, row


def test_the_same_can_be_had_as_json_csv_and_sql(site):
    links = {words(link): link.get("href") for link in read(site, f"/what-changed/{MANY}").xpath(".//ul[@class='data']//a")}
    said = rows(site, """select (select count(*) from responses e join recommendations r on r.id = e.recommendation where r.report = :r)
        + (select count(*) from assessments e join recommendations r on r.id = e.recommendation where r.report = :r) as n""", r=MANY)[0]["n"]
    assert len(site.get(links["JSON"]).json()) == said
    assert len(list(csv.DictReader(io.StringIO(site.get(links["CSV"]).text)))) == said
    assert "with event as" in site.get(links["The SQL behind it"]).text


def test_a_statement_describes_itself_to_machines(site):
    page = html.fromstring(site.get(f"/what-changed/{MANY}").text)
    data = json.loads(page.xpath("//script[@type='application/ld+json']/text()")[0])
    assert data["@type"] == "Article" and data["about"]["datePublished"] == "2020-03-19"
    assert data["isPartOf"]["version"] in words(page.get_element_by_id("content")) and data["citation"]


# The blank statement ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("report", [MANY, FEW])
def test_the_blank_statement_has_labelled_fields_for_each_recommendation(site, report):
    page = read(site, f"/what-changed/{report}/blank")
    for row in rows(site, "select id, summary from recommendations where report = :r", r=report):
        part = page.get_element_by_id(row["id"])
        assert " ".join(row["summary"].split()) in words(part)
        assert [label.text.strip() for label in part.findall(".//label")] == ["What we did", "Since when", "Evidence", "What is left"]
        assert [label.get("for") for label in part.findall(".//label")] == [field.get("id") for field in part.findall(".//textarea")]


@pytest.mark.parametrize("report", [MANY, FEW, NONE])
def test_the_word_document_opens_and_holds_every_recommendation(site, report):
    answer = site.get(f"/what-changed/{report}/blank.docx")
    assert answer.status_code == 200 and f"what-changed-{report}.docx" in answer.headers["content-disposition"]
    document = docx.Document(io.BytesIO(answer.content))
    text = "\n".join(paragraph.text for paragraph in document.paragraphs)
    asked = rows(site, "select number, summary from recommendations where report = :r", r=report)
    for row in asked:
        assert row["summary"] in text and (not row["number"] or f"Recommendation {row['number']}\n" in text)
    tables = [table for table in document.tables if table.cell(0, 0).text.startswith("What we did")]
    assert len(tables) == len(asked) + (report != FEW)  # where the record lacks some, one more part to copy
    assert all(cell.text == "" for table in document.tables for cell in table.columns[1].cells)
    assert document.core_properties.title.startswith("What changed after: ")


# Asked again ------------------------------------------------------------------------------------------------------


def test_every_ask_is_listed_and_leads_to_its_chain_oldest_first(site):
    listed = read(site, "/asked-again").xpath(".//ol//h2/a/@href")
    asks = rows(site, "select ask, times_asked from asked_again")
    assert sorted(listed) == sorted(f"/asked-again/{ask['ask']}" for ask in asks)
    for ask in asks:
        page = read(site, f"/asked-again/{ask['ask']}")
        chain = page.xpath(".//ol[@class='chain']/li")
        assert len(chain) == ask["times_asked"]
        dates = [(item.xpath("./p[@class='when']/time/@datetime") or [""])[0] for item in chain]
        assert dates == sorted(dates)


def test_the_chain_gives_each_answer_and_says_who_gave_it(site):
    page = read(site, "/asked-again/detention-time-limit-28-days")
    for row in rows(site, """select e.recommendation, e.position, e.summary, o.name from responses e join organisations o on o.id = e.made_by
            join recommendation_asks a on a.recommendation = e.recommendation where a.ask = 'detention-time-limit-28-days'"""):
        text = words(page.get_element_by_id(row["recommendation"]))
        for said in row["name"], row["position"], " ".join(row["summary"].split()):
            assert said in text


# What goes for all of them ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/what-changed/no-such", "/what-changed/no-such/blank", "/what-changed/no-such/blank.docx", "/asked-again/no-such"])
def test_an_unknown_name_is_not_found_and_the_page_says_where_to_look(site, path):
    answer = site.get(path)
    assert answer.status_code == 404
    assert "no-such" in answer.text and 'lang="en-GB"' in answer.text


def test_every_link_on_three_statements_answers(site):
    links = set()
    for report in MANY, OTHER, FEW:
        path = f"/what-changed/{report}"
        page = read(site, path)
        for href in page.xpath(".//a/@href"):
            address = urlsplit(urljoin(path, href))
            if address.path == path and address.fragment:
                page.get_element_by_id(address.fragment)
            elif not address.netloc:
                links.add(address._replace(fragment="").geturl())
    assert len(links) > 100
    assert [link for link in links if site.get(link).status_code != 200] == []


@pytest.mark.parametrize("path", PAGES)
def test_pages_need_no_inline_script_or_style(site, path):
    page = html.fromstring(site.get(path).text)
    assert page.xpath("//script[not(@src) and @type != 'application/ld+json'] | //style | //*[@style]") == []
    assert [name for element in page.iter() for name in element.attrib if name.startswith("on")] == []
    assert len(page.xpath("//h1")) == 1


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_and_fit(chromium, server, scheme, width):
    context = chromium.new_context(base_url=server, color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    for path in PAGES:
        page.goto(path)
        violations = Axe().run(page).response["violations"]
        assert [(path, found["id"], found["nodes"][0]["html"]) for found in violations] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert errors == [] and [url for url in requests if not url.startswith((server, "data:"))] == []
    context.close()


def test_the_keyboard_leads_from_home_to_a_source_with_javascript_off(chromium, server):
    context = chromium.new_context(base_url=server, java_script_enabled=False)
    page = context.new_page()

    def follow(selector):
        """Press Tab until a link that matches has the focus, then Enter."""
        for _ in range(600):
            page.keyboard.press("Tab")
            if page.locator(f":focus:is({selector})").count():
                page.keyboard.press("Enter")
                return
        pytest.fail(f"Tab does not lead to {selector}")

    page.goto("/")
    follow("main [href='/what-changed']")
    page.wait_for_url("**/what-changed")
    follow("[href*='sort=most']")
    page.wait_for_url("**sort=most*")
    follow(f"[href='/what-changed/{MANY}']")
    page.wait_for_url(f"**/what-changed/{MANY}")
    follow(f"[href='#{MANY}-r03']")
    page.wait_for_url(f"**#{MANY}-r03")
    follow(f"#{MANY}-r03 .cites a")
    page.wait_for_url("**#note-*")
    follow(".notes [href^='/record/sources/']")
    page.wait_for_url("**/record/sources/*")
    assert page.locator("main h1").inner_text()
    context.close()


def test_a_statement_prints_on_a4_and_its_first_sheet_stands_alone(chromium, server):
    page = chromium.new_page()
    page.goto(f"{server}/what-changed/{MANY}")
    pdf = pypdf.PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    page.close()
    assert [round(float(side) / 72 * 25.4) for side in pdf.pages[0].mediabox[2:]] == [210, 297]
    first = " ".join(pdf.pages[0].extract_text().split())
    for said in "Windrush Lessons Learned Review", "This record holds 19 of them", "On what no verdict was found", "Statement of what changed":
        assert said in first
    everything = " ".join(" ".join(sheet.extract_text() for sheet in pdf.pages).split())
    for said in "Recommendation 29.", "Cite this", "version 2026", "<https://":
        assert said in everything
    for unwanted in "Search the record", "On this page", "Take it away":
        assert unwanted not in everything
