"""The checkers of formats.py, checked: what they must let through, and what they must not."""

import unittest

import formats

DIFF = """<!-- tcptune diff web -->
### `web`: 2 hosts change

| key | wants | hosts |
|---|---|---|
| `net.core.somaxconn` | at least<br>16384 | 2 |

<details>
<summary>web-1: 1 change</summary>

```diff
-net.core.somaxconn = 4096
+net.core.somaxconn = 16384
```

</details>
"""


class Annotations(unittest.TestCase):
    def test_right(self):
        text = "::error file=a.toml,line=3,col=5,title=octal::010 is 8%0Atry 10\n"
        text += "::notice file=b%2C.toml,line=1,title=t::x: y, z\n"
        self.assertEqual(formats.annotations(text), [("error", "a.toml", "3", "5"), ("notice", "b%2C.toml", "1", "-")])
        self.assertEqual(formats.annotations("::error title=t::x\n"), [("error", "-", "-", "-")])
        self.assertEqual(formats.annotations(""), [])

    def test_wrong(self):
        for line in [
            "some text",
            "",
            "::error file=a.toml,line=3,title=t::",
            "::error file=a.toml,line=0,title=t::x",
            "::error file=a.toml,line=3,column=5,title=t::x",
            "::error file=a.toml,line=3,line=4,title=t::x",
            "::error file=a:b.toml,line=3,title=t::x",
            "::error file=a.toml,line=3,title=a,b::x",
            "::error file=a.toml,line=3,title=t::100% sure",
            "::error file=a.toml,line=3,title=t::a\rb",
            "::error file=/a.toml,line=3,title=t::x",
            "::error line=3,title=t::x",
            "::set-output name=x::y",
            " ::error file=a.toml,line=3,title=t::x",
        ]:
            with self.subTest(line), self.assertRaises(formats.Wrong):
                formats.annotations(line + "\n")


class Markdown(unittest.TestCase):
    def test_right(self):
        count = formats.page(DIFF, "diff").count
        self.assertEqual((count["table"], count["details"], count["diff"]), (1, 1, 1))

    def test_wrong(self):
        for old, new in [
            ("<!-- tcptune diff web -->", "<!-- tcptune check web -->"),
            ("<!-- tcptune diff web -->", "<!-- tcptune diff web --> -->"),
            ("<!-- tcptune diff web -->\n", ""),
            ("2 hosts", "<img src=x> hosts"),
            ("2 hosts", "<!-- 2 --> hosts"),
            ("2 hosts", "@acme/sre hosts"),
            ("2 hosts", "&#64;acme hosts"),
            ("2 hosts", "#1 hosts"),
            ("2 hosts", "[2](x) hosts"),
            ("2 hosts", "https://example.com hosts"),
            ("|---|---|---|\n", "|---|---|\n"),
            ("<summary>web-1: 1 change</summary>\n", ""),
            ("</details>\n", ""),
            ("</summary>\n\n", "</summary>\n"),
            ("+net.core", "```\n<b>\n"),
        ]:
            with self.subTest(new=new), self.assertRaises(formats.Wrong):
                formats.page(DIFF.replace(old, new), "diff")


if __name__ == "__main__":
    unittest.main()
