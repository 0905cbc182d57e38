"""For language models and the programs that use them: /llms.txt, and tools of the record's own at /-/mcp.

/llms.txt follows https://llmstxt.org/. datasette-llms-txt was looked at and not taken: it lists every attached database,
the tiles of the map too, and says nothing of pages, questions or how a claim is to be cited. datasette-mcp serves the
Model Context Protocol, with SQL and the ready-made questions; the two tools here spare a model the joins.
"""
import re
from typing import Any

from datasette import Response, hookimpl
from datasette.plugins import pm
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

LLMS = """# {title}

> What went wrong at the UK Home Office, what official reports recommended, what was promised, and what independent assessors later found. Every row names its sources. Version {version}, as of {as_of}. Licence: CC BY 4.0.

When a claim is taken from here, cite the row’s address and the sources that the row names. Say who found what: an assessment has `independent` 0 where the body itself reports. What is not recorded is not shown not to exist: “none found” means in the sources read. `recommendations_made` beside the rows present says how complete a report is.

## Pages

- [What changed, report by report]({url}what-changed): one statement for each report; add .json to a statement’s address for all of it as data
- [Asked again]({url}asked-again): what two or more reports have asked for, and each answer
- [Questions]({url}ask): ready-made questions, each with its SQL, CSV and JSON
- [Agreements on people’s data]({url}mous)
- [About]({url}about): how claims are sourced, coded and checked

## Data

- [API as OpenAPI 3.1]({url}openapi.json): every promised address
- [Search]({url}search.json?q=windrush): everything, best match first
- [SQL]({url}record.json?_shape=array&sql=select+*+from+report_scorecard): one SELECT of SQLite, two seconds, 2,000 rows
- [Model Context Protocol]({url}-/mcp): Streamable HTTP, no key; start with the tools search_record and what_changed
- [Downloads]({url}downloads/index.json): SQLite, CSV, Parquet, NDJSON and Excel, with a Data Package

## Tables

{tables}

## Views

{views}

## Optional

- [Vocabulary]({url}record/vocabulary.json?_shape=array&_size=max): each coded word with its definition
- [Sitemap]({url}sitemap.xml)
"""


async def llms_txt(datasette, request):
    """Answer /llms.txt."""
    db, url = datasette.get_database("record"), datasette.absolute_url(request, datasette.urls.instance())
    views = await db.view_names()
    lines = {True: [], False: []}
    for name, about in pm.get_plugin("api.py").ABOUT["tables"].items():
        columns = ", ".join(about.get("columns", {}))
        if not about.get("hidden"):
            lines[name in views].append(f"- [{name}]({url}record/{name}.json?_shape=objects): {about['description']} Columns: {columns}")
    dataset = dict((await db.execute("SELECT * FROM dataset")).first())
    text = LLMS.format(**dataset, url=url, tables="\n".join(lines[False]), views="\n".join(lines[True]))
    return Response.text(text, headers={"cache-control": f"max-age={datasette.setting('default_cache_ttl')}", "access-control-allow-origin": "*"})


@hookimpl
def register_routes():
    return [(r"^/llms\.txt$", llms_txt)]


@hookimpl(trylast=True)
def register_mcp_tools(datasette, mcp):
    """Offer two tools beside datasette-mcp's own, and take away the one for queries that write: there are none."""
    mcp.remove_tool("execute_writable_canned_query")
    reading = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    async def get(context, path, **params):
        # Addresses in the answer begin with the host that the model's program asked.
        host = context.request_context.request.headers["host"]
        answer = await datasette.client.get(datasette.urls.path(path), params=params, headers={"host": host})
        if answer.status_code != 200:
            raise ToolError(answer.json()["error"])
        return answer.json()

    @mcp.tool(annotations=reading)
    async def search_record(words: str, context: Context, table: str = "", page: int = 1) -> dict[str, Any]:
        """Search every row of the record for words, best match first, grouped by table.

        Name a table (reports, recommendations, incidents, mous, ...) to page through its rows, 20 at a time.
        """
        return await get(context, "/search.json", q=words, kind=table, page=page)

    @mcp.tool(annotations=reading)
    async def what_changed(report: str, context: Context) -> dict[str, Any]:
        """Return all that the record holds on a report, given its id: incidents, recommendations, what was promised,
        what was found and by whom, statements of change, searches for them, and every source. search_record finds ids.
        """
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", report):
            raise ToolError("That is not the id of a report: search_record finds ids")
        return await get(context, f"/what-changed/{report}.json")
