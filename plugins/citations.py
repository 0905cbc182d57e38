"""Citations for reference managers, as BibTeX and as RIS.

    /cite/record.bib                   the whole record
    /cite/<table>/<id>.bib             a row
    /cite/what-changed/<report>.bib    the statement of what changed after a report
    /cite/asked-again/<ask>.bib        the answers to something that has been asked again and again
    /cite/question/<name>.bib          the answer to a ready-made question, narrowed by its parameters

With .ris instead of .bib it is RIS (https://en.wikipedia.org/wiki/RIS_(file_format)). Both name the address, the version
of the data and the day up to which it was looked after. No clock is read.
"""
import re
from urllib.parse import urlencode

from datasette import NotFound, Response, hookimpl
from datasette.utils import urlsafe_components

# What BibTeX and LaTeX take for a command. Braces must pair even when escaped, so they are spelt out.
SPECIAL = {"\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
SPECIAL |= {character: "\\" + character for character in "&%$#_"}
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
NAMES = {
    "what-changed": "SELECT 'What changed after: ' || coalesce(short_title, title) FROM reports WHERE id = ?",
    "asked-again": "SELECT 'Asked again: ' || title FROM asks WHERE id = ?",
}
ROW_TITLE = """
SELECT title FROM searchable WHERE table_name = :table AND row_id = :id
UNION ALL SELECT term FROM vocabulary WHERE :table = 'vocabulary' AND id = :id
"""


async def row_title(db, table, id):
    """Return the title of a row of the record, its id if it has none; None if there is no such row."""
    if table not in await db.table_names():
        return None
    keys, values = await db.primary_keys(table), urlsafe_components(id)
    if len(keys) != len(values):
        return None
    where = " AND ".join(f"[{key}] = ?" for key in keys)
    if not (await db.execute(f"SELECT 1 FROM [{table}] WHERE {where}", values)).first():
        return None
    title = (await db.execute(ROW_TITLE, {"table": table, "id": values[0]})).first()
    return title[0] if title else ", ".join(values)


async def cited(datasette, kind, id, args):
    """Return (title, path) of what is cited, or None if there is no such thing; args are those of the request."""
    db = datasette.get_database("record")
    if kind in NAMES:
        found = (await db.execute(NAMES[kind], [id])).first()
        return found and (found[0], f"/{kind}/{id}")
    if kind == "question":
        query = await datasette.get_canned_query("record", id, None)
        if not query:
            return None
        narrowed = urlencode({param: args[param] for param in query.get("params", []) if args.get(param)})
        return query.get("title") or id, f"/record/{id}" + (narrowed and f"?{narrowed}")
    title = await row_title(db, kind, id)
    return title and (f"{title} (entry in the record)", f"/record/{kind}/{id}")


def bibtex(key, title, address, dataset):
    """Return the text of an entry; braces in braces keep the capitals of a title."""
    escaped = lambda text: "".join(SPECIAL.get(character, character) for character in text)
    year, month, _ = dataset["as_of"].split("-")
    fields = [
        ("author", f"{{{{{escaped(dataset['title'])}}}}}"), ("title", f"{{{{{escaped(title)}}}}}"), ("year", f"{{{year}}}"), ("month", MONTHS[int(month) - 1]),
        ("note", f"{{Version {dataset['version']}, CC BY 4.0}}"), ("url", f"{{{address}}}"), ("urldate", f"{{{dataset['as_of']}}}"),
    ]
    return f"@misc{{{key},\n" + "".join(f"  {name:<7} = {value},\n" for name, value in fields) + "}\n"


def ris(key, title, address, dataset):
    """Return the text of a record; a tag is two letters, two blanks, a hyphen and a blank."""
    day = dataset["as_of"].replace("-", "/")
    lines = [
        ("TY", "ELEC"), ("ID", key), ("TI", title), ("AU", dataset["title"]), ("PY", day[:4]), ("DA", day), ("ET", f"Version {dataset['version']}"),
        ("N1", "CC BY 4.0"), ("UR", address), ("Y2", day), ("LA", "en-GB"), ("ER", ""),
    ]
    return "".join(f"{tag}  - {value}\r\n" for tag, value in lines)


FORMATS = {"bib": (bibtex, "application/x-bibtex"), "ris": (ris, "application/x-research-info-systems")}


async def cite(datasette, request):
    """Answer with the citation of the record, or of the part of it that the address names."""
    kind, id = request.url_vars.get("kind"), request.url_vars.get("id")
    dataset = (await datasette.get_database("record").execute("SELECT * FROM dataset")).first()
    found = await cited(datasette, kind, id, request.args) if kind else (dataset["title"], "/")
    if not found:
        raise NotFound(f"There is nothing to cite under “{kind}/{id}”.")
    title, path = found
    # 19 ids name a row in two tables, so the key has the table too.
    narrowed = path.partition("?")[2]
    named = f"{kind}:{id}" + (f"-{narrowed[:80]}" if narrowed else "")
    key = re.sub(r"[^A-Za-z0-9:._-]", "-", named) if kind else "home-office-record"
    make, content_type = FORMATS[request.url_vars["format"]]
    address = datasette.absolute_url(request, datasette.urls.path(path))
    headers = {
        "content-disposition": f'attachment; filename="{key.replace(":", "-")}.{request.url_vars["format"]}"',
        "access-control-allow-origin": "*", "cache-control": f"max-age={datasette.setting('default_cache_ttl')}",
    }
    return Response(make(key, title, address, dataset), content_type=f"{content_type}; charset=utf-8", headers=headers)


@hookimpl
def register_routes():
    return [(r"^/cite/record\.(?P<format>bib|ris)$", cite), (r"^/cite/(?P<kind>[^/]+)/(?P<id>[^/]+)\.(?P<format>bib|ris)$", cite)]
