#!/usr/bin/env python3
"""What GitHub would make of the formats that have no schema: workflow commands, and Markdown.

    formats.py github FILE                    every line is an annotation; prints `LEVEL FILE LINE COL` of each
    formats.py markdown VERB FILE [TEXT...]   whether every TEXT can be read on the page of a report of VERB; prints how
                                              many tables, details, and diffs there are
"""

import collections
import html.parser
import re
import sys

import cmarkgfm
from cmarkgfm.cmark import Options

# The grammar is that of actions/toolkit, packages/core/src/command.ts (in npm: @actions/core 3.0.1, lib/command.js):
# `::name key=value,key=value::data`, where data escapes % \r \n, and a value also : and ,. A runner unescapes nothing
# else, so a bare one of these ends the value, the command, or the line early. The keys are those of its `utils.ts`.
ESCAPED_DATA = r"(?:[^%\r\n]|%25|%0D|%0A)*"
ESCAPED_VALUE = r"(?:[^%\r\n:,]|%25|%0D|%0A|%3A|%2C)+"
COMMAND = re.compile(rf"::(error|warning|notice) ((?:[a-zA-Z]+={ESCAPED_VALUE},?)+)::({ESCAPED_DATA})")
KEYS = {"title", "file", "line", "endLine", "col", "endColumn"}


class Wrong(Exception):
    pass


def annotations(text):
    """(level, file, line, col) of each line."""
    found = []
    for line in text.removesuffix("\n").split("\n") if text else []:
        match = COMMAND.fullmatch(line)
        if not match:
            raise Wrong(f"not an annotation: {line!r}")
        level, properties, message = match.groups()
        pairs = [pair.split("=", 1) for pair in properties.split(",")]
        values = dict(pairs)
        if len(values) != len(pairs) or not set(values) <= KEYS:
            raise Wrong(f"unknown or repeated properties: {line!r}")
        if "title" not in values or not message or ("file" in values) != ("line" in values):
            raise Wrong(f"without title or text, or file and line apart: {line!r}")
        numbers = {key: values[key] for key in values if key not in ("title", "file")}
        if not all(re.fullmatch("[1-9][0-9]*", number) for number in numbers.values()):
            raise Wrong(f"lines and columns count from 1: {line!r}")
        if values.get("file", "").startswith(("/", "./", "../")):
            raise Wrong(f"GitHub wants paths from the top of the repository: {line!r}")
        found.append((level, *(values.get(key, "-") for key in ("file", "line", "col"))))
    return found


class Page(html.parser.HTMLParser):
    """Walks HTML, and refuses what a report has no use for, since then a profile or a host brought it in."""

    ALLOWED = set(
        "h1 h2 h3 h4 p br hr ul ol li table thead tbody tr th td pre code em strong del details summary".split()
    )
    EMPTY = {"br", "hr"}

    def __init__(self):
        super().__init__()
        self.open = []
        self.count = collections.Counter()
        self.comments = []
        self.all = []
        self.text = []  # outside of code
        self.fresh = False  # right after <details>

    def handle_comment(self, data):
        self.comments.append(data)

    def handle_starttag(self, tag, attributes):
        if tag not in self.ALLOWED:
            raise Wrong(f"<{tag}> at {self.getpos()}: {self.get_starttag_text()}")
        parent = self.open[-1] if self.open else None
        if (tag == "summary") != (parent == "details" and self.fresh):
            raise Wrong(f"<{tag}> at {self.getpos()}: every <details> begins with its <summary>")
        self.fresh = tag == "details"
        if tag not in self.EMPTY:
            self.open.append(tag)
        self.count[tag] += 1
        if tag == "pre" and ("lang", "diff") in attributes:
            self.count["diff"] += 1

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise Wrong(f"</{tag}> at {self.getpos()} closes something else")

    def handle_data(self, data):
        self.all.append(data)
        if "code" not in self.open:
            self.text.append(data)


def page(text, verb):
    """The page as GitHub would make it of a comment: with its parser, where every line break counts."""
    marker = text.split("\n", 1)[0]
    if not re.fullmatch(rf"<!-- tcptune {verb}\b[^<>]*-->", marker):
        raise Wrong(f"the first line is not the hidden marker: {marker!r}")
    options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_HARDBREAKS | Options.CMARK_OPT_GITHUB_PRE_LANG
    walked = Page()
    walked.feed(cmarkgfm.github_flavored_markdown_to_html(text, options))
    walked.close()
    if walked.open:
        raise Wrong(f"never closed: {walked.open}")
    if walked.comments != [marker[4:-3]]:
        raise Wrong(f"hidden comments: {walked.comments}")
    # Outside of code GitHub calls people and links issues, which is not for a profile or a host to do. It looks at the
    # text of the finished page, so `\@` and `&#64;` are `@` to it (github/markup issue 1168).
    seen = "".join(walked.text)
    if calls := re.findall(r"(?<!\w)(?:@\w[\w/-]*|#\d+|GH-\d+)", seen):
        raise Wrong(f"calls somebody, or links an issue: {calls}")
    if "```" in seen or re.search(r"^\s*\|.*\|\s*$", seen, re.MULTILINE):
        raise Wrong("a fence or a row of a table that is none")
    return walked


def main():
    match sys.argv[1:]:
        case ["github", name]:
            for found in annotations(read(name)):
                print(*found)
        case ["markdown", verb, name, *texts]:
            walked = page(read(name), verb)
            for text in texts:
                if text not in "".join(walked.all):
                    raise Wrong(f"nowhere on the page: {text}")
            count = walked.count
            print(f"{count['table']} tables, {count['details']} details, {count['diff']} diffs")
        case _:
            sys.exit(__doc__)


def read(name):
    with open(name, encoding="utf-8", newline="") as file:
        return file.read()


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"{' '.join(sys.argv[1:])}: {wrong}")
