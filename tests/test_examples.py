"""The examples of docs/examples: each runs against the live site, counts rightly, and is what the page quotes."""
import collections
import csv
import functools
import http.server
import re
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT, free_port

EXAMPLES = ROOT / "docs/examples"
sys.path.insert(0, str(EXAMPLES))
import make  # noqa: E402

STALE = "run .venv/bin/python docs/examples/make.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the examples leave their files."""
    return tmp_path_factory.mktemp("examples")


@pytest.fixture(scope="module")
def printed(server, folder):
    """What each script prints."""
    return {name: make.run(name, server, folder) for name in make.SCRIPTS}


def rows(site, path, **params):
    """The rows of an answer in JSON."""
    answer = site.get(path, params={"_shape": "array", "_size": "max", **params}).raise_for_status().json()
    assert len(answer) < 2000
    return answer


def latest(rows):
    """The latest row about each recommendation."""
    return {row["recommendation"]: row for row in sorted(rows, key=lambda row: (row["date"] or "", row["id"]))}


def words(site, vocabulary):
    """The group of each term of a vocabulary."""
    return {row["term"]: row["grouping"] for row in rows(site, "/record/vocabulary.json", vocabulary=vocabulary)}


# The answers, counted in another way -----------------------------------------------------------------------------------

def test_promises_kept_counts_what_the_tables_hold(site, printed, folder):
    answers, found = latest(rows(site, "/record/responses.json")), rows(site, "/record/assessments.json")
    independent, own = latest(row for row in found if row["independent"]), latest(row for row in found if not row["independent"])
    finding = words(site, "assessment status")
    names = {"met": "independently found met", "partly": "independently found partly met or in progress", "not": "independently found not met", "unclear": "independently looked at, no verdict"}
    counts = collections.Counter()
    for of, answer in answers.items():
        if answer["made_by"] == "home-office" and answer["position"].startswith("accepted") and (answer["date"] or "") >= "2016":
            state = names[finding[independent[of]["status"]]] if of in independent else "only the institution’s own report found" if of in own else "promised, no assessment found"
            counts[state, answer["position"] == "accepted"] += 1
    table = {state: [counts[state, True], counts[state, False], counts[state, True] + counts[state, False]]
             for state in [*names.values(), "only the institution’s own report found", "promised, no assessment found"]}

    with (folder / "promises_kept.csv").open(newline="") as file:
        assert {state: [int(n) for n in numbers] for state, *numbers in list(csv.reader(file))[1:]} == table
    said = re.findall(r"^(\w.*?) {2,}(\d+) +(\d+) +(\d+)$", printed["promises_kept.py"], re.M)
    total = [sum(column) for column in zip(*table.values())]
    assert {state: [int(n) for n in numbers] for state, *numbers in said} == {**table, "total": total}
    looked = sum(table[name][2] for name in names.values())
    assert printed["promises_kept.py"].startswith(f"Of {total[2]} recommendations accepted, somebody independent looked at {looked} and found {table[names['met']][2]} met.")


def test_asked_again_counts_what_the_tables_hold(site, printed):
    group = {None: "no answer found", "none": "no answer found", "yes": "accepted", "partly": "accepted", "open": "neither", "no": "rejected"}
    answers, position = latest(rows(site, "/record/responses.json")), words(site, "response position")
    published = {row["id"]: row["published"] for row in rows(site, "/record/reports.json") if row["published"]}
    report = {row["id"]: row["report"] for row in rows(site, "/record/recommendations.json") if row["report"] in published}
    title = {row["id"]: row["title"] for row in rows(site, "/record/asks.json")}
    made = collections.defaultdict(list)
    for row in rows(site, "/record/recommendation_asks.json"):
        if row["recommendation"] in report:
            made[title[row["ask"]]].append(row["recommendation"])
    expected = []
    for ask, recommendations in made.items():
        years = {published[report[of]][:4] for of in recommendations}
        if (reports := len({report[of] for of in recommendations})) >= 3:
            told = collections.Counter(group[position[answers[of]["position"]] if of in answers else None] for of in recommendations)
            span = min(years) + (f" to {max(years)}" if len(years) > 1 else "")
            expected.append((-reports, int(min(years)) - int(max(years)), ask, f"{reports} reports, {span}: {ask}", told))
    lines = printed["asked_again.py"].splitlines()
    assert lines[::2] == [line for *_, line, _ in sorted(expected, key=lambda ask: ask[:3])] and lines
    for told, (*_, counts) in zip(lines[1::2], sorted(expected, key=lambda ask: ask[:3]), strict=True):
        assert {words: int(n) for n, words in re.findall(r"(\d+) ([^,]+)", told)} == counts


def test_who_gets_data_counts_what_the_question_on_the_site_answers(site, printed, folder):
    pairs = rows(site, "/record/who_gets_data_from_whom.json", data_from="", data_to="")
    with (folder / "who_gets_data.csv").open(newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    assert sorted((row["giver"], row["receiver"], row["mou"], row["status"], row["agreement"]) for row in written) == sorted(
        (row["data_from"], row["data_to"], row["mou"], row["status"], row["title"]) for row in pairs)

    expected = {}
    for receiver in {row["data_to"] for row in pairs}:
        own = [row for row in pairs if row["data_to"] == receiver]
        expected[receiver] = [len({row[column] for row in own if accept(row)}) for column, accept in
                              [("mou", bool), ("mou", lambda row: row["status"] == "in force"), ("data_from", bool)]]
    said = re.findall(r"^(\S.*?) {2,}(\d+) +(\d+) +(\d+)  (#+)$", printed["who_gets_data.sh"], re.M)
    assert {receiver: [int(n) for n in numbers] for receiver, *numbers, _ in said} == expected
    assert all(len(bar) == int(givers) for *_, givers, bar in said)

    givers = re.findall(r"^\| (\S.*?) +\| (\S.*?) +\| (\S+) +\|$", printed["who_gets_data.sh"], re.M)
    assert givers[2:] == [(row["data_from"], row["status"], row["mou"]) for row in sorted(pairs, key=lambda row: (row["data_from"], row["mou"])) if row["data_to"] == "Home Office"]


def test_ask_the_record_answers_with_sources(site, printed):
    said = printed["ask_the_record.py"]
    tools, found, _, title, promised, *sources, more = said.splitlines()
    assert {"search_record", "what_changed", "execute_sql"} <= set(tools.removeprefix("Tools: ").split(", "))
    best = site.get("/search.json", params={"q": "Windrush lessons learned", "kind": "reports"}).json()["groups"]["reports"][0]["id"]
    report, = rows(site, "/record/reports.json", id=best)
    score, = rows(site, "/record/report_scorecard.json", report=best)
    assert report["title"] in found and title.startswith(report["title"]) and score["coverage"] in title
    assert [int(n) for n in re.findall(r"\d+", promised)] == [
        score[key] for key in ("accepted", "accepted_with_limits", "rejected", "with_independent_assessment", "independently_met")]
    cited = rows(site, "/record.json", id=best, sql="select s.title || ', ' || s.url as line from citations c join sources s on s.id = c.source "
                 "where table_name = 'reports' and row_id = :id order by ordinal")
    assert [line.removeprefix("  Source: ") for line in sources] == [row["line"] for row in cited] and cited
    assert more.endswith(f"{make.SITE}/what-changed/{best}") and site.get(f"/what-changed/{best}").status_code == 200


@pytest.mark.parametrize("words,message", [("zzyzx", "No report was found for “zzyzx”."), ("2025 EWHC 1853", "no recommendations recorded")])
def test_ask_the_record_says_when_there_is_nothing_to_say(server, words, message):
    done = subprocess.run([sys.executable, EXAMPLES / "ask_the_record.py", server, words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr


def test_a_script_that_finds_no_site_fails(tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        make.run("who_gets_data.sh", f"http://127.0.0.1:{free_port()}", tmp_path)


# Charts and page ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name,title", [("promises_kept", "What the Home Office accepted since 2016"), ("asked_again", "Asked for by three or more reports")])
def test_a_chart_is_readable_and_is_the_one_shown(printed, folder, name, title):
    drawn = (folder / f"{name}.svg").read_text("utf-8")
    svg = "{http://www.w3.org/2000/svg}"
    chart = ElementTree.fromstring(drawn)
    texts = ["".join(text.itertext()).strip() for text in chart.iter(f"{svg}text")]
    assert chart.find(f"{svg}title").text == title and title in texts
    # In points, of which three are four pixels: as wide as a phone, with letters of at least 10 pixels.
    assert float(chart.get("width").removesuffix("pt")) * 4 / 3 <= 375
    assert min(float(size) for size in re.findall(r"font-size: ([\d.]+)px", drawn)) * 4 / 3 > 10
    labels = re.findall(r" (\d+)$", printed["promises_kept.py"], re.M)[:-1] if name == "promises_kept" else ["accepted", "rejected", "neither", "no answer found"]
    assert [text for text in texts if text in labels] == labels
    assert drawn == (EXAMPLES / f"{name}.svg").read_text("utf-8"), STALE


def test_the_page_quotes_what_the_examples_print(site, printed):
    dataset, = rows(site, "/record/dataset.json")
    assert (EXAMPLES / "README.md").read_text("utf-8") == make.page(printed, dataset), STALE


@pytest.mark.parametrize("name", make.EXAMPLES)
def test_an_example_says_what_it_answers_and_what_not(name):
    it = make.about(name)
    assert it["question"].endswith(("?", ".")) and name in it["command"] and it["text"] and it["limits"].startswith("It does not say")
    assert name == "embed.html" or len((EXAMPLES / name).read_text("utf-8").splitlines()) <= 60


@pytest.fixture
def elsewhere():
    """The address of the web page, on a site of its own. (A page from a file may not frame the card: CSP's * is for networks.)"""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=EXAMPLES)) as web:
        threading.Thread(target=web.serve_forever).start()
        yield f"http://127.0.0.1:{web.server_port}/embed.html"
        web.shutdown()


def test_the_web_page_shows_the_card_and_the_chart(chromium, server, site, elsewhere):
    page = chromium.new_page(viewport={"width": 375, "height": 800})
    page.goto(f"{elsewhere}?site={server}")
    page.wait_for_function("document.querySelector('#from').textContent")
    assert "version" in page.inner_text("#from")
    shown = [[cell.inner_text() for cell in row.query_selector_all("th, td")][:3] for row in page.query_selector_all("tbody tr")]
    years = rows(site, "/record/accepted_by_year.json", organisation="home-office", first_year="")
    assert shown == [[year["year"], str(year["accepted"]), str(year["independently_assessed"])] for year in years] and shown
    assert "Windrush Lessons Learned Review" in page.frame_locator("iframe").locator("h1").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert not (found := Axe().run(page)).response["violations"], found.generate_report()

    page.goto(f"{elsewhere}?site=http://127.0.0.1:{free_port()}")
    page.wait_for_function("document.querySelector('#from').textContent")
    assert page.inner_text("#from").startswith("The record could not be read") and not page.query_selector_all("tbody tr")
    page.close()
