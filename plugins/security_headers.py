"""Headers that make a browser hold every page to what the site promises: nothing inline, nothing from elsewhere."""
import re
from functools import wraps

from datasette import hookimpl

HEADERS = {
    # img-src data: is for the stylesheet of Leaflet, which has small pictures in it.
    "content-security-policy": "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
                               "base-uri 'none'; form-action 'self'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    # The site of a source does not learn which page of the record its reader came from.
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
}
# A card is there to be framed by anybody (plugins/embeds.py), and holds a stylesheet and nothing else.
CARD = re.compile(r"/embed/(?:ask/)?[^/]+$")
CARD_HEADERS = HEADERS | {
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *",
}


@hookimpl
def asgi_wrapper():
    """Add the headers to every answer in HTML. JSON, CSV and tiles stay as programs on other sites may use them, but keep their type."""

    def wrap(app):
        @wraps(app)
        async def with_headers(scope, receive, send):
            async def send_with_headers(event):
                if event["type"] == "http.response.start":
                    headers = event.get("headers", [])
                    if any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in headers):
                        ours = [(name.encode(), value.encode()) for name, value in (CARD_HEADERS if CARD.search(scope["path"]) else HEADERS).items()]
                        # Datasette sets one of them on some pages: each is to be there once.
                        event = {**event, "headers": [h for h in headers if h[0].lower().decode() not in HEADERS] + ours}
                    elif not any(name.lower() == b"x-content-type-options" for name, _ in headers):
                        event = {**event, "headers": [*headers, (b"x-content-type-options", b"nosniff")]}
                await send(event)

            await app(scope, receive, send_with_headers)

        return with_headers

    return wrap
