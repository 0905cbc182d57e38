"""Write the downloads: record.db in the other forms that people and programs read.

    python exports.py [--db FILE] [--out DIR]

DIR (dist/) gets record.db itself, every table and public view as CSV, Parquet and newline-delimited JSON, all CSV in
a zip, an Excel workbook, the descriptions of descriptors.py, and index.json: the size, SHA-256 and rows of each file.
The names, types, keys and rules of the columns come from schema.sql through build.py, the prose from metadata.yml.

The same database gives the same bytes. Everything is written to a folder beside DIR, which then takes its place: if
something fails, the exit status is 1 and DIR stays as it was.
"""
import argparse
import contextlib
import csv
import datetime
import hashlib
import json
import os
import shutil
import sqlite3
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import sqlite_utils
import xlsxwriter
import yaml

import build
import descriptors

HERE = Path(__file__).parent
MEDIA_TYPES = {
    ".db": "application/vnd.sqlite3",
    ".csv": "text/csv",
    ".zip": "application/zip",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".parquet": "application/vnd.apache.parquet",
    ".ndjson": "application/x-ndjson",
    ".json": "application/json",
    ".jsonld": "application/ld+json",
}
DUCKDB_TYPES = {"TEXT": "VARCHAR", "INTEGER": "BIGINT", "REAL": "DOUBLE"}
# What an Excel sheet can hold: https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3
LONGEST_CELL, LONGEST_URL = 32_767, 2_079


class ExportError(Exception):
    """The downloads cannot be made of this database; the text says why."""


@dataclass
class Part:
    """A table or view to export: a build.Table, what metadata.yml says of it, its primary key and its rows.

    kind: "table", "join" for a join table, or "view". rows: [{column: str, int, float, list of str or None}].
    """

    kind: str
    table: build.Table
    about: dict = field(default_factory=dict)
    key: list = field(default_factory=list)
    rows: list = field(default_factory=list)

    @property
    def name(self):
        return self.table.name

    @property
    def columns(self):
        return self.table.columns.values()


# Reading ----------------------------------------------------------------------------------------------------------


def read(path):
    """Read a database that build.py made.

    Returns the row of the table dataset as a dict, metadata.yml as a dict, and a Part for each table and each view
    that metadata.yml does not hide, in its order.
    Raises ExportError or sqlite3.Error if the database is missing, damaged or of another structure.
    """
    if not path.is_file():
        raise ExportError("there is no such file (make it with `make build`)")
    metadata = yaml.safe_load((HERE / "metadata.yml").read_text("utf-8"))
    described = metadata["databases"]["record"]["tables"]
    with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        if (damage := db.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
            raise ExportError(f"the database is damaged: {damage.splitlines()[-1]}")
        try:
            vocabularies = {}
            for row in db.execute("SELECT vocabulary, term FROM vocabulary ORDER BY rowid"):
                vocabularies.setdefault(row[0], []).append(row[1])
            parts = structure(vocabularies)
            if missing := sorted(set(parts) - set(described)):
                raise ExportError(f"metadata.yml says nothing of {', '.join(missing)}")
            hidden = {name for name, part in parts.items() if part.kind == "view" and described[name].get("hidden")}
            parts = [parts[name] for name in described if name in parts and name not in hidden]
            for part in parts:
                part.about = described[part.name]
                names = list(part.table.columns)
                # Rows of a table stand in the order of its CSV file; those of a view have none of their own.
                order = ", ".join(f"[{name}]" for name in names) if part.kind == "view" else "rowid"
                cursor = db.execute(f"SELECT * FROM [{part.name}] ORDER BY {order}")
                if (found := [c[0] for c in cursor.description]) != names:
                    raise ExportError(f"{part.name} has the columns {', '.join(found)}, but schema.sql says {', '.join(names)}")
                part.rows = [values(part, row) for row in cursor]
            dataset = dict(db.execute("SELECT * FROM dataset").fetchone() or {})
        except (sqlite3.OperationalError, KeyError, ExportError) as error:
            raise ExportError(f"not built from this schema.sql: {error} (build it again with `make build`)") from error
    if not dataset:
        raise ExportError("the table dataset is empty")
    return dataset, metadata, parts


def structure(vocabularies):
    """Return {name: Part} without rows, for each table and view of schema.sql; vocabularies: {name: [term, …]}."""
    sql, checks = build.expand((HERE / "schema.sql").read_text("utf-8"), vocabularies)
    parts, rules = {}, {}
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(sql)
        db = sqlite_utils.Database(connection)
        for table in build.structure(db, checks).values():
            parts[table.name] = Part("table", table, key=db[table.name].pks)
            for column in table.columns.values():
                rules.setdefault((column.name, column.type), set()).add("list" if column.is_list else column.rule)
        for table in [part.table for part in parts.values()]:
            for column in table.columns.values():
                if column.join:
                    parts[column.join].kind = "join"
        for name in db.view_names():
            # A view declares no types, but a table made from it has them; and a name that always has one rule has it here.
            connection.execute(f"CREATE TEMP TABLE typed AS SELECT * FROM [{name}]")
            columns = {}
            for _, column, type, *_ in connection.execute("PRAGMA temp.table_info(typed)").fetchall():
                type = {"INT": "INTEGER", "REAL": "REAL"}.get(type, "TEXT")
                rule = rules.get((column, type), ())
                columns[column] = build.Column(column, type, required=False, rule=min(rule) if len(rule) == 1 else None)
            connection.execute("DROP TABLE typed")
            parts[name] = Part("view", build.Table(name, columns))
    return parts


def values(part, row):
    """Return a row of SQLite as a dict, with lists as lists. Raises ExportError for what no export may hold."""
    result = {}
    for column in part.columns:
        value = row[column.name]
        if value is not None:
            if column.is_list:
                value = json.loads(value)
            expected = list if column.is_list else {"TEXT": str, "INTEGER": int, "REAL": float}[column.type]
            if not isinstance(value, expected):
                raise ExportError(f"{part.name}.{column.name}: {value!r} is not of the type {column.type}")
            for text in value if column.is_list else [value]:
                # build.py lets no such text in; a CSV file cannot mark one as text, so none may come out either.
                if isinstance(text, str) and (build.FORMULA.match(text) or "\t" in text or "\r" in text):
                    raise ExportError(f"{part.name}.{column.name}: {text!r} would be a formula in a spreadsheet")
        result[column.name] = value
    return result


def cell(value):
    """Return a value as a CSV cell or an Excel cell holds it: a list as its items separated by "; "."""
    return build.LIST_SEPARATOR.join(value) if isinstance(value, list) else value


# Writing ----------------------------------------------------------------------------------------------------------


def write_csv(part, path):
    """Write a Part as CSV: RFC 4180 with a header, in UTF-8. An empty cell is a NULL, or a list without items."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(part.table.columns)
        writer.writerows([cell(value) for value in row.values()] for row in part.rows)


def write_ndjson(part, path):
    """Write a Part with one JSON object a line (https://github.com/ndjson/ndjson-spec)."""
    with path.open("w", newline="", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in part.rows)


def write_parquet(duck, part, ndjson, path, dataset):
    """Write a Part as Parquet, from its file of newline-delimited JSON. Dates stay text, because many are no full dates.

    duck: a connection of DuckDB with one thread: more of them could share the rows out differently each time.
    """
    columns = ", ".join(f"'{c.name}': '{'VARCHAR[]' if c.is_list else DUCKDB_TYPES[c.type]}'" for c in part.columns)
    about = {"title": dataset["title"], "version": dataset["version"], "license": descriptors.LICENCE, "description": part.about["description"]}
    duck.execute(
        f"COPY (SELECT * FROM read_json({build.quoted(str(ndjson))}, format = 'newline_delimited', columns = {{{columns}}})) "
        f"TO {build.quoted(str(path))} (FORMAT parquet, COMPRESSION zstd, "
        f"KV_METADATA {{{', '.join(f'{key}: {build.quoted(text)}' for key, text in about.items())}}})"
    )


def write_zip(paths, folder, path, day, notice):
    """Zip files under their paths from a folder, with README.txt, all dated on one day: it is a Data Package by itself."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [("README.txt", notice.encode()), *((str(p.relative_to(folder)), p.read_bytes()) for p in paths)]:
            member = zipfile.ZipInfo(name, day.timetuple()[:6])
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(member, content)


def write_xlsx(parts, dataset, path, day):
    """Write an Excel workbook: a sheet about it, one that explains the columns, and one for each Part.

    A reference to a row of another table is a link to that row; addresses are links. Every text is stored as a text:
    nothing is ever a formula. Raises ExportError for what Excel cannot hold.
    """
    # Join tables are for programs, which read them last.
    parts = sorted(parts, key=lambda part: ["table", "view", "join"].index(part.kind))
    row_of = {part.name: {row["id"]: n for n, row in enumerate(part.rows, 2)} for part in parts if part.key == ["id"]}
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}) as book:
        book.set_properties({"title": dataset["title"], "comments": notice(dataset), "created": day})
        head = book.add_format({"bold": True, "bottom": 1, "valign": "top", "text_wrap": True})
        text = book.add_format({"valign": "top", "text_wrap": True})
        link = book.add_format({"valign": "top", "text_wrap": True, "font_color": "#0b5394", "underline": 1})
        line = book.add_format({"font_size": 12})

        def put(sheet, row, column, value, address=None, form=text):
            """Write one cell; the sheet tells by its answer whether it could."""
            if isinstance(value, str) and len(value) > LONGEST_CELL:
                raise ExportError(f"{sheet.name}, row {row + 1}: a text of {len(value)} characters is too long for Excel")
            if value is None or value == "":
                return
            if isinstance(value, str) and address and len(address) <= LONGEST_URL:
                problem = sheet.write_url(row, column, address, link, value)
            elif isinstance(value, str):
                problem = sheet.write_string(row, column, value, form)
            else:
                problem = sheet.write_number(row, column, value, form)
            if problem:
                raise ExportError(f"{sheet.name}, row {row + 1}: Excel cannot hold {str(value)[:60]!r}")

        def put_table(sheet, top, header, rows, widths):
            """Write rows of (value, address or None) under a header that can be filtered."""
            for number, (name, width) in enumerate(zip(header, widths)):
                sheet.write_string(top, number, name, head)
                sheet.set_column(number, number, width)
            for number, row in enumerate(rows, top + 1):
                for column, (value, address) in enumerate(row):
                    put(sheet, number, column, value, address)
            sheet.autofilter(top, 0, top + max(len(rows), 1), len(header) - 1)

        about, explained = book.add_worksheet("About"), book.add_worksheet("Columns")
        lines = [*notice(dataset).split("\n"), "An id in blue leads to its row on another sheet, as long as that sheet is not sorted anew."]
        for number, words in enumerate(lines):
            put(about, number, 0, words, form=line)
        put(about, len(lines), 0, "The licence in full", descriptors.LICENCE_URL)
        put_table(about, len(lines) + 2, ["sheet", "rows", "what a row is"], [
            [(part.name, f"internal:'{part.name[:31]}'!A1"), (len(part.rows), None), (part.about["description"], None)] for part in parts
        ], [32, 10, 100])
        put_table(explained, 0, ["sheet", "column", "type", "what it holds"], [
            [(part.name, f"internal:'{part.name[:31]}'!A1"), (c.name, None), (descriptors.in_words(c), None), (part.about["columns"][c.name], None)]
            for part in parts for c in part.columns
        ], [32, 28, 40, 100])
        explained.freeze_panes(1, 0)
        for part in parts:
            sheet = book.add_worksheet(part.name[:31])
            put_table(sheet, 0, list(part.table.columns), [
                [(cell(value), address(column, value, row_of)) for column, value in zip(part.columns, row.values())] for row in part.rows
            ], [width(column, part.rows) for column in part.columns])
            sheet.freeze_panes(1, 1)
            sheet.ignore_errors({"number_stored_as_text": f"A1:{xlsxwriter.utility.xl_rowcol_to_cell(len(part.rows), len(part.table.columns) - 1)}"})


def address(column, value, row_of):
    """Return where a cell of the workbook leads: to an address, or to the row that it refers to; None if nowhere."""
    if value is None or column.is_list:
        return None
    if column.rule == "url":
        return value
    if column.refers_to in row_of:
        return f"internal:'{column.refers_to[:31]}'!A{row_of[column.refers_to][value]}"
    return None


def width(column, rows):
    """Return how wide a column of the workbook is, in characters: as wide as its texts, within reason."""
    longest = max((len(str(cell(row[column.name]) or "")) for row in rows), default=0)
    return min(max(longest, len(column.name) + 4, 8), 28 if column.rule == "slug" or column.refers_to else 60)


def notice(dataset):
    """Return what whoever opens a download has to know, in a few lines."""
    return "\n".join([
        dataset["title"],
        f"Version {dataset['version']}, as of {dataset['as_of']}",
        f"Licence: {descriptors.LICENCE} ({descriptors.LICENCE_URL}). The facts come from sources under their own terms.",
        f"How to cite it: {descriptors.citation(dataset)}",
        "A list is written with its items separated by a semicolon and a space. An empty cell means that nothing is recorded.",
        "Dates are as precise as is known: 2018, 2018-05 or 2018-05-09.",
    ])


# All of it --------------------------------------------------------------------------------------------------------


def entry(path, folder, format, part=None):
    """Return what index.json says of a file."""
    content = path.read_bytes()
    return {
        "path": path.relative_to(folder).as_posix(), "format": format, "media_type": MEDIA_TYPES[path.suffix], "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(), "rows": len(part.rows) if part else None, "table": part.name if part else None,
    }


def write_json(data, path):
    """Write data as JSON that a person can read, too."""
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", "utf-8")


def export(db_path, folder):
    """Write every download of a database into an empty folder. Raises ExportError, sqlite3.Error, duckdb.Error or OSError."""
    copy = folder / "record.db"
    if db_path.is_file():
        shutil.copyfile(db_path, copy)  # so that all is made from one state, even if a build replaces the file meanwhile
    dataset, metadata, parts = read(copy)
    day = datetime.datetime.fromisoformat((dataset["as_of"] + "-01-01")[:10])
    files = {}  # {path: entry of index.json}

    def written(path, format, part=None):
        files[path] = entry(path, folder, format, part)

    written(copy, "SQLite")
    for kind in "csv", "parquet", "ndjson":
        (folder / kind).mkdir()
    with duckdb.connect(config={"threads": 1}) as duck:
        for part in parts:
            sheet, lines, parquet = (folder / kind / f"{part.name}.{kind}" for kind in ("csv", "ndjson", "parquet"))
            write_csv(part, sheet)
            write_ndjson(part, lines)
            write_parquet(duck, part, lines, parquet, dataset)
            for path, format in (sheet, "CSV"), (parquet, "Parquet"), (lines, "NDJSON"):
                written(path, format, part)
    sheets = {e["table"]: e for e in files.values() if e["format"] == "CSV"}
    package, csvw = folder / "datapackage.json", folder / "csv-metadata.json"
    write_json(descriptors.datapackage(dataset, metadata, parts, sheets), package)
    write_json(descriptors.csvw(dataset, metadata, parts, sheets), csvw)
    archive, workbook, catalogue = folder / "record-csv.zip", folder / "record.xlsx", folder / "catalog.jsonld"
    write_zip([package, csvw, *(folder / e["path"] for e in sheets.values())], folder, archive, day, notice(dataset))
    write_xlsx(parts, dataset, workbook, day)
    for path, format in (archive, "CSV in a zip"), (workbook, "Excel"), (package, "Data Package"), (csvw, "CSVW"):
        written(path, format)
    write_json(descriptors.catalogue(dataset, metadata, parts, list(files.values())), catalogue)
    written(catalogue, "DCAT")
    write_json({
        "id": dataset["id"], "title": dataset["title"], "version": dataset["version"], "as_of": dataset["as_of"],
        "licence": descriptors.LICENCE, "licence_url": descriptors.LICENCE_URL, "citation": descriptors.citation(dataset),
        "files": sorted(files.values(), key=lambda e: (e["table"] is not None, e["table"] or "", e["path"])),
    }, folder / "index.json")


def replace(fresh, out):
    """Put a folder in the place of another one, which goes; if that fails, the other one comes back."""
    old = fresh.with_suffix(".old")
    if out.exists():
        os.rename(out, old)
    try:
        os.rename(fresh, out)
    except OSError:
        if old.exists():
            os.rename(old, out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def main(arguments=None):
    """Run the command line. Returns the exit status, 0 or 1."""
    parser = argparse.ArgumentParser(description="Write the downloads from the database.")
    parser.add_argument("--db", metavar="FILE", type=Path, default=Path("record.db"), help="the database (record.db)")
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("dist"), help="the folder to write (dist)")
    options = parser.parse_args(arguments)
    out = options.out.resolve()
    # Whatever stands in the folder goes: never touch one that this program did not make.
    if out.exists() and not (out.is_dir() and ((out / "index.json").is_file() or not any(out.iterdir()))):
        print(f"{options.out}: this is not a folder of downloads (it has no index.json), so it is left alone", file=sys.stderr)
        return 1
    fresh = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        fresh.mkdir()
        export(options.db, fresh)
        replace(fresh, out)
    except (ExportError, sqlite3.Error, duckdb.Error, OSError) as error:
        print(f"{options.db}: {error}\nNo downloads were made{'; the old ones are as they were' if out.exists() else ''}.", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
