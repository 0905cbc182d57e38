"""What changed after a report? Asked as a language model’s tool asks it.

For a maker of tools; a client session of the Model Context Protocol (package mcp).

    python ask_the_record.py [SITE] [WORDS]

It lists the tools that the site offers, searches the reports for the words (“Windrush lessons learned” if none are given),
asks what changed after the first that was found, and prints an answer of two lines, and its sources.

It counts what is recorded: how many of how many recommendations are recorded stands in the first line. An acceptance is a promise; what was found is
the latest finding of somebody other than the body itself, in the sources read.

It does not say that what nobody was found to have looked at was not done. Best match first is not always the report you
meant: read its title.
"""
import json
import sys

import anyio
from mcp import Client

SITE = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8001"
WORDS = " ".join(sys.argv[2:]) or "Windrush lessons learned"


async def main():
    async with Client(f"{SITE}/-/mcp") as client:

        async def ask(tool, **arguments):
            """Call a tool; return its answer, which comes as JSON in a text."""
            answer = await client.call_tool(tool, arguments)
            if answer.is_error:
                raise RuntimeError(answer.content[0].text)
            return json.loads(answer.content[0].text)

        print("Tools:", ", ".join(tool.name for tool in (await client.list_tools()).tools))
        found = (await ask("search_record", words=WORDS, table="reports"))["groups"].get("reports")
        told = await ask("what_changed", report=found[0]["id"]) if found else None

    if not told:
        sys.exit(f"No report was found for “{WORDS}”.")
    print(f"Reports found for “{WORDS}”:", "; ".join(hit["title"] for hit in found) + "\n")
    report, score = told["report"], told["score"]
    if not score:
        sys.exit(f"{report['title']}: no recommendations recorded.")
    print(f"{report['title']} ({report['author']}, {report['published']}): of its recommendations, {score['coverage']}.")
    print(f"Promised: {score['accepted']} accepted, {score['accepted_with_limits']} with limits, {score['rejected']} rejected.", end=" ")
    print(f"Looked at by somebody independent: {score['with_independent_assessment']}, of which found met: {score['independently_met']}.")
    named = {source["id"]: source for source in told["sources"]}
    for citation in report["sources"]:
        print(f"  Source: {named[citation['source']]['title']}, {named[citation['source']]['url']}")
    print(f"All of it, each claim with its source: {SITE}/what-changed/{report['id']}")


anyio.run(main)
