# SPDX-License-Identifier: LGPL-2.1-or-later
"""For mkdocs: links to sources, which are no pages, become plain text; links to a folder of pages lead to its first page."""
import os
import re


def on_page_markdown(markdown, page, config, files):
    here = os.path.dirname(page.file.src_uri)
    known = {file.src_uri for file in files}

    def replace(match):
        text, target = match.group(1), match.group(2)
        path = target.split("#")[0]
        if not path or re.match(r"[a-z]+://", target):
            return match.group(0)
        full = os.path.normpath(os.path.join(here, path))
        if full in known:
            return match.group(0)
        inside = sorted(uri for uri in known if uri.startswith(full + "/") and uri.endswith(".md"))
        return f"[{text}]({os.path.relpath(inside[0], here or '.')})" if inside else f"{text} (`{full}`)"

    return re.sub(r"(?<!!)\[([^\]]*)\]\(([^) ]+)\)", replace, markdown)
