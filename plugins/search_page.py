"""Search everything: {% set found = search_record(q, kind, page) %} in the template of /search, and /search.json.

Rows that hold all the words are given; if there is none, rows that hold all the beginnings; then rows that hold any
of the words. A word that the record does not hold gets a suggestion from the words that it does hold.
"""
import asyncio
import difflib
import json
import math
import re
import unicodedata
from collections import Counter

from datasette import Response, hookimpl
from datasette.utils import add_cors_headers
from markupsafe import Markup, escape

MOST_WORDS = 24  # of what was typed: the rest of a very long text would only make the search slow
IN_A_GROUP, ON_A_PAGE = 5, 20
# What a reader is likely to look for comes first; sources come last: they are what the other rows rest on.
KINDS = ("reports incidents systems mous asks recommendations statements responses assessments mou_events proposals "
         "machinery_changes organisations places topics sources").split()
START, END = "\x02", "\x03"  # around what matched: build.py lets no such character into a text
WORDS = {}  # {database name: {word: how often the record has it}}, read once: the database is immutable

# bm25 (5: a word of the title counts five times) sets a row of which much is told below thin ones, since it counts the
# length of the text against it. So a report counts for more, up to three times, the more recommendations are recorded.
RANKED = """
    SELECT rowid, table_name FROM search_index WHERE search_index MATCH ? ORDER BY bm25(search_index, 0, 0, 5, 1)
        * iif(table_name = 'reports', 1 + min(20, (SELECT count(*) FROM recommendations WHERE report = row_id)) / 10.0, 1), rowid"""
SHOWN = f"""
    SELECT rowid, table_name, row_id,
        highlight(search_index, 2, '{START}', '{END}') AS title, snippet(search_index, 3, '{START}', '{END}', '…', 34) AS passage
    FROM search_index WHERE search_index MATCH ? AND rowid IN (SELECT value FROM json_each(?))"""


def terms(q):
    """Return the words and "phrases" that were typed, without anything that FTS5 could take for an operator."""
    typed = re.findall(r'"([^"]*)"|([^\s"]+)', unicodedata.normalize("NFC", q))
    found = (re.sub(r"[\W_]+", " ", phrase or word).strip() for phrase, word in typed)
    return list(dict.fromkeys(term for term in found if term))[:MOST_WORDS]


def plain(text):
    """Return a text in lower case and without accents, as the index reads it."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))


def marked(text):
    """Return a text as HTML, with <mark> around what matched."""
    return Markup(str(escape(text)).replace(START, "<mark>").replace(END, "</mark>"))


def nearest(word, words):
    """Return the word of the record that is most like the given one and not rare, or None."""
    of_like_length = [w for w in words if abs(len(w) - len(word)) <= 3]
    like = difflib.get_close_matches(word, of_like_length, 8, 0.66)
    return max(like, key=lambda w: difflib.SequenceMatcher(None, word, w).ratio() + math.log(words[w]) / 50, default=None)


async def suggestion(db, q):
    """Return what was typed with unknown words replaced by known ones, or None if there is nothing to replace."""
    if db.name not in WORDS:
        rows = await db.execute("SELECT title || ' ' || text FROM search_index")
        WORDS[db.name] = Counter(w for row in rows for w in re.findall(r"[^\W\d_]{4,}", plain(row[0])))
    better, replaced = q, 0
    for word in list(dict.fromkeys(re.findall(r"[^\W\d_]{4,30}", q)))[:MOST_WORDS]:
        if replaced < 3 and not (await db.execute("SELECT 1 FROM search_index WHERE search_index MATCH ? LIMIT 1", [f'"{word}"'])).rows:
            near = await asyncio.to_thread(nearest, plain(word), WORDS[db.name])
            if near:
                better, replaced = re.sub(rf"\b{re.escape(word)}\b", near, better), replaced + 1
    return better if replaced and len(q) <= 200 else None


def phrases(q):
    """Return the terms of what was typed, each as a phrase of FTS5."""
    return [f'"{term}"' for term in terms(q)]


async def search(db, q, kind="", page=1):
    """Return what /search shows for the words typed: counts, groups of rows, and a suggestion."""
    q = q[:500]  # SQLite's ranking takes time with the square of the words, and cannot be interrupted
    wanted = phrases(q)
    ways = {"all": " ".join(wanted), "beginnings": " ".join(phrase + "*" for phrase in wanted), "any": " OR ".join(wanted)}
    way, match, ranked = "all", "", []
    for way, match in ways.items() if wanted else ():
        ranked = (await db.execute(RANKED, [match])).rows
        if ranked:
            break
    of_kind = {table: [] for table in KINDS}
    for rowid, table in ranked:
        of_kind[table].append(rowid)
    of_kind = {table: rowids for table, rowids in of_kind.items() if rowids}
    if kind:
        rowids = of_kind.get(kind, [])
        pages = max(1, math.ceil(len(rowids) / ON_A_PAGE))
        page = min(max(page, 1), pages)
        chosen = {kind: rowids[(page - 1) * ON_A_PAGE : page * ON_A_PAGE]} if rowids else {}
    else:
        pages = page = 1
        chosen = {table: rowids[:IN_A_GROUP] for table, rowids in of_kind.items()}
    shown = {}
    if chosen:
        for row in await db.execute(SHOWN, [match, json.dumps(sum(chosen.values(), []))]):
            shown[row["rowid"]] = {"table": row["table_name"], "id": row["row_id"], "title": marked(row["title"]), "passage": marked(row["passage"])}
    return {
        "terms": len(wanted), "way": way, "total": len(ranked), "page": page, "pages": pages,
        "counts": {table: len(rowids) for table, rowids in of_kind.items()},
        "groups": {table: [shown[rowid] for rowid in rowids] for table, rowids in chosen.items()},
        "suggestion": await suggestion(db, q) if wanted else None,
    }


def page_number(page):
    """Return the number of a page as it was asked for; 1 for anything that is not one."""
    return int(page) if re.fullmatch(r"[0-9]{1,6}", page) else 1


async def search_json(datasette, request):
    """Answer /search.json?q=&kind=&page= with what /search shows; what matched is not marked."""
    found = await search(datasette.get_database("record"), request.args.get("q") or "", request.args.get("kind") or "", page_number(request.args.get("page") or ""))
    groups = {
        table: [{**row, "title": row["title"].striptags(), "passage": row["passage"].striptags(),
                 "url": datasette.absolute_url(request, datasette.urls.row("record", table, row["id"]))} for row in rows]
        for table, rows in found["groups"].items()
    }
    headers = {"cache-control": f"max-age={datasette.setting('default_cache_ttl')}"}
    add_cors_headers(headers)
    return Response.json({**{key: found[key] for key in ("total", "page", "pages", "counts", "suggestion")}, "groups": groups}, headers=headers)


@hookimpl
def register_routes():
    return [(r"^/search\.json$", search_json)]


@hookimpl
def extra_template_vars(datasette):
    """Give every template search_record(q, kind, page), where page may be any text, and fts_match(q) for its own SQL."""

    async def search_record(q, kind="", page=""):
        return await search(datasette.get_database("record"), q, kind, page_number(page))

    # Two quotation marks match nothing: words without a letter or a digit are in no row.
    return {"search_record": search_record, "fts_match": lambda q: " ".join(phrases(q)) or '""'}
