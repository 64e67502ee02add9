"""shrink.py FROM.png TO.png TEXT: the 32 most frequent colours do for text, and make a small file."""

import hashlib
import math
import sys

from PIL import Image, PngImagePlugin

picture = Image.open(sys.argv[1]).convert("RGB")
colours = [colour for _, colour in sorted(picture.getcolors(1 << 24), reverse=True)]
kept = colours[:32]
nearest = {colour: min(range(len(kept)), key=lambda index: math.dist(kept[index], colour)) for colour in colours}
small = Image.new("P", picture.size)
small.putpalette([channel for colour in kept for channel in colour])
small.putdata([nearest[colour] for colour in picture.get_flattened_data()])
# Says which text it shows, so that a test can tell when it is out of date.
shows = PngImagePlugin.PngInfo()
with open(sys.argv[3], "rb") as text:
    shows.add_text("Source", hashlib.sha256(text.read()).hexdigest())
small.save(sys.argv[2], optimize=True, pnginfo=shows)
