#!/usr/bin/env python3
"""Holds dependencies against two tables: those of each crate, and inside some crates those of each folder.

An arrow that is missing, one too many, a forbidden library, a misspelt name or a circle of modules fails. To add a crate, a
folder or an arrow, change the table, and say in review why. `.ci/arrows.py --print CRATE` prints the rows of a crate's
folders as they are.
"""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import modules

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Crate:
    arrows: set[str]
    """Exactly these crates of the workspace, no more and no fewer."""
    for_tests: set[str] = field(default_factory=set)
    """Crates and libraries that its tests may use besides."""
    never: set[str] = field(default_factory=set)
    """Libraries it must not depend on directly, nor its tests unless listed for them."""


CRATES = {
    "lychgate-clock": Crate(set(), never={"tokio"}),
    "lychgate-domain": Crate({"lychgate-clock"}, never={"tokio", "tonic", "prost", "serde"}),
    "lychgate-engine": Crate({"lychgate-clock"}, never={"prost", "tonic", "axum", "rocksdb"}),
    "lychgate-engine-suite": Crate({"lychgate-engine"}, never={"prost"}),
    "lychgate-engine-postgres": Crate({"lychgate-engine"}, {"lychgate-engine-suite", "lychgate-test-postgres"}, {"prost"}),
    "lychgate-engine-rocksdb": Crate({"lychgate-engine"}, {"lychgate-engine-suite"}, {"prost"}),
    "lychgate-store": Crate(
        {"lychgate-domain", "lychgate-engine"}, {"lychgate-engine-suite"}, {"tonic", "axum", "rocksdb"}
    ),
    "lychgate-api": Crate(set()),
    "lychgate-process": Crate(set()),
    "lychgate-control": Crate(
        {"lychgate-api", "lychgate-domain", "lychgate-engine", "lychgate-store", "lychgate-process"},
        # Its tests break the store on purpose, and are the upstream.
        {"lychgate-engine-suite", "axum"},
        {"axum", "rocksdb"},
    ),
    # Its tests are the servers that it judges.
    "lychgate-check": Crate({"lychgate-process"}, {"axum"}, {"axum", "tonic"}),
    "lychgate-pages": Crate({"lychgate-api", "lychgate-process"}, never={"axum", "tonic", "tokio"}),
    "lychgate-edge": Crate({"lychgate-api", "lychgate-pages", "lychgate-process"}),
    "lychgate": Crate(
        {
            "lychgate-api",
            "lychgate-check",
            "lychgate-process",
            "lychgate-control",
            "lychgate-engine-postgres",
            # It opens the stores that it copies.
            "lychgate-engine",
            "lychgate-engine-rocksdb",
            "lychgate-pages",
            "lychgate-store",
        },
        # A test compares the tables of edge and control. A bench compares engines.
        {"lychgate-edge", "lychgate-test-postgres"},
    ),
    "lychgate-demo": Crate({"lychgate-process"}),
    "lychgate-fuzz-targets": Crate({"lychgate-domain"}),
    "lychgate-test-postgres": Crate(set(), never={"tokio", "tokio-postgres"}),
    "e2e": Crate({"lychgate-api"}, {"lychgate-engine", "lychgate-test-postgres"}),
}

# For each folder of crates/*, and each file that is none's: the siblings it refers to, no more and no fewer. Modules of a
# crate that stands here form no circle, at any level; only a parent and its children may refer to one another.
FOLDERS: dict[str, dict[str, str]] = {
    "control": {
        "event_log": "",
        "ground": "",
        "metrics": "",
        "client_metadata": "ground",
        "feed": "ground",
        "refreshes": "",
        "keys": "ground",
        "config": "client_metadata ground",
        "limits": "config ground",
        "upstream": "config ground limits metrics",
        "issuers": "config ground keys metrics upstream",
        "node": "config ground",
        "state": "client_metadata event_log feed ground issuers limits metrics node refreshes",
        "clients": "client_metadata ground state",
        "events": "ground keys state",
        "registration": "ground issuers limits state",
        "checkup": "state",
        "admin": "checkup clients ground issuers keys node state",
        "consents": "clients events feed ground state",
        "jobs": "config events ground issuers node state upstream",
        "next": "clients ground",
        "token": "client_metadata clients ground issuers metrics state upstream",
        "account": "ground issuers limits next state upstream",
        "flow": "account client_metadata clients ground issuers limits metrics next state upstream",
        "grpc": "account admin checkup clients consents events feed flow ground issuers keys next registration state token",
        "serve": "client_metadata config event_log feed ground grpc issuers jobs limits metrics node refreshes state",
    },
    "edge": {
        "client_address": "",
        "entropy": "",
        "failure": "",
        "metrics": "",
        "control": "entropy failure",
        "http": "failure",
        "issuers": "control",
        "limits": "client_address failure http",
        "config": "client_address control limits",
        "pages": "failure issuers",
        "request_context": "client_address control entropy failure http issuers",
        "app": "client_address control issuers limits metrics pages",
        "credentials": "config control",
        "middleware": "client_address entropy failure http issuers limits metrics pages request_context",
        "handlers": "app entropy failure http issuers limits request_context",
        "router": "app failure handlers limits middleware request_context",
        "server": "app config control credentials issuers limits metrics pages router",
    },
    "pages": {
        "message": "",
        "value": "message",
        "return_link": "message value",
        "page": "message return_link value",
        "samples": "page return_link",
        "words": "message value",
        "files": "words",
        "brand": "files value words",
        "render": "brand files message page samples value words",
    },
    "check": {
        "fetch": "",
        "rules": "",
        "server": "",
        "report": "rules",
        "page_headers": "fetch report rules",
        "scan": "fetch report rules",
        "authorization": "fetch page_headers rules scan",
        "client": "authorization server",
        "checks": "authorization client fetch report rules scan server",
    },
    "cli": {
        "probe": "",
        "dev": "probe",
        "engine": "",
        "operator": "engine",
        "templates": "",
        "health": "probe",
        "command": "dev health operator templates",
        "control": "engine",
    },
    "domain": {
        "codec": "",
        "confusable": "",
        "display": "",
        "entropy": "",
        "id": "",
        "lifetimes": "",
        "origin": "",
        "refusal": "",
        "secret": "",
        "capacity": "refusal",
        "website": "confusable display origin",
        "keys": "lifetimes",
        "scope": "refusal",
        "subject": "id",
        "client": "confusable display id keys origin refusal secret website",
        "issuer": "client id keys lifetimes origin refusal scope subject",
        "authentication": "client id issuer keys refusal",
        "browser": "codec display entropy id issuer keys refusal subject",
        "checkup": "browser entropy id issuer keys",
        "registration": "client display id issuer keys origin refusal secret",
        "request": "client codec entropy id issuer keys refusal scope",
        "upstream": "codec entropy id issuer keys refusal request scope secret subject",
        "consent": "client id issuer keys lifetimes refusal request scope subject",
        "account": "browser codec consent entropy id issuer keys refusal subject upstream",
        "event": "consent display id issuer keys subject",
        "flow": "authentication browser client consent id issuer keys lifetimes refusal request scope secret subject upstream",
        "token": "authentication client consent flow id issuer keys lifetimes refusal scope secret subject upstream",
        "revocation": "consent flow id subject token upstream",
    },
}


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--print"]:
        for crate in arguments[1:]:
            arrows = modules.between(modules.references(ROOT / "crates" / crate), ())
            print(f'    "{crate}": {{')
            for folder in by_depth(arrows):
                print(f'        "{folder}": "{" ".join(sorted(arrows[folder]))}",')
            print("    },")
        return 0
    problems = [*crate_problems(), *folder_problems()]
    for problem in sorted(problems):
        print(f"arrows: {problem}", file=sys.stderr)
    if not problems:
        folders = sum(len(table) for table in FOLDERS.values())
        print(f"arrows: {len(CRATES)} crates, and {folders} folders inside {len(FOLDERS)} of them, depend on one another as they should")
    return 1 if problems else 0


def crate_problems():
    metadata = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--no-deps", "--format-version", "1"], check=True, stdout=subprocess.PIPE
        ).stdout
    )
    packages = {package["name"]: package["dependencies"] for package in metadata["packages"]}
    yield from (f"{name} is in the workspace but not in the table" for name in packages.keys() - CRATES.keys())
    yield from (f"{name} is in the table but not in the workspace" for name in CRATES.keys() - packages.keys())
    for name, crate in CRATES.items():
        yield from (
            f"the table names {other}, which is no crate of this workspace, for {name}"
            for other in (crate.arrows | crate.for_tests) - crate.never - packages.keys()
        )
        yield from violations(name, crate, packages.get(name, []), packages.keys())


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


def folder_problems():
    for crate, table in FOLDERS.items():
        graph = modules.references(ROOT / "crates" / crate)
        arrows = modules.between(graph, ())
        yield from (f"{crate}: {name} is in the crate but not in the table" for name in arrows.keys() - table.keys())
        yield from (f"{crate}: {name} is in the table but not in the crate" for name in table.keys() - arrows.keys())
        for name in arrows.keys() & table.keys():
            allowed = set(table[name].split())
            yield from (f"{crate}: {name} must not refer to {other}" for other in arrows[name] - allowed)
            yield from (f"{crate}: {name} refers to {other} only in the table" for other in allowed - arrows[name])
        for parent, names in modules.circles(graph):
            yield f"{'::'.join((crate, *parent))}: {', '.join(names)} refer to one another in a circle"


def by_depth(arrows):
    """The lowest first: each stands below all that it refers to, as far as there is no circle."""
    ordered, left = [], dict(arrows)
    while left:
        ready = sorted(name for name in left if not left[name] & left.keys()) or sorted(left)[:1]
        ordered += ready
        left = {name: targets for name, targets in left.items() if name not in ready}
    return ordered


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
