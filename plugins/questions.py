"""Questions: what /ask and the page of a ready-made question show beyond what Datasette does by itself.

metadata.yml declares each question once, with its theme, its answer in one line and its inputs; its comment above
`queries:` says how. Templates get questions_by_theme() and question(name, values).
"""
import asyncio
import re
import sqlite3

from datasette import hookimpl
from datasette.database import QueryInterrupted

KNOWN = {}  # {(hash of the database's file, SQL): rows}: a file that does not change gives the same rows each time
FULL_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def plural(number, one, many=None):
    """Return a number with its noun, as 1 day, 2,226 days, no days; None for None, as SQL has it."""
    if number is None:
        return None
    count = f"{number:,}" if number else "no"
    return f"{count} {one if number == 1 else many or one + 's'}"


async def rows(db, sql, values=None):
    """Return the rows of a question in SQL, from memory if it was asked before of a file that does not change."""
    key = (db.hash, sql)
    if any((values or {}).values()) or db.hash is None:
        return (await db.execute(sql, values, log_sql_errors=False)).rows
    if key not in KNOWN:
        KNOWN[key] = (await db.execute(sql, values, log_sql_errors=False)).rows
    return KNOWN[key]


def of_found(question, sql):
    """Return SQL in which `found` holds the rows of a question."""
    return f"with found as (\n{question['sql']}\n)\n{sql}"


async def answer(db, about, values):
    """Return the answer to a question in one line, or None if it has no rows for these values."""
    try:
        lines = await rows(db, of_found(about, f"select * from (\n{about['answer']}\n) where exists (select 1 from found)"), values)
    except (QueryInterrupted, sqlite3.Error):  # the page of the question itself says what is wrong
        return None
    line = lines[0][0] if lines else None
    return line and line[0].upper() + line[1:]


async def field(db, question, name, value):
    """Return what the form shows for one parameter: name, label, hint, empty, type, value, and options if it is a list."""
    about = question["inputs"][name]
    shown = {"hint": None, "empty": None, "type": "text", "options": None, **about, "name": name, "value": value}
    if "sql" in about:
        options = await rows(db, of_found(question, about["sql"]), dict.fromkeys(question["params"], ""))
        shown["options"] = [(str(option["value"]), option["label"]) for option in options if option["value"] is not None]
        if value and value not in dict(shown["options"]):  # an older address, or one made by hand
            shown["options"].insert(0, (value, value))
    elif shown["type"] == "date" and value and not FULL_DATE.fullmatch(value):
        shown["type"] = "part of a date"  # the browser's calendar knows days alone, and would lose a year or a month
    elif shown["type"] == "number" and value and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        shown["type"] = "text"  # show what was put, so that it can be mended
    return shown


@hookimpl
def prepare_connection(conn):
    for arguments in 2, 3:
        conn.create_function("plural", arguments, plural, deterministic=True)


@hookimpl
def extra_template_vars(datasette):
    async def question(name, values):
        """Return {"theme": …, "answer": …, "inputs": […]} of a ready-made question for the values of its parameters."""
        db = datasette.get_database("record")
        about = (await datasette.get_canned_queries("record", None))[name]
        values = {param: values.get(param) or "" for param in about.get("params", [])}
        inputs = [await field(db, about, param, values[param]) for param in values]
        return {"theme": about["theme"], "answer": await answer(db, about, values), "inputs": inputs}

    async def questions_by_theme():
        """Return {theme: [{"name": …, "title": …, "description": …, "sql": …, "answer": …}, …]} in the order declared."""
        db = datasette.get_database("record")
        declared = list((await datasette.get_canned_queries("record", None)).values())
        answers = await asyncio.gather(*(answer(db, q, dict.fromkeys(q.get("params", []), "")) for q in declared))
        themes = {}
        for about, line in zip(declared, answers):
            themes.setdefault(about["theme"], []).append({**about, "answer": line})
        return themes

    return {"question": question, "questions_by_theme": questions_by_theme}
