"""Modules put together: one file for what every page needs, one for each page's own."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import needed
from web.app import STATIC
from web.bundle import MAIN, Bundles, NoBundle, read, read_vendored, style

MODULES = {
    "main.js": """
/** Loads pages. */
import { count, next as step } from "./state.js";
import { both, own } from "kit/both";
import * as words from "./words.js";
import "./side.js";

export const pages = { one: () => import("./pages/one.js"), two: () => import("./pages/two.js") };
step();
globalThis.said = [...globalThis.said, words.hello(count()), both(), own];
""",
    "side.js": 'globalThis.said = ["first"];\n',
    "state.js": """
// how often
const at = { count: 0 };
export function next() {
  at.count += 1; // here
}
/** @returns {number} */
export const count = () => at.count;
""",
    "words.js": """
export async function later() {}
export const hello = (n) => `hello ${n} "//"`;
""",
    "pages/one.js": """
import { next } from "../state.js";
import { both } from "../both.js";
/** @type {import("../state.js").Nothing} */
export class Page {
  constructor() {
    next();
    both.push("one");
  }
}
""",
    "pages/two.js": """
import { both } from "../both.js";
import { own } from "./own.js";
import { own as kit } from "kit";
export async function Page() {
  const { more } = await import("../later.js");
  return [own, ...both, kit, more];
}
""",
    "pages/own.js": """
import { both } from "../both.js";
export const own = `own ${both.length}`;
""",
    "later.js": """
import { next } from "./state.js";
import { own } from "./pages/own.js";
export const more = `${own} ${typeof next}`;
""",
    "both.js": "export const both = [];\n",
}
VENDORED = {
    "kit": 'var a="own /** */";export{a as own};\n',
    "kit/twice": "export default function(n){return[n,n].join()}",
    "kit/both": 'import{own as a}from"kit";export{own}from"kit";import e from"kit/twice";'
    "var m=()=>e(a);export{m as both};",
    "lone": "var a=1;export{a as alone};",
    "tied": 'import{own}from"kit";export{own};',
}


def bundled(modules: Mapping[str, str]) -> Bundles:
    """Return them put together with the vendored ones."""
    paths = {name: f"vendor/{name}" for name in VENDORED}
    texts = {f"vendor/{name}": text for name, text in VENDORED.items()}
    return Bundles(lambda path: {**modules, **texts}[path], paths)


def test_what_several_pages_need_is_loaded_once_and_with_the_first() -> None:
    bundles = bundled(MODULES)
    assert bundles.names == [MAIN, "pages/one.js", "pages/two.js", "later.js"]
    assert (bundles.parts("pages/one.js"), bundles.parts("pages/two.js")) == ([], ["later.js"])
    kit = ["kit", "kit/twice", "kit/both"]
    expected = ["state.js", *kit, "words.js", "side.js", "both.js", MAIN]
    assert bundles.modules(MAIN) == expected
    assert bundles.modules("pages/one.js") == ["pages/one.js"]
    assert bundles.modules("pages/two.js") == ["pages/own.js", "pages/two.js"]
    assert bundles.modules("later.js") == ["later.js"]


def test_it_does_what_the_modules_do(tmp_path: Path) -> None:
    node = needed.program("node", "bundles were")
    bundles = bundled(MODULES)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for name in bundles.names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(bundles.text(name).replace("/static/bundles/", f"{tmp_path.as_uri()}/"))
    (tmp_path / "run.js").write_text(
        'import { m_state } from "./main.js";\n'
        'const one = await import("./pages/one.js");\n'
        'const two = await import("./pages/two.js");\n'
        "new one.Page();\n"
        "console.log(JSON.stringify([globalThis.said, await two.Page(), m_state.count()]));\n"
    )
    done = subprocess.run(
        [node, tmp_path / "run.js"], check=True, capture_output=True, text=True, timeout=60
    )
    own = "own /** */"
    assert json.loads(done.stdout) == [
        ["first", 'hello 1 "//"', f"{own},{own}", own],
        ["own 0", "one", own, "own 0 function"],
        2,
    ]


def test_a_vendored_module_that_one_page_needs_stays_a_file_of_its_own() -> None:
    modules = {
        "main.js": 'import { own } from "kit";\nexport const load = () => import("./page.js");\n',
        "page.js": 'import { alone as one } from "lone";\nimport { own } from "kit";\n',
    }
    bundles = bundled(modules)
    assert (bundles.vendored(MAIN), bundles.vendored("page.js")) == ([], ["lone"])
    assert 'import * as m_lone from "lone";' in bundles.text("page.js")
    assert "const { alone: one } = m_lone;" in bundles.text("page.js")
    assert "const { own } = m_kit;" in bundles.text("page.js")
    # It would bring another copy of what is in main.js.
    with pytest.raises(NoBundle, match="tied"):
        bundled({**modules, "page.js": 'import { own } from "tied";\n'})


def test_the_pages_own_modules_are_all_understood() -> None:
    found = re.search(r'"importmap">(.*?)</script>', (STATIC / "index.html").read_text(), re.DOTALL)
    assert found is not None
    named = json.loads(found[1])["imports"]
    vendored = {name: path.removeprefix("/static/") for name, path in named.items()}
    bundles = Bundles(lambda name: (STATIC / name).read_text(), vendored)
    assert bundles.parts("pages/symbol.js") == ["chart/canvas.js"]
    assert bundles.vendored("chart/canvas.js") == ["lightweight-charts"]
    assert len(bundles.modules(MAIN)) > 10
    for name in bundles.names:
        assert "/**" not in bundles.text(name)


@pytest.mark.parametrize(
    "text",
    [
        'import one from "./one.js";\n',
        "export default 1;\n",
        "export let changes = 1;\n",
        'export { one } from "./one.js";\n',
        'export * from "./one.js";\n',
    ],
)
def test_what_is_not_understood_is_an_error(text: str) -> None:
    with pytest.raises(NoBundle):
        read("main.js", text)


@pytest.mark.parametrize(
    "text",
    [
        'export*from"a";',
        "export const a=1;",
        'import*as a from"a";',
        "export default function f(){}",
        'export{default}from"a";',
    ],
)
def test_what_is_not_understood_of_a_vendored_module_is_one(text: str) -> None:
    with pytest.raises(NoBundle):
        read_vendored("kit", f"var b=1;{text}")


def test_modules_that_import_each_other_are_an_error() -> None:
    modules = {
        "main.js": 'import { one } from "./one.js";\n',
        "one.js": 'import { two } from "./two.js";\nexport const one = 1;\n',
        "two.js": 'import { one } from "./one.js";\nexport const two = 2;\n',
    }
    with pytest.raises(NoBundle, match=r"one\.js, two\.js, one\.js"):
        bundled(modules)


def test_what_is_loaded_later_is_of_one_page_or_of_several_but_not_of_all() -> None:
    pages = 'export const load = [() => import("./one.js"), () => import("./two.js")];\n'
    later = 'export const load = () => import("./later.js");\n'
    modules = {
        "main.js": pages,
        "one.js": later,
        "two.js": later,
        "later.js": "export const a = 1;\n",
    }
    bundles = bundled(modules)
    assert bundles.names == [MAIN, "one.js", "two.js", "later.js"]
    assert "const m_later = (() =>" in bundles.text("later.js")
    both = 'import { load } from "./both.js";\nexport const a = load;\n'
    with pytest.raises(NoBundle, match=r"later\.js"):  # what both need goes into main.js
        bundled({**modules, "one.js": both, "two.js": both, "both.js": later})


def test_style_sheets_are_one_in_their_order() -> None:
    assert style(["/* one */\na {\n}\n", "b { /* two */ }\n"]).split() == [
        "a",
        "{",
        "}",
        "b",
        "{",
        "}",
    ]
