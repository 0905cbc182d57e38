"""Failures as docs/api.md promises them: the right status, and JSON of one shape.

Datasette 0.65 answers some bad requests with a 500, tells errors of SQL with other keys than the rest, and lets any
method through to the addresses of plugins.
"""
import json
import re
import sqlite3
from functools import wraps

import datasette.handle_exception as datasettes
from datasette import Response, hookimpl
from datasette.database import QueryInterrupted
from datasette.views.base import DatasetteError

READING = ("GET", "HEAD", "OPTIONS")

# Where rich is installed, Datasette prints each failure with the values of all variables: slow, and nobody reads it.
datasettes.rich = None


@hookimpl(tryfirst=True)
def asgi_wrapper():
    """Refuse to write, and give every failure in JSON one shape: Datasette tells errors of SQL with other keys than the rest."""

    def wrap(app):
        @wraps(app)
        async def with_errors(scope, receive, send):
            start = None
            if scope["type"] == "http" and scope["method"] not in READING and "/-/" not in scope["path"]:
                refused = {"ok": False, "error": "This site is read only: ask with GET", "status": 405, "title": None}
                headers = {"allow": ", ".join(READING), "access-control-allow-origin": "*"}
                return await Response.json(refused, status=405, headers=headers).asgi_send(send)

            async def send_error(event):
                nonlocal start
                if event["type"] == "http.response.start" and event["status"] == 400 and scope["path"].endswith(".json"):
                    start = event
                elif start is None:
                    await send(event)
                elif not event.get("body"):  # the answer to HEAD
                    await send(start)
                    await send(event)
                else:
                    # An error is sent in one piece; that of SQL which took too long has a form in HTML in it.
                    told = json.loads(event["body"])
                    message = re.sub(r"(<[^>]+>|\s)+", " ", str(told["error"])).strip()[:300]
                    body = json.dumps({"ok": False, "error": message, "status": 400, "title": told.get("title")}).encode()
                    headers = [h for h in start["headers"] if h[0].lower() != b"content-length"] + [(b"content-length", str(len(body)).encode())]
                    await send({**start, "headers": headers})
                    await send({**event, "body": body})

            await app(scope, receive, send_error)

        return with_errors

    return wrap


@hookimpl(tryfirst=True)
def handle_exception(datasette, request, exception):
    """Call bad requests what they are where Datasette 0.65 answers with a 500: a column to sort by that is not there, two
    at once, a next page that no page named, a value in the wrong form, and /record.json in a shape without a question.
    """
    if isinstance(exception, DatasetteError) and exception.status == 500:
        exception.status = 400
        return None
    if isinstance(exception, QueryInterrupted):
        message = "It took longer than two seconds: ask for less"
    elif isinstance(exception, (ValueError, sqlite3.Error)) and request.args.get("_next"):
        message = "_next is not what a page gave as its next"
    elif isinstance(exception, (ValueError, KeyError)) and any(key in ("_through", "_timelimit") or key.endswith("__in") for key in request.args):
        message = "One of _through, _timelimit and column__in is not in its form"
    elif isinstance(exception, KeyError) and exception.args == ("rows",):
        message = "Send a question in SQL as the parameter sql"
    else:
        return None
    return datasettes.handle_exception(datasette, request, DatasetteError(message, status=400))
