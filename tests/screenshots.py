"""Take the pictures of the site for the README, and the card that is shown where its address is shared.

Run by `make screenshots`, against the site as `make serve` serves it.
"""
import shutil

import conftest
from playwright.sync_api import sync_playwright

PAGES = {
    "home": "/",
    "statement": "/what-changed/brook-house-inquiry-2023",
    "asked-again": "/asked-again",
    "agreement": "/record/mous/nhsd-home-office-mou-2016",
    "ask": "/ask",
    "table": "/record/recommendation_status",
    "map": "/map",
}


def main():
    """Write docs/screenshots/NAME.png for each page, and static/card.png."""
    folder = conftest.ROOT / "docs/screenshots"
    folder.mkdir(exist_ok=True)
    server = conftest.server.__wrapped__()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=conftest.CHROMIUM)
        page = browser.new_page(base_url=next(server), viewport={"width": 1200, "height": 900})
        for name, path in PAGES.items():
            page.goto(path)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=folder / f"{name}.png")
        page.set_viewport_size({"width": 1200, "height": 630})
        page.goto("/")
        page.screenshot(path=conftest.ROOT / "static/card.png")
        browser.close()
    server.close()


if __name__ == "__main__":
    main()
