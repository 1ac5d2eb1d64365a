#!/usr/bin/env python3
"""Holds every crate's direct dependencies against the table below: what may lead where is the architecture.

An arrow that is missing, one too many, a forbidden library or a name that is misspelt fails. To add a crate or an arrow,
change the table, and say in review why.
"""

import json
import subprocess
import sys
from dataclasses import dataclass, field


@dataclass
class Crate:
    arrows: set[str]
    """Exactly these crates of the workspace, no more and no fewer."""
    for_tests: set[str] = field(default_factory=set)
    """What its tests may use besides."""
    never: set[str] = field(default_factory=set)
    """Libraries it must not depend on directly, nor its tests unless listed for them."""


CRATES = {
    "lychgate-domain": Crate(set(), never={"tokio", "tonic", "prost", "serde"}),
    "lychgate-store": Crate({"lychgate-domain"}, {"lychgate-engine-suite"}, {"tonic", "axum", "rocksdb"}),
    "lychgate-engine-suite": Crate({"lychgate-store"}),
    "lychgate-engine-rocksdb": Crate({"lychgate-store"}, {"lychgate-engine-suite"}),
    "lychgate-api": Crate(set()),
    "lychgate-process": Crate(set()),
    "lychgate-control": Crate(
        {"lychgate-api", "lychgate-domain", "lychgate-store", "lychgate-process"},
        # Its tests break the store on purpose, and are the upstream.
        {"lychgate-engine-suite", "axum"},
        {"axum", "rocksdb"},
    ),
    "lychgate-edge": Crate({"lychgate-api", "lychgate-process"}),
    "lychgate": Crate(
        {"lychgate-api", "lychgate-process", "lychgate-control", "lychgate-engine-rocksdb"},
        # Its bench fills a database with millions of records before anybody asks.
        {"lychgate-store"},
    ),
    "lychgate-demo": Crate({"lychgate-process"}),
    "lychgate-fuzz-targets": Crate({"lychgate-domain"}),
    "e2e": Crate({"lychgate-api"}),
}


def main() -> int:
    metadata = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--no-deps", "--format-version", "1"], check=True, stdout=subprocess.PIPE
        ).stdout
    )
    packages = {package["name"]: package["dependencies"] for package in metadata["packages"]}
    problems = [f"{name} is in the workspace but not in the table" for name in packages.keys() - CRATES.keys()]
    problems += [f"{name} is in the table but not in the workspace" for name in CRATES.keys() - packages.keys()]
    for name, crate in CRATES.items():
        problems += [
            f"the table names {other}, which is no crate of this workspace, for {name}"
            for other in (crate.arrows | crate.for_tests) - crate.never - packages.keys()
        ]
        problems += violations(name, crate, packages.get(name, []), packages.keys())
    for problem in sorted(problems):
        print(f"arrows: {problem}", file=sys.stderr)
    if not problems:
        print(f"arrows: {len(CRATES)} crates depend on one another as they should")
    return 1 if problems else 0


def violations(name, crate, dependencies, workspace):
    tests = {dependency["name"] for dependency in dependencies if dependency["kind"] == "dev"}
    product = {dependency["name"] for dependency in dependencies if dependency["kind"] != "dev"}
    for other in crate.arrows - product:
        yield f"{name} must depend on {other} and does not"
    for other in (product & workspace) - crate.arrows:
        yield f"{name} must not depend on {other}"
    for other in (tests & workspace) - crate.arrows - crate.for_tests:
        yield f"{name}'s tests must not depend on {other}"
    for library in (product & crate.never) | (tests & crate.never - crate.for_tests):
        yield f"{name} must not depend on {library}"


if __name__ == "__main__":
    sys.exit(main())
