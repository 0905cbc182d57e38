"""What to subscribe to: Atom feeds of dated events, and a calendar of the statements that are due.

    /feeds/events.atom               the newest events of the record
    /feeds/report/<id>.atom          all that happened to a report
    /feeds/organisation/<id>.atom    the newest about an organisation: what it was told, answered, found and agreed
    /calendar/statements-due.ics     six months after each function was moved; each year after a report that was
                                     followed by no account of what changed

Atom is RFC 4287, iCalendar RFC 5545. No clock is read: the same record gives the same bytes. An event of which only
the month or the year is known bears its first day, as everywhere in the record.

An entry's id is a UUID made from its table, row and kind of event (RFC 4122, version 5), not its address: a reader
that saw it keeps it when the site moves, when http becomes https, and when a coded word is corrected.
"""
import hashlib
import uuid
from datetime import date
from xml.etree import ElementTree as ET

from datasette import NotFound, Response, hookimpl

NAMESPACE = uuid.UUID("88847ed7-b6e8-41a6-8116-16fa4a2c8f98")  # drawn once: a change would make every entry look new
NEWEST, NEWEST_OF_ORGANISATION = 50, 100
LICENCE = "https://creativecommons.org/licenses/by/4.0/"
DATES = "Each entry bears the date of the event, or the first day of its month or year where no more is known."
RULE = "By a rule that medConfidential proposed, and that is no law, a statement of what changed is due six months after this change."
NONE_FOUND = "No account of what changed was found in the sources read."
EXACTNESS = {4: "Only the year is known", 7: "Only the month is known"}

# Every dated event with the report it belongs to and what is said, by whom. A recommendation is as old as its report.
EVENTS = """
WITH basis (basis, words) AS (VALUES
  ('stated', 'the source’s own word'), ('read from text', 'as read from the source’s text'), ('as reported', 'as somebody else reported it')
),
said (table_name, row_id, report, text) AS (
  SELECT 'incidents', id, NULL, summary FROM incidents
  UNION ALL SELECT 'reports', id, id, 'By ' || author || '. ' || summary FROM reports
  UNION ALL SELECT 'recommendations', r.id, r.report, p.author || ' recommended: ' || r.summary FROM recommendations r JOIN reports p ON p.id = r.report
  UNION ALL SELECT 'responses', s.id, r.report, o.name || ' answered: ' || s.position || ' (' || words || '). ' || s.summary
    FROM responses s JOIN recommendations r ON r.id = s.recommendation JOIN organisations o ON o.id = s.made_by JOIN basis USING (basis)
  UNION ALL SELECT 'assessments', a.id, r.report,
      o.name || iif(independent, ' (independent) found: ', ' (not independent) reported: ') || a.status || ' (' || words || '). ' || a.what_changed
    FROM assessments a JOIN recommendations r ON r.id = a.recommendation JOIN organisations o ON o.id = a.made_by JOIN basis USING (basis)
  UNION ALL SELECT 'statements', s.id, s.report, o.name || ', ' || s.kind || '. ' || s.summary FROM statements s JOIN organisations o ON o.id = s.made_by
  UNION ALL SELECT 'mou_events', id, NULL, summary FROM mou_events
  UNION ALL SELECT 'proposals', p.id, NULL, 'By ' || o.name || '. ' || p.summary FROM proposals p JOIN organisations o ON o.id = p.made_by
  UNION ALL SELECT 'systems', id, NULL, summary FROM systems
  UNION ALL SELECT 'machinery_changes', id, NULL, function FROM machinery_changes
),
event AS (
  SELECT * FROM timeline
  UNION ALL
  SELECT p.published, 'recommendation', x.title, 'recommendations', r.id
  FROM recommendations r JOIN reports p ON p.id = r.report JOIN searchable x ON x.table_name = 'recommendations' AND x.row_id = r.id
  WHERE p.published IS NOT NULL
)
SELECT e.*, s.report, s.text FROM event e JOIN said s USING (table_name, row_id)
WHERE {condition}
ORDER BY e.date DESC, e.title, e.table_name, e.row_id, e.what
LIMIT :most
"""
NEWEST_EVENTS = "e.table_name <> 'recommendations'"
OF_REPORT = """
(s.report = :id AND e.table_name <> 'recommendations')
OR (e.table_name = 'incidents' AND e.row_id IN (SELECT incident FROM incident_reports WHERE report = :id))
"""
OF_ORGANISATION = """
(e.table_name, e.row_id) IN (
  SELECT 'reports', report FROM report_about WHERE organisation = :id
  UNION SELECT 'reports', id FROM reports WHERE author_organisation = :id
  UNION SELECT 'recommendations', recommendation FROM recommendation_addressed_to WHERE organisation = :id
  UNION SELECT 'responses', id FROM responses WHERE made_by = :id
  UNION SELECT 'assessments', id FROM assessments WHERE made_by = :id
  UNION SELECT 'assessments', a.id FROM assessments a JOIN recommendation_addressed_to t USING (recommendation) WHERE t.organisation = :id
  UNION SELECT 'statements', id FROM statements WHERE made_by = :id
  UNION SELECT 'mou_events', e.id FROM mou_events e JOIN mou_parties p USING (mou) WHERE p.organisation = :id
  UNION SELECT 'incidents', incident FROM incident_organisations WHERE organisation = :id
  UNION SELECT 'proposals', id FROM proposals WHERE made_by = :id
  UNION SELECT 'proposals', proposal FROM proposal_addressed_to WHERE organisation = :id
  UNION SELECT 'systems', id FROM systems WHERE owner = :id
  UNION SELECT 'machinery_changes', machinery_change FROM machinery_change_moved_from WHERE organisation = :id
  UNION SELECT 'machinery_changes', machinery_change FROM machinery_change_moved_to WHERE organisation = :id
)
"""
DUE = "SELECT * FROM machinery_statements_due ORDER BY due, machinery_change"
ANNIVERSARIES = """
SELECT c.report, c.published, coalesce(r.short_title, r.title) AS name FROM report_scorecard c JOIN reports r ON r.id = c.report
WHERE c.statements_of_change = 0 AND c.published IS NOT NULL ORDER BY c.published, c.report
"""


def first_day(value):
    """Return the first day, a datetime.date, that an ISO date of any precision allows."""
    return date.fromisoformat((value + "-01-01")[:10])


def name(*parts):
    """Return the UUID that a feed, an entry or an event of the calendar keeps for ever."""
    return uuid.uuid5(NAMESPACE, "/".join(parts))


def answer(datasette, request, body, content_type):
    """Return the Response with bytes, or 304 to a reader that has them already (RFC 9110, 13.1.2)."""
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": f"max-age={datasette.setting('default_cache_ttl')}", "access-control-allow-origin": "*"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status=304, headers=headers)
    return Response(body, content_type=content_type, headers=headers)


# Atom ------------------------------------------------------------------------------------------------------------


def add(parent, tag, text=None, **attributes):
    """Add an element of Atom and return it."""
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def atom(title, subtitle, key, page, dataset, events, address):
    """Return the bytes of a feed. page is the path that it follows, address() makes a path absolute."""
    instant = lambda value: f"{first_day(value)}T00:00:00Z"
    feed = ET.Element("feed", {"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": "en-GB"})
    add(feed, "id", name(key).urn)
    add(feed, "title", title)
    add(feed, "subtitle", f"{subtitle} {DATES} Version {dataset['version']} of the record.")
    add(feed, "updated", instant(dataset["as_of"]))
    add(feed, "link", rel="self", type="application/atom+xml", href=address(f"/{key}.atom"))
    add(feed, "link", rel="alternate", type="text/html", href=address(page))
    add(add(feed, "author"), "name", dataset["title"])
    add(feed, "icon", address("/static/favicon.svg"))
    add(feed, "rights", f"CC BY 4.0: {LICENCE}")
    for event in events:
        kind = event["what"].partition(":")[0]
        entry = add(feed, "entry")
        add(entry, "id", name(event["table_name"], event["row_id"], kind).urn)
        add(entry, "title", f"{event['title']} ({event['what']})")
        add(entry, "updated", instant(event["date"]))
        add(entry, "link", rel="alternate", type="text/html", href=address(f"/record/{event['table_name']}/{event['row_id']}"))
        if event["report"]:
            add(entry, "link", rel="related", type="text/html", href=address(f"/what-changed/{event['report']}"), title="What changed after this report")
        add(entry, "category", term=kind, label=event["what"])
        known = EXACTNESS.get(len(event["date"]))
        add(entry, "summary", event["text"] + (f" ({known}: {event['date']}.)" if known else ""))
    ET.indent(feed)
    return ET.tostring(feed, encoding="utf-8", xml_declaration=True)


async def feed(datasette, request, title, subtitle, key, page, condition, most, id=None):
    """Answer with the feed of the events that meet a condition in SQL; title and subtitle are in words."""
    db = datasette.get_database("record")
    dataset = (await db.execute("SELECT * FROM dataset")).first()
    events = (await db.execute(EVENTS.format(condition=condition), {"id": id, "most": most})).rows
    address = lambda path: datasette.absolute_url(request, datasette.urls.path(path))
    body = atom(f"{title}: {dataset['title']}", subtitle, key, page, dataset, events, address)
    return answer(datasette, request, body, "application/atom+xml; charset=utf-8")


async def events_feed(datasette, request):
    """Answer /feeds/events.atom."""
    subtitle = f"The newest {NEWEST} dated events of the record, of whatever kind."
    return await feed(datasette, request, "Newest events", subtitle, "feeds/events", "/timeline", NEWEST_EVENTS, NEWEST)


async def report_feed(datasette, request):
    """Answer /feeds/report/<id>.atom."""
    id = request.url_vars["id"]
    report = (await datasette.get_database("record").execute("SELECT coalesce(short_title, title) AS name FROM reports WHERE id = ?", [id])).first()
    if not report:
        raise NotFound(f"The record has no report with the id “{id}”.")
    subtitle = "The report, what was answered and found, what the institution published, and the incidents that it deals with."
    return await feed(datasette, request, report["name"], subtitle, f"feeds/report/{id}", f"/what-changed/{id}", OF_REPORT, -1, id)


async def organisation_feed(datasette, request):
    """Answer /feeds/organisation/<id>.atom."""
    id = request.url_vars["id"]
    organisation = (await datasette.get_database("record").execute("SELECT name FROM organisations WHERE id = ?", [id])).first()
    if not organisation:
        raise NotFound(f"The record has no organisation with the id “{id}”.")
    subtitle = (f"The newest {NEWEST_OF_ORGANISATION} events: reports about it and by it, recommendations addressed to it and what was found of them, "
                "its answers, findings and statements, its agreements, and incidents that involve it.")
    return await feed(datasette, request, organisation["name"], subtitle, f"feeds/organisation/{id}", f"/record/organisations/{id}",
                      OF_ORGANISATION, NEWEST_OF_ORGANISATION, id)


# iCalendar -------------------------------------------------------------------------------------------------------


def folded(line):
    """Return a content line as bytes, folded after 75 octets without cutting a character (RFC 5545, 3.1)."""
    parts = [b""]
    for character in line:
        octets = character.encode()
        if len(parts[-1]) + len(octets) > 75:
            parts.append(b" ")
        parts[-1] += octets
    return b"\r\n".join(parts) + b"\r\n"


def escaped(text):
    """Return a text as a value of type TEXT (RFC 5545, 3.3.11)."""
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def vevent(key, stamp, start, title, text, address, kind, rule=None):
    """Return the lines of an event that lasts all day and keeps nobody busy; rule says how it comes back."""
    return [
        "BEGIN:VEVENT", f"UID:{name('calendar', *key)}", f"DTSTAMP:{stamp}", f"DTSTART;VALUE=DATE:{start:%Y%m%d}",
        *([f"RRULE:{rule}"] if rule else []), f"SUMMARY:{escaped(title)}", f"DESCRIPTION:{escaped(f'{text} {address}')}", f"URL:{address}",
        f"CATEGORIES:{escaped(kind)}", "TRANSP:TRANSPARENT", "END:VEVENT",
    ]


def due_event(row, stamp, address):
    """Return the lines of the event for a row of machinery_statements_due."""
    found = {"found": f"Found: {row['follow_up']}", "none found": NONE_FOUND, "not yet due": "It is not due before this day."}[row["statement"]]
    known = EXACTNESS.get(len(row["due"]))
    text = f"{RULE} {known + ', so this is its first day. ' if known else ''}{found}"
    return vevent(("due", row["machinery_change"]), stamp, first_day(row["due"]), f"Six months after: {row['title']}", text,
                  address(f"/record/machinery_changes/{row['machinery_change']}"), "statement due")


def anniversary(row, stamp, address):
    """Return the lines of the event that comes back each year after a report; what came out on 29 February, on the month's last day."""
    published = first_day(row["published"])
    leap = (published.month, published.day) == (2, 29)
    start = date(published.year + 1, published.month, 28 if leap else published.day)
    rule = "FREQ=YEARLY" + (";BYMONTH=2;BYMONTHDAY=-1" if leap else "")
    known = EXACTNESS.get(len(row["published"]))
    text = f"Published {row['published']}.{' ' + known + ', so this is its first day.' if known else ''} {NONE_FOUND}"
    return vevent(("anniversary", row["report"]), stamp, start, f"Anniversary: {row['name']}", text,
                  address(f"/what-changed/{row['report']}"), "anniversary of a report", rule)


async def calendar(datasette, request):
    """Answer /calendar/statements-due.ics."""
    db = datasette.get_database("record")
    dataset = (await db.execute("SELECT * FROM dataset")).first()
    address = lambda path: datasette.absolute_url(request, datasette.urls.path(path))
    stamp = f"{first_day(dataset['as_of']):%Y%m%d}T000000Z"
    title = f"Statements due: {dataset['title']}"
    about = ("Six months after each move of a function between departments, and each anniversary of a report that no account of what changed was "
             f"found for. A report whose date is not known has no anniversary. Version {dataset['version']}.")
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:-//{dataset['title']}//{dataset['version']}//EN", "CALSCALE:GREGORIAN",
        # NAME and the like are RFC 7986; the X- names are what Apple's, Google's and Microsoft's calendars read.
        f"NAME:{escaped(title)}", f"X-WR-CALNAME:{escaped(title)}", f"DESCRIPTION:{escaped(about)}", f"X-WR-CALDESC:{escaped(about)}",
        "REFRESH-INTERVAL;VALUE=DURATION:P1D", "X-PUBLISHED-TTL:P1D",
    ]
    for row in (await db.execute(DUE)).rows:
        lines += due_event(row, stamp, address)
    for row in (await db.execute(ANNIVERSARIES)).rows:
        lines += anniversary(row, stamp, address)
    body = b"".join(map(folded, [*lines, "END:VCALENDAR"]))
    return answer(datasette, request, body, "text/calendar; charset=utf-8")


@hookimpl
def register_routes():
    return [
        (r"^/feeds/events\.atom$", events_feed),
        (r"^/feeds/report/(?P<id>[^/]+)\.atom$", report_feed),
        (r"^/feeds/organisation/(?P<id>[^/]+)\.atom$", organisation_feed),
        (r"^/calendar/statements-due\.ics$", calendar),
    ]
