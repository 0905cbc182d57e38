"""What the tests share: a small record to spoil, the real one served as `make serve` serves it, and a browser."""
import asyncio
import contextlib
import csv
import os
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import yaml

ROOT = Path(__file__).parent.parent

# Without these, Chromium calls its maker's hosts; a machine for tests has no sandbox of its own.
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]

# A record of a few rows, written out as CSV for the tests of the build. Line 2 of each file is the first row.
SMALL = {
    "dataset": [{"id": "record", "title": "A small record", "version": "1", "as_of": "2026-11-22"}],
    "topics": [{"id": "visas", "name": "Visas", "description": "Permission to come."}],
    "sources": [
        {"id": "gov-page", "title": "A page", "publisher": "GOV.UK", "url": "https://www.gov.uk/page", "published": "2018-05",
         "kind": "official page", "official": "1", "licence": "OGL-3.0", "extent_read": "whole"},
        {"id": "news-page", "title": "News", "publisher": "A paper", "url": "https://example.org/news", "kind": "news",
         "official": "0", "licence": "all rights reserved", "extent_read": "start"},
    ],
    "organisations": [
        {"id": "home-office", "name": "Home Office", "kind": "department"},
        {"id": "border-force", "name": "Border Force", "kind": "agency", "parent": "home-office"},
    ],
    "places": [{"id": "dover", "name": "Dover", "kind": "port", "latitude": "51.1", "longitude": "1.3"}],
    "systems": [{"id": "atlas", "name": "Atlas", "aliases": "Atlas Caseworking; ATLAS", "purpose": "Casework", "status": "live",
                 "summary": "A system.", "topics": "visas", "sources": "gov-page"}],
    "reports": [{"id": "a-report-2018", "title": "A report", "author": "An inspector", "kind": "inspection", "about": "home-office",
                 "published": "2018-05-09", "status": "published", "recommendations_made": "2", "summary": "It found much.",
                 "topics": "visas", "sources": "gov-page#page 3"}],
    "recommendations": [
        {"id": "a-report-2018-r1", "report": "a-report-2018", "number": "1", "position": "1", "addressed_to": "home-office; border-force",
         "summary": "Do it.", "topics": "visas", "sources": "gov-page#page 4; gov-page#page 5; news-page"},
        {"id": "a-report-2018-r2", "report": "a-report-2018", "number": "2", "position": "2", "addressed_to": "home-office",
         "summary": "Do it\nwell.", "topics": "visas", "sources": "gov-page#page 4"},
    ],
    "responses": [{"id": "a-report-2018-r1-home-office", "recommendation": "a-report-2018-r1", "made_by": "home-office", "date": "2018-07",
                   "position": "accepted", "basis": "stated", "summary": "It accepted.", "sources": "gov-page"}],
    "incidents": [
        {"id": "first", "title": "The first", "kind": "delay", "date_start": "2018-05-09", "organisations": "home-office", "place": "dover",
         "systems": "atlas", "reports": "a-report-2018", "topics": "visas", "people_affected": "12",
         "summary": "Told on\ntwo lines, with a “quotation” and a comma, as here.", "sources": "gov-page"},
        {"id": "second", "title": "The second", "kind": "data breach", "date_public": "2019", "organisations": "home-office",
         "topics": "visas", "summary": "Another.", "sources": "news-page#start"},
    ],
}


class Record:
    """A folder of CSV files and the database built from it by the command line."""

    def __init__(self, folder):
        self.csv, self.db = folder / "csv", folder / "record.db"

    def write(self, tables):
        """Write tables, {name: [row, …]}, each under the header that the real file has; the rest get the header alone."""
        self.csv.mkdir()
        shutil.copy(ROOT / "csv/vocabulary.csv", self.csv)
        for real in sorted((ROOT / "csv").glob("*.csv")):
            if real.stem != "vocabulary":
                with real.open(newline="", encoding="utf-8") as file:
                    header = next(csv.reader(file))
                with (self.csv / real.name).open("w", newline="", encoding="utf-8") as file:
                    writer = csv.DictWriter(file, header, lineterminator="\n")
                    writer.writeheader()
                    writer.writerows(tables.get(real.stem, []))

    def build(self, *more, **environment):
        """Run build.py on the folder; return the finished process, with its output as text."""
        return subprocess.run(
            [sys.executable, ROOT / "build.py", "--csv", "csv", "--db", self.db, *more],
            cwd=self.csv.parent, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60,
        )


@pytest.fixture
def small(tmp_path):
    """The small record, not built yet."""
    record = Record(tmp_path)
    record.write({name: [dict(row) for row in rows] for name, rows in SMALL.items()})
    return record


@pytest.fixture(scope="session")
def metadata():
    """metadata.yml as a dict."""
    return yaml.safe_load((ROOT / "metadata.yml").read_text("utf-8"))


def run_async(coroutine):
    """Run a coroutine to its end and return its result, also while Playwright's own loop runs in this thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def free_port():
    """Return the number of a port on 127.0.0.1 that nobody listens on."""
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="session")
def server():
    """The address of the site, served by `make serve` itself."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    process = subprocess.Popen(["make", "serve", f"PORT={port}", *os.environ.get("SERVE_WITH", "").split()], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(300):
            if process.poll() is not None:
                pytest.fail(f"make serve stopped: {process.stderr.read()[-2000:]}")
            with contextlib.suppress(httpx.TransportError):
                httpx.get(address + "/-/versions.json", timeout=5)
                break
            time.sleep(0.1)
        else:
            pytest.fail("the site did not answer within 30 seconds")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def site(server):
    """An HTTP client of the site."""
    with httpx.Client(base_url=server, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium. Where it is missing, the tests that need it are skipped, but fail in CI."""
    path = shutil.which("chromium")
    if not path:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Chromium is not installed (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM)
        yield browser
        browser.close()
