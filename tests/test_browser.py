"""The site in Chromium: what only a browser can show."""
import pytest


@pytest.fixture
def page(chromium, server):
    """A page of the browser that notes every request and every error; nothing may come from elsewhere."""
    context = chromium.new_context(base_url=server)
    page = context.new_page()
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    assert errors == []
    assert [url for url in requests if not url.startswith((server, "data:"))] == []
    context.close()


def test_incidents_are_on_a_map_with_tiles_of_our_own(page):
    page.goto("/record/incident_map")
    page.wait_for_selector(".leaflet-tile-loaded")
    page.wait_for_selector(".leaflet-marker-icon")
    tiles = page.eval_on_selector_all(".leaflet-tile-loaded", "tiles => tiles.map(t => t.naturalWidth)")
    assert tiles and all(width == 256 for width in tiles)


def test_a_reader_finds_an_incident_and_its_source_by_clicking(page):
    page.goto("/")
    page.click("text=a search of everything as a table")
    page.fill("input[name=words]", "eight-day-old baby")
    page.click("main form button >> nth=0")
    page.click("table a[href$='/incidents/baby-id-2017']")
    assert "/record/incidents/baby-id-2017" in page.url
    page.click(".notes a >> nth=0")
    assert "/record/sources/" in page.url
    assert page.locator(".col-url a").get_attribute("href").startswith("http")


@pytest.mark.parametrize("path", ["/", "/record", "/record/reports", "/record/recommendation_status", "/record/search?words=windrush",
                                  "/record/reports/wllr-2020", "/record/places"])
def test_pages_open_without_errors_and_without_calling_anybody_else(page, path):
    response = page.goto(path)
    page.wait_for_load_state("networkidle")
    assert response.status == 200


def test_a_facet_narrows_a_table(page):
    page.goto("/record/reports")
    link = page.locator(".facet-results a", has_text="judgment").first
    link.click()
    assert "kind=judgment" in page.url
    assert set(page.locator("td.col-kind").all_inner_texts()) == {"judgment"}
