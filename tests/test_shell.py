"""What every page has from the shell: landmarks, headers, rows and tables in words, errors that help, and no barrier."""
import re
from html.parser import HTMLParser

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT

METADATA = yaml.safe_load((ROOT / "metadata.yml").read_text("utf-8"))["databases"]["record"]
WITH_ID = [table for table, about in METADATA["tables"].items() if "id" in about["columns"]]
ERRORS = {"/nothing": 404, "/record/nothing": 404, "/record/incidents/nothing": 404, "/basemap": 403, "/record?sql=delete+from+incidents": 400,
          "/record?sql=select+nothing": 400, "/record/incidents?_sort=nothing": 400}
PAGES = ["/", "/record", "/record/incidents?_size=10", "/record/reports?kind=judgment&_search=detention&_size=10", "/record/reports?kind=nothing", "/record/incident_map",
         "/record/recommendation_status?_size=10", "/record/citations?_size=10", "/record/system_topics?_size=10",
         "/record/told_to_do?organisation=NHS+Digital", "/record/told_to_do?organisation=nobody",
         "/record?sql=select+1+as+one", "/-/versions", "/-/patterns", "/-/tiles/basemap", "/-/allow-debug", "/-/messages", *ERRORS]


@pytest.fixture(scope="module")
def rows(site):
    """The address of one row of each table that has pages of rows."""
    first = lambda table: site.get(f"/record/{table}.json", params={"_shape": "array", "_size": 1}).json()[0]
    return {table: f"/record/{table}/{first(table)['id']}" for table in WITH_ID}


@pytest.fixture(scope="module")
def axe():
    return Axe()


def violations(axe, page, **options):
    """What axe-core finds on a page, as text to read."""
    found = axe.run(page, options=options).response["violations"]
    return [f"{v['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}" for v in found for node in v["nodes"]]


class Inline(HTMLParser):
    """Collects what a strict Content-Security-Policy forbids."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        data = "json" in (attributes.get("type") or "")
        if tag == "style" or tag == "script" and "src" not in attributes and not data:
            self.found.append(f"<{tag}>")
        self.found += [f"{tag} {name}" for name in attributes if name == "style" or name.startswith("on")]
        self.found += [f"{tag} {url}" for name in ("href", "src", "action") if (url := attributes.get(name) or "").startswith("javascript:")]


# Over HTTP -----------------------------------------------------------------------------------------------------------

def test_every_page_forbids_what_is_inline_and_has_none(site, rows):
    for path in [*PAGES, *rows.values()]:
        page = site.get(path)
        assert page.headers["content-type"].startswith("text/html"), path
        policy = page.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "script-src 'self'" in policy and "style-src 'self'" in policy and "unsafe" not in policy, path
        assert page.headers["x-content-type-options"] == "nosniff" and page.headers["referrer-policy"] == "no-referrer", path
        assert "set-cookie" not in page.headers, path
        inline = Inline()
        inline.feed(page.text)
        assert inline.found == [], path


def test_every_page_has_landmarks_one_heading_and_the_way_to_everywhere(site, rows):
    for path in [*PAGES, *rows.values()]:
        page = site.get(path).text
        assert '<html lang="en-GB">' in page and page.count("<h1") == 1 and 'href="#content"' in page and '<main id="content"' in page, path
        assert re.search("<title>[^<]*[^<\\s][^<]*</title>", page), path
        for link in "/what-changed", "/asked-again", "/record/incidents", "/mous", "/systems", "/timeline", "/map", "/record", "/about", "/data":
            assert f'href="{link}"' in page, (path, link)
        assert 'action="/search"' in page, path


@pytest.mark.parametrize("path, status", ERRORS.items())
def test_an_error_says_what_to_do_next(site, path, status):
    page = site.get(path)
    assert page.status_code == status
    assert "What to do next" in page.text or "Check the names of tables and columns" in page.text
    assert "Traceback" not in page.text


def test_json_stays_open_to_other_sites(site):
    answer = site.get("/record/incidents.json")
    assert answer.headers["access-control-allow-origin"] == "*" and "content-security-policy" not in answer.headers


@pytest.mark.parametrize("value, words", [("2018-05-09", "9 May 2018"), ("2018-12-31", "31 December 2018"), ("2018-05", "May 2018"), ("2018", "2018"),
                                          (None, ""), ("", ""), ("2018-13", "2018-13"), ("May", "May"), (2018, 2018)])
def test_dates_are_said_in_words(value, words):
    namespace = {}
    exec((ROOT / "plugins/human_dates.py").read_text("utf-8"), namespace)
    assert namespace["human_date"](value) == words


def test_a_row_says_what_it_is_when_and_on_what_it_rests(site):
    page = site.get("/record/mous/hmrc-home-office-left-uk-2025").text
    assert '<time datetime="2026-01-05">5 January 2026</time>' in page
    page = site.get("/record/mous/dfe-home-office-npd-2015").text
    assert 'href="/record/vocabulary/mou-status-in-force"' in page and 'href="/record/organisations/home-office"' in page
    assert 'href="/record/sources/pq-hl17037-2019"' in page and 'rel="external noreferrer">Read it where it was published' in page
    assert "Compared with its source by a second reader on" in page
    assert 'href="/record/mous/dfe-home-office-npd-2015.json"' in page and "<cite>What Changed? The Home Office record</cite>, version" in page
    unchecked = site.get("/record/recommendations.json", params={"checked__isnull": 1, "_shape": "array", "_size": 1}).json()[0]["id"]
    assert "Read once" in site.get(f"/record/recommendations/{unchecked}").text


def ids(site, sql):
    return site.get("/record.json", params={"sql": sql, "_shape": "arrays"}).json()["rows"]


@pytest.mark.parametrize("table, sql", [
    ("incidents", "select incident, '/record/reports/' || report from incident_reports limit 3"),
    ("incidents", "select incident, '/record/systems/' || system from incident_systems limit 3"),
    ("incidents", "select id, '/record/places/' || place from incidents where place is not null limit 3"),
    ("reports", "select report, '/record/recommendations/' || id from recommendations limit 3"),
    ("reports", "select report, '/what-changed/' || report from recommendations limit 3"),
    ("recommendations", "select recommendation, '/record/responses/' || id from responses limit 3"),
    ("recommendations", "select recommendation, '/record/assessments/' || id from assessments limit 3"),
    ("recommendations", "select recommendation, '/record/asks/' || ask from recommendation_asks limit 3"),
    ("systems", "select system, '/record/incidents/' || incident from incident_systems limit 3"),
    ("mous", "select mou, '/record/organisations/' || organisation from mou_parties limit 3"),
    ("mous", "select mou, '/record/mou_events/' || id from mou_events limit 3"),
    ("organisations", "select made_by, '/record/responses/' || id from responses where made_by <> 'home-office' limit 3"),
    ("organisations", "select organisation, '/record/recommendations/' || recommendation from recommendation_addressed_to where organisation <> 'home-office' limit 3"),
    ("sources", "select source, '/record/' || table_name || '/' || row_id from citations order by row_id limit 20"),
    ("asks", "select ask, '/record/recommendations/' || recommendation from recommendation_asks limit 3"),
    ("places", "select place, '/record/incidents/' || id from incidents where place is not null limit 3"),
    ("topics", "select 'health', '/record/incidents?topics__arraycontains=health'"),
    ("vocabulary", "select 'report-kind-judgment', '/record/reports?kind=judgment'"),
])
def test_a_row_leads_to_what_it_is_joined_to(site, table, sql):
    for id, link in ids(site, sql):
        assert f'href="{link}"' in site.get(f"/record/{table}/{id}").text, (id, link)


def test_a_source_shows_every_claim_that_rests_on_it(site):
    source, claims = ids(site, "select source, claims from source_use order by claims desc limit 1")[0]
    page = site.get(f"/record/sources/{source}").text
    assert f'What rests on it <span class="count">({claims})' in page
    section = page[page.index('id="claims"'):page.index("About this row")]
    assert section.count("<li>") == claims


def test_a_table_says_how_many_rows_and_why(site):
    page = site.get("/record/reports", params={"kind": "judgment"}).text
    assert re.search(r'role="status"><strong>[\d,]+ rows?</strong> where kind = &#34;judgment&#34;', page)
    assert "What each column means" in page and METADATA["tables"]["reports"]["description"] in page
    assert METADATA["tables"]["reports"]["columns"]["published"] in page
    empty = site.get("/record/reports", params={"kind": "nothing"}).text
    assert "No row fits." in empty and "0 rows" in empty and 'href="/record/reports">see every row' in empty


def test_facets_of_lists_are_named(site):
    page = site.get("/record/incidents").text
    facets = page[page.index('id="narrow"'):]
    assert re.search(r'<a href="[^"]*organisations__arraycontains=home-office"[^>]*>Home Office</a>', facets)


def test_rows_can_be_counted_by_any_column_without_javascript(site):
    link = re.search(r'<a href="([^"]*_facet=published)#facet-published"', site.get("/record/reports?kind=audit").text)[1].replace("&amp;", "&")
    page = site.get(link).text
    assert 'id="facet-published"' in page and "kind=audit" in link


def test_the_bar_of_a_report_says_its_numbers_in_words(site):
    page = site.get("/record/reports/brook-house-inquiry-2023").text
    bar = re.search(r'<svg class="bar" role="img" aria-label="([^"]*)"', page)[1]
    counts = ids(site, "select state, count(*) from recommendation_status where report = 'brook-house-inquiry-2023' group by state")
    for state, number in counts:
        assert f"{number} {state}" in bar and f"<strong>{number}</strong> {state}" in page
    widths = re.findall(r'<rect class="state-\w+" x="\d+" y="0" width="(\d+)"', page)
    assert sum(map(int, widths)) == sum(number for _, number in counts)


# In the browser ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("width", [1280, 375])
def test_axe_finds_nothing(chromium, server, rows, axe, width):
    context = chromium.new_context(base_url=server, viewport={"width": width, "height": 900})
    page = context.new_page()
    found = []
    for path in [*PAGES, *rows.values()]:
        page.emulate_media(color_scheme="light")
        page.goto(path)
        found += [(path, problem) for problem in violations(axe, page)]
        page.emulate_media(color_scheme="dark")  # the same page in other colours
        found += [(path, "dark", problem) for problem in violations(axe, page, runOnly=["color-contrast", "link-in-text-block"])]
    context.close()
    assert found == []


def test_no_page_is_wider_than_a_small_phone(chromium, server, rows):
    context = chromium.new_context(base_url=server, viewport={"width": 320, "height": 640})
    page = context.new_page()
    wide = []
    for path in [*PAGES, *rows.values()]:
        page.goto(path)
        if (more := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
            wide.append((path, more))
    context.close()
    assert wide == []


def test_no_page_breaks_its_own_policy_or_calls_anybody_else(chromium, server, rows):
    context = chromium.new_context(base_url=server)
    page = context.new_page()
    errors, requests = [], []
    page.on("console", lambda message: errors.append((page.url, message.text)) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append((page.url, str(error))))
    page.on("request", lambda request: requests.append(request.url))
    for path in [*(p for p in PAGES if p not in ERRORS), *rows.values()]:
        page.goto(path)
        page.wait_for_load_state("networkidle")
    assert errors == []
    assert [url for url in requests if not url.startswith((server, "data:"))] == []
    assert context.cookies() == []
    context.close()


@pytest.fixture
def phone(chromium, server):
    """A page on a phone without JavaScript."""
    context = chromium.new_context(base_url=server, viewport={"width": 375, "height": 800}, java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_the_menu_of_a_phone_opens_without_javascript(phone):
    phone.goto("/record")
    link = phone.locator("#site-nav").get_by_text("Timeline")
    assert not link.is_visible()
    phone.get_by_role("button", name="Menu", exact=True).click()
    assert link.is_visible()
    phone.get_by_role("button", name="Close the menu").click()
    assert not link.is_visible()


def test_the_first_tab_skips_to_the_content(chromium, server):
    context = chromium.new_context(base_url=server)
    page = context.new_page()
    page.goto("/record/reports")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    context.close()


def test_a_table_is_filtered_and_scrolled_with_the_keyboard(chromium, server):
    context = chromium.new_context(base_url=server, viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.goto("/record/reports")
    page.locator("#narrow a", has_text="judgment").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**kind=judgment**")
    region = page.get_by_role("region", name="Rows: scroll")
    region.evaluate("region => { window.scrolled = new Promise(done => region.addEventListener('scroll', () => done(region.scrollLeft))) }")
    region.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("window.scrolled") > 0
    context.close()


def test_a_filter_is_set_without_javascript(phone):
    phone.goto("/record/incidents")
    phone.get_by_text("Filter and sort").click()
    phone.get_by_label("Column", exact=True).select_option("kind")
    phone.get_by_label("Value", exact=True).fill("data breach")
    phone.get_by_role("button", name="Apply").click()
    assert "kind__exact=data+breach" in phone.url
    assert "data breach" in phone.get_by_role("status").inner_text()
