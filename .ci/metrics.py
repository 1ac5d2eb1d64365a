#!/usr/bin/env python3
"""Compares the table of metrics in docs/operations.md with the metrics that the code registers.

Fails if a registered metric has no row, if a row's metric is not registered, or if a name does not end as its kind does. That the
processes expose these names and kinds is tested in tests/tests/metrics.rs.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "operations.md"

REGISTERED = re.compile(r'\.register(_with_unit)?\(\s*"(\w+)"(?:[^;]*?Unit::(\w+))?')
ENCODED = re.compile(r'encode_descriptor\(\s*"(\w+)",\s*\w+,\s*(?:None|Some\(&Unit::(\w+)\))')
ROW = re.compile(r"(?m)^\| `(\w+)` \| (counter|gauge|histogram|info) \| ")
SUFFIX = {"counter": "_total", "info": "_info", "gauge": "", "histogram": ""}


def main() -> int:
    code = [path.read_text() for path in sorted((ROOT / "crates").glob("*/src/**/*.rs"))]
    metrics = documented(TABLE.read_text())
    problems = list(differences({name for text in code for name in registered(text)}, metrics))
    for problem in problems:
        print(f"metrics: {problem}", file=sys.stderr)
    if not problems:
        print(f"metrics: {len(metrics)} metrics are registered and documented")
    return 1 if problems else 0


def registered(text: str):
    """The names that a file registers, with their unit and without the suffix of their kind."""
    product = text.partition("\n#[cfg(test)]\nmod tests {")[0]
    for with_unit, name, unit in REGISTERED.findall(product):
        yield f"{name}_{unit.lower()}" if with_unit else name
    for name, unit in ENCODED.findall(product):
        yield f"{name}_{unit.lower()}" if unit else name


def documented(text: str) -> dict[str, str]:
    """The rows of the table: kinds by the names that a process exposes."""
    return dict(ROW.findall(text))


def differences(names: set[str], metrics: dict[str, str]):
    bases = {name.removesuffix(SUFFIX[kind]) for name, kind in metrics.items()}
    yield from (f"{name} is registered and has no row in {TABLE.name}" for name in sorted(names - bases))
    yield from (f"{name} has a row in {TABLE.name} and is not registered" for name in sorted(bases - names))
    for name, kind in metrics.items():
        if not name.endswith(SUFFIX[kind]):
            yield f"{name} is called a {kind}, whose name ends in {SUFFIX[kind]}"


if __name__ == "__main__":
    sys.exit(main())
