"""What every page must be: well-formed, self-contained, without scripts."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "br", "line"}


class Checker(HTMLParser):
    """Follows tags, to see that each is closed in its place."""

    def __init__(self):
        super().__init__()
        self.stack, self.text, self.attributes = [], [], []

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def checked(html):
    """Check that HTML is well-formed and fetches nothing; return its text."""
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert checker.stack == []
    assert not {"src", "href", "xlink:href", "onload", "onclick"} & {name for name, _ in checker.attributes}
    assert not re.search(r"<script|<link|<iframe|url\(|@import|https?://", html)
    return "".join(checker.text)
