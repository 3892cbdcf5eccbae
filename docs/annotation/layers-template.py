#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A picture with one empty layer per class as an OpenRaster file, for Krita, GIMP and MyPaint.

layers-template.py FRAME.png... writes FRAME.ora beside each. Paint with full colour on a class's layer, opacity = confidence;
"<class>.ignore" takes what you cannot tell. Only the standard library is needed.
"""
import struct
import sys
import zipfile
import zlib

CLASSES = ["pleural_line", "fascia_band", "vertical_line"]


def png_size(data, path):
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 24:
        sys.exit(f"{path}: not a PNG file; export the frame as PNG")
    return struct.unpack(">II", data[16:24])


def empty_layer(width, height):
    """A transparent RGBA picture."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows = (b"\0" + bytes(4 * width)) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def write_template(path):
    with open(path, "rb") as file:
        picture = file.read()
    width, height = png_size(picture, path)
    layers = [name + end for name in CLASSES for end in ("", ".ignore")]
    stack = "".join(f'<layer name="{name}" src="data/{name}.png" x="0" y="0" opacity="1.0"/>' for name in layers)
    stack += '<layer name="picture" src="data/picture.png" x="0" y="0" opacity="1.0" edit-locked="true"/>'
    output = path.rsplit(".", 1)[0] + ".ora"
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("mimetype", "image/openraster", zipfile.ZIP_STORED)  # first and stored, says the format
        archive.writestr("stack.xml", f'<?xml version="1.0" encoding="UTF-8"?><image version="0.0.3" w="{width}" '
                                      f'h="{height}"><stack>{stack}</stack></image>')
        for name in layers:
            archive.writestr(f"data/{name}.png", empty_layer(width, height))
        archive.writestr("data/picture.png", picture)
        archive.writestr("mergedimage.png", picture)
    print(output)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for argument in sys.argv[1:]:
        write_template(argument)
