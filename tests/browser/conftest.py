"""What the tests of the dashboard may use."""

from tests.browser.chromium import chromium, pages

__all__ = ["chromium", "pages"]
