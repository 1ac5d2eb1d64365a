#!/usr/bin/env python3
"""Holds tests/conformance.md to the truth: every test it names exists, and is a test.

The last cell of each table row names tests in backticks: `name`, or `file.rs::name` where it is to be found in one file.
docs/threat-model.md names tests too, by sentences: whatever there has five words or more in backticks.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "tests" / "conformance.md"
THREATS = ROOT / "docs" / "threat-model.md"
SENTENCE = re.compile(r"`([a-z0-9]+(?:_[a-z0-9]+){4,})`")
SUITE = ROOT / "crates" / "engine-suite" / "src" / "lib.rs"
NAMED = re.compile(r"`(?:([\w/.-]+\.rs)::)?(\w+)`")
# An attribute that ends in `test`, perhaps more attributes, a function.
TEST = re.compile(r"#\[(?:\w+::)*test\b[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:pub\s+)?(?:async\s+)?fn\s+(\w+)")

# The engine suite's macro makes tests of the names it lists, one per line.
LISTED = re.compile(r"^\s+(\w+),$", re.MULTILINE)


def main() -> int:
    tests = {path.relative_to(ROOT).as_posix(): tests_in(path) for path in sources()}
    everywhere = set().union(*tests.values())
    problems = []
    rows = named = 0
    for number, line in enumerate(DOCUMENT.read_text().splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|") or set(cells[0]) <= set("-: "):
            continue
        rows += 1
        for file, name in NAMED.findall(cells[-1]):
            named += 1
            where = everywhere if not file else {test for path in tests if path.endswith(file) for test in tests[path]}
            if name not in where:
                problems.append(f"{DOCUMENT.relative_to(ROOT)}:{number}: there is no test {name}" + (f" in {file}" if file else ""))
    for number, line in enumerate(THREATS.read_text().splitlines(), 1):
        for name in SENTENCE.findall(line):
            named += 1
            if name not in everywhere:
                problems.append(f"{THREATS.relative_to(ROOT)}:{number}: there is no test {name}")
    if not named:
        problems.append(f"{DOCUMENT.relative_to(ROOT)}: no row names a test")
    for problem in problems:
        print(f"conformance: {problem}", file=sys.stderr)
    if not problems:
        print(f"conformance: {named} tests named in {rows} rows exist")
    return 1 if problems else 0


def sources():
    for folder in ("crates", "fuzz", "tests"):
        for path in (ROOT / folder).rglob("*.rs"):
            if "node_modules" not in path.parts:
                yield path


def tests_in(path):
    text = path.read_text()
    return set(TEST.findall(text)) | (set(LISTED.findall(text)) if path == SUITE else set())


if __name__ == "__main__":
    sys.exit(main())
