"""The browser of the scripts, for tests, which skip themselves where there is none."""

from __future__ import annotations

import pytest

from scripts.browser import CHROMIUM, Browser

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
__all__ = ["Browser", "needs_browser"]
