"""Feeds and the calendar, read as their readers read them: with feedparser, and with the icalendar library."""
import sqlite3
from datetime import date

import feedparser
import icalendar
import pytest
from conftest import ROOT

REPORT, ORGANISATION = "wllr-2020", "home-office"


@pytest.fixture(scope="module")
def record():
    connection = sqlite3.connect(f"file:{ROOT / 'record.db'}?mode=ro", uri=True)
    yield connection
    connection.close()


def one(record, sql, *values):
    return record.execute(sql, values).fetchone()[0]


def read(site, path):
    """The feed at a path as feedparser reads it from the live server, once it is sure that it is well-formed."""
    found = feedparser.parse(f"{site.base_url}{path}")
    assert not found.bozo, found.get("bozo_exception")
    assert found.version == "atom10" and found.status == 200
    assert found.headers["content-type"] == "application/atom+xml; charset=utf-8"
    return found


@pytest.mark.parametrize("path", ["/feeds/events.atom", f"/feeds/report/{REPORT}.atom", f"/feeds/organisation/{ORGANISATION}.atom"])
def test_a_feed_is_whole_and_in_order(site, record, path):
    found = read(site, path)
    as_of = one(record, "SELECT as_of FROM dataset")
    assert found.feed.id.startswith("urn:uuid:") and found.feed.updated == f"{as_of}T00:00:00Z"
    assert found.feed.title.endswith("What Changed? The Home Office record") and found.feed.author
    assert [link.href for link in found.feed.links if link.rel == "self"] == [f"{str(site.base_url).rstrip('/')}{path}"]
    assert site.get(found.feed.link).status_code == 200
    ids, dates = [entry.id for entry in found.entries], [entry.updated for entry in found.entries]
    assert len(ids) == len(set(ids)) and dates == sorted(dates, reverse=True) and dates[0] <= found.feed.updated
    for entry in found.entries:
        assert entry.title and entry.summary and entry.tags[0].term and entry.link.startswith(str(site.base_url))
    assert site.get(found.entries[0].link).status_code == 200
    assert site.get(path).content == site.get(path).content, "the same record gives the same bytes"


def test_the_newest_events_are_those_of_the_timeline(site, record):
    found = read(site, "/feeds/events.atom")
    newest = record.execute("SELECT date, table_name, row_id, what FROM timeline ORDER BY date DESC, title, table_name, row_id, what LIMIT 50").fetchall()
    assert [(e.link.split("/record/")[1], e.tags[0].label) for e in found.entries] == [(f"{table}/{id}", what) for _, table, id, what in newest]
    assert [e.updated[:10] for e in found.entries] == [(date + "-01-01")[:10] for date, *_ in newest]


def test_a_reports_feed_has_all_that_happened_to_it(site, record):
    found = read(site, f"/feeds/report/{REPORT}.atom")
    count = """
      SELECT (SELECT count(published) FROM reports WHERE id = :r) + (SELECT count(date) FROM statements WHERE report = :r)
        + (SELECT count(s.date) FROM responses s JOIN recommendations r ON r.id = s.recommendation WHERE r.report = :r)
        + (SELECT count(s.date) FROM assessments s JOIN recommendations r ON r.id = s.recommendation WHERE r.report = :r)
        + (SELECT coalesce(sum((date_start IS NOT NULL) + (date_end IS NOT NULL) + (date_public IS NOT NULL)), 0)
           FROM incidents i JOIN incident_reports x ON x.incident = i.id WHERE x.report = :r)"""
    assert len(found.entries) == record.execute(count, {"r": REPORT}).fetchone()[0]
    kinds = {entry.tags[0].term for entry in found.entries}
    assert {"report published", "response", "assessment", "statement", "incident reported"} <= kinds
    answer = next(e for e in found.entries if e.tags[0].term == "response")
    assert answer.summary.startswith("Home Office answered: ")
    assert [link.href for link in answer.links if link.rel == "related"] == [f"{str(site.base_url).rstrip('/')}/what-changed/{REPORT}"]


def test_every_report_and_organisation_has_a_feed(site, record):
    """One of each kind of thing that may be missing: no date, no recommendations, nothing at all said about a body."""
    for sql, kind in (("SELECT id FROM reports WHERE published IS NULL LIMIT 1", "report"),
                      ("SELECT id FROM reports WHERE id NOT IN (SELECT report FROM recommendations) LIMIT 1", "report"),
                      ("SELECT id FROM organisations WHERE id NOT IN (SELECT organisation FROM report_about) AND id NOT IN (SELECT made_by FROM responses) LIMIT 1", "organisation")):
        read(site, f"/feeds/{kind}/{one(record, sql)}.atom")


def test_an_organisations_feed_tells_what_it_was_told_answered_found_and_agreed(site, record):
    entries = read(site, f"/feeds/organisation/{ORGANISATION}.atom").entries
    assert len(entries) == 100 and "The newest 100" in site.get(f"/feeds/organisation/{ORGANISATION}.atom").text
    small = one(record, """SELECT organisation FROM recommendation_addressed_to GROUP BY 1 HAVING count(*) BETWEEN 2 AND 5 ORDER BY 1 LIMIT 1""")
    told = {r[0] for r in record.execute("""SELECT recommendation FROM recommendation_addressed_to t JOIN recommendations r ON r.id = t.recommendation
                                            JOIN reports p ON p.id = r.report WHERE organisation = ? AND published IS NOT NULL""", [small])}
    entries = read(site, f"/feeds/organisation/{small}.atom").entries
    assert {e.link.rsplit("/", 1)[1] for e in entries if e.tags[0].term == "recommendation"} == told
    assert all(" recommended: " in e.summary for e in entries if e.tags[0].term == "recommendation")


def test_the_same_event_has_the_same_id_in_every_feed(site, record):
    links = lambda path: {(e.link, e.tags[0].term): e.id for e in read(site, path).entries}
    # The feed of a body has its newest events only, so the report is the one that it answered last.
    newest = one(record, "select r.report from responses s join recommendations r on r.id = s.recommendation where s.made_by = ? order by s.date desc limit 1", ORGANISATION)
    ours, theirs = links(f"/feeds/report/{newest}.atom"), links(f"/feeds/organisation/{ORGANISATION}.atom")
    shared = set(ours) & set(theirs)
    assert shared and all(ours[key] == theirs[key] for key in shared)


@pytest.mark.parametrize("path", ["/feeds/report/nothing.atom", "/feeds/organisation/nothing.atom", "/feeds/nothing.atom"])
def test_what_is_not_there_is_a_page_of_the_site(site, path):
    answer = site.get(path)
    assert answer.status_code == 404 and 'class="error"' in answer.text and "text/html" in answer.headers["content-type"]


@pytest.mark.parametrize("page, path", [("/", "/feeds/events.atom"), ("/timeline", "/feeds/events.atom"),
                                        (f"/record/reports/{REPORT}", f"/feeds/report/{REPORT}.atom"),
                                        (f"/record/organisations/{ORGANISATION}", f"/feeds/organisation/{ORGANISATION}.atom")])
def test_a_reader_finds_the_feed_from_the_page(site, page, path):
    found = feedparser.parse(site.get(page).text)
    assert [link.href for link in found.feed.links if link.get("type") == "application/atom+xml"] == [path]


@pytest.mark.parametrize("path", ["/feeds/events.atom", "/calendar/statements-due.ics"])
def test_who_has_it_already_is_not_sent_it_again(site, path):
    first = site.get(path)
    again = site.get(path, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304 and again.content == b""
    assert site.get(path, headers={"if-none-match": '"another"'}).status_code == 200
    assert first.headers["access-control-allow-origin"] == "*"


@pytest.fixture(scope="module")
def calendar(site):
    answer = site.get("/calendar/statements-due.ics")
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n")) and b"\n" not in answer.content.replace(b"\r\n", b"")
    return icalendar.Calendar.from_ical(answer.content)


def test_the_calendar_has_every_statement_due_and_every_report_without_one(calendar, record):
    events = calendar.walk("VEVENT")
    assert not calendar.errors and not any(event.errors for event in events)
    due = one(record, "SELECT count(*) FROM machinery_statements_due")
    reports = one(record, "SELECT count(*) FROM report_scorecard WHERE statements_of_change = 0 AND published IS NOT NULL")
    assert len(events) == due + reports and sum("RRULE" in event for event in events) == reports
    assert len({event["UID"] for event in events}) == len(events)
    stamp = date.fromisoformat(one(record, "SELECT as_of FROM dataset"))
    for event in events:
        assert event["DTSTAMP"].dt.date() == stamp and event["TRANSP"] == "TRANSPARENT"
        assert type(event["DTSTART"].dt) is date and event["URL"] in event["DESCRIPTION"] and event["SUMMARY"]


def test_a_change_without_an_account_says_so_six_months_later(calendar, record):
    id, title, due = record.execute("SELECT machinery_change, title, due FROM machinery_statements_due WHERE statement = 'none found' AND length(due) = 10 LIMIT 1").fetchone()
    event, = [e for e in calendar.walk("VEVENT") if e["URL"].endswith(f"/record/machinery_changes/{id}")]
    assert event["DTSTART"].dt == date.fromisoformat(due) and event["SUMMARY"] == f"Six months after: {title}"
    assert "No account of what changed was found in the sources read." in event["DESCRIPTION"]
    id, found = record.execute("SELECT machinery_change, follow_up FROM machinery_statements_due WHERE statement = 'found' LIMIT 1").fetchone()
    event, = [e for e in calendar.walk("VEVENT") if e["URL"].endswith(f"/record/machinery_changes/{id}")]
    assert event["DESCRIPTION"].count(found) == 1 and "No account" not in event["DESCRIPTION"], "escaped and folded, and the same when read"


def test_an_anniversary_comes_each_year(calendar, record):
    """29 February too: dateutil, with which many clients reckon, finds one in every year."""
    from dateutil.rrule import rrulestr

    for report, published in record.execute("SELECT report, published FROM report_scorecard WHERE statements_of_change = 0 AND length(published) = 10"):
        event, = [e for e in calendar.walk("VEVENT") if e["URL"].endswith(f"/what-changed/{report}")]
        start = event["DTSTART"].dt
        rule = rrulestr(event["RRULE"].to_ical().decode(), dtstart=icalendar.vDatetime.from_ical(f"{start:%Y%m%d}T000000"))
        days = [day.date() for day, _ in zip(rule, range(5))]
        assert days[0] == start and [day.year for day in days] == [int(published[:4]) + n for n in range(1, 6)]
        for day in days:
            assert f"{day:%m-%d}" == published[5:] or (published.endswith("02-29") and f"{day:%m-%d}" == "02-28" and day.year % 4)
