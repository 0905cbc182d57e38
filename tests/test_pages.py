"""The pages around the record: home, search, timeline, map, systems, agreements, about, data, and files for crawlers."""
import fnmatch
import json
import re
from html import unescape
from urllib.parse import urldefrag, urljoin, urlsplit
from urllib.robotparser import RobotFileParser
from xml.etree import ElementTree

import pytest
from axe_playwright_python.sync_playwright import Axe

PAGES = ["/", "/search", "/search?q=detention", "/search?q=windrsh", "/search?q=detention&kind=recommendations&page=2", "/timeline",
         "/timeline?year=2018&kind=incidents", "/timeline?q=nothingofthekind", "/map", "/systems", "/mous", "/about", "/data"]
ODD = ['"', "'", '"unfinished', '"" ""', "AND", "NOT", "NEAR(", "a OR", "*", "a*", "^a", "a-b", "{a}", "(((", "title:x", "col : on", "-", "%", "\\",
       "\x00", "\x02a\x03", "😀", "👩‍👩‍👧", "café", "ﬁ", "٣", "<script>alert(1)</script>", "x" * 10_000, "word " * 2_000, '" ' * 5_000, "' OR 1=1 --"]


@pytest.fixture
def watched(chromium, server):
    """Open pages in a browser, in any scheme and width; nothing may come from elsewhere, and no error may be shown."""
    contexts, requests, errors = [], [], []

    def open_page(path, **options):
        contexts.append(chromium.new_context(base_url=server, **options))
        page = contexts[-1].new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(path)
        page.wait_for_load_state("networkidle")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []
    assert [url for url in requests if not url.startswith((server, "data:"))] == []


def number(text):
    """Return the number that a text begins with, without its commas."""
    return int(re.match(r"[\d,]+", text.strip())[0].replace(",", ""))


def ask(site, sql):
    """Return the first value that an SQL question gives."""
    return site.get("/record.json", params={"sql": sql, "_shape": "arrays"}).json()["rows"][0][0]


def linked_data(site, path):
    """Return the JSON-LD of a page."""
    return json.loads(re.search(r'<script type="application/ld\+json">(.*?)</script>', site.get(path).text, re.S)[1])


# Every page ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(watched, path, width, scheme):
    page = watched(path, viewport={"width": width, "height": 900}, color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in found] == []


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_wider_than_a_small_phone(watched, path):
    page = watched(path, viewport={"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("path", PAGES)
def test_a_page_reads_without_scripts(watched, path):
    page = watched(path, java_script_enabled=False)
    assert page.locator("main h1").count() == 1
    assert page.locator("main").inner_text().strip()


@pytest.mark.parametrize("path", PAGES)
def test_nothing_runs_or_is_styled_inside_a_page(site, path):
    """A strict Content-Security-Policy would hold: no inline script, handler or style, and no cookie."""
    answer = site.get(path)
    assert answer.status_code == 200 and "set-cookie" not in answer.headers
    scripts = re.findall(r"<script\b([^>]*)>", answer.text)
    assert all("src=" in script or 'type="application/ld+json"' in script for script in scripts)
    assert not re.search(r"<style|<[^>]+\s(style|on\w+)=", answer.text)


def test_no_link_is_broken_and_no_page_fails_to_depth_three(site):
    """Links from home inside the site, without the endless ones: facets, orders, further pages, SQL and exports."""
    endless = re.compile(r"[?&](_|sql=|page=|year=|kind=)|\.(json|csv|db|odt|docx)(\?|$)|^/-/|/[^?]*\?[^?]*__")
    seen, level, broken = {"/"}, ["/"], []
    for depth in range(4):
        following = []
        for path in level:
            answer = site.get(path)
            if answer.status_code >= 400:
                broken.append((path, answer.status_code))
            if depth == 3 or "text/html" not in answer.headers.get("content-type", ""):
                continue
            for href in re.findall(r'<a\b[^>]*?\bhref="([^"]+)"', answer.text):
                target = urlsplit(urldefrag(urljoin(str(answer.url), unescape(href)))[0])
                link = target.path + (f"?{target.query}" if target.query else "")
                if target.netloc == urlsplit(str(site.base_url)).netloc and not endless.search(link) and link not in seen and len(seen) < 600:
                    seen.add(link)
                    following.append(link)
        level = following
    assert broken == []
    assert len(seen) > 100


# Home ---------------------------------------------------------------------------------------------------------------


def test_the_figures_on_home_are_those_of_the_record(watched, site):
    page = watched("/")
    for item in page.locator(".funnel a").all():
        path, _, query = item.get_attribute("href").partition("?")
        rows = site.get(f"{path}.json?{query}")
        assert rows.json()["filtered_table_rows_count"] == number(item.inner_text())
    shown = [number(text) for text in page.locator(".key li").all_inner_texts()]
    assert sum(shown) == ask(site, "select count(*) from recommendations")
    label = page.locator(".states svg[role=img]").get_attribute("aria-label")
    assert all(str(n) in label for n in shown)
    assert str(ask(site, "select count(*) from report_scorecard where statements_of_change = 0")) in page.locator("#story ~ p").first.inner_text()


def test_home_opens_three_doors_and_the_map(site):
    page = site.get("/").text
    for door in "/what-changed", "/record", "/data", "/map", "/timeline":
        assert f'href="{door}"' in page
    for event in site.get("/record/timeline.json", params={"_size": 3, "_sort_desc": "date", "_shape": "array"}).json():
        assert event["title"].replace("'", "&#39;") in page or event["title"] in unescape(page)


@pytest.mark.parametrize("path", ["/", "/data"])
def test_a_search_engine_is_told_what_the_dataset_is(site, path):
    data = linked_data(site, path)
    assert data["@type"] == "Dataset" and data["version"] == ask(site, "select version from dataset")
    assert data["license"] == "https://creativecommons.org/licenses/by/4.0/"
    for file in data["distribution"]:
        assert site.get(file["contentUrl"]).status_code == 200


# Search -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ODD, ids=[repr(words)[:20] for words in ODD])
@pytest.mark.parametrize("path", ["/search", "/timeline"])
def test_odd_words_never_break_a_page(site, path, words):
    for more in {}, {"kind": words[:99], "page": words[:99], "year": words[:99]}:
        answer = site.get(path, params={"q": words, **more})
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "999999999999999999999", "two", "²", ""])
def test_odd_page_numbers_give_a_page(site, number):
    for path in "/search?q=detention&kind=reports", "/timeline?kind=reports":
        answer = site.get(path + "&page=" + number)
        assert answer.status_code == 200 and "/record/reports/" in answer.text


def test_the_search_is_grouped_marked_and_filtered_by_kind(site):
    page = site.get("/search", params={"q": "windrush compensation"}).text
    assert '<h2 id="of-reports">' in page and '<h2 id="of-incidents">' in page
    assert "<mark>Windrush</mark>" in page
    found = ask(site, "select count(*) from search_index where search_index match 'windrush compensation' and table_name = 'responses'")
    page = site.get("/search", params={"q": "windrush compensation", "kind": "responses"}).text
    assert found and set(re.findall(r'<h2 id="of-(\w+)">', page)) == {"responses"}
    assert re.search(rf'Responses <span class="number">{found}</span>', page)


def test_every_row_found_is_reached_by_turning_pages(site):
    wanted = ask(site, "select count(*) from search_index where search_index match 'detention' and table_name = 'recommendations'")
    found, path = [], "/search?q=detention&kind=recommendations"
    while path:
        page = site.get(path).text
        found += re.findall(r'<li><h3><a href="([^"]+)"', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        path = following and unescape(following[1])
    assert len(found) == len(set(found)) == wanted > 20


@pytest.mark.parametrize("typed, meant", [("windrsh", "windrush"), ("biometrcs", "biometrics"), ("detension", "detention"), ("recomendation", "recommendation")])
def test_a_misspelt_word_gets_a_suggestion_that_finds_something(site, typed, meant):
    page = site.get("/search", params={"q": typed}).text
    link = unescape(re.search(r'Did you mean <a href="([^"]+)"', page)[1])
    assert link.startswith(f"/search?q={meant}")
    assert "<mark>" in site.get(link).text


def test_a_word_that_the_record_holds_gets_no_suggestion(site):
    for words in "windrush", "detained people", "Home Office":
        assert "Did you mean" not in site.get("/search", params={"q": words}).text


def test_words_that_no_row_holds_together_are_looked_for_apart(site):
    page = site.get("/search", params={"q": "windrush e-gates hillsborough"}).text
    assert "none holds all of them" in page and "<mark>" in page
    assert "begin like" in site.get("/search", params={"q": "windru"}).text
    assert "Nothing found" in site.get("/search", params={"q": "qqqqzzzz"}).text


def test_what_was_typed_is_shown_again_and_never_run(site):
    page = site.get("/search", params={"q": '"><b>&amp;'}).text
    assert 'value="&#34;&gt;&lt;b&gt;&amp;amp;"' in page


# Timeline -----------------------------------------------------------------------------------------------------------


def test_the_timeline_holds_every_event_and_narrows(site):
    events = r"<li><time datetime=\"([\d-]+)\">"
    dates, path = [], "/timeline"
    while path:
        page = site.get(path).text
        dates += re.findall(events, page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        path = following and unescape(following[1])
    assert len(dates) == ask(site, "select count(*) from timeline")
    assert [date[:4] for date in dates] == sorted((date[:4] for date in dates), reverse=True)
    page = site.get("/timeline", params={"year": "2018", "kind": "reports", "q": "windrush"}).text
    narrowed = re.findall(events, page)
    assert narrowed and {date[:4] for date in narrowed} == {"2018"}
    assert set(re.findall(r'<a href="/record/(\w+)/[^"]+">[^<]+</a></div>', page)) == {"reports"}


# Map ----------------------------------------------------------------------------------------------------------------


def test_the_map_draws_every_incident_with_tiles_of_our_own(watched, site):
    page = watched("/map", viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page.wait_for_selector("#map .leaflet-tile-loaded")
    for _ in range(4):
        page.click(".leaflet-control-zoom-out")
    page.wait_for_selector("#map .cluster")
    shown = sum(int(text) for text in page.locator("#map .cluster").all_inner_texts()) + page.locator("#map .pin").count()
    assert shown == ask(site, "select count(*) from incident_map") == page.locator("[data-latitude]").count()


def test_the_map_is_worked_with_the_keyboard(watched):
    page = watched("/map", viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    pin = page.locator("#map .pin").first
    pin.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".leaflet-popup-content a:focus")
    page.keyboard.press("Enter")
    page.wait_for_url("**/record/incidents/*")


# Systems, agreements, about, data -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path, table", [("/systems", "systems"), ("/mous", "mous")])
def test_a_list_holds_every_row_once(site, path, table):
    found = re.findall(rf'<h3><a href="/record/{table}/([^"]+)">', site.get(path).text)
    assert len(found) == len(set(found)) == ask(site, f"select count(*) from {table}")


def test_every_table_can_be_taken_as_csv_and_json(site):
    page = site.get("/data").text
    files = [unescape(link) for link in re.findall(r'href="(/record/\w+\.(?:csv|json)[^"]*)"', page)]
    assert len(files) > 30
    for link in files:
        assert site.get(link).status_code == 200
    assert f'<td class="number">{ask(site, "select count(*) from incidents")}</td>' in page


def test_the_three_lines_of_the_api_work_as_printed(site):
    lines = unescape(re.search(r"<pre[^>]*><code>(.*?)</code>", site.get("/data").text, re.S)[1]).splitlines()
    assert len(lines) == 3
    for line in lines:
        address, sql = re.match(r"curl '([^']+)'(?: --get --data-urlencode 'sql=([^']+)')?$", line).groups()
        answer = site.get(address, params={**dict(p.split("=") for p in urlsplit(address).query.split("&")), **({"sql": sql} if sql else {})})
        assert answer.status_code == 200 and answer.json()


def test_about_counts_what_is_there(site):
    page = site.get("/about").text
    assert f'<strong>{ask(site, "select count(*) from reports")}</strong> reports are listed' in page
    assert f'{ask(site, "select count(checked) from incidents")}</td>' in page


# Files for crawlers -------------------------------------------------------------------------------------------------


def allowed(rules, path):
    """Say whether robots.txt lets a crawler read a path: the longest rule that fits decides (RFC 9309)."""
    fitting = [(len(rule), verb == "Allow") for verb, rule in rules if fnmatch.fnmatchcase(path, rule.replace("?", "[?]") + "*")]
    return max(fitting, default=(0, True))[1]


def test_robots_may_read_pages_and_rows_and_nothing_endless(site):
    answer = site.get("/robots.txt")
    assert answer.headers["content-type"].startswith("text/plain")
    rules = re.findall(r"^(Allow|Disallow): (\S+)$", answer.text, re.M)
    for path in "/", "/what-changed/wllr-2020", "/record", "/record/incidents", "/record/incidents/baby-id-2017", "/timeline", "/static/record.css", \
            "/-/static-plugins/datasette-leaflet/leaflet-v1.7.1.css", "/-/tiles/basemap/5/15/10.png":
        assert allowed(rules, path), path
    for path in "/record?sql=select+1", "/record/incidents?kind=delay", "/record/incidents?_facet=kind", "/search?q=a", "/record/incidents.json", \
            "/record/incidents.csv?_stream=on", "/record.db", "/-/versions", "/timeline?year=2018":
        assert not allowed(rules, path), path
    parser = RobotFileParser()
    parser.parse(answer.text.splitlines())
    assert parser.can_fetch("*", "/about") and parser.site_maps() == [str(site.base_url.join("/sitemap.xml"))]


def test_the_sitemap_names_pages_that_are_there_and_that_robots_may_read(site):
    answer = site.get("/sitemap.xml")
    assert answer.headers["content-type"].startswith("application/xml")
    found = [e.text for e in ElementTree.fromstring(answer.content).iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert len(found) == len(set(found)) and all(url.startswith(str(site.base_url)) for url in found)
    rules = re.findall(r"^(Allow|Disallow): (\S+)$", site.get("/robots.txt").text, re.M)
    assert [url for url in found if not allowed(rules, urlsplit(url).path)] == []
    paths = [urlsplit(url).path for url in found]
    assert "/record/incidents/baby-id-2017" in paths and "/what-changed/wllr-2020" in paths
    # Each page outside /record, and a sample of the rows: one of about forty.
    sample = [path for path in paths if path.count("/") < 3] + paths[::40]
    assert [path for path in sample if site.get(path).status_code != 200] == []
