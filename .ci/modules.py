"""Reads which module of a Rust crate refers to which, from its files: `use` lines and paths that begin with `crate`,
`super` or `self`.

A module is a tuple of names, the crate's root is the empty tuple. A name that a module only re-exports leads on to the
module that defines it. Test modules (`#[cfg(test)] mod …`) are left out, and so are programs beside the library.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

NOT_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|b?r(\#*)".*?"\1|b?"(?:\\.|[^"\\])*"|'(?:\\[^\n]+?|[^'\\\n])'""", re.DOTALL
)
TEST_MODULE = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*([;{])")
USE = re.compile(r"\buse\s+([^;]+);")
PATH = re.compile(r"(?<![\w:])\$?((?:crate|super|self)(?:\s*::\s*\w+)+)")
DEFINED = re.compile(r"\b(?:fn|struct|enum|union|trait|type|const|static|mod|macro_rules!)\s+(\w+)")

Module = tuple[str, ...]


@dataclass
class Source:
    defined: set[str]
    imported: dict[str, Module] = field(default_factory=dict)
    """Each imported name, with its whole path from the crate's root."""
    globs: list[Module] = field(default_factory=list)
    paths: set[Module] = field(default_factory=set)
    """All paths into this crate, from its root, as written."""


def references(crate: Path) -> dict[Module, set[Module]]:
    """Each module of the crate, and the modules of the crate to which its own file refers."""
    sources = read(crate)
    return {
        module: {target for path in source.paths if (target := resolve(sources, path)) is not None} - {module}
        for module, source in sources.items()
    }


def between(graph: dict[Module, set[Module]], parent: Module) -> dict[str, set[str]]:
    """The children of `parent`, each with its siblings to which anything in it refers."""
    depth = len(parent)
    children = {module[depth] for module in graph if len(module) > depth and module[:depth] == parent}
    arrows = {child: set() for child in children}
    for module, targets in graph.items():
        if len(module) > depth and module[:depth] == parent:
            arrows[module[depth]] |= {
                target[depth] for target in targets if len(target) > depth and target[:depth] == parent
            } - {module[depth]}
    return arrows


def circles(graph: dict[Module, set[Module]]) -> list[tuple[Module, list[str]]]:
    """Groups of siblings that refer to one another in a circle, at every level; parents and their children may."""
    found = []
    for parent in sorted({module[:depth] for module in graph for depth in range(len(module))}):
        arrows = between(graph, parent)
        reach = {child: reached_from(child, arrows) for child in arrows}
        seen = set()
        for child in sorted(arrows):
            circle = {other for other in reach[child] if child in reach[other]}
            if circle and child not in seen:
                seen |= circle
                found.append((parent, sorted(circle)))
    return found


def reached_from(start: str, arrows: dict[str, set[str]]) -> set[str]:
    reached, ahead = set(), [start]
    while ahead:
        for other in arrows[ahead.pop()] - reached:
            reached.add(other)
            ahead.append(other)
    return reached


# Reading ---------------------------------------------------------------------------------------------------------------


def read(crate: Path) -> dict[Module, Source]:
    texts, tests = {}, set()
    root = crate / "src"
    for path in sorted(root.rglob("*.rs")):
        names = path.relative_to(root).with_suffix("").parts
        if names[0] == "bin" or names == ("main",) and (root / "lib.rs").exists():
            continue
        module = () if names in {("lib",), ("main",)} else names[:-1] if names[-1] == "mod" else names
        texts[module], below = without_tests(NOT_CODE.sub(" ", path.read_text()))
        tests |= {module + (name,) for name in below}
    texts = {module: text for module, text in texts.items() if not any(module[: len(test)] == test for test in tests)}
    return {module: parse(module, text, texts) for module, text in texts.items()}


def without_tests(text: str) -> tuple[str, set[str]]:
    """The text without its test modules, and the names of those that are files."""
    files = set()
    while found := TEST_MODULE.search(text):
        end = found.end()
        if found[2] == ";":
            files.add(found[1])
        else:
            depth = 1
            while depth and end < len(text):
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
        text = text[: found.start()] + text[end:]
    return text, files


def parse(module: Module, text: str, modules) -> Source:
    text = re.sub(r"\bpub\s*\(\s*in\s+[^)]*\)", "pub", text)
    source = Source(set(DEFINED.findall(text)))
    for use in USE.finditer(text):
        for names, alias in expand(use[1]):
            path = absolute(module, names, modules)
            if path is None:
                continue
            if path[-1:] == ("*",):
                source.globs.append(path[:-1])
            elif path:
                source.imported[alias or path[-1]] = path
            source.paths.add(path)
    for path in PATH.finditer(USE.sub(";", text)):
        source.paths.add(absolute(module, re.split(r"\s*::\s*", path[1]), modules))
    return source


def expand(tree: str) -> list[tuple[list[str], str | None]]:
    """`a::{b, c::{self, d as e}}` as the paths it names, each with its alias."""
    tree = tree.strip().removeprefix("::")
    head, brace, rest = tree.partition("{")
    if not brace:
        path, _, alias = (part.strip() for part in re.sub(r"\s+as\s+", "\0", tree).partition("\0"))
        return [([name.strip() for name in path.split("::")], alias or None)]
    before = [name.strip() for name in head.split("::") if name.strip()]
    found, depth, part = [], 0, ""
    for letter in rest[: rest.rindex("}")] + ",":
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter != "," or depth:
            part += letter
            continue
        for names, alias in expand(part) if part.strip() else []:
            found.append((before + (names if names != ["self"] else []), alias))
        part = ""
    return found


def absolute(module: Module, names: list[str], modules) -> Module | None:
    """The path from the crate's root, or nothing for other crates."""
    first, rest = names[0], names[1:]
    if first == "crate":
        return tuple(rest)
    if first == "self":
        return module + tuple(rest)
    if first == "super":
        while rest[:1] == ["super"]:
            module, rest = module[:-1], rest[1:]
        return module[:-1] + tuple(rest)
    return module + tuple(names) if module + (first,) in modules else None


def resolve(sources: dict[Module, Source], path: Module, steps: int = 20) -> Module | None:
    """The module where what `path` names is defined, as far as imports tell."""
    module = path
    while module not in sources:
        module = module[:-1]
    rest = path[len(module) :]
    source = sources[module]
    if not rest or rest[0] in source.defined or steps == 0:
        return module
    if rest[0] in source.imported:
        return resolve(sources, source.imported[rest[0]] + rest[1:], steps - 1)
    for glob in source.globs:
        if glob in sources and rest[0] in sources[glob].defined:
            return glob
    return module
