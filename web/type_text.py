"""JSON Schemas as the type expressions that TypeScript and JSDoc have.

In comes the schema of a value; out goes text such as ``number | null`` or ``Feed[]``. A component
is its name. Pure.
"""

import json

from web.json_schema import Schema

_WORDS = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "null": "null",
}


def text_of(schema: Schema) -> str:
    """Return the type expression of a schema; ``unknown`` where it says nothing.

    Raises:
        ValueError: it says something that no type of ours says.
    """
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(json.dumps(one) for one in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " | ".join(dict.fromkeys(text_of(each) for each in schema[key]))
    if "allOf" in schema:
        return " & ".join(text_of(each) for each in schema["allOf"])
    kind = schema.get("type")
    if kind in _WORDS:
        return _WORDS[kind]
    if kind == "array":
        return _list(schema)
    if kind == "object":
        return _object(schema)
    if kind is None:
        return "unknown"
    raise ValueError(f"a schema's type was {kind!r}")


def _list(schema: Schema) -> str:
    """Return the expression of a list, or of a tuple: by the words of any draft."""
    items = schema.get("items", {})
    parts = schema.get("prefixItems", items if isinstance(items, list) else None)
    if parts is not None:
        return f"[{', '.join(text_of(each) for each in parts)}]"
    inner = text_of(items)
    return f"({inner})[]" if " " in inner and not inner.startswith(("{", "[")) else f"{inner}[]"


def _object(schema: Schema) -> str:
    if "properties" not in schema:
        inner = schema.get("additionalProperties", {})
        return f"Record<string, {text_of(inner) if isinstance(inner, dict) else 'unknown'}>"
    required = schema.get("required", ())
    fields = [
        f"{name}{'' if name in required else '?'}: {text_of(each)}"
        for name, each in schema["properties"].items()
    ]
    return "{" + ", ".join(fields) + "}"
