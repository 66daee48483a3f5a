#!/usr/bin/env python3
"""Draw a batch out of larger sets of samples: unchanged lines, in random order, until the tokens
of a vision-language model (or the seconds of video) are reached.

usage: sample.py [--seed N] [--tokens N | --seconds N] SHARE:FILE:SOURCE,SOURCE... > batch.jsonl

Each SHARE of the total comes from the named sources of one weft.batch file. Tokens are counted as
the shipped VLMs do, 169 an image and 4 characters (Chinese: 1.5) a token of text; a document counts
as at most 8192.
"""
import argparse
import json
import random


def tokens_of(sample):
    chars, words = sample["text_chars"] or 0, sample["text_words"] or 0
    text = chars / 1.5 if words * 12 < chars else chars / 4
    return min(8192, text + 169 * len(sample["images"]))


def seconds_of(sample):
    return sum(video["seconds"] for video in sample["videos"])


def draw(rng, part, total, size_of):
    share, name, sources = part.split(":")
    sources = set(sources.split(","))
    with open(name, encoding="utf-8") as lines:
        samples = [(line, json.loads(line)) for line in lines]
    samples = [pair for pair in samples if pair[1]["source"] in sources]
    rng.shuffle(samples)
    drawn, size = [], 0.0
    for line, sample in samples:
        if size >= float(share) * total:
            break
        drawn.append(line)
        size += size_of(sample)
    return drawn


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tokens", type=float, default=float("inf"))
    parser.add_argument("--seconds", type=float)
    parser.add_argument("parts", nargs="+", metavar="SHARE:FILE:SOURCES")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    total, size_of = options.tokens, tokens_of
    if options.seconds:
        total, size_of = options.seconds, seconds_of
    lines = [line for part in options.parts for line in draw(rng, part, total, size_of)]
    rng.shuffle(lines)
    print("".join(lines), end="")


main()
