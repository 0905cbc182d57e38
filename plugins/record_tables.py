"""List the tables of the record in a template: {% for table in record_tables() %}, in the order of metadata.yml."""
from datasette import hookimpl


@hookimpl
def extra_template_vars(datasette):
    """Give every template the function record_tables(): [{"table": …, "description": …, "rows": …}, …]."""

    async def record_tables():
        db = datasette.get_database("record")
        described = datasette.metadata("tables", database="record")
        counts = await db.table_counts(1000)
        return [{"table": t, "description": about["description"], "rows": counts[t]} for t, about in described.items() if t in counts]

    return {"record_tables": record_tables}
