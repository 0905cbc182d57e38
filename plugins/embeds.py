"""Cards that other sites put in a frame, the code that they copy for it, and oEmbed.

    /embed/<report>      what changed after a report
    /embed/ask/<ask>     what became of something that has been asked for again and again
    /oembed?url=…        the same for programs: oEmbed 1.0 (https://oembed.com), as JSON or XML

A card is a page of its own with one stylesheet and nothing else (templates/embed.html, static/embed.css); ?theme=light or
dark holds it to one look. plugins/security_headers.py lets every site frame it. Templates get card_code(<report>) and
card_code("ask/<ask>"), the HTML to copy; templates/pages/embed.html is where it is offered.
"""
import math
import re
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from datasette import Response, hookimpl
from datasette.plugins import pm
from markupsafe import Markup

WIDTH, NARROW, NARROWEST = 640, 340, 240  # what a card is made for; a phone, where a card as wide as its page has to fit; the least
# The pages that a card tells of, each with the name of the card.
PAGES = [(r"/(?:what-changed|record/reports|embed)/([^/]+)", "{}"), (r"/(?:asked-again|record/asks|embed/ask)/([^/]+)", "ask/{}")]

REPORT = """
SELECT r.*, coalesce(r.short_title, r.title) AS name, c.coverage, d.title AS record, d.version, d.as_of
FROM dataset d, reports r LEFT JOIN report_scorecard c ON c.report = r.id WHERE r.id = :id
"""
CHANGES = """
SELECT s.date, o.name AS who FROM statements s JOIN organisations o ON o.id = s.made_by
JOIN vocabulary v ON v.vocabulary = 'statement content' AND v.term = s.content AND v.grouping = 'change'
WHERE s.report = :id ORDER BY coalesce(s.date, '') DESC, s.id DESC
"""
ASK = """
SELECT a.*, substr(first_asked, 1, 4) AS first, substr(last_asked, 1, 4) AS last, d.title AS record, d.version, d.as_of
FROM asked_again a, dataset d WHERE ask = :id
"""
STATES = """
SELECT state, count(*) AS n FROM recommendation_status
WHERE report = :report OR recommendation IN (SELECT recommendation FROM recommendation_asks WHERE ask = :ask) GROUP BY state
"""


def plural(number, word):
    return f"{number} {word}{'' if number == 1 else 's'}"


async def find_card(datasette, card):
    """Return what a card says as a dict, or None if the record does not know it.

    kicker, title, line, coverage and finding are text, states {state: number}, page the path of the whole story.
    """
    db = datasette.get_database("record")
    words = pm.get_plugin("human_dates.py").human_date
    ask, id = card.startswith("ask/"), card.removeprefix("ask/")
    row = (await db.execute(ASK if ask else REPORT, {"id": id})).first()
    if row is None:
        return None
    states = {state: n for state, n in await db.execute(STATES, {"report": None if ask else id, "ask": id if ask else None})}
    told = {"card": card, "states": states, "record": row["record"], "version": row["version"], "as_of": row["as_of"]}
    if ask:
        met, total = states.get("independently found met", 0), row["times_asked"]
        years = row["first"] if row["first"] == row["last"] else f"{row['first']} to {row['last']}"
        return told | {
            "kicker": "Asked again", "title": row["title"], "page": f"/asked-again/{id}",
            "line": f"Asked {plural(total, 'time')} in {plural(row['reports'], 'report')}{f', {years}' if row['first'] else ''}.",
            "coverage": f"{plural(total, 'recommendation')} recorded, by where they stand",
            "finding": f"Independently found met, in the sources read: {met or 'none'} of the {total}.",
        }
    changes = (await db.execute(CHANGES, {"id": id})).rows
    if changes:
        latest = f"{changes[0]['who']}{changes[0]['date'] and ', ' + words(changes[0]['date']) or ''}"
        finding = f"Found: {plural(len(changes), 'account')} of what changed, published by the institution itself{'. The latest' if len(changes) > 1 else ''}: {latest}."
    else:
        finding = "No account of what changed, published by the institution itself, was found in the sources read."
    made = row["recommendations_made"]
    none = "It made no recommendations" if made == 0 else f"None of its {made or ''} recommendations is in this record yet".replace("  ", " ")
    return told | {
        "kicker": "What changed after", "title": row["title"], "page": f"/what-changed/{id}",
        "line": f"{row['author']}{row['published'] and ', ' + words(row['published']) or ''}.",
        "coverage": f"Recommendations: {row['coverage']}" if row["coverage"] else none,
        "finding": finding,
    }


def height(card, width):
    """Return how high, in pixels, a frame so wide has to be, reckoned from how many lines each text of the card takes.

    Sizes are those of static/embed.css. How wide a letter is was fitted to every card in Chromium at 240 to 800 pixels:
    none was cut off, and 50 pixels stayed empty on average. Where letters are wider, the frame scrolls.
    """
    larger = 18 / 16 if width >= 520 else 1
    inner = max(width, NARROWEST) / larger - 34

    def lines(text, size, bold=False, width=inner):
        share = len(text) * size * (0.6 if bold else 0.54) / width
        return math.ceil(share if share <= 1 else share + 0.3)

    columns = 2 if width >= 480 else 1
    states = [lines(f"{n} {state}", 14, width=inner / columns - 26) for state, n in card["states"].items()]
    rows = [max(states[i:i + columns]) for i in range(0, len(states), columns)]
    footer = f"{card['record']}, version {card['version']}, as of 22 September 2026."
    return math.ceil(larger * (
        112 + lines(card["kicker"], 13) * 20 + lines(card["title"], 20) * 25 + lines(card["line"], 14) * 21 + lines(card["coverage"], 15, bold=True) * 23
        + (34 + sum(rows) * 23 if states else 0) + lines(card["finding"], 16, bold=True, width=inner - 13) * 24 + lines(footer, 13) * 20
    ))


def frame(card, address, width=None, most=None):
    """Return the HTML of the frame as Markup: so wide, or as wide as its place, and not higher than most."""
    # No style attribute: a strict Content-Security-Policy, such as this site's own, would forbid it.
    return Markup('<iframe src="{}" title="{}" width="{}" height="{}" frameborder="0" loading="lazy" referrerpolicy="no-referrer"></iframe>').format(
        address, f"{card['kicker']}: {card['title']}", width or "100%", min(height(card, width or NARROW), most or math.inf))


async def show_card(datasette, request):
    """Answer /embed/<report> and /embed/ask/<ask>; one that the record does not know says so in the card's own form."""
    card = await find_card(datasette, request.path.partition("/embed/")[2])
    theme = request.args.get("theme")
    html = await datasette.render_template("embed.html", {"card": card, "theme": theme if theme in ("light", "dark") else ""}, request=request)
    headers = {"cache-control": f"max-age={datasette.setting('default_cache_ttl')}"}
    return Response.html(html, status=200 if card else 404, headers=headers)


# oEmbed ----------------------------------------------------------------------------------------------------------


def card_of(datasette, request, url):
    """Return the name of the card for an address of this site, or None."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.netloc != request.host:
        return None
    path = "/" + parts.path.removeprefix(datasette.urls.path("/"))
    matches = ((re.fullmatch(pattern, path), card) for pattern, card in PAGES)
    return next((card.format(match[1]) for match, card in matches if match), None)


def number(text):
    """Return what a consumer gave for maxwidth or maxheight as an int, None for nothing; ValueError for anything else."""
    if not text:
        return None
    if not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise ValueError
    return int(text)


async def oembed(datasette, request):
    """Answer /oembed (oEmbed 1.0, section 2.3): 404 for what is no page with a card, 501 for a format that is not made."""

    def refuse(status, error):
        return Response.json({"ok": False, "error": error, "status": status, "title": None}, status=status, headers=cors)

    cors = {"access-control-allow-origin": "*"}
    form = request.args.get("format") or "json"
    if form not in ("json", "xml"):
        return refuse(501, "The formats are json and xml.")
    if not request.args.get("url"):
        return refuse(400, "Give the address of a page as url.")
    try:
        width, most = (number(request.args.get(key)) for key in ("maxwidth", "maxheight"))
    except ValueError:
        return refuse(400, "maxwidth and maxheight are whole numbers of pixels.")
    name = card_of(datasette, request, request.args["url"])
    card = name and await find_card(datasette, name)
    if not card:
        return refuse(404, "No statement, ask or report of this site has that address.")
    address = lambda path: datasette.absolute_url(request, datasette.urls.path(path))
    width = min(width or WIDTH, WIDTH)
    found = {
        "version": "1.0", "type": "rich", "title": f"{card['kicker']}: {card['title']}", "provider_name": card["record"],
        "provider_url": address("/"), "cache_age": 86400, "width": width, "height": min(height(card, width), most or math.inf),
        "html": str(frame(card, address(f"/embed/{name}"), width, most)),
    }
    headers = cors | {"cache-control": f"max-age={datasette.setting('default_cache_ttl')}"}
    if form == "json":
        return Response.json(found, headers=headers)
    root = ET.Element("oembed")
    for key, value in found.items():
        ET.SubElement(root, key).text = str(value)
    return Response(ET.tostring(root, encoding="utf-8", xml_declaration=True), content_type="text/xml; charset=utf-8", headers=headers)


@hookimpl
def register_routes():
    return [(r"^/embed/(?:ask/)?[^/]+$", show_card), (r"^/oembed$", oembed)]


@hookimpl
def extra_template_vars(datasette, request):
    """Give templates card_code(card, theme): the HTML to copy for a card as Markup, or None if there is no such card."""

    async def card_code(name, theme=""):
        card = await find_card(datasette, name)
        address = datasette.absolute_url(request, datasette.urls.path(f"/embed/{name}"))
        return card and frame(card, f"{address}?theme={theme}" if theme else address)

    return {"card_code": card_code}
