#!/usr/bin/env python3
"""Makes docs/configuration.md of the example files, which the crates' tests hold against the code: every key, every default.

usage: .ci/configuration.py --write | --check
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "configuration.md"

FILES = [
    ("crates/control/control.example.toml", "The control plane", "`lychgate-control --config FILE`"),
    ("crates/edge/edge.example.toml", "The edge", "`lychgate-edge --config FILE`"),
    ("crates/cli/dev.example.toml", "Everything on this machine", "`lychgate dev --config FILE`"),
]

HEAD = """# Configuration

<!-- Made by .ci/configuration.py from the example files. Change those, then: .ci/configuration.py --write -->

Each program reads one TOML file. The examples are files to copy, and this page is made from them; tests hold them against the
code, so that every key is here and every default is true. A key that does not exist refuses to start, with one line that names it.

A value in **bold** must be given. Any other value is the default, or an example where the text says that the default is none.
"""

TABLE = re.compile(r"^#? ?(\[\[?[a-z_.]+\]\]?)$")
TITLE = re.compile(r"^--- (.+) ---$")
KEY = re.compile(r"^(#? ?)([a-z][a-z0-9_]*) = (.+)$")


@dataclass
class Section:
    name: str
    prose: list[str]
    keys: list[tuple[str, str, bool, str]] = field(default_factory=list)
    """Name, value, whether it must be given, what it means."""


def sections(text: str) -> list[Section]:
    """The tables of an example file. A comment belongs to the key or table below it; one with an empty line below, to the
    file or to the table it stands in."""
    found = [Section("", [])]
    comment: list[str] = []
    for line in text.splitlines():
        if table := TABLE.match(line):
            found.append(Section(table[1], [" ".join(comment)] if comment else []))
            comment = []
        elif key := KEY.match(line):
            value, _, remark = key[3].partition("  #")
            meaning = " ".join([*comment, sentence(remark)]).strip()
            found[-1].keys.append((key[2], value.strip(), not key[1], meaning))
            comment = []
        elif line.startswith("# "):
            comment.append(line[2:].strip())
        elif comment and (title := TITLE.match(comment[0])):
            found.append(Section(title[1], []))
            comment = []
        elif comment:
            found[-1].prose.append(" ".join(comment))
            comment = []
    return found


def sentence(remark: str) -> str:
    remark = remark.strip()
    return remark[:1].upper() + remark[1:] + "." if remark else ""


def document() -> str:
    parts = [HEAD]
    for file, title, command in FILES:
        parts.append(f"\n## {title}\n\n{command}; to copy: [{file.rpartition('/')[2]}](../{file})\n")
        seen = set()
        for section in sections((ROOT / file).read_text()):
            if section.name:
                name = f"`{section.name}`" if section.name.startswith("[") else section.name
                parts.append(f"\n### {name}{', another' if section.name in seen else ''}\n")
                seen.add(section.name)
            parts += [f"\n{wrapped(prose)}\n" for prose in section.prose]
            if section.keys:
                parts.append("\n| key | value | meaning |\n|---|---|---|\n")
                parts += [row(*key) for key in section.keys]
    return "".join(parts)


def row(key: str, value: str, required: bool, meaning: str) -> str:
    shown = f"`{value}`"
    return f"| `{key}` | {f'**{shown}**' if required else shown} | {escaped(meaning)} |\n".replace("  |", " |")


def escaped(text: str) -> str:
    return re.sub(r"([|<>*])", r"\\\1", text)


def wrapped(text: str, width: int = 130) -> str:
    lines, line = [], ""
    for word in escaped(text).split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


def main(arguments: list[str]) -> int:
    made = document()
    if arguments == ["--write"]:
        DOCUMENT.write_text(made)
    elif arguments != ["--check"]:
        print(__doc__, file=sys.stderr)
        return 2
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != made:
        print("configuration: docs/configuration.md is not what the example files say; run .ci/configuration.py --write", file=sys.stderr)
        return 1
    keys = made.count("\n| `")
    print(f"configuration: docs/configuration.md has the {keys} keys of the example files")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
