"""The API in one document, /openapi.json, and the statement of a report as JSON, /what-changed/<report>.json.

Nothing of the document is written twice: tables, columns and keys are read from the database, prose and questions from
metadata.yml. What is promised and what is not is said in docs/api.md.
Specification: OpenAPI 3.1.0, https://spec.openapis.org/oas/v3.1.0
"""
import json
import re
from pathlib import Path

import yaml
from datasette import Response, hookimpl
from datasette.utils import add_cors_headers

# Read here rather than asked of Datasette: 0.65 and 1.0 tell it in different ways. Other plugins take it from this one.
ABOUT = yaml.safe_load((Path(__file__).parent.parent / "metadata.yml").read_text("utf-8"))["databases"]["record"]
JSON_LIST = re.compile(r"(\w+)\s+TEXT[^,\n]*\(json_(?:type|array_length)\(")
ENUM = re.compile(r"(\w+)\s+TEXT[^,\n]*CHECK \(\1 IN \(((?:'(?:[^']|'')*'(?:, )?)+)\)\)")
TYPES = {"TEXT": "string", "INTEGER": "integer", "REAL": "number"}
# A filter is <column>__<comparison>=value; these are the ones that we promise.
COMPARISONS = {
    "contains": "holds the text", "startswith": "begins with the text", "not": "is something else", "gt": "is greater or later", "gte": "is at least",
    "lt": "is less or earlier", "lte": "is at most", "in": "is one of these, separated by commas",
}
NOT_OURS = ("fts", "sqlite_", "search_index")
KNOWN = {}  # {database name: what structure() gives}, read once: the database is immutable


def ref(kind, name):
    """Return a reference to a part of the document that is written once."""
    return {"$ref": f"#/components/{kind}/{name}"}


EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = ("text/plain", "text/csv")  # the second with _dl=1, which makes a browser save it
FAILED = {"application/json": {"schema": ref("schemas", "Error")}}
FAILURES = {
    "BadRequest": {"description": "The request cannot be understood: the message says why.", "content": FAILED},
    "NotFound": {"description": "There is no such thing.", "content": FAILED},
}
ERRORS = {"400": ref("responses", "BadRequest"), "404": ref("responses", "NotFound")}


def answer(schema, *media, description="The rows."):
    """Return the OpenAPI responses of an operation: 200 with the schema, and the errors."""
    content = {"application/json": {"schema": schema}} if not media else {m: {"schema": {"type": "string"}} for m in media}
    return {"200": {"description": description, "content": content}, **ERRORS}


def parameter(name, schema, description, where="query"):
    """Return an OpenAPI parameter."""
    return {"name": name, "in": where, "required": where == "path", "schema": schema, "description": description}


SHAPE = {**parameter("_shape", {"enum": ["objects", "array"]}, "objects: an object whose `rows` is a list; array: the list alone. "
                     "Send it always: what comes without it differs between versions of Datasette."), "required": True}
SIZE = parameter("_size", {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 2000}, {"const": "max"}]}, "Rows in the answer, 2,000 at most.")
NEXT = parameter("_next", {"type": "string"}, "The `next` of the page before: send it unchanged.")
SEARCH = parameter("_search", {"type": "string", "pattern": r"^[\w ]*$"}, "Words that the row holds, in SQLite’s full-text syntax.")
STREAM = parameter("_stream", {"enum": ["on"]}, "All rows, however many.")
ID = parameter("id", {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"}, "The id of the row. It never changes meaning.", "path")


def rows_of(name):
    """Return the schema of an answer that holds rows, in both shapes."""
    rows = {"type": "array", "items": ref("schemas", name)}
    return {"anyOf": [rows, {"type": "object", "required": ["rows", "truncated"], "properties": {
        "rows": rows, "truncated": {"type": "boolean", "description": "Whether rows were left out: ask again with `_next`."},
        "next": {"type": ["string", "null"], "description": "What to send as `_next` for the next page; null on the last."},
    }}]}


async def structure(db):
    """Return {table or view: {"view": bool, "columns": {name: JSON Schema}, "key": bool}} of the database."""
    if db.name in KNOWN:
        return KNOWN[db.name]
    found = {}
    for row in await db.execute("SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY type, rowid"):
        name, sql = row["name"], row["sql"]
        if name.startswith(NOT_OURS) or "_fts" in name:
            continue
        lists, enums = set(JSON_LIST.findall(sql)), dict(ENUM.findall(sql))
        columns = {}
        for column in await db.table_column_details(name):
            must = bool(column.notnull)
            if row["type"] == "table" and column.name in lists:
                schema = {"type": "string", "contentMediaType": "application/json", "contentSchema": {"type": "array", "items": {"type": "string"}}}
            elif column.name in enums:
                terms = [term.replace("''", "'") for term in re.findall(r"'((?:[^']|'')*)'", enums[column.name])]
                schema = {"enum": terms + ([] if must else [None])}
            elif column.type in TYPES:
                # What a view selects or casts may be empty, whatever the column under it.
                schema = {"type": TYPES[column.type] if must and row["type"] == "table" else [TYPES[column.type], "null"]}
            else:
                schema = {"type": ["string", "integer", "number", "null"]}
            columns[column.name] = schema
        found[name] = {"view": row["type"] == "view", "columns": columns, "key": "id" in columns and row["type"] == "table"}
    KNOWN[db.name] = found
    return found


def of(name, example):
    """Return an OpenAPI parameter that is a part of the path."""
    return {**ID, "name": name, "schema": {"type": "string"}, "description": f"The {name}.", "example": example}


async def first_id(db, table):
    """Return the first id of a table, as an example."""
    return (await db.execute(f"SELECT min(id) FROM [{table}]")).single_value()


async def openapi(datasette, request):
    """Answer /openapi.json."""
    db, url = datasette.get_database("record"), datasette.absolute_url(request, datasette.urls.instance())
    dataset = (await db.execute("SELECT * FROM dataset")).first()
    about = ABOUT["tables"]
    tables = {name: t for name, t in (await structure(db)).items() if name in about}
    parameters = {"_shape": SHAPE, "_size": SIZE, "_next": NEXT, "_search": SEARCH, "_stream": STREAM}
    shared = [ref("parameters", name) for name in ("_shape", "_size", "_next")]
    paths, schemas = {}, {"Error": {
        "type": "object", "required": ["ok", "error", "status"], "description": "Why there is no answer.",
        "properties": {"ok": {"const": False}, "error": {"type": "string"}, "status": {"type": "integer"}, "title": {"type": ["string", "null"]}},
    }}
    for name, table in tables.items():
        prose = about[name].get("columns", {})
        schemas[name] = {
            "type": "object", "description": about[name]["description"], "required": list(table["columns"]),
            "properties": {c: {**schema, "description": prose.get(c, "")} for c, schema in table["columns"].items()},
        }
        filters = [{"name": c, "in": "query", "schema": {"type": "string"}} for c in table["columns"]]
        order = {"enum": list(table["columns"])}
        page = [*shared, parameter("_sort", order, "The column to sort by, first first."), parameter("_sort_desc", order, "The column to sort by, last first.")]
        if await db.fts_table(name):
            page.append(ref("parameters", "_search"))
        paths[f"/record/{name}.json"] = {"get": {
            "operationId": f"list_{name}", "tags": ["views" if table["view"] else "tables"], "summary": about[name]["description"],
            "parameters": page + filters, "responses": answer(rows_of(name)),
        }}
        paths[f"/record/{name}.csv"] = {"get": {
            "operationId": f"csv_{name}", "tags": ["views" if table["view"] else "tables"], "summary": f"The same as CSV, with a header: {name}.",
            "parameters": [ref("parameters", "_stream"), *filters], "responses": answer({}, *CSV),
        }}
        if table["key"]:
            paths[f"/record/{name}/{{id}}.json"] = {"get": {
                "operationId": f"get_{name}", "tags": ["tables"], "summary": f"One row of {name}, as a list of one.",
                "parameters": [{**ID, "example": await first_id(db, name)}, {**SHAPE, "schema": {"const": "array"}, "description": "A list of one row."}],
                "responses": answer({"type": "array", "items": ref("schemas", name), "minItems": 1, "maxItems": 1}),
            }}
    for name, query in ABOUT["queries"].items():
        inputs = [parameter(p, {"type": "string"}, "May be empty.") for p in query.get("params", [])]
        schemas[f"answer_{name}"] = {"type": "object", "description": query["description"]}
        paths[f"/record/{name}.json"] = {"get": {
            "operationId": f"ask_{name}", "tags": ["questions"], "summary": query["title"], "description": query["description"],
            "parameters": [ref("parameters", "_shape"), *inputs], "responses": answer(rows_of(f"answer_{name}")),
        }}
        paths[f"/record/{name}.csv"] = {"get": {
            "operationId": f"ask_{name}_csv", "tags": ["questions"], "summary": f"{query['title']}, as CSV.", "parameters": inputs, "responses": answer({}, *CSV),
        }}
    schemas["Row"] = {"type": "object", "description": "A row of an answer: the columns are those of the question."}
    report = {**ID, "name": "report", "description": "The id of a report.", "example": await first_id(db, "reports")}
    paths |= {
        "/record.json": {"get": {
            "operationId": "sql", "tags": ["sql"], "summary": "Any question in SQL: one SELECT, two seconds, 2,000 rows.",
            "parameters": [ref("parameters", "_shape"), {**parameter("sql", {"type": "string", "minLength": 1}, "A SELECT of SQLite’s SQL. Values for :names in it are sent as parameters of those names."),
                                   "required": True, "example": "select kind, count(*) as n from incidents group by kind"}],
            "responses": answer(rows_of("Row")),
        }},
        "/search.json": {"get": {
            "operationId": "search", "tags": ["search"], "summary": "Search everything, best match first, grouped by kind of row.",
            "parameters": [parameter("q", {"type": "string"}, "Words, or “phrases” in quotation marks."),
                           parameter("kind", {"type": "string"}, "Rows of one table only, in pages of 20."), parameter("page", {"type": "string"}, "The page, from 1, where `kind` is given.")],
            "responses": answer(ref("schemas", "SearchAnswer"), description="What was found."),
        }},
        "/what-changed/{report}.json": {"get": {
            "operationId": "statement", "tags": ["statements"], "parameters": [report],
            "summary": "What changed after a report: incidents, recommendations, answers, findings, statements and every source, in one object.",
            "responses": answer(ref("schemas", "Statement"), description="The statement."),
        }},
        "/downloads/index.json": {"get": {
            "operationId": "downloads", "tags": ["downloads"], "summary": "The files to take away, with size, sha256 and rows.",
            "responses": answer({"type": "object", "required": ["version", "files"]}, description="The files."),
        }},
        "/openapi.json": {"get": {"operationId": "openapi", "tags": ["about"], "summary": "This document.", "responses": answer({"type": "object"}, description="OpenAPI 3.1.")}},
    }
    organisation, ask = await first_id(db, "organisations"), await first_id(db, "asks")
    for path, media, summary, *parameters_of in [
        ("/record.csv", "text/plain", "Any question in SQL, as CSV: at most 2,000 rows.", {**parameter("sql", {"type": "string"}, "A SELECT."), "required": True, "example": "select 1 as n"}),
        ("/record/{name}.xlsx", EXCEL, "A table, a view or a question as an Excel workbook: at most 2,000 rows.", of("name", "topics")),
        ("/downloads/{file}", "application/zip", "A file of the downloads, by its path in index.json.", of("file", "record-csv.zip")),
        ("/feeds/events.atom", "application/atom+xml", "The newest dated events, as Atom."),
        ("/feeds/report/{report}.atom", "application/atom+xml", "What happened to a report, as Atom.", report),
        ("/feeds/organisation/{organisation}.atom", "application/atom+xml", "What concerns a body, as Atom.", of("organisation", organisation)),
        ("/calendar/statements-due.ics", "text/calendar", "The statements due, as iCalendar."),
        ("/embed/{report}", "text/html", "A card on a report, for an iframe.", report),
        ("/embed/ask/{ask}", "text/html", "A card on an ask, for an iframe.", of("ask", ask)),
        ("/cite/{table}/{id}.bib", "application/x-bibtex", "A reference to a row in BibTeX; .ris gives RIS.", of("table", "reports"), of("id", report["example"])),
        ("/cite/record.bib", "application/x-bibtex", "A reference to the record in BibTeX; .ris gives RIS."),
        ("/llms.txt", "text/plain", "Where a language model starts. Its tools are at /-/mcp (Model Context Protocol)."),
    ]:
        name = re.sub(r"\W+", "_", path).strip("_")
        paths[path] = {"get": {"operationId": f"get_{name}", "tags": ["files"], "summary": summary, "parameters": parameters_of, "responses": answer({}, media)}}
    embedded = {**parameter("url", {"type": "string"}, "The address of a statement, a report or an ask of this site."), "required": True, "example": f"{url}what-changed/{report['example']}"}
    paths["/oembed"] = {"get": {"operationId": "oembed", "tags": ["files"], "summary": "The card of an address of this site, as oEmbed.", "parameters": [embedded],
                                "responses": answer({"type": "object", "required": ["type", "version", "html"]}, description="oEmbed 1.0, of type rich.")}}
    schemas["SearchAnswer"] = {"type": "object", "required": ["total", "counts", "groups"], "properties": {
        "total": {"type": "integer", "description": "Rows found, of all kinds."},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}, "description": "Rows found, by table."},
        "groups": {"type": "object", "description": "By table, the best rows.", "additionalProperties": {"type": "array", "items": {
            "type": "object", "required": ["table", "id", "title", "passage", "url"],
            "properties": {key: {"type": "string"} for key in ("table", "id", "title", "passage", "url")}}}},
        "suggestion": {"type": ["string", "null"], "description": "The words with unknown ones replaced, if that helps."},
    }}
    events = {"type": "array", "items": {"type": "object"}}
    schemas["Statement"] = {"type": "object", "required": ["dataset", "url", "report", "incidents", "statements", "statement_searches", "recommendations", "sources"], "properties": {
        "dataset": {"type": "object", "description": "The data version, and the day up to which it was looked after."},
        "url": {"type": "string", "description": "The same for readers."},
        "report": {"type": "object"}, "score": {"type": ["object", "null"], "description": "The counts; null if no recommendation is recorded."},
        "incidents": events, "statements": events, "statement_searches": events,
        "recommendations": {"type": "array", "items": {"type": "object", "required": ["id", "state", "responses", "assessments"]}},
        "sources": {"type": "array", "items": {"type": "object"}, "description": "Every document that the rest refers to by id."},
    }}
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": dataset["title"], "version": dataset["version"], "license": {"name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/"},
            "description": f"Read only, without a key. As of {dataset['as_of']}. Filters: a parameter with a column’s name; or `column__comparison`, where the comparison is one of: "
                           + "; ".join(f"`{name}` ({words})" for name, words in COMPARISONS.items())
                           + ". Lists such as `topics` come as JSON in a string. Answers may be kept for five minutes. Any site may read them (CORS).",
        },
        "servers": [{"url": url.rstrip("/")}],
        "tags": [{"name": name} for name in ("tables", "views", "questions", "sql", "search", "statements", "downloads", "files", "about")],
        "paths": paths, "components": {"schemas": schemas, "parameters": parameters, "responses": FAILURES},
    }
    return reply(datasette, document)


def reply(datasette, document):
    """Answer with JSON that any site may read, to be kept as long as Datasette's own answers."""
    headers = {"cache-control": f"max-age={datasette.setting('default_cache_ttl')}"}
    add_cors_headers(headers)
    return Response.json(document, headers=headers)


async def statement(datasette, request):
    """Answer /what-changed/<report>.json."""
    db, report = datasette.get_database("record"), request.url_vars["report"]
    lists = {name: [c for c, s in table["columns"].items() if "contentSchema" in s] for name, table in (await structure(db)).items()}

    async def rows(table, where):
        cited = {}
        for row in await db.execute(f"SELECT row_id, source, locator FROM citations WHERE table_name = ? AND row_id IN (SELECT id FROM [{table}] WHERE {where}) ORDER BY row_id, ordinal",
                                    [table, report]):
            cited.setdefault(row["row_id"], []).append({"source": row["source"], "locator": row["locator"]})
        found = [dict(row) for row in await db.execute(f"SELECT * FROM [{table}] WHERE {where}", [report])]
        for row in found:
            row |= {c: json.loads(row[c]) for c in lists[table]} | ({"sources": cited.get(row["id"], [])} if "sources" in row else {})
        return found

    about = await rows("reports", "id = ?")
    if not about:
        failure = {"ok": False, "error": f"The record has no report with the id “{report}”", "status": 404, "title": None}
        return Response.json(failure, status=404, headers={"access-control-allow-origin": "*"})
    of_recommendation = "recommendation IN (SELECT id FROM recommendations WHERE report = ?) ORDER BY coalesce(date, ''), id"
    recommendations = await rows("recommendations", "report = ? ORDER BY position")
    states = dict((await db.execute("SELECT recommendation, state FROM recommendation_status WHERE report = ?", [report])).rows)
    for recommendation in recommendations:
        recommendation |= {"state": states[recommendation["id"]], "responses": [], "assessments": []}
    by_id = {recommendation["id"]: recommendation for recommendation in recommendations}
    for table in ("responses", "assessments"):
        for row in await rows(table, of_recommendation):
            by_id[row.pop("recommendation")][table].append(row)
    score = (await db.execute("SELECT * FROM report_scorecard WHERE report = ?", [report])).first()
    dataset = (await db.execute("SELECT title, version, as_of FROM dataset")).first()
    answer = {
        "dataset": {**dict(dataset), "license": "https://creativecommons.org/licenses/by/4.0/"},
        "url": datasette.absolute_url(request, datasette.urls.path(f"/what-changed/{report}")),
        "report": about[0],
        "score": score and dict(score),
        "incidents": await rows("incidents", "id IN (SELECT incident FROM incident_reports WHERE report = ?) ORDER BY coalesce(date_start, date_public), id"),
        "statements": await rows("statements", "report = ? ORDER BY coalesce(date, ''), id"),
        "statement_searches": await rows("statement_searches", "report = ? ORDER BY date, id"),
        "recommendations": recommendations,
    }
    used = sorted(set(re.findall(r'"source": "([a-z0-9-]+)"', json.dumps(answer))))
    sources = await db.execute("SELECT * FROM sources WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", [json.dumps(used)])
    return reply(datasette, {**answer, "sources": [dict(row) for row in sources]})


@hookimpl
def register_routes():
    return [(r"^/openapi\.json$", openapi), (r"^/what-changed/(?P<report>[^/]+)\.json$", statement)]
