"""picture.py SCREEN.txt PICTURE.svg: the cells of a terminal, with their styles, as a picture."""

import hashlib
import io
import re
import sys

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

with open(sys.argv[1], "rb") as file:
    source = file.read()
screen = Text.from_ansi(source.decode())
width = max(line.cell_len for line in screen.split())
console = Console(record=True, file=io.StringIO(), width=width)
console.print(screen, no_wrap=True, crop=False)
# Forges show no fonts from elsewhere. The comment says which text it shows, so that a test can tell when it is out of date.
form = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
form = form.replace("<style>", f"<!-- {hashlib.sha256(source).hexdigest()} -->\n    <style>", 1)
picture = console.export_svg(title="tcptune watch", code_format=form, unique_id="watch")
with open(sys.argv[2], "w", encoding="utf-8") as file:
    file.write("\n".join(line.rstrip() for line in picture.splitlines()) + "\n")
