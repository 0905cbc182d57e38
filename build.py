"""Build record.db from csv/ and schema.sql.

    python build.py [--csv DIR] [--db FILE] [--check]

Read every CSV, compare each cell with the rule that schema.sql declares for its column, load the rows, turn list
cells into join tables and sources into citations, index the text, and move the finished file into place. Every
problem in every file is printed as FILE:LINE: COLUMN: what is wrong (what would be right); then the exit status is
1 and the old database stays as it was. The same input gives the same bytes: no clock, no randomness.
"""
import argparse
import contextlib
import csv
import difflib
import io
import json
import os
import re
import sqlite3
import sys
from dataclasses import dataclass, field
from pathlib import Path

import sqlite_utils

HERE = Path(__file__).parent
LIST_SEPARATOR = "; "

# The rules that schema.sql names with CHECK (is …): the SQL, with {c} for the column, and what would be right.
RULES = {
    "slug": (
        "{c} GLOB '[a-z0-9]*[a-z0-9]' AND {c} NOT GLOB '*[^a-z0-9-]*' AND {c} NOT GLOB '*--*'",
        "an id of lower-case letters, digits and single hyphens, such as brook-house-2023",
    ),
    "text": ("trim({c}) <> ''", "some text"),
    # With a modifier, date() turns a day that does not exist, such as 2018-02-30, into another one, or into NULL.
    "date": (
        "date(substr({c} || '-01-01', 1, 10), '+0 days') IS substr({c} || '-01-01', 1, 10) AND length({c}) IN (4, 7, 10)",
        "a date that exists, written 2018, 2018-05 or 2018-05-09",
    ),
    "url": (
        "({c} GLOB 'https://?*.?*' OR {c} GLOB 'http://?*.?*') AND {c} NOT GLOB '*[ <>\"]*'",
        "a web address that begins with https:// or http://, without spaces",
    ),
    "count": ("{c} >= 0", "a whole number, 0 or more"),
    "flag": ("{c} IN (0, 1)", "1 for yes or 0 for no"),
    "latitude": ("{c} BETWEEN -90 AND 90", "degrees from -90 to 90"),
    "longitude": ("{c} BETWEEN -180 AND 180", "degrees from -180 to 180"),
    "list": ("json_type({c}) = 'array'", "items separated by '; '"),
    "cited": ("json_array_length({c}) > 0", "at least one source, written source-id or source-id#page 4"),
}
NUMBERS = {"INTEGER": (int, "a whole number"), "REAL": (float, "a number")}
# A spreadsheet takes a text that begins so for a formula (OWASP, "CSV Injection"). Tab and CR are control characters.
FORMULA = re.compile(r"[=+\-@＝＋－＠]")


# Structure: what schema.sql declares ---------------------------------------------------------------------------


@dataclass
class Column:
    """A column: its type, whether it may be empty, the rule or vocabulary it obeys and the table it refers to."""

    name: str
    type: str
    required: bool
    rule: str = None  # a key of RULES
    vocabulary: str = None  # a name in csv/vocabulary.csv
    check: str = None  # the same as SQL
    refers_to: str = None
    join: str = None  # the join table of a list column

    @property
    def is_list(self):
        return self.rule in ("list", "cited")


@dataclass
class Table:
    """A table and its columns by name; `unique` lists the sets of columns that no two rows may share."""

    name: str
    columns: dict
    unique: list = field(default_factory=list)

    @property
    def from_csv(self):
        return "id" in self.columns


def expand(schema, vocabularies):
    """Write out the short CHECKs of schema.sql as SQL.

    schema: the text of schema.sql. vocabularies: {name: [term, …]}.
    Returns the SQL, and {(table, column): ("is" or "in", rule or vocabulary, SQL of the check)}.
    Raises KeyError for a rule or vocabulary that does not exist.
    """
    checks = {}

    def in_table(table):
        def in_column(column):
            name, middle, verb, word = column.groups()
            if verb == "is":
                sql = RULES[word][0].format(c=name)
            else:
                word = word.replace("_", " ")
                sql = f"{name} IN ({', '.join(quoted(term) for term in vocabularies[word])})"
            checks[table[1], name] = (verb, word, sql)
            return f"{name}{middle}CHECK ({sql})"

        return re.sub(r"(\w+)(\s+(?:TEXT|INTEGER|REAL)\b[^,\n]*?)CHECK \((is|in) (\w+)\)", in_column, table[0])

    return re.sub(r"CREATE TABLE (\w+)\s*\(.*?\) STRICT;", in_table, schema, flags=re.S), checks


def quoted(text):
    """Return text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def structure(db, checks):
    """Return {name: Table} for the tables of an empty database made from schema.sql, in the order declared there."""
    tables = {}
    for name in db.table_names():
        if db[name].virtual_table_using or name.startswith("search_index"):
            continue
        table = Table(name, {})
        for c in db[name].columns:
            column = Column(c.name, c.type, required=bool(c.notnull))
            verb, word, column.check = checks.get((name, c.name), (None, None, None))
            column.rule = word if verb == "is" else None
            column.vocabulary = word if verb == "in" else None
            table.columns[c.name] = column
        for key in db[name].foreign_keys:
            table.columns[key.column].refers_to = key.other_table
        table.unique = [index.columns for index in reversed(db[name].indexes) if index.unique]
        tables[name] = table
    # A join table is named after its first column, the parent, and the list column that it explodes.
    for table in tables.values():
        parent, *rest = table.columns.values()
        if not table.from_csv and parent.refers_to:
            column = tables[parent.refers_to].columns[table.name.removeprefix(parent.name + "_")]
            column.join = table.name
            column.refers_to = rest[0].refers_to
            column.vocabulary = rest[0].vocabulary
    for table in tables.values():
        if "sources" in table.columns:
            table.columns["sources"].refers_to = "sources"
    return tables


# Reading --------------------------------------------------------------------------------------------------------


class Problems(list):
    """What is wrong with the input, as (file, line, column, text); prints in the order of file and line."""

    def add(self, file, line, column, text):
        self.append((str(file), line, column, text))

    def __str__(self):
        return "\n".join(
            f"{file}:{line}: {column}: {text}" if column else f"{file}:{line}: {text}"
            for file, line, column, text in sorted(dict.fromkeys(self), key=lambda p: p[:2])
        )


def read_csv(path, expected, problems):
    """Read a CSV file.

    path: the file. expected: the names of its columns, any order. problems: a Problems to add to.
    Returns [(line, {column: text or None})]; line is that on which the row begins as an editor counts, so that a
    line break within quotes counts too. An empty cell is None.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        problems.add(path, 1, None, f"the file is missing (with the header {','.join(expected)})")
        return []
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problems.add(path, line, None, f"byte {error.object[error.start]:#04x} is not UTF-8 (save the file as UTF-8)")
        return []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows, header, line = [], None, 1
    try:
        for cells in reader:
            if header is None:
                header = cells
                check_header(path, header, expected, problems)
            elif not cells:
                problems.add(path, line, None, "an empty line (delete it)")
            elif len(cells) != len(header):
                problems.add(path, line, None, f"{len(cells)} cells (the header has {len(header)}; is a comma unquoted?)")
            else:
                rows.append((line, {name: cell or None for name, cell in zip(header, cells)}))
            line = reader.line_num + 1
    except csv.Error as error:
        problems.add(path, line, None, f"not readable as CSV from here on: {error} (is a quotation mark missing?)")
    if header is None:
        problems.add(path, 1, None, f"the file is empty (the header is {','.join(expected)})")
    return rows


def check_header(path, header, expected, problems):
    """Add a problem for each column of the header that is unknown, missing or there twice."""
    for name in header:
        if name not in expected:
            problems.add(path, 1, name or "(no name)", f"no such column{nearest(name, expected)}")
        elif header.count(name) > 1:
            problems.add(path, 1, name, "the header has this column more than once")
    for name in expected:
        if name not in header:
            problems.add(path, 1, name, "the column is missing from the header")


def nearest(word, known):
    """Return " (did you mean …?)" with the known word that is most like the one given, or ""."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean {found[0]}?)" if found else ""


# Checking and converting ----------------------------------------------------------------------------------------


def convert(table, cells, problem):
    """Turn the cells of a CSV row into values for SQLite.

    cells: {column: text or None}. problem: called with (column, text) for each problem found.
    Returns the row as a dict with lists as Python lists, and its citations as [(source, locator or None)].
    """
    row, citations = {}, []
    for name, column in table.columns.items():
        cell = row[name] = cells.get(name)
        if cell is None:
            if column.is_list:
                row[name] = []
            elif column.required and name in cells:
                problem(name, f"the cell is empty (it must hold {right(column)})")
            continue
        if cell != cell.strip():
            problem(name, "the cell begins or ends with a space (delete it)")
        if bad := re.search(r"[\x00-\x09\x0b-\x1f\x7f\ufffd]", cell):
            problem(name, f"the cell holds the control or replacement character U+{ord(bad[0]):04X} (delete it)")
        if column.is_list:
            items = cell.strip().split(LIST_SEPARATOR)
            if any(not item or item != item.strip() or ";" in item for item in items):
                problem(name, f"{cell!r} is not a list (items separated by '; ', none empty)")
            for item in sorted({item for item in items if items.count(item) > 1}):
                problem(name, f"{item} stands twice (name it once)")
            if name == "sources":
                citations = [(source, locator or None) for source, _, locator in (i.partition("#") for i in items)]
                items = [source for source, _ in citations]
            row[name] = list(dict.fromkeys(items))
            texts = items + [locator for _, locator in citations if locator] if name == "sources" else items
        elif column.type in NUMBERS:
            number, words = NUMBERS[column.type]
            try:
                row[name] = number(cell)
            except ValueError:
                problem(name, f"{cell!r} is not {words} ({right(column)})")
                row[name] = None
            continue
        else:
            texts = [cell]
        for text in texts:
            if FORMULA.match(text):
                problem(name, f"{text!r} begins with {text[0]}, as a formula does in a spreadsheet (begin with a letter, a digit or a quotation mark)")
    return row, citations


def right(column):
    """Say in words what a column may hold."""
    if column.vocabulary:
        return f"a term of the vocabulary {column.vocabulary}"
    if column.rule:
        return RULES[column.rule][1]
    return f"the id of a row of {column.refers_to}" if column.refers_to else "some text"


def as_stored(row):
    """Return the row as it is stored: lists as JSON arrays."""
    return {k: json.dumps(v, ensure_ascii=False) if isinstance(v, list) else v for k, v in row.items()}


def check_rules(db, table, row, vocabularies, problem):
    """Put each value of a row to the rule of its column, in SQLite itself, and report those that fail."""
    ruled = [c for c in table.columns.values() if c.check and row[c.name] is not None]
    stored = as_stored(row)
    verdicts = db.execute(
        f"SELECT {', '.join(f'({c.check}) IS NOT 0' for c in ruled)} "
        f"FROM (SELECT {', '.join(f':{c.name} AS {c.name}' for c in ruled)})",
        {c.name: stored[c.name] for c in ruled},
    ).fetchone() if ruled else []
    for column, passed in zip(ruled, verdicts):
        value = row[column.name]
        if passed:
            continue
        if column.vocabulary and not column.is_list:
            problem(column.name, not_a_term(value, column.vocabulary, vocabularies))
        else:
            problem(column.name, f"{value!r} is not {right(column)}" if value else f"the cell is empty (it must hold {right(column)})")
    for column in table.columns.values():
        if column.is_list and column.vocabulary:
            for item in row[column.name]:
                if item not in vocabularies[column.vocabulary]:
                    problem(column.name, not_a_term(item, column.vocabulary, vocabularies))


def not_a_term(value, vocabulary, vocabularies):
    """Say that a value is not in a vocabulary, and which term is like it or which terms there are."""
    terms = vocabularies[vocabulary]
    return f"{value!r} is not a term of {vocabulary}{nearest(value, terms) or ' (one of: ' + ', '.join(terms) + ')'}"


def check_references(table, row, ids, problem):
    """Report each id in a row that refers to no row, with the nearest id that there is."""
    for column in table.columns.values():
        if not column.refers_to or row[column.name] is None:
            continue
        for value in row[column.name] if column.is_list else [row[column.name]]:
            if value not in ids[column.refers_to]:
                problem(column.name, f"{value} is not an id of {column.refers_to}{nearest(value, ids[column.refers_to])}")


def check_unique(table, rows, path, problems):
    """Report rows that share what must be unique, with the line of the first."""
    for columns in [["id"], *table.unique]:
        first = {}
        for line, row in rows:
            key = tuple(row.get(c) for c in columns)
            if None in key:
                continue
            if key in first:
                problems.add(path, line, columns[-1], f"{', '.join(map(str, key))} stands already in line {first[key]} (once is enough)")
            first.setdefault(key, line)


# Building -------------------------------------------------------------------------------------------------------


def load(csv_dir, problems):
    """Read and check everything.

    csv_dir: a Path. problems: a Problems, to which all that is wrong is added.
    Returns the expanded SQL, the {name: Table} and [(table, row, citations)] in the order of the files.
    """
    terms = read_csv(csv_dir / "vocabulary.csv", ["id", "vocabulary", "term", "definition", "grouping"], problems)
    vocabularies = {}
    for _, row in terms:
        vocabularies.setdefault(row.get("vocabulary"), []).append(row.get("term") or "")
    try:
        sql, checks = expand((HERE / "schema.sql").read_text("utf-8"), vocabularies)
    except KeyError as error:
        problems.add(csv_dir / "vocabulary.csv", 1, "vocabulary", f"there are no terms of {error} (schema.sql names it)")
        return None, {}, []
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript(sql)
        tables = structure(sqlite_utils.Database(db), checks)
        sheets = {
            name: read_csv(csv_dir / f"{name}.csv", list(table.columns), problems)
            for name, table in tables.items()
            if table.from_csv
        }
        ids = {name: [row.get("id") for _, row in sheet if row.get("id")] for name, sheet in sheets.items()}
        ids = {name: dict.fromkeys(found) for name, found in ids.items()}
        loaded = []
        for name, sheet in sheets.items():
            table, path, converted = tables[name], csv_dir / f"{name}.csv", []
            for line, cells in sheet:
                problem = lambda column, text: problems.add(path, line, column, text)
                row, citations = convert(table, cells, problem)
                check_rules(db, table, row, vocabularies, problem)
                check_references(table, row, ids, problem)
                converted.append((line, row))
                loaded.append((table, row, citations))
            check_unique(table, converted, path, problems)
    for path in sorted(csv_dir.glob("*.csv")):
        if path.stem not in sheets:
            problems.add(path, 1, None, f"no table has this name{nearest(path.stem, list(sheets))}")
    return sql, tables, loaded


def write(path, sql, tables, loaded):
    """Write the database: rows, join tables, citations, indexes. path: the file, which must not exist yet."""
    db = sqlite_utils.Database(str(path))
    db.conn.execute("PRAGMA foreign_keys = OFF")  # rows may refer to rows of later files; all are checked below
    db.conn.executescript(sql)
    with db.atomic():
        for table, row, citations in loaded:
            insert(db, table.name, as_stored(row))
            for column in table.columns.values():
                if column.join:
                    child, item = tables[column.join].columns
                    for value in row[column.name]:
                        insert(db, column.join, {child: row["id"], item: value})
            for ordinal, (source, locator) in enumerate(citations, 1):
                insert(db, "citations", {
                    "table_name": table.name, "row_id": row["id"], "source": source, "locator": locator, "ordinal": ordinal,
                })
        db.execute("INSERT INTO search_index SELECT * FROM searchable")
    for table in tables.values():
        prose = [c.name for c in table.columns.values() if c.rule == "text" or (c.is_list and not c.refers_to)]
        if table.from_csv and prose:
            db[table.name].enable_fts(prose, tokenize="porter unicode61 remove_diacritics 2")
    db.index_foreign_keys()
    db["citations"].create_index(["source"], if_not_exists=True)
    broken = db.execute("PRAGMA foreign_key_check").fetchall()
    damage = db.execute("PRAGMA integrity_check").fetchall()
    if broken or damage != [("ok",)]:
        raise SystemExit(f"the database is not sound: {broken[:5]} {damage[:5]}")
    db.execute("INSERT INTO search_index (search_index) VALUES ('optimize')")
    db.analyze()
    db.vacuum()
    db.close()


def insert(db, table, row):
    """Insert a dict as a row. Raises sqlite3.IntegrityError where the database refuses it."""
    db.execute(
        f"INSERT INTO [{table}] ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
    )


def build(csv_dir, db_path, check_only=False):
    """Build db_path from csv_dir (both Path).

    Returns {table: number of rows}, or None if there were problems, which are printed. The old file is replaced only
    when the new one is complete.
    """
    problems = Problems()
    sql, tables, loaded = load(csv_dir, problems)
    if problems:
        print(problems, file=sys.stderr)
        print(f"{len(set(problems))} problems in {csv_dir}: nothing was built.", file=sys.stderr)
        return None
    counts = {}
    for table, _, _ in loaded:
        counts[table.name] = counts.get(table.name, 0) + 1
    if check_only:
        return counts
    fresh = db_path.with_name(f".{db_path.name}.{os.getpid()}.tmp")
    try:
        write(fresh, sql, tables, loaded)
        os.replace(fresh, db_path)
    finally:
        fresh.unlink(missing_ok=True)
    return counts


def main(arguments=None):
    """Run the command line. Returns the exit status, 0 or 1."""
    parser = argparse.ArgumentParser(description="Build record.db from csv/ and schema.sql.")
    parser.add_argument("--csv", metavar="DIR", type=Path, default=Path("csv"), help="the folder of CSV files (csv)")
    parser.add_argument("--db", metavar="FILE", type=Path, default=Path("record.db"), help="the database to write (record.db)")
    parser.add_argument("--check", action="store_true", help="check the CSV files and write nothing")
    options = parser.parse_args(arguments)
    if sqlite3.sqlite_version_info < (3, 37):
        print(f"SQLite {sqlite3.sqlite_version} is too old (3.37 or newer is needed for STRICT tables)", file=sys.stderr)
        return 1
    for folder in options.csv, options.db.parent:
        if not folder.is_dir():
            print(f"{folder}: there is no such folder", file=sys.stderr)
            return 1
    counts = build(options.csv, options.db, options.check)
    if counts is None:
        return 1
    if sys.stderr.isatty():
        for name, count in counts.items():
            print(f"{name:20}{count:7,}", file=sys.stderr)
        print("checked" if options.check else f"built {options.db}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
