"""Serve /robots.txt and /sitemap.xml, with the address under which the site was asked for."""
from xml.sax.saxutils import escape

from datasette import hookimpl
from datasette.utils.asgi import Response

PAGES = ["/", "/what-changed", "/asked-again", "/timeline", "/map", "/systems", "/mous", "/about", "/data", "/ask", "/ask/primer", "/embed", "/record"]

# Pages, tables and rows are for everybody. Their filters, facets, orders, SQL and exports have no end, and lead to
# nothing that is not in the sitemap.
ROBOTS = """User-agent: *
Allow: /-/static
Allow: /-/tiles/
Disallow: /-/
Disallow: /search
Disallow: /record?
Disallow: /record/search
Disallow: /record/*?
Disallow: /timeline?
Disallow: /*.json
Disallow: /*.csv
Disallow: /*.db
Disallow: /*.xlsx
Disallow: /cite/
Disallow: /oembed

Sitemap: {sitemap}
"""


async def robots(request, datasette):
    """Answer /robots.txt."""
    return Response.text(ROBOTS.format(sitemap=datasette.absolute_url(request, datasette.urls.path("/sitemap.xml"))))


async def sitemap(request, datasette):
    """Answer /sitemap.xml: the pages, the statement of each report that recommends something, each table, each row."""
    db, urls = datasette.get_database("record"), datasette.urls
    addresses = [urls.path(page) for page in PAGES]
    addresses += [urls.path(f"/what-changed/{row[0]}") for row in await db.execute("SELECT DISTINCT report FROM recommendations ORDER BY 1")]
    rows = (await db.execute("SELECT table_name, row_id FROM searchable ORDER BY 1, 2")).rows
    addresses += [urls.table("record", table) for table in dict.fromkeys(row[0] for row in rows)]
    addresses += [urls.row("record", *row) for row in rows]
    lines = "\n".join(f"<url><loc>{escape(datasette.absolute_url(request, address))}</loc></url>" for address in addresses)
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{lines}\n</urlset>\n'
    return Response(body, content_type="application/xml; charset=utf-8")


@hookimpl
def register_routes():
    return [(r"^/robots\.txt$", robots), (r"^/sitemap\.xml$", sitemap)]
