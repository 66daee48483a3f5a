#!/usr/bin/env python3
"""schema_mutants.py - schemas and readers agree on what every key must be.

The fullest file of tests/fuzz/corpus/KIND is changed in one place at a time: a key is taken out,
an unknown one put in, a value replaced by one of another type or out of range. What the schema
refuses the reader must refuse; where the reader speaks of form (a key, a type, a range), the schema
must refuse too.

usage: schema_mutants.py ROOT LIBWEFT.so    status 77 without the Python package jsonschema
"""
import ctypes
import json
import os
import pathlib
import sys

try:
    from jsonschema import Draft202012Validator
except ImportError:
    print("no Python package jsonschema: skipped")
    sys.exit(77)

READERS = {"model": "weft_model_load", "cluster": "weft_cluster_load", "recipe": "weft_recipe_load",
           "batch": "weft_batch_read", "layout": "weft_layout_read", "problem": "weft_problem_read"}
FULLEST = {"model": "good_all_kinds.json", "cluster": "good_all.json", "recipe": "good_all.json",
           "batch": "good_all.jsonl", "layout": "good_slots.json", "problem": "full.json"}
VALUES = [None, -1, 2**60, 0.5, "nobody"]
# How readers speak of form; what else they refuse no schema can see.
FORM = ("missing key", "unknown key", "expected a number", "expected an integer", "expected a string",
        "expected true or false", "expected one of", "expected an array", "expected an object", "is no operator of")


def inlined(schema, definitions):
    """A schema without references: these take most of the time otherwise."""
    if isinstance(schema, list):
        return [inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: inlined(part, definitions) for key, part in schema.items() if key != "$defs"}


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("line", ctypes.c_int), ("column", ctypes.c_int),
                ("file", ctypes.c_char * 256), ("path", ctypes.c_char * 192),
                ("text", ctypes.c_char * 320)]


class Reader:
    def __init__(self, library, kind):
        self.read = getattr(library, READERS[kind])
        self.free = getattr(library, f"weft_{kind}_free")
        self.free.argtypes = [ctypes.c_void_p]
        self.file = os.memfd_create("mutant")

    def refusal(self, document):
        """What the reader says of a document; None where it takes it."""
        os.ftruncate(self.file, 0)
        os.pwrite(self.file, json.dumps(document).encode(), 0)
        error, out = Error(), ctypes.c_void_p()
        if self.read(f"/proc/self/fd/{self.file}".encode(), ctypes.byref(error), ctypes.byref(out)) == 0:
            self.free(out)
            return None
        return error.text.decode()


def places(value, path=()):
    """(container, key, path) of every value below one, meta and x_ keys apart."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, below in list(items):
        if key == "meta" and not path or str(key).startswith("x_"):
            continue
        yield value, key, (*path, key)
        if isinstance(below, (dict, list)):
            yield from places(below, (*path, key))


def mutants(document):
    """(what was done), with the document changed while the caller looks at it."""
    for container, key, path in list(places(document)):
        where = ".".join(map(str, path))
        old = container[key]
        for value in VALUES:
            if type(value) is type(old) and value == old:
                continue
            container[key] = value
            yield f"{where} = {json.dumps(value)}"
        container[key] = old
        if isinstance(container, dict):
            order = list(container.items())
            del container[key]
            yield f"{where} taken out"
            container.clear()
            container.update(order)
        if isinstance(old, dict):
            old["unheard_of"] = 1
            yield f"{where}.unheard_of put in"
            del old["unheard_of"]


def check(document, validator, reader):
    if reader.refusal(document) is not None or not validator.is_valid(document):
        yield "a good file is refused"
    for what in mutants(document):
        said, valid = reader.refusal(document), validator.is_valid(document)
        if not valid and said is None:
            yield f"{what}: the schema refuses, the reader does not"
        elif valid and said is not None and said.startswith(FORM):
            yield f"{what}: the reader says '{said}', the schema nothing"


def documents(path):
    text = path.read_text()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return [json.loads(text)]


def main(root, library_name):
    library, wrong = ctypes.CDLL(library_name), []
    for kind, name in FULLEST.items():
        schema = json.loads((root / f"docs/schema/weft.{kind}.json").read_text())
        validator = Draft202012Validator(inlined(schema, schema.get("$defs", {})))
        reader = Reader(library, kind)
        for document in documents(root / "tests/fuzz/corpus" / kind / name):
            wrong += [f"{kind}: {line}" for line in check(document, validator, reader)]
    print("\n".join(wrong[:100]))
    return 1 if wrong else 0


sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2]))
