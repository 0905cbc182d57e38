"""Measure a build and some pages, each as a ratio to something simple measured beside it on the same machine.

Run by `make bench`. Ratios travel between machines better than seconds do; no test asserts them.
"""
import csv
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import conftest
import httpx


def seconds(action, times=5):
    """Return the shortest time in seconds that an action took, of several runs."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        found.append(time.perf_counter() - start)
    return min(found)


def read_csv():
    """Read every CSV cell: the least that a build can do."""
    for path in (conftest.ROOT / "csv").glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            sum(len(row) for row in csv.reader(file))


def main():
    """Print the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, conftest.ROOT / "build.py", "--csv", conftest.ROOT / "csv", "--db", Path(folder) / "record.db"]
        build, python, read = seconds(lambda: subprocess.run(command, check=True), 3), seconds(lambda: subprocess.run([sys.executable, "-c", ""])), seconds(read_csv)
    print(f"a build takes {build / (python + read):.0f} times as long as starting Python and reading the CSV files")
    server = conftest.server.__wrapped__()
    with httpx.Client(base_url=next(server), timeout=60) as site, sqlite3.connect(conftest.ROOT / "record.db") as db:
        least = seconds(lambda: site.get("/-/versions.json"), 20)
        for path in "/", "/record/incidents", "/record/recommendation_status", "/record/reports/wllr-2020", "/record/search?words=windrush", "/record/timeline.json?_size=max":
            print(f"{path} takes {seconds(lambda: site.get(path), 20) / least:.1f} times as long as the smallest answer")
        view = seconds(lambda: db.execute("SELECT * FROM recommendation_status").fetchall())
        table = seconds(lambda: db.execute("SELECT * FROM recommendations").fetchall())
        print(f"the view recommendation_status takes {view / table:.1f} times as long as its table")
    server.close()


if __name__ == "__main__":
    main()
