"""Keep one question from filling the memory: how large a cell, how wide and how large an answer may be.

The time limit alone does not: select zeroblob(500000000) takes a tenth of a second, and its JSON gigabytes.
"""
import sqlite3
from weakref import WeakKeyDictionary

from datasette import hookimpl

CELL, COLUMNS, ANSWER = 1_000_000, 60, 20_000_000  # bytes of a cell or row, columns, characters of an answer


@hookimpl
def prepare_connection(conn):
    """Set the limits of SQLite on a connection, and count what each of its cursors gives."""
    conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, CELL)
    conn.setlimit(sqlite3.SQLITE_LIMIT_COLUMN, COLUMNS)
    read = WeakKeyDictionary()  # {cursor: characters so far}

    def row(cursor, values):
        read[cursor] = read.get(cursor, 0) + sum(len(value) for value in values if isinstance(value, (str, bytes)))
        if read[cursor] > ANSWER:
            raise sqlite3.OperationalError("The answer is too large: ask for fewer rows or columns")
        return sqlite3.Row(cursor, values)

    conn.row_factory = row
