"""The page's modules put together, so that a phone asks for a handful of files and not for forty.

In come the modules as they are written, each a file; out go texts: ``main.js`` with everything that
every page needs, vendored modules too, and one for each page with the rest of what it needs, and
for what a page loads later. Each module becomes a function that is called once, in the order of the
imports, and gives what the module exports; a vendored module that is not needed by every page stays
a file of its own, and ``import.meta.url`` is that of the bundle. Only what the modules are made of
is understood (imports and exports of one form or the other, no cycles), and anything else is an
error at start. Nothing is renamed or rewritten besides; of ours, comments of their own lines are
left out, as is what lines begin with to be read by people (htm does not count it either). Pure.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

MAIN = "main.js"
FOLDER = "bundles"
_comment = re.compile(r"/\*\*.*?\*/|^[ \t]*//[^\n]*\n", re.DOTALL | re.MULTILINE)
_import = re.compile(
    r'^import\s+(?:(?P<what>\{[^}]*\}|\*\s+as\s+\w+)\s+from\s+)?"(?P<of>[^"]+)";[ \t]*$',
    re.MULTILINE,
)
_export = re.compile(
    r"^export\s+(?P<kind>(?:async\s+)?function\*?|const|class)\s+(?P<name>\w+)", re.M
)
_vendored_import = re.compile(
    r'(?<![\w$.])import\s*(?P<what>\{[^}]*\}|[\w$]+)\s*from\s*"(?P<of>[^"]+)";?'
)
_vendored_export = re.compile(
    r'(?<![\w$.])export\s*\{(?P<what>[^}]*)\}(?:\s*from\s*"(?P<of>[^"]+)")?;?'
)
_vendored_default = re.compile(
    r"(?<![\w$.])export\s+default\b(?!\s*(?:async\s+)?(?:function|class)[\s*]+[\w$])"
)
_DEFAULT = "default_of_it"
"""What a default export without a name is called inside of its module."""
_vendored_left = re.compile(r"(?<![\w$.])(?:import|export)\b.{,60}")
_lazy = re.compile(r'\bimport\("([^"]+)"\)')
_left = re.compile(r"^(?:import|export)\b.*$", re.MULTILINE)
_whole = re.compile(r"[\w$]+")
_no_word = re.compile(r"\W")
_empty_lines = re.compile(r"\n\s*\n")
_indents = re.compile(r"^[ \t]+", re.MULTILINE)


class NoBundle(ValueError):
    """A module is made of something that is not understood."""


@dataclass(frozen=True)
class Module:
    """One module, ours or vendored."""

    name: str
    """Its path below ``static``, or the bare name of a vendored one."""
    body: str
    """Without imports and the word ``export``."""
    imports: Sequence[tuple[str, str]]
    """(what, of which module): as it is written, and by its name."""
    exports: Mapping[str, str]
    """What each is inside of the module."""
    lazy: Sequence[str] = ()
    """The modules that are loaded when they are needed."""


def read(name: str, text: str) -> Module:
    """Return a module of ours.

    Raises:
        NoBundle: it has an import or export of another kind.
    """
    text = _comment.sub("", text)
    folder = posixpath.dirname(name)
    imports = [
        (found["what"] or "", _path(folder, found["of"])) for found in _import.finditer(text)
    ]
    exports = {found["name"]: found["name"] for found in _export.finditer(text)}
    lazy = [_path(folder, of) for of in _lazy.findall(text)]
    body = _export.sub(r"\g<kind> \g<name>", _import.sub("", text))
    body = _lazy.sub(lambda found: f'import("/static/{FOLDER}/{_path(folder, found[1])}")', body)
    if left := _left.search(body):
        raise NoBundle(f"{name}: {left[0]}")
    body = _indents.sub("", _empty_lines.sub("\n", body)).strip()
    return Module(name, body, imports, exports, lazy)


def read_vendored(name: str, text: str) -> Module:
    """Return a published module, which may be one long line.

    Raises:
        NoBundle: it has an import or export of another kind.
    """
    imports = [(found["what"], found["of"]) for found in _vendored_import.finditer(text)]
    exports: dict[str, str] = {}
    for found in _vendored_export.finditer(text):
        names = _names(found["what"])
        exports |= {there: there if found["of"] else here for here, there in names}
        if found["of"]:  # taken from there and handed on
            imports.append((f"{{{found['what']}}}", found["of"]))
    if _vendored_default.search(text):
        exports["default"] = _DEFAULT
    body = _vendored_export.sub("", _vendored_import.sub("", text))
    body = _vendored_default.sub(f"const {_DEFAULT} =", body).strip()
    if left := _vendored_left.search(body):
        raise NoBundle(f"{name}: {left[0]}")
    if "default" in exports.values():
        raise NoBundle(f"{name} hands on a default export")
    return Module(name, body, imports, exports)


def _path(folder: str, of: str) -> str:
    return posixpath.normpath(posixpath.join(folder, of)) if of.startswith(".") else of


class Bundles:
    """All modules that ``main.js`` reaches, by what is loaded together.

    Args:
        text_of: the text of a module by its path.
        vendored: the path of each vendored module by its bare name.

    Raises:
        NoBundle: see ``read`` and ``read_vendored``; or modules import each other.
    """

    def __init__(self, text_of: Callable[[str], str], vendored: Mapping[str, str]) -> None:
        self._text_of = text_of
        self._modules: dict[str, Module] = {}
        self._inside = vendored
        """The vendored modules that are put together with ours: those that every page needs."""
        main = self._reached(MAIN)
        self._inside = {name: path for name, path in vendored.items() if name in main}
        pages = {page: self._reached(page) for page in self._lazy(main)}
        users = Counter(name for reached in pages.values() for name in reached)
        shared = [name for name in users if users[name] > 1 and name not in main]
        self._members = {MAIN: [*main[:-1], *shared, MAIN]}
        self._home = dict.fromkeys(self._members[MAIN], MAIN)
        """The bundle that a module is in."""
        for page, reached in pages.items():
            self._put(page, reached)
        for page in pages:
            for part in self.parts(page):
                if part not in self._members:
                    self._put(part, self._reached(part))
        if lost := [name for name in self._lazy(self._modules) if name not in self._members]:
            raise NoBundle(f"loaded later by more than a page: {', '.join(lost)}")
        for name in {each for bundle in self.names for each in self.vendored(bundle)}:
            if _vendored_import.search(text_of(vendored[name])):
                raise NoBundle(f"{name} is a file of its own and imports another")

        self._taken: dict[str, set[str]] = {name: set() for name in self._modules}
        """What others take of each module; ``*`` where that is all of it."""
        for module in self._modules.values():
            for what, of in module.imports:
                self._taken.setdefault(of, set()).update(name for name, _ in _names(what))
        for bundle in self._members:
            self._taken.setdefault(bundle, set()).add("*")

    @property
    def names(self) -> list[str]:
        """The modules that a bundle is named after: ``main.js``, each page's, and their parts'."""
        return list(self._members)

    def parts(self, page: str) -> list[str]:
        """Return the bundles that a page loads when they are needed."""
        return self._lazy(self._members[page])

    def modules(self, name: str) -> list[str]:
        """Return the modules that a bundle is made of, in order."""
        return self._members[name]

    def vendored(self, name: str) -> list[str]:
        """Return the bare names of the vendored modules that a bundle imports from their files."""
        found = (of for each in self._members[name] for _, of in self._modules[each].imports)
        return list(dict.fromkeys(of for of in found if of not in self._modules))

    def text(self, name: str) -> str:
        """Return a bundle."""
        members = [self._modules[each] for each in self._members[name]]
        ours = {each.name for each in members}
        named = {of: _variable(of) for of in self.vendored(name)}
        lines = [f'import * as {variable} from "{of}";' for of, variable in named.items()]
        reached = (of for each in members for _, of in each.imports)
        others: dict[str, dict[str, None]] = {}
        for of in reached:
            if of not in ours and of in self._modules:
                others.setdefault(self._home[of], {})[_variable(of)] = None
        for home, variables in others.items():
            lines.append(f'import {{ {", ".join(variables)} }} from "/static/{FOLDER}/{home}";')
        lines += [_called(each, self._taken[each.name]) for each in members]
        away = [self._modules[each] for each, home in self._home.items() if home != name]
        used = {of for each in away for _, of in each.imports}
        if told := [_variable(each) for each in self._members[name] if each in used]:
            lines.append(f"export {{ {', '.join(told)} }};")
        if exports := self._modules[name].exports:
            lines.append(f"export const {{ {', '.join(exports)} }} = {_variable(name)};")
        return "\n".join(lines) + "\n"

    def _put(self, bundle: str, reached: Sequence[str]) -> None:
        """Put together what is nowhere yet."""
        self._members[bundle] = [name for name in reached if name not in self._home]
        self._home |= dict.fromkeys(self._members[bundle], bundle)

    def _lazy(self, names: Iterable[str]) -> list[str]:
        """Return what modules load when they need it."""
        return list(dict.fromkeys(of for name in names for of in self._modules[name].lazy))

    def _reached(self, first: str) -> list[str]:
        """Return a module and all that go with it, each after those that it imports."""
        found: dict[str, bool] = {}
        self._reach(first, found)
        return list(found)

    def _reach(self, name: str, found: dict[str, bool], way: Sequence[str] = ()) -> None:
        if name in way:
            raise NoBundle(f"modules import each other: {', '.join([*way, name])}")
        if name in found:
            return
        if name not in self._modules:
            path = self._inside.get(name)
            text = self._text_of(path or name)
            self._modules[name] = read(name, text) if path is None else read_vendored(name, text)
        for _, of in self._modules[name].imports:
            if of.endswith(".js") or of in self._inside:
                self._reach(of, found, [*way, name])
        found[name] = True


def _variable(name: str) -> str:
    return f"m_{_no_word.sub('_', name.removesuffix('.js'))}"


def _called(module: Module, taken: set[str]) -> str:
    """Return a module as the value of a function that is called once."""
    lines = [_given(what, _variable(of)) for what, of in module.imports if what]
    given = [
        name if name == inside else f"{name}: {inside}"
        for name, inside in module.exports.items()
        if name in taken or "*" in taken
    ]
    whole = "\n".join([*lines, module.body, f"return {{ {', '.join(given)} }};"])
    return f"const {_variable(module.name)} = (() => {{\n{whole}\n}})();"


def _given(what: str, of: str) -> str:
    if what.startswith("*"):
        return f"const {what.split()[-1]} = {of};"
    pairs = [name if name == here else f"{name}: {here}" for name, here in _names(what)]
    return f"const {{ {', '.join(pairs)} }} = {of};"


def _names(what: str) -> list[tuple[str, str]]:
    """Return what an import takes: (the name there, the name here); ("*", …) for all."""
    if _whole.fullmatch(what):
        return [("default", what)]
    words = [each.split() for each in what.strip("{} \n").split(",") if each.strip()]
    return [(each[0], each[-1]) for each in words]


def style(texts: Iterable[str]) -> str:
    """Return style sheets as one, in order, without their comments."""
    joined = "\n".join(texts)
    return _empty_lines.sub("\n", re.sub(r"/\*.*?\*/", "", joined, flags=re.DOTALL))
