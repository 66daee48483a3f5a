#!/usr/bin/env python3
"""Write the shipped JSON files, byte for byte, as one C file of constant arrays.

usage: embed.py OUT.c FILE.json...   (data/models/vlm-s.json is the MODEL "vlm-s")
Not: checking them; the readers do, in tests/unit/test_shipped.c.
"""
import pathlib
import sys

KINDS = {"models": "MODEL", "clusters": "CLUSTER", "recipes": "RECIPE"}


def main(out_name, *names):
    paths = sorted(map(pathlib.Path, names), key=lambda path: (path.parent.name, path.stem))
    lines = ["/* Made by profiles/embed.py: do not edit. */", '#include "profiles/shipped.h"', ""]
    rows = []
    for i, path in enumerate(paths):
        data = path.read_bytes() + b"\0"
        lines.append(f"static const char text_{i}[{len(data)}] = {{")
        for at in range(0, len(data), 24):
            lines.append("    " + ", ".join(f"{byte if byte < 128 else byte - 256}"
                                            for byte in data[at:at + 24]) + ",")
        lines += ["};", ""]
        kind = KINDS[path.parent.name]
        rows.append(f'    {{WEFT_I_SHIPPED_{kind}, "{path.stem}", text_{i}, {len(data) - 1}}},')
    lines += ["const weft_i_shipped weft_i_shipped_table[] = {", *rows, "};",
              f"const size_t weft_i_n_shipped = {len(rows)};", ""]
    pathlib.Path(out_name).write_text("\n".join(lines))


main(*sys.argv[1:])
