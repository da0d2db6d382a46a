"""What MkDocs does to the pages of docs/: formulas become MathML, links out of it lead to the repository."""

import html
import re
from typing import Any

from latex2mathml.converter import convert

CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.M | re.S)
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$\n]+?)\$", re.S)


def slug(heading: str, separator: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", html.unescape(heading).lower()).replace(" ", separator)


def on_config(config: Any) -> None:
    """Give headings the anchors that links on GitHub use."""
    config["mdx_configs"]["toc"] = {"slugify": slug}


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """Return a page with its formulas drawn and its links mended; code stays as it is."""
    outside = f"]({config['repo_url']}/blob/main/"
    parts = CODE.split(markdown)
    parts[::2] = [FORMULA.sub(_drawn, text).replace("](../", outside) for text in parts[::2]]
    return "".join(parts)


def _drawn(found: re.Match[str]) -> str:
    block = found.group(1) is not None
    drawn = convert(found.group(1) or found.group(2), display="block" if block else "inline")
    return " ".join(drawn.split()).replace("|", "&#124;")
