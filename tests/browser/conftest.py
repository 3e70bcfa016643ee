"""What the tests of the dashboard may use."""

from tests.browser.chromium import chromium, pages
from tests.web.conftest import start

__all__ = ["chromium", "pages", "start"]
