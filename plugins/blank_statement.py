"""The blank statement: what a report asked for, with empty fields for the institution to say what changed.

The page /what-changed/<report>/blank gets it as blank_statement(report); /what-changed/<report>/blank.docx is the same as
a Word document.
"""
import asyncio
import datetime
import io

from datasette import NotFound, Response, hookimpl
from docx import Document
from docx.oxml.ns import qn
from docx.shared import Cm, Pt

# What is to be filled in: label and hint.
HEAD = [("Body that makes this statement", ""), ("Date", ""), ("Where it is published", ""), ("Whom to ask about it", "")]
FIELDS = [
    ("What we did", "or why not"),
    ("Since when", ""),
    ("Evidence", "links to what shows it"),
    ("What is left", "and by when"),
]
USE = "Fill it in, put it in your own words, take this paragraph out, and publish it."
REPORT = """
select r.id, r.title, coalesce(r.short_title, r.title) as name, r.author, r.published, r.summary, r.recommendations_made, d.title as dataset,
  d.version, d.as_of
from reports r, dataset d
where r.id = :report
"""
RECOMMENDATIONS = """
select r.id, r.number, r.summary,
  (select group_concat(name, '; ') from (
     select o.name from recommendation_addressed_to a join organisations o on o.id = a.organisation where a.recommendation = r.id order by a.rowid
  )) as addressed_to
from recommendations r
where r.report = :report
order by r.position
"""


async def blank_statement(datasette, report):
    """Return what a blank statement holds as a dict, or None if the record has no such report."""
    database = datasette.get_database("record")
    about = (await database.execute(REPORT, {"report": report})).first()
    if about is None:
        return None
    recommendations = [dict(row) for row in (await database.execute(RECOMMENDATIONS, {"report": report})).rows]
    missing = (about["recommendations_made"] or 0) - len(recommendations)
    if not recommendations:
        spare = "The record holds none of this report’s recommendations. Copy this part for each."
    elif missing > 0:
        spare = f"The report made {missing} more, which the record does not hold. Copy this part for each."
    else:
        spare = None
    return {
        "report": dict(about),
        "recommendations": recommendations,
        "spare": spare,
        "head": HEAD,
        "fields": FIELDS,
    }


def add_table(document, rows, height):
    """Add a table with a label at the left of each row and an empty cell, so many centimetres high, at its right."""
    table = document.add_table(len(rows), 2, style="Table Grid")
    table.autofit = False
    for row, (label, hint) in zip(table.rows, rows):
        row.height = Cm(height)
        for cell, width in zip(row.cells, (5, 12)):
            cell.width = Cm(width)
        paragraph = row.cells[0].paragraphs[0]
        paragraph.add_run(label).bold = True
        paragraph.add_run(hint and f" ({hint})")
    document.add_paragraph()


def add_labelled(document, label, text):
    """Add a paragraph that starts with a label in bold."""
    paragraph = document.add_paragraph()
    paragraph.add_run(f"{label}: ").bold = True
    paragraph.add_run(text)


def as_docx(blank, address):
    """Return the bytes of the Word document; address is that of the statement it was made from."""
    report, document = blank["report"], Document()
    title = f"What changed after: {report['name']}"
    made_from = f"{report['dataset']}, version {report['version']}"
    properties = document.core_properties
    properties.title, properties.author, properties.comments, properties.language = title, "", f"Form made from {made_from}", "en-GB"
    properties.created = properties.modified = datetime.datetime.now(datetime.timezone.utc)
    for language in document.styles.element.iter(qn("w:lang")):
        language.set(qn("w:val"), "en-GB")
    document.styles["Normal"].font.size = Pt(12)
    page = document.sections[0]
    page.page_width, page.page_height = Cm(21), Cm(29.7)
    page.left_margin = page.right_margin = page.top_margin = page.bottom_margin = Cm(2)

    document.add_heading(title, 0)
    document.add_paragraph(f"This form was made from {made_from}: {address}. {USE}")
    add_table(document, HEAD, 1)
    document.add_heading("What went wrong", 1)
    document.add_paragraph(report["summary"])
    document.add_heading("What has changed, in short", 1)
    document.add_paragraph("[Three sentences that anybody can read in a minute.]")
    document.add_heading("Each recommendation", 1)
    for row in blank["recommendations"]:
        document.add_heading(f"Recommendation {row['number']}" if row["number"] else "A recommendation (no number seen)", 2)
        add_labelled(document, "What was asked", row["summary"])
        add_labelled(document, "Asked of", row["addressed_to"])
        add_table(document, FIELDS, 1.8)
    if blank["spare"]:
        document.add_heading("Recommendation …", 2)
        document.add_paragraph(blank["spare"])
        add_labelled(document, "What was asked", "…")
        add_table(document, FIELDS, 1.8)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


async def blank_docx(datasette, request):
    """Answer with the Word document."""
    report = request.url_vars["report"]
    blank = await blank_statement(datasette, report)
    if blank is None:
        raise NotFound(f"The record has no report with the id “{report}”.")
    address = datasette.absolute_url(request, datasette.urls.path(f"/what-changed/{report}"))
    # Making it takes a tenth of a second: in a thread, others need not wait.
    body = await asyncio.to_thread(as_docx, blank, address)
    return Response(
        body, content_type="application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        headers={"content-disposition": f'attachment; filename="what-changed-{report}.docx"'},
    )


@hookimpl
def register_routes():
    return [(r"^/what-changed/(?P<report>[^/]+)/blank\.docx$", blank_docx)]


@hookimpl
def extra_template_vars(datasette):
    async def blank(report):
        return await blank_statement(datasette, report)

    return {"blank_statement": blank}
