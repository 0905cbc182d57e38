"""Excel: every table, row and answer to a question as a workbook, under its own address with .xlsx at the end.

It holds the rows that the same address gives as JSON: at most as many as the setting max_returned_rows (2,000 where
`make serve` serves), and says so on its sheet “About” if there are more. A table is given in pages of that size; all
rows of all tables in one workbook are in /downloads/record.xlsx.

Text stays text: a cell that starts with = is never a formula (OWASP, “CSV Injection”), and an address is a live link.
The same rows give the same bytes: the file is dated with the day up to which the record was looked after.
"""
import asyncio
import datetime
import io
import json
import math

import xlsxwriter
from datasette import Response, hookimpl
from datasette.plugins import pm
from datasette.utils import path_with_added_args

TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What a sheet can hold, by Microsoft's “Excel specifications and limits”.
MOST_TEXT, MOST_ADDRESS, MOST_LINKS, MOST_INTEGER = 32_767, 2_079, 65_530, 10**15
WIDEST = 60  # of a column, in characters
DATASET = "select title, version, as_of from dataset"


def text(value):
    """Return a value of the database as a cell holds it: a list as in csv/, bytes as their size, and as text a large integer or what is no finite number."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, int) and abs(value) >= MOST_INTEGER or isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        try:
            return "; ".join(str(item) for item in json.loads(value))
        except ValueError:
            return value
    return value


def with_labels(columns, rows):
    """Return columns and rows in which a value with a label, {"value": …, "label": …}, has become two columns, as in CSV."""
    labelled = {c for row in rows for c, cell in enumerate(row) if isinstance(cell, dict)}
    heads = [head for c, name in enumerate(columns) for head in ([name, f"{name}_label"] if c in labelled else [name])]
    flat = []
    for row in rows:
        cells = []
        for c, cell in enumerate(row):
            both = cell if isinstance(cell, dict) else {"value": cell, "label": None}
            cells += [both["value"], both["label"]] if c in labelled else [cell]
        flat.append(cells)
    return heads, flat


def workbook(columns, rows, about, created):
    """Return the bytes of a workbook with the rows on its first sheet, and pairs of words about them on its second."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True})
    book.set_properties({"title": about[0][1], "created": created})
    book.set_size(2400, 1600)
    head, wrapped = (book.add_format({"text_wrap": True, "valign": "top", "bold": bold}) for bold in (True, False))
    links = 0

    def write(sheet, r, c, value, style):
        nonlocal links
        value = text(value)
        if isinstance(value, (int, float)):
            sheet.write_number(r, c, value, style)
        elif isinstance(value, str) and value.startswith(("http://", "https://")) and len(value) <= MOST_ADDRESS and links < MOST_LINKS and value.isprintable() and " " not in value:
            links += 1
            sheet.write_url(r, c, value)
        elif value is not None:
            sheet.write_string(r, c, value if len(value) <= MOST_TEXT else value[: MOST_TEXT - 1] + "…", style)

    sheet = book.add_worksheet("Rows")
    for c, name in enumerate(columns):
        sheet.write_string(0, c, name, head)
        longest = max((len(str(text(row[c]))) for row in rows if row[c] is not None), default=0)
        sheet.set_column(c, c, min(max(len(name), longest) + 2, WIDEST))
    for r, row in enumerate(rows, 1):
        for c, value in enumerate(row):
            write(sheet, r, c, value, wrapped)
    sheet.freeze_panes(1, 0)
    if columns:
        sheet.autofilter(0, 0, len(rows), len(columns) - 1)

    sheet = book.add_worksheet("About")
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, 1, WIDEST)
    for r, (label, value) in enumerate(about):
        sheet.write_string(r, 0, label, head)
        write(sheet, r, 1, value, wrapped)
    book.close()
    return file.getvalue()


async def excel(datasette, request, columns, rows, sql, query_name, table, view_name, data):
    """Answer with the workbook; a table asked for without _size is sent on to the largest page."""
    if data.get("error"):
        return Response.json({"ok": False, "error": data["error"], "status": 400, "title": None}, status=400)
    if not sql and not table:  # a row has none
        return Response.json({"ok": False, "error": "Send a question in SQL as the parameter sql", "status": 400, "title": None}, status=400)
    if view_name == "table" and not query_name and "_size" not in request.args:
        return Response.redirect(datasette.urls.path(path_with_added_args(request, {"_size": "max"})))
    described = pm.get_plugin("api.py").ABOUT["queries" if query_name else "tables"].get(query_name or table, {})
    record = (await datasette.get_database("record").execute(DATASET)).first()
    cut = data.get("truncated") or data.get("next")
    about = [
        ("What it is", described.get("title") or table or "An answer to a question in SQL"),
        ("In words", described.get("description")),
        ("Rows", f"The first {len(rows):,}: there are more" if cut else f"{len(rows):,}"),
        ("Address", datasette.absolute_url(request, datasette.urls.path(request.full_path))),
        ("Dataset", f"{record['title']}, version {record['version']}, looked after up to {record['as_of']}"),
        ("Licence", data.get("license")),
        ("Its text", data.get("license_url")),
        ("SQL", sql if not table or query_name else None),
    ]
    created = datetime.datetime.fromisoformat((record["as_of"] + "-01-01")[:10])
    columns, rows = with_labels(columns, [list(row) for row in rows])
    # A large one takes half a second: in a thread, others need not wait.
    body = await asyncio.to_thread(workbook, columns, rows, [pair for pair in about if pair[1]], created)
    name = query_name or table or "answer"
    return Response(body, content_type=TYPE, headers={"content-disposition": f'attachment; filename="{name}.xlsx"'})


@hookimpl
def register_output_renderer():
    return {"extension": "xlsx", "render": excel}
