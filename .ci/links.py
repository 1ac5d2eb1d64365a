#!/usr/bin/env python3
"""Holds documents to the truth: each relative link, path and item they name exists.

Checked are in all Markdown: the targets of relative links, with their headings; in backticks: paths from the root
(`crates/edge/src/limits.rs`), and paths in a crate (`edge/limits.rs::Limits` is in crates/edge/src), each with the item
behind `::`.
"""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"(?ms)^ *```.*?^ *```")
LINK = re.compile(r"""\]\(([^)\s]+)\)|\bsrc="([^"]+)\"""")
NAMED = re.compile(r"`([a-z][\w-]*(?:/[\w.-]+)*/[\w.-]+|[a-z][\w-]*/)(?:::(\w+))?`")
HEADING = re.compile(r"(?m)^#+ +(.+?)\s*$")


def main() -> int:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    problems, checked = [], 0
    for file in map(Path, listed.stdout.splitlines()):
        if not (ROOT / file).exists():
            continue
        text = FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), (ROOT / file).read_text())
        for pattern, check in ((LINK, link), (NAMED, named)):
            for found in pattern.finditer(text):
                problem = check(file, *(group for group in found.groups() if group))
                checked += problem is not None
                if problem:
                    problems.append(f"{file}:{text.count(chr(10), 0, found.start()) + 1}: {problem}")
    for problem in problems:
        print(f"links: {problem}", file=sys.stderr)
    if not problems:
        print(f"links: {checked} links, paths and items in documents exist")
    return 1 if problems else 0


def link(file: Path, target: str) -> str | None:
    """The problem, an empty string for a good link, `None` for a link that leaves the repository."""
    if re.match(r"[a-z]+:", target):
        return None
    path, _, heading = target.partition("#")
    whole = (ROOT / file.parent / path).resolve() if path else ROOT / file
    if not whole.exists():
        return f"{target} does not exist"
    if heading and whole.suffix == ".md" and heading not in anchors(whole):
        return f"{target}: there is no such heading"
    return ""


def named(_: Path, path: str, item: str | None = None) -> str | None:
    first, _, rest = path.partition("/")
    places = [ROOT / path]
    if (ROOT / "crates" / first).is_dir():
        places = [ROOT / "crates" / first / rest, ROOT / "crates" / first / "src" / rest]
    # No clone has the files of a build.
    elif first == "target" or not (ROOT / first).is_dir():
        return None
    place = next((place for place in places if place.exists()), None)
    if place is None:
        return f"there is no {path}"
    if item and item not in items(place):
        return f"there is no {item} in {path}"
    return ""


@cache
def anchors(document: Path) -> set[str]:
    """As forges make them of headings."""
    return {
        re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")
        for heading in HEADING.findall(FENCE.sub("", document.read_text()))
    }


@cache
def items(source: Path) -> set[str]:
    """Items, fields, variants and methods of a file, or of all files of a folder."""
    files = sorted(source.rglob("*.rs")) if source.is_dir() else [source]
    text = "\n".join(file.read_text() for file in files)
    return set(re.findall(r"\b(?:fn|struct|enum|trait|type|const|static|mod|macro_rules!)\s+(\w+)", text)) | set(
        re.findall(r"(?m)^\s+(?:pub(?:\([^)]*\))?\s+)?(\w+)(?::|,$|\(|\s*\{)", text)
    )


if __name__ == "__main__":
    sys.exit(main())
