#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reference pages from the code itself: reference.py LUS SOURCE_ROOT FOLDER

commands.md: what --help says; elements.md: what gst-inspect-1.0 says; api.md: the public headers, whose comments are their
documentation.
"""
import os
import re
import subprocess
import sys

LUS, ROOT, OUT = sys.argv[1:4]


def said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.rstrip()


def block(text, language="text"):
    return f"```{language}\n{text}\n```\n\n"


def write(name, title, text):
    with open(os.path.join(OUT, name), "w", encoding="utf-8") as file:
        file.write(f"# {title}\n\n{text}")


def commands():
    overview = said(LUS, "--help")
    text = block(overview)
    for name in re.findall(r"^  ([a-z]+)  +[a-z]", overview, re.M):
        text += f"## lus {name}\n\n" + block(said(LUS, name, "--help"))
    write("commands.md", "Commands", text)


def elements():
    text = ""
    for name in re.findall(r"^  (lus[a-z]+):", said("gst-inspect-1.0", "lus"), re.M):
        inspected = said("gst-inspect-1.0", "--no-colors", name)
        kept = inspected.split("\nElement has no clocking")[0] + "\n" + inspected[inspected.index("\nElement Properties:"):]
        pads = kept[kept.index("\nPad Templates:"):]
        description = re.search(r"Description +(.+)", inspected).group(1)
        text += f"## {name}\n\n{description}\n\n" + block(pads.strip())
    write("elements.md", "Elements", text)


def headers():
    with open(os.path.join(ROOT, "lib/lus/lus.h"), encoding="utf-8") as file:
        paths = ["lib/" + path for path in re.findall(r'#include "\.\./(.+)"', file.read())]
    return paths + ["gst/gstlusmeta.h"]


def api():
    text = "One header brings all of the library, `<lus/lus.h>` (`pkg-config lus-1.0`); the elements' metadata is in `<gst/lus/gstlusmeta.h>` " \
           "(`pkg-config gstreamer-lus-1.0`). What is public, in the order of the sentence that the architecture begins with:\n\n"
    for path in headers():
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            lines = file.read().split("\n")
        kept = [line for line in lines if not re.match(r"/\* SPDX|#pragma once|#include|(LUS_BEGIN|LUS_END|G_BEGIN|G_END)_DECLS|"
                                                       r"G_DEFINE_AUTOPTR", line)]
        body = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip().replace("LUS_API ", "")
        text += f"## {path}\n\n" + block(body, "c")
    write("api.md", "C API", text)


os.makedirs(OUT, exist_ok=True)
commands()
elements()
api()
