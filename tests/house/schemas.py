#!/usr/bin/env python3
"""schemas.py - docs/schema/ agrees with the readers over their fuzz corpora.

A file of tests/fuzz/corpus/KIND is refused by docs/schema/weft.KIND.json if and only if the reader
refuses it (its name begins with bad_) for a reason that a schema can express. Which reasons a schema
cannot express is listed here, so that the line between the two is a tested one. What is shipped
keeps its schema.

usage: schemas.py [ROOT]        status 77 without the Python package jsonschema
"""
import json
import pathlib
import re
import sys

try:
    from jsonschema import Draft202012Validator
except ImportError:
    print("no Python package jsonschema: skipped")
    sys.exit(77)

# Indices, lengths that must be equal, sums, and what two places say about one thing.
BEYOND_A_SCHEMA = {
    "problem": """backward_cycle backward_none chunk_index cycle duplicate edge_index layers module
        rank same_chunk self_edge sum transfer unsplit_candidate""",
    "plan": """chunk_rank cycle operand pp recipe_name replica self_edge shared times peak""",
    "model": """edge_back edge_layer edge_layers edge_layers_far edge_module edge_width experts
        feeds_nothing heads kv_heads lora mamba merge merge_huge modality parameters pixels rows
        same_name size tied tiles video width window""",
    "cluster": """attention_order gemm_order group_order level_last level_order reserved stack_twice stack_twice_in_force
        switch""",
    "recipe": "none_allowed recompute_set_twice recompute_twice",
    "layout": """devices direction gap module no_slot overflow rank same segment shared slot""",
    "timeline": "backwards overlap ranks step times",
}

SHIPPED = {
    "model": ["profiles/data/models/*.json", "examples/models/*.json"],
    "cluster": ["profiles/data/clusters/*.json"],
    "recipe": ["profiles/data/recipes/*.json"],
    "batch": ["examples/batches/*.jsonl"],
}


class NotJson(Exception):
    """What weft's reader refuses before it looks at values."""


def no_duplicates(pairs):
    if len({key for key, _ in pairs}) < len(pairs):
        raise NotJson
    return dict(pairs)


def parse(path):
    """The documents of a file: one, or one a line."""
    def refuse(_):
        raise NotJson

    def finite(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise NotJson
        return value

    try:
        texts = [path.read_text()]
        if path.suffix == ".jsonl":
            texts = [line for line in texts[0].splitlines() if line.strip()]
        return [json.loads(text, object_pairs_hook=no_duplicates, parse_constant=refuse,
                           parse_float=finite) for text in texts]
    except ValueError as error:
        raise NotJson from error


def is_accepted(validator, path):
    try:
        documents = parse(path)
        return bool(documents) and all(map(validator.is_valid, documents))
    except NotJson:
        return False


def check_kind(root, schema_path):
    """Lines that say what is wrong."""
    kind = schema_path.stem.removeprefix("weft.")
    schema = json.loads(schema_path.read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    files = sorted((root / "tests/fuzz/corpus" / kind).glob("*.json*"))
    if not files:
        yield f"{schema_path.name}: no corpus"
    beyond = {f"bad_{word}" for word in BEYOND_A_SCHEMA.get(kind, "").split()}
    for path in files:
        expected = not path.stem.startswith("bad_") or path.stem in beyond
        if is_accepted(validator, path) != expected:
            yield f"{kind}/{path.name}: {'refused' if expected else 'accepted'} by its schema"
    for path in (path for glob in SHIPPED.get(kind, []) for path in sorted(root.glob(glob))):
        if not is_accepted(validator, path):
            yield f"{kind}/{path.name}: refused by its schema"
    for name in sorted(beyond - {path.stem for path in files}):
        yield f"{kind}/{name}.json: listed here and not there"


def check_examples(root):
    """Examples of docs/formats.md that are whole files keep their schemas."""
    for block in re.findall(r"```json\n(.*?)```", (root / "docs/formats.md").read_text(), re.S):
        kind = re.search(r'"format": "(weft\.[a-z]+)"', block)
        schema = root / f"docs/schema/{kind.group(1)}.json" if kind else None
        if schema and not Draft202012Validator(json.loads(schema.read_text())).is_valid(
                json.loads(block)):
            yield f"docs/formats.md: the example of {kind.group(1)} is refused by its schema"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    if root.is_file():
        root = root.parents[2]
    wrong = [line for path in sorted((root / "docs/schema").glob("*.json"))
             for line in check_kind(root, path)]
    wrong += check_examples(root)
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


main()
