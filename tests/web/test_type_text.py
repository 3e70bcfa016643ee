"""JSON Schemas as type expressions."""

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import pytest

from web.json_schema import components
from web.type_text import text_of


class Inner(msgspec.Struct):
    x: int


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (str, "string"),
        (Decimal, "number"),
        (Annotated[int, msgspec.Meta(ge=1)], "number"),
        (bool | None, "boolean | null"),
        (int | float, "number"),
        (Literal["b", "a"], '"a" | "b"'),
        (list[int], "number[]"),
        (list[int | None], "(number | null)[]"),
        (list[Inner], "Inner[]"),
        (dict[str, Inner], "Record<string, Inner>"),
        (dict[str, Any], "Record<string, unknown>"),
        (tuple[int, str], "[number, string]"),
        (Any, "unknown"),
    ],
)
def test_a_type_of_ours_is_a_type_of_the_browsers(kind: Any, text: str) -> None:
    (schema,), _ = components([kind])
    assert text_of(schema) == text


def test_what_no_type_of_ours_says_is_an_error() -> None:
    with pytest.raises(ValueError, match="'file'"):
        text_of({"type": "file"})
