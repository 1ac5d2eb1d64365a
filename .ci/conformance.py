#!/usr/bin/env python3
"""Compares tests/conformance.md, docs/standards.md and docs/threat-model.md with the tests.

A test names the requirements it proves in a doc line: `/// Requirements: A14, R52, conflict 8.` This script fails if such an id
has no row in tests/conformance.md or more than one, if the last cell of a row does not list exactly the tests of its ids, if a
row that holds has no test, or if a row without an id (a promise), a row of docs/standards.md or docs/threat-model.md names a test
that does not exist. `--write` fills in the last cells of tests/conformance.md. In docs/threat-model.md a test name is text of five
words or more in backticks.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "tests" / "conformance.md"
THREATS = ROOT / "docs" / "threat-model.md"
STANDARDS = ROOT / "docs" / "standards.md"
CONTRACTS = ROOT / "crates" / "engine-suite" / "src" / "contracts"

# Doc lines, attributes of which one ends in `test`, a function.
FUNCTION = re.compile(
    r"(?P<doc>(?:^[ \t]*///[^\n]*\n)*)(?P<attributes>(?:^[ \t]*#\[[^\n]*\]\s*\n)+)"
    r"^[ \t]*(?:pub\s+)?(?:async\s+)?fn\s+(?P<name>\w+)",
    re.MULTILINE,
)
TEST_ATTRIBUTE = re.compile(r"#\[(?:\w+::)*test\b")
REQUIREMENTS = re.compile(r"^[ \t]*/// Requirements: (.+)\.$", re.MULTILINE)
# The engine suite makes a test of each contract, for each engine.
CONTRACT = re.compile(r"^pub async fn (\w+)\(subject: Subject\) \{$", re.MULTILINE)
SENTENCE = re.compile(r"`([a-z0-9]+(?:_[a-z0-9]+){4,})`")
NAMED = re.compile(r"`(?:([\w/.-]+\.rs)::)?(\w+)`")
# What a row of docs/standards.md may say, and whether it must, may or must not name tests.
STATUSES = {"holds": "must", "in part": "must", "yours": "may", "missing": "not", "no part": "not"}


@dataclass(frozen=True, order=True)
class Test:
    name: str
    path: str
    ids: tuple[str, ...]


def main() -> int:
    tests = [test for path in sources() for test in tests_in(path)]
    names = {test.name for test in tests}
    problems, known, lines = [], set(), []
    for number, line in enumerate(DOCUMENT.read_text().splitlines(), 1):
        place = f"{DOCUMENT.relative_to(ROOT)}:{number}"
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("| ") or cells[0] in ("id", "promise"):
            lines.append(line)
            continue
        ids = ids_of(cells[0])
        problems += [f"{place}: {id} has a row already" for id in ids if id in known]
        known.update(ids)
        if ids:
            proofs = sorted(test for test in tests if set(ids) & set(test.ids))
            wanted = ", ".join(f"`{qualified(test, tests)}`" for test in proofs)
            if wanted != cells[-1]:
                problems.append(f"{place}: the last cell is not the tests of {cells[0]}; `.ci/conformance.py --write` fills it in")
            if not proofs and any(cell.startswith("holds") for cell in cells):
                problems.append(f"{place}: {cells[0]} holds, but no test names it")
            cells[-1] = wanted
        else:
            problems += [f"{place}: there is no test {name}" for _, name in NAMED.findall(cells[-1]) if name not in names]
        lines.append("| " + " | ".join(cells) + " |")
    for test in tests:
        problems += [f"{test.path}: {test.name} names {id}, which has no row" for id in test.ids if id not in known]
    for number, line in enumerate(THREATS.read_text().splitlines(), 1):
        place = f"{THREATS.relative_to(ROOT)}:{number}"
        problems += [f"{place}: there is no test {name}" for name in SENTENCE.findall(line) if name not in names]
    problems += [f"{STANDARDS.relative_to(ROOT)}:{problem}" for problem in standards(STANDARDS.read_text(), names)]
    if sys.argv[1:] == ["--write"]:
        DOCUMENT.write_text("\n".join(lines) + "\n")
        return 0
    for problem in problems:
        print(f"conformance: {problem}", file=sys.stderr)
    if not problems:
        print(f"conformance: {sum(bool(test.ids) for test in tests)} tests prove {len(known)} requirements")
    return 1 if problems else 0


def standards(text: str, names: set[str]):
    """The problems of a document like docs/standards.md, each with its line."""
    section, columns, rows = "", [], set()
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            section = line
        if not line.startswith("| "):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] == "row":
            columns = cells
            continue
        if len(cells) != len(columns):
            yield f"{number}: the row has {len(cells)} cells, its table {len(columns)} columns"
            continue
        row = dict(zip(columns, cells))
        if (section, row["row"]) in rows:
            yield f"{number}: {row['row']} has a row already"
        rows.add((section, row["row"]))
        rule, tests = STATUSES.get(row["status"]), [name for _, name in NAMED.findall(row["tests"])]
        if rule is None:
            yield f"{number}: the status {row['status']!r} is none of {', '.join(STATUSES)}"
        if rule == "must" and not tests:
            yield f"{number}: {row['row']} is said to be held, but no test is named"
        if rule == "not" and tests:
            yield f"{number}: {row['row']} is not built, but tests are named"
        yield from (f"{number}: there is no test {name}" for name in tests if name not in names)


def ids_of(cell: str) -> list[str]:
    """`A1`, `C1, C2`, `F1–F33`, `conflict 3, 4`; nothing for a promise."""
    if conflicts := re.fullmatch(r"conflict (\d+(?:, \d+)*)", cell):
        return [f"conflict {number}" for number in conflicts[1].split(", ")]
    ids = []
    for part in cell.split(","):
        match = re.fullmatch(r"([A-Z])(\d+)(?:–\1(\d+))?", part.strip())
        if not match:
            return []
        ids += [f"{match[1]}{number}" for number in range(int(match[2]), int(match[3] or match[2]) + 1)]
    return ids


def qualified(test: Test, tests: list[Test]) -> str:
    """The name, with its file where two files have a test of that name."""
    twins = {other.path for other in tests if other.name == test.name}
    return test.name if len(twins) == 1 else f"{test.path}::{test.name}"


def sources():
    for folder in ("crates", "tests"):
        for path in sorted((ROOT / folder).rglob("*.rs")):
            if "node_modules" not in path.parts and "target" not in path.parts:
                yield path


def tests_in(path: Path):
    text, place = path.read_text(), path.relative_to(ROOT).as_posix()
    for function in FUNCTION.finditer(text):
        if TEST_ATTRIBUTE.search(function["attributes"]):
            stated = REQUIREMENTS.search(function["doc"])
            yield Test(function["name"], place, tuple(stated[1].split(", ")) if stated else ())
    if path.parent == CONTRACTS:
        yield from (Test(name, place, ()) for name in CONTRACT.findall(text))


if __name__ == "__main__":
    sys.exit(main())
