"""Markdown on standard input, as the page of a comment on GitHub, on standard output.

    page.py NODE_MODULES    where github-markdown-css and the fonts are
"""

import html
import re
import sys

import cmarkgfm
from cmarkgfm.cmark import Options

PAGE = """<!doctype html>
<meta charset="utf-8">
<link rel="stylesheet" href="{modules}/github-markdown-css/github-markdown-light.css">
<link rel="stylesheet" href="{modules}/@fontsource/noto-sans/400.css">
<link rel="stylesheet" href="{modules}/@fontsource/noto-sans/600.css">
<link rel="stylesheet" href="{modules}/@fontsource/noto-sans-mono/400.css">
<style>
body {{ margin: 0; padding: 12px; width: 860px; background: #fff; }}
.markdown-body, .head {{ font: 14px/1.5 "Noto Sans"; }}
.markdown-body code, .markdown-body pre {{ font-family: "Noto Sans Mono"; }}
.box {{ border: 1px solid #d1d9e0; border-radius: 6px; }}
.head {{ padding: 8px 16px; border-bottom: 1px solid #d1d9e0; border-radius: 6px 6px 0 0; background: #f6f8fa;
        color: #59636e; }}
.head b {{ color: #1f2328; font-weight: 600; }}
.head i {{ font-style: normal; font-size: 12px; border: 1px solid #d1d9e0; border-radius: 1em; padding: 0 6px; }}
.markdown-body {{ padding: 16px; }}
</style>
<div class="box">
<div class="head"><b>github-actions</b> <i>bot</i> commented</div>
<div class="markdown-body">
{body}
</div>
</div>
"""

# The classes that GitHub gives the lines of a diff.
CLASSES = [("---", "pl-md"), ("+++", "pl-mi1"), ("@@", "pl-mdr"), ("-", "pl-md"), ("+", "pl-mi1")]


def coloured(match):
    lines = []
    for line in html.unescape(match[1]).splitlines():
        name = next((name for start, name in CLASSES if line.startswith(start)), None)
        line = html.escape(line)
        lines.append(f'<span class="{name}">{line}</span>' if name else line)
    return "<pre><code>" + "\n".join(lines) + "</code></pre>"


options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_HARDBREAKS | Options.CMARK_OPT_GITHUB_PRE_LANG
body = cmarkgfm.github_flavored_markdown_to_html(sys.stdin.read(), options)
before, diff, after = body.partition('<pre lang="diff">')
body = "<details open>".join(before.rsplit("<details>", 1)) + diff + after
body = re.sub(r'<pre lang="diff"><code>(.*?)</code></pre>', coloured, body, flags=re.DOTALL)
print(PAGE.format(modules=sys.argv[1], body=body))
