"""Show ids as links with readable names: lists of ids in table cells, and ids in views and in answers to questions.

Datasette links foreign keys of tables by itself; it knows nothing of lists, nor of the columns of a view.
"""
import json

from datasette import hookimpl
from markupsafe import Markup, escape

# Columns that hold ids of a table under a name that no foreign key bears.
MORE_COLUMNS = {
    "response": "responses",
    "own_assessment": "assessments",
    "independent_assessment": "assessments",
    "own_made_by": "organisations",
    "independent_made_by": "organisations",
    "response_made_by": "organisations",
    "sources": "sources",
}
KNOWN = {}  # {database name: (tables by column, names by (table, id))}, read once: the database is immutable


async def known(database):
    """Return ({column: table it refers to}, {(table, id): name}) of a Datasette database that holds the record."""
    if database.name not in KNOWN:
        tables, names = dict(MORE_COLUMNS), {}
        for table in await database.table_names():
            columns = await database.table_columns(table)
            refers_to = {key["column"]: key["other_table"] for key in await database.foreign_keys_for_table(table)}
            tables.update(refers_to)
            # A join table is named <parent>_<list column>, after its first column; its second one holds the items.
            if columns and columns[0] in refers_to and columns[1] in refers_to and "id" not in columns:
                tables[table.removeprefix(columns[0] + "_")] = refers_to[columns[1]]
        for row in await database.execute_fn(lambda c: c.execute("SELECT table_name, row_id, title FROM searchable").fetchall()):
            names[row[0], row[1]] = row[2]
        for row in await database.execute_fn(lambda c: c.execute("SELECT id, publisher, published FROM sources").fetchall()):
            names["sources", row[0]] = f"{row[1]}, {row[2][:4]}" if row[2] else row[1]
        KNOWN[database.name] = tables, names
    return KNOWN[database.name]


@hookimpl
def render_cell(row, value, column, table, database, datasette):
    """Return an awaitable that gives HTML for a cell that holds an id or a JSON list, and None for any other cell."""
    if not isinstance(value, str) or database != "record":
        return None

    async def cell():
        tables, names = await known(datasette.get_database(database))
        keys = row.keys()
        of_table = row["table_name"] if column == "row_id" and "table_name" in keys else tables.get(column)

        def link(item):
            if (of_table, item) not in names:
                return escape(item)
            return Markup('<a href="{}">{}</a>').format(datasette.urls.row(database, of_table, item), names[of_table, item])

        if value.startswith("["):
            try:
                items = json.loads(value)
            except ValueError:
                return None
            return Markup("; ").join(link(str(item)) for item in items) or Markup("&nbsp;")
        return link(value) if of_table and (of_table, value) in names else None

    return cell()
