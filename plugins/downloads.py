"""The downloads of `make exports`, served by `--static downloads:dist`: their types, and what the page /data lists.

Datasette serves the files; this gives each its media type, lets programs on other sites read it, and leads from the
folder itself to the page that explains it. What there is, index.json in the folder says.
"""
import json
from functools import wraps
from pathlib import Path

from datasette import Response, hookimpl

MOUNT = "downloads"
KNOWN = {}  # {path of index.json: (its state, its content)}


def index(datasette):
    """Return index.json of the folder served at /downloads/ as a dict, or None if there is none."""
    folder = dict(datasette.static_mounts).get(MOUNT)
    if folder is None:
        return None
    path = Path(folder) / "index.json"
    try:
        stat = path.stat()
        state = stat.st_mtime_ns, stat.st_ino
        if KNOWN.get(path, (None,))[0] != state:
            KNOWN[path] = state, json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return KNOWN[path][1]


def downloads(datasette):
    """Return index.json with its files in order for a page, "whole" by format and "tables" by table and format, or None."""
    found = index(datasette)
    if found is None:
        return None
    whole, tables = {}, {}
    for file in found["files"]:
        place = whole if file["table"] is None else tables.setdefault(file["table"], {})
        place[file["format"]] = {**file, "address": datasette.urls.path(f"/{MOUNT}/{file['path']}")}
    return {**found, "whole": whole, "tables": tables, "index": datasette.urls.path(f"/{MOUNT}/index.json")}


@hookimpl
def extra_template_vars(datasette):
    """Give every template the functions downloads() and record_parts().

    record_parts(): {"tables": [{"name": …, "description": …, "rows": …}, …], "views": the same with no rows, "joins": …},
    each in the order of metadata.yml. A hidden table is a join table; a hidden view is for the site alone.
    """

    async def record_parts():
        db = datasette.get_database("record")
        counts, views = await db.table_counts(1000), await db.view_names()
        parts = {"tables": [], "views": [], "joins": []}
        for name, about in datasette.metadata("tables", database="record").items():
            hidden = about.get("hidden")
            kind = "views" if name in views and not hidden else ("joins" if hidden else "tables") if name in counts else None
            if kind:
                parts[kind].append({"name": name, "description": about["description"], "rows": counts.get(name)})
        return parts

    return {"downloads": lambda: downloads(datasette), "record_parts": record_parts}


@hookimpl
def register_routes(datasette):
    return [(rf"^/{MOUNT}/?$", lambda: Response.redirect(datasette.urls.path("/data")))]


@hookimpl
def asgi_wrapper(datasette):
    """Give each file the media type that index.json gives it, and let programs on other sites read it."""

    def wrap(app):
        @wraps(app)
        async def with_types(scope, receive, send):
            path = "/" + scope.get("path", "").removeprefix(datasette.setting("base_url")).lstrip("/")
            if scope["type"] != "http" or not path.startswith(f"/{MOUNT}/"):
                return await app(scope, receive, send)
            found = index(datasette) or {"files": []}
            types = {file["path"]: file["media_type"] for file in found["files"]} | {"index.json": "application/json"}
            kind = types.get(path.removeprefix(f"/{MOUNT}/"))

            async def send_with_type(event):
                if event["type"] == "http.response.start" and event["status"] == 200 and kind:
                    ours = {b"content-type": kind.encode(), b"access-control-allow-origin": b"*"}
                    event = {**event, "headers": [h for h in event["headers"] if h[0].lower() not in ours] + list(ours.items())}
                await send(event)

            await app(scope, receive, send_with_type)

        return with_types

    return wrap
