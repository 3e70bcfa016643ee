"""JSON Schemas of our types, as the OpenAPI and AsyncAPI documents show them.

In come Structs and what is made of them; out go their schemas and the components that these refer
to. Decimals are numbers, as answers write them. A Struct's docstring describes it, and the string
under a field describes the field, so nothing is said twice. Reads the source files of the types and
nothing else.
"""

import ast
import inspect
import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import msgspec

REF = "#/components/schemas/{name}"
Schema = dict[str, Any]
_google_sections = re.compile(r"\n\s*(?:Args|Returns|Raises|Yields|Attributes):\n.*", re.DOTALL)
_paragraphs = re.compile(r"\n\s*\n").split


def components(types: Sequence[Any]) -> tuple[list[Schema], dict[str, Schema]]:
    """Return the schema of each type, and the named components they refer to, in order of name."""
    structs = list(_structs(types))
    made, named = msgspec.json.schema_components([*types, *structs], ref_template=REF)
    schemas, refs = made[: len(types)], made[len(types) :]
    for struct, ref in zip(structs, refs, strict=True):
        _describe(named[ref["$ref"].rpartition("/")[2]], struct)
    numbers(schemas)
    numbers(named)
    return list(schemas), dict(sorted(named.items()))


def fields(struct: type[msgspec.Struct]) -> dict[str, Schema]:
    """Return the schema of each field of a Struct by its encoded name, without references."""
    (ref,), named = msgspec.json.schema_components([struct], ref_template=REF)
    schema = named[ref["$ref"].rpartition("/")[2]]
    _describe(schema, struct)
    numbers(schema)
    found: dict[str, Schema] = schema["properties"]
    return found


def prose(docstring: str | None) -> tuple[str, str]:
    """Return a docstring's first sentence and what follows, as Markdown without its sections."""
    text = _google_sections.sub("", inspect.cleandoc(docstring or "")).replace("``", "`").strip()
    first, _, rest = text.partition("\n\n")
    paragraphs = [" ".join(each.split()) for each in _paragraphs(rest) if each.strip()]
    return " ".join(first.split()), "\n\n".join(paragraphs)


def described(struct: type) -> str:
    """Return the docstring of a type as one Markdown text, empty where it has none of its own."""
    return "\n\n".join(filter(None, prose(struct.__dict__.get("__doc__"))))


@cache
def notes(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return what the string under each field of a Struct says, by the field's encoded name.

    A Struct that was not written but made, as those of the tap, has none.
    """
    found: dict[str, str] = {}
    encoded = dict(zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True))
    for written in reversed(struct.__mro__):
        body = _bodies(written.__module__).get(written.__name__, ())
        for field, below in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                match below:
                    case ast.Expr(ast.Constant(str() as text)) if field.target.id in encoded:
                        found[encoded[field.target.id]] = " ".join(filter(None, prose(text)))
    return found


@cache
def _bodies(module: str) -> dict[str, list[ast.stmt]]:
    """Return the statements of each class that is written at the top of a module, by its name."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError):  # it is not written in Python
        return {}
    return {each.name: each.body for each in tree.body if isinstance(each, ast.ClassDef)}


def numbers(schema: Any) -> None:
    """Make every decimal in a schema the number that answers write it as, in place."""
    if isinstance(schema, dict):
        if schema.get("format") == "decimal":
            del schema["format"]
            schema["type"] = "number"
        for each in schema.values():
            numbers(each)
    elif isinstance(schema, list | tuple):
        for each in schema:
            numbers(each)


def _describe(schema: Schema, struct: type[msgspec.Struct]) -> None:
    """Put what is written of a Struct and of its fields into its schema."""
    text = described(struct)
    if text:
        schema["description"] = text
    else:
        schema.pop("description", None)
    for name, note in notes(struct).items():
        if name in schema.get("properties", {}):
            schema["properties"][name].setdefault("description", note)
    for each in schema.get("properties", {}).values():
        said = [one["description"] for one in each.get("anyOf", ()) if "description" in one]
        if len(said) == 1:
            each.setdefault("description", said[0])


def _structs(types: Sequence[Any]) -> Iterator[type[msgspec.Struct]]:
    """Yield every Struct in types, each once."""
    seen: set[type] = set()
    waiting: list[Any] = list(msgspec.inspect.multi_type_info(types))
    while waiting:
        node = waiting.pop()
        if isinstance(node, list | tuple):
            waiting.extend(node)
        elif isinstance(node, msgspec.inspect.StructType):
            if node.cls not in seen:
                seen.add(node.cls)
                yield node.cls
                waiting.extend(field.type for field in node.fields)
        elif isinstance(node, msgspec.inspect.Type):
            waiting.extend(getattr(node, name) for name in node.__struct_fields__)
