"""Write docs/quality.md: how full and how well supported the record is, counted from record.db.

    python quality.py [--db FILE] [--check]

The same database gives the same text. With --check nothing is written, and the exit status is 1 if the file differs.
"""
import argparse
import sys
from pathlib import Path

import sqlite_utils

HERE = Path(__file__).parent
PAGE = HERE / "docs/quality.md"


def share(part, whole):
    """Return "93 of 158 (59%)"; a share of nothing is "0 of 0", and only all is 100%."""
    part = part or 0
    return f"{part:,} of {whole:,}" + (f" ({min(round(100 * part / whole), 99 + part // whole)}%)" if whole else "")


def table(header, rows):
    """Return a Markdown table. header: names of columns. rows: sequences of cells of the same length."""
    cells = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "/") for cell in row) + " |" for row in cells)


def fact_tables(db):
    """Return the names of the tables whose rows state facts: those that have the column `checked`."""
    return [t.name for t in db.tables if any(column.name == "checked" for column in t.columns)]


def report(db):
    """Return the quality report on a sqlite_utils.Database as Markdown."""
    one = lambda sql, *p: db.execute(sql, p).fetchone()
    version, as_of = one("SELECT version, as_of FROM dataset")
    recommendations, answered, assessed, independent = one(
        "SELECT count(*), count(nullif(response_position, 'no response')), count(coalesce(own_assessment, independent_assessment)), count(independent_assessment) "
        "FROM recommendation_status"
    )
    complete, counted = one("SELECT sum(recommendations_recorded >= recommendations_made), count(recommendations_made) FROM report_scorecard")
    with_statement, reports = one("SELECT sum(statements_of_change > 0), count(*) FROM report_scorecard")

    support = []
    for name in fact_tables(db):
        rows, checked = one(f"SELECT count(*), count(checked) FROM [{name}]")
        official, located = one(
            "SELECT sum(official), sum(located) FROM (SELECT max(s.official) AS official, max(c.locator IS NOT NULL) AS located "
            "FROM citations c JOIN sources s ON s.id = c.source WHERE c.table_name = ? GROUP BY c.row_id)", name
        )
        support.append((name, rows, official, located, checked))
    total = ["all", *(sum(row[i] for row in support) for i in range(1, 5))]

    oldest = db.execute(
        "SELECT report, number, response_made_by, response_date, response_position FROM promises_without_assessment "
        "WHERE response_date IS NOT NULL ORDER BY response_date, recommendation LIMIT 10"
    )
    return f"""# Quality of the record

Counted from the database by `make quality`, version {version}, as of {as_of}. Nothing here is written by hand.

## Recommendations

- recorded: {recommendations:,}
- with a response: {share(answered, recommendations)}
- with an assessment by anybody: {share(assessed, recommendations)}
- with an independent assessment: {share(independent, recommendations)}
- reports with recommendations: {reports}, of which {share(with_statement, reports)} have an account of what changed by the institution
- reports, with or without recommendations, for which an account of what changed was searched for: {share(*one("SELECT count(DISTINCT s.report), count(DISTINCT r.id) FROM reports r LEFT JOIN statement_searches s ON s.report = r.id"))}
- reports complete, of those whose number of recommendations is known: {share(complete, counted)}
- asks that two or more reports share: {one("SELECT count(*) FROM asked_again WHERE reports > 1")[0]}

{table(["state", "recommendations"], db.execute("SELECT state, count(*) FROM recommendation_status GROUP BY state ORDER BY 2 DESC, 1"))}

{table(["search for an account of what changed", "searches"], db.execute("SELECT outcome, count(*) FROM statement_searches GROUP BY outcome ORDER BY 1"))}

## Support, by table

A row counts as official if at least one of its sources is, as located if at least one citation names the place in the
source, and as read twice if a second reader compared it with its source.

{table(["table", "rows", "official source", "located", "read twice"],
       [(name, f"{rows:,}", share(official, rows), share(located, rows), share(checked, rows)) for name, rows, official, located, checked in [*support, total]])}

## Sources

- sources: {one("SELECT count(*) FROM sources")[0]:,}, of which {share(*one("SELECT sum(official), count(*) FROM sources"))} are official
- read whole: {share(*one("SELECT sum(extent_read = 'whole'), count(*) FROM sources"))}
- rows with no official source: {one("SELECT count(*) FROM thin_evidence")[0]:,}, of which {one("SELECT count(*) FROM thin_evidence WHERE only_news_or_campaign")[0]:,} rest on news or campaigns alone

{table(["kind of source", "sources"], db.execute("SELECT kind, count(*) FROM sources GROUP BY kind ORDER BY 2 DESC, 1"))}

## Oldest promises with no assessment found

{table(["report", "number", "by", "date", "position"], [[cell or "" for cell in row] for row in oldest])}

## Reports: recorded and made

{table(["report", "recorded", "made", "with a response", "with an assessment", "independent"],
       [[cell if cell is not None else "not known" for cell in row] for row in db.execute(
           "SELECT report, recommendations_recorded, recommendations_made, with_response, with_assessment, with_independent_assessment "
           "FROM report_scorecard ORDER BY report")])}

## Vocabulary in use

{table(["vocabulary", "term", "rows"], vocabulary_use(db))}
"""


def vocabulary_use(db):
    """Return [(vocabulary, term, rows)] for the coded columns of all tables; the schema says which column holds which."""
    used = {}
    for vocabulary, term in db.execute("SELECT vocabulary, term FROM vocabulary ORDER BY rowid"):
        used[vocabulary, term] = 0
    terms = {}
    for vocabulary, term in used:
        terms.setdefault(vocabulary, []).append(term)
    for t in db.tables:
        for column in t.columns:
            for vocabulary, known in terms.items():
                # build.py writes the terms of a vocabulary out in the CHECK of each column that it rules
                listed = ", ".join("'" + term.replace("'", "''") + "'" for term in known)
                if f"{column.name} IN ({listed})" in t.schema:
                    for term, count in db.execute(f"SELECT [{column.name}], count(*) FROM [{t.name}] GROUP BY 1"):
                        if term is not None:
                            used[vocabulary, term] += count
    return [(vocabulary, term, count) for (vocabulary, term), count in used.items()]


def main(arguments=None):
    """Run the command line. Returns the exit status, 0 or 1."""
    parser = argparse.ArgumentParser(description="Write docs/quality.md from the database.")
    parser.add_argument("--db", metavar="FILE", type=Path, default=HERE / "record.db", help="the database (record.db)")
    parser.add_argument("--check", action="store_true", help="write nothing, and fail if the file is not current")
    options = parser.parse_args(arguments)
    text = report(sqlite_utils.Database(str(options.db)))
    if options.check:
        if not PAGE.exists() or PAGE.read_text("utf-8") != text:
            print("docs/quality.md is not current (run make quality)", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
