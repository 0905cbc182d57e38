"""Cards as a newsroom uses them: in frames on a page of another origin, in Chromium; and oEmbed as its consumers do."""
import functools
import http.server
import re
import sqlite3
import threading
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT

REPORT, ASK = "wllr-2020", "asylum-backlog"
CARDS = [REPORT, f"ask/{ASK}"]


class Tags(HTMLParser):
    """Collects [(tag, {attribute: value}), …] of a page."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def __getitem__(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def record():
    connection = sqlite3.connect(f"file:{ROOT / 'record.db'}?mode=ro", uri=True)
    yield connection
    connection.close()


@pytest.fixture
def newspaper(tmp_path):
    """A site of another origin: write(html) gives the address of a page that holds it."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    def write(html):
        (tmp_path / "story.html").write_text(
            f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>A story</title><link rel="icon" href="data:,"><main><h1>A story</h1>{html}</main></html>', "utf-8")
        return f"http://127.0.0.1:{server.server_port}/story.html"

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield write
    server.shutdown()
    server.server_close()
    thread.join()


def code(site, card):
    """The HTML that the help page offers to copy for a card."""
    text = site.get("/embed", params={"card": card}).text
    return Tags(text)["iframe"][0], re.search(r"<iframe.*?</iframe>", text)[0]


def opened(chromium, address, width, scheme="light"):
    """The page in a window so wide, with the addresses that it asked for."""
    page = chromium.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme).new_page()
    page.asked, page.trouble = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.trouble.append(message.text) if message.type in ("error", "warning") else None)
    page.goto(address)
    return page


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("width", [240, 800])
def test_a_card_shows_on_a_newsrooms_page(chromium, site, server, newspaper, card, width):
    _, html = code(site, card)
    page = opened(chromium, newspaper(html), width + 16, "dark" if width == 240 else "light")  # 8 px of margin on each side
    page.wait_for_load_state("networkidle")  # a frame that waits for its turn is not part of loading
    frame = page.frames[1]
    assert frame.url == f"{server}/embed/{card}" and page.locator("iframe").bounding_box()["width"] == width
    assert frame.locator("h1").is_visible() and frame.locator("svg.bar").is_visible() and frame.locator(".finding").is_visible()
    assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than the frame"
    if width == 800:
        assert frame.evaluate("document.documentElement.scrollHeight <= innerHeight"), "all of it fits"
    assert {url for url in page.asked if not url.startswith("data:")} == {page.url, f"{server}/embed/{card}", f"{server}/static/embed.css"}
    assert page.trouble == [] and page.context.cookies() == []
    assert [v["id"] for v in Axe().run(page).response["violations"]] == []
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_cards_nor_on_the_help_page(chromium, server, scheme):
    for path in *(f"/embed/{card}" for card in CARDS), "/embed/nothing", "/embed":
        page = opened(chromium, server + path, 375, scheme)
        assert [(path, v["id"], v["nodes"][0]["html"]) for v in Axe().run(page).response["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        page.context.close()


def test_a_theme_holds_a_card_to_one_look(chromium, server):
    paper = lambda theme, scheme: (page := opened(chromium, f"{server}/embed/{REPORT}{theme}", 320, scheme)).evaluate("getComputedStyle(document.body).backgroundColor")
    light, dark = paper("", "light"), paper("", "dark")
    assert light != dark
    assert paper("?theme=light", "dark") == light and paper("?theme=dark", "light") == dark


def test_the_height_in_the_code_is_enough_on_a_phone_and_beside_it(chromium, site, server):
    for card in CARDS:
        page = opened(chromium, f"{server}/embed/{card}", 320)
        for width in 240, 320, 480, 640:
            given = site.get("/oembed", params={"url": f"{server}/embed/{card}", "maxwidth": width}).json()
            page.set_viewport_size({"width": given["width"], "height": given["height"]})
            assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), (card, width)
        page.context.close()


def test_only_cards_may_be_framed(chromium, site, server, newspaper):
    paths = [f"/what-changed/{REPORT}", f"/record/reports/{REPORT}", "/embed", "/"]
    page = opened(chromium, newspaper("".join(f'<iframe src="{server}{path}" title="x"></iframe>' for path in paths)), 900)
    page.wait_for_load_state("networkidle")
    assert len(page.frames) == 5 and all(not frame.url.startswith(server) or frame.locator("body.error, main").count() == 0 for frame in page.frames[1:])
    assert len([words for words in page.trouble if "frame-ancestors" in words]) == 4
    page.context.close()
    for path in *paths, "/embed/a/b":
        assert "frame-ancestors 'self'" in site.get(path).headers["content-security-policy"]


@pytest.mark.parametrize("card", CARDS)
def test_a_card_holds_nothing_but_itself(site, card):
    answer = site.get(f"/embed/{card}")
    assert "set-cookie" not in answer.headers
    assert answer.headers["content-security-policy"] == "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *"
    tags = Tags(answer.text)
    assert not any(tags[tag] for tag in ("script", "img", "iframe", "form", "style", "object"))
    assert [link["href"] for link in tags["link"] if link["rel"] != "canonical"] == ["/static/embed.css"]
    assert all(a["target"] == "_blank" and a["rel"] == "noopener" for a in tags["a"])


def test_a_card_says_what_the_record_says(site, record):
    coverage, title = record.execute("SELECT coverage, title FROM report_scorecard WHERE report = ?", [REPORT]).fetchone()
    version, = record.execute("SELECT version FROM dataset").fetchone()
    text = site.get(f"/embed/{REPORT}").text
    for words in coverage, title, "19 March 2020", f"version {version}", "What Changed? The Home Office record", f'href="/what-changed/{REPORT}"':
        assert words in text
    for state, n in record.execute("SELECT state, count(*) FROM recommendation_status WHERE report = ? GROUP BY 1", [REPORT]):
        assert f"<strong>{n}</strong> {state}" in text
    without, = record.execute("SELECT report FROM report_scorecard WHERE statements_of_change = 0 LIMIT 1").fetchone()
    assert "No account of what changed, published by the institution itself, was found in the sources read." in site.get(f"/embed/{without}").text
    bare, = record.execute("SELECT id FROM reports WHERE id NOT IN (SELECT report FROM recommendations) LIMIT 1").fetchone()
    assert "recommendations is in this record yet" in site.get(f"/embed/{bare}").text


def test_every_card_answers(site, record):
    for table, prefix in ("reports", ""), ("asks", "ask/"):
        for id, in record.execute(f"SELECT id FROM {table} ORDER BY id LIMIT 40"):
            assert site.get(f"/embed/{prefix}{id}").status_code == 200, id


def test_a_card_that_is_not_there_says_so(site):
    for path in "/embed/nothing", "/embed/ask/nothing":
        answer = site.get(path)
        assert answer.status_code == 404 and "not in the record" in answer.text
    assert "has no card" in site.get("/embed?card=nothing").text
    assert "<script>" not in site.get("/embed", params={"card": "<script>alert(1)</script>"}).text


def test_the_help_page_offers_every_card_and_the_same_code_as_the_preview(site, record):
    text = site.get("/embed").text
    for table in "reports", "asks":
        for id, in record.execute(f"SELECT id FROM {table}"):
            assert f'<option value="{"ask/" if table == "asks" else ""}{id}"' in text
    frame, html = code(site, REPORT)
    escaped = html.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")
    assert escaped in site.get("/embed", params={"card": REPORT}).text
    assert frame["title"].startswith("What changed after: Windrush") and frame["referrerpolicy"] == "no-referrer" and "style" not in frame
    assert "?theme=dark" in Tags(site.get("/embed", params={"card": REPORT, "theme": "dark"}).text)["iframe"][0]["src"]


def test_the_tokens_of_a_card_are_those_of_the_site(site):
    tokens = lambda path, start: dict(re.findall(r"(--[a-z]+): (#[0-9a-f]{6})", site.get(path).text.split(start, 1)[1].split("}", 1)[0]))
    for start_card, start_site in (":root {", ":root {"), (":root.dark {", "prefers-color-scheme: dark) {"), (":root:not(.light) {", "prefers-color-scheme: dark) {"):
        card, all_of_site = tokens("/static/embed.css", start_card), tokens("/static/record.css", start_site)
        assert len(card) == 11 and card.items() <= all_of_site.items()


# oEmbed, by its sections: https://oembed.com ---------------------------------------------------------------------


def consume(site, page):
    """What a consumer does (section 4): find the link in the page, ask, and give what to insert."""
    links = Tags(site.get(page).text)["link"]
    found = {link["type"]: link["href"] for link in links if "oembed" in link.get("type", "")}
    assert set(found) == {"application/json+oembed", "text/xml+oembed"}
    return found


@pytest.mark.parametrize("page, card", [(f"/record/reports/{REPORT}", REPORT), (f"/record/asks/{ASK}", f"ask/{ASK}"),
                                        (f"/what-changed/{REPORT}", REPORT), (f"/asked-again/{ASK}", f"ask/{ASK}")])
def test_a_consumer_finds_the_card_from_the_page(site, server, page, card):
    links = consume(site, page)
    answer = site.get(links["application/json+oembed"])
    told = answer.json()
    assert answer.headers["content-type"].startswith("application/json") and answer.headers["access-control-allow-origin"] == "*"
    assert told["version"] == "1.0" and told["type"] == "rich" and isinstance(told["width"], int) and isinstance(told["height"], int)
    frame, = Tags(told["html"])["iframe"]
    assert frame["src"] == f"{server}/embed/{card}" and (frame["width"], frame["height"]) == (str(told["width"]), str(told["height"]))
    assert site.get(frame["src"]).status_code == 200
    xml = site.get(links["text/xml+oembed"])
    assert xml.headers["content-type"].startswith("text/xml")
    assert {e.tag: e.text for e in ET.fromstring(xml.content)} == {key: str(value) for key, value in told.items()}


def test_a_card_is_no_larger_than_asked(site, server):
    told = site.get("/oembed", params={"url": f"{server}/what-changed/{REPORT}", "maxwidth": 300, "maxheight": 200}).json()
    assert told["width"] == 300 and told["height"] == 200


@pytest.mark.parametrize("status, given", [
    (400, {}), (404, {"url": "/what-changed/nothing"}), (404, {"url": "/about"}), (404, {"url": "/what-changed/wllr-2020/blank"}),
    (404, {"url": "https://example.org/what-changed/wllr-2020"}), (404, {"url": "not an address"}), (404, {"url": "http://[broken"}),
    (501, {"url": "/what-changed/wllr-2020", "format": "yaml"}), (400, {"url": "/what-changed/wllr-2020", "maxwidth": "wide"}),
])
def test_what_cannot_be_answered_is_refused_with_the_right_status(site, server, status, given):
    if given.get("url", "").startswith("/"):
        given = given | {"url": server + given["url"]}
    answer = site.get("/oembed", params=given)
    assert answer.status_code == status and answer.headers["access-control-allow-origin"] == "*"
    assert answer.json()["status"] == status and answer.json()["error"]
