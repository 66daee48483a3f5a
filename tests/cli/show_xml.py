#!/usr/bin/env python3
"""What `weft show -o` writes is XML of the SVG namespace, with a title on every pass, and refers to
nothing outside itself.

usage: show_xml.py WEFT
"""

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

SVG = "{http://www.w3.org/2000/svg}"
PROBLEM = "pp=3 microbatches=4 fw=10 bw=20 bww=8 transfer=1 limit=4 segments=1"


def main():
    weft = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([weft, "plan", "--synthetic", PROBLEM, "--iterations", "50", "--threads", "1",
                        "-o", "plan.json"], cwd=folder, check=True)
        subprocess.run([weft, "show", "plan.json", "-o", "plan.svg"], cwd=folder, check=True)
        with open(os.path.join(folder, "plan.svg"), encoding="utf-8") as file:
            text = file.read()
    root = xml.etree.ElementTree.fromstring(text)
    assert root.tag == SVG + "svg", root.tag
    assert all(element.tag.startswith(SVG) for element in root.iter())
    bars = [path for path in root.iter(SVG + "path") if re.fullmatch(r"c\d+", path.get("class", ""))]
    passes = [bar.find(SVG + "title").text for bar in bars if bar.find(SVG + "title") is not None]
    assert len(passes) == 3 * 4 * 3, len(passes)
    assert passes[0] == "model, segment 0, layer 0\nmicrobatch 0, sub-microbatch 0\n" \
                        "forward: 10.000 us from 0 ns", passes[0]
    outside = re.findall(r"(?:https?:|file:|href|@import|url\((?!#))[^\s]*", text)
    assert outside == ['http://www.w3.org/2000/svg"'], outside


main()
