#!/usr/bin/env python3
"""Counts words and sentence openings which make prose a riddle, and fails above a limit.

usage: .ci/language.py [--report] [--all] [PATH…]

Prose is: comments of Rust, protobuf, TOML, YAML, conf files and scripts; Markdown without code; and in Rust also the
strings of log macros and errors, the help of clap, and the names of tests. Pages for people are exempt. `--report` prints
counts for each folder, `--all` every offender instead of the first 40, PATHs restrict both.
"""

import argparse
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

RIDDLE = re.compile(r"\b(?:whoever|whatever|whomever|nobody|somebody|anybody|everybody|whom|whose)\b", re.IGNORECASE)
OPENING = re.compile(r"(?:\A\s*|[.!?]\s+)\b(What|Who|That|Whether|Whoever)\b")
MESSAGE_OPENING = re.compile(OPENING.pattern, re.IGNORECASE)
WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")

MOST_RIDDLES = 1.0  # per thousand words, over everything
MOST_OPENINGS = 0.6  # per thousand words of comments
# Kinds of prose in which a riddle word is an error wherever it stands.
STRICT = {"log", "error", "help", "proto", "readme"}

PAGES_FOR_PEOPLE = re.compile(r"^(templates/|crates/demo/pages/)")
# Written elsewhere: licences, and configuration.md, which repeats the comments of example files.
WRITTEN_ELSEWHERE = re.compile(r"^LICENSE|(^|/)node_modules/|^docs/configuration\.md$")


@dataclass
class Prose:
    file: str
    line: int
    kind: str
    text: str
    """May span lines: `line` is its first."""

    def at(self, offset):
        return f"{self.file}:{self.line + self.text.count(chr(10), 0, offset)}"


# Rust ------------------------------------------------------------------------------------------------------------------

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
    |b?r(?P<hashes>\#*)"(?P<raw>.*?)"(?P=hashes)
    |b?"(?P<string>(?:\\.|[^"\\])*)"
    |'(?:\\[^\n]+?|[^'\\\n])'
    |(?P<code>[A-Za-z0-9_]+|.)""",
    re.DOTALL | re.VERBOSE,
)
# A macro, attribute or method that takes texts for the log or for errors, up to its opening bracket.
TAKES_TEXT = re.compile(
    r"\b(?P<log>(?:tracing\s*::\s*)?(?:error|warn|info|debug|trace)!\s*\($)"
    r"|(?P<error>\#\[error\($|\b(?:anyhow|bail|ensure)!\s*\($|\.\s*(?:with_)?context\($)"
    r"|(?P<help>\#\[(?:arg|command|value|clap)\($)"
)
CLAP = re.compile(r"#\[derive\([^)]*\b(?:Parser|Subcommand|Args|ValueEnum)\b[^)]*\)\]")
TEST = re.compile(r"#\[(?:\w+::)*test\b[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:pub\s+)?(?:async\s+)?fn\s+(\w+)")


def of_rust(file, source):
    help_lines = set().union(*(lines_of_item(source, derive.start()) for derive in CLAP.finditer(source)))
    comments, texts = [], []
    code, depth, open_texts = "", 0, []
    line = 1
    for token in TOKEN.finditer(source):
        if comment := token["comment"]:
            kind = "help" if line in help_lines and comment.startswith("///") else "comment"
            comments.append(Prose(file, line, kind, re.sub(r"(?m)^\s*(?://[/!]?|/\*+!?|\*+/?)\s?|\*/$", "", comment)))
        elif (text := token["string"] if token["raw"] is None else token["raw"]) is not None:
            if open_texts:
                texts.append(Prose(file, line, open_texts[-1][1], text))
            code = ""
        elif part := token["code"]:
            code = (code + part)[-60:]
            if part in "([{":
                depth += 1
                if found := TAKES_TEXT.search(code):
                    open_texts.append((depth, found.lastgroup))
            elif part in ")]}":
                if open_texts and open_texts[-1][0] == depth:
                    open_texts.pop()
                depth -= 1
        line += token[0].count("\n")
    yield from blocks(comments)
    yield from texts
    for test in TEST.finditer(source):
        yield Prose(file, source.count("\n", 0, test.start(1)) + 1, "test name", test[1].replace("_", " "))


def lines_of_item(source, derive):
    """The lines of the item below a derive, and of the documentation above it."""
    first = source.count("\n", 0, derive) + 1
    lines = source.splitlines()
    while first > 1 and lines[first - 2].strip().startswith(("///", "#[")):
        first -= 1
    depth, last = 0, first
    for last in range(first, len(lines) + 1):
        code = re.sub(r'//.*|"(?:\\.|[^"\\])*"', "", lines[last - 1])
        depth += code.count("{") - code.count("}")
        if depth == 0 and last > first and re.search(r"[};]\s*$", code):
            break
    return set(range(first, last + 1))


# Everything else -------------------------------------------------------------------------------------------------------


def of_lines(file, source, marker, kind):
    """Comments that begin with `marker`, at the beginning of a line or after a space."""
    comments = []
    for number, line in enumerate(source.splitlines(), 1):
        code = re.sub(r'"(?:\\.|[^"\\])*"', lambda string: " " * len(string[0]), line)
        if not line.startswith("#!") and (found := re.search(rf"(?:^|\s){marker}+(?:\s|$)", code)):
            comments.append(Prose(file, number, kind, line[found.end() :]))
    yield from blocks(comments)


DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)


def of_python(file, source):
    yield from of_lines(file, DOCSTRING.sub(lambda doc: "\n" * doc[0].count("\n"), source), "#", "comment")
    for doc in DOCSTRING.finditer(source):
        yield Prose(file, source.count("\n", 0, doc.start()) + 1, "comment", doc[1])


def of_markdown(file, source):
    blank = lambda fence: "\n" * fence[0].count("\n")
    yield Prose(file, 1, "readme" if file == "README.md" else "markdown", re.sub(r"(?ms)^ *```.*?^ *```", blank, source))


def blocks(comments):
    """Joins comments on consecutive lines, so that a sentence is seen whole."""
    block = None
    for comment in comments:
        if block and block.kind == comment.kind and block.line + block.text.count("\n") + 1 == comment.line:
            block.text += "\n" + comment.text
        else:
            if block:
                yield block
            block = comment
    if block:
        yield block


def prose_of(file):
    path = ROOT / file
    source = path.read_text(errors="replace")
    script = source.startswith("#!") and path.suffix == ""
    match path.suffix:
        case ".rs":
            found = of_rust(file, source)
        case ".proto":
            found = of_lines(file, source, "//", "proto")
        case ".md":
            found = of_markdown(file, source)
        case ".py":
            found = of_python(file, source)
        case ".js" | ".mjs" | ".ts":
            found = of_lines(file, source, "//", "comment")
        case ".toml" | ".yaml" | ".yml" | ".conf" | ".sh":
            found = of_lines(file, source, "#", "comment")
        case _ if script or path.name == "Makefile":
            found = of_lines(file, source, "#", "comment")
        case _:
            return
    for prose in found:
        # Code is not prose; what it is replaced by has the same length, so that lines stay where they are.
        prose.text = re.sub(r"`[^`]*`", lambda code: re.sub(r"\S", "`", code[0]), prose.text)
        yield prose


# Counting --------------------------------------------------------------------------------------------------------------


@dataclass
class Count:
    words: int = 0
    riddles: int = 0
    strict: int = 0
    comment_words: int = 0
    openings: int = 0

    def add(self, prose, riddles, openings):
        words = len(WORD.findall(prose.text))
        self.words += words
        self.riddles += len(riddles)
        self.strict += len(riddles) if prose.kind in STRICT else 0
        if is_comment(prose):
            self.comment_words += words
        self.openings += len(openings)

    def riddles_per_thousand(self):
        return 1000 * self.riddles / max(self.words, 1)

    def openings_per_thousand(self):
        return 1000 * self.openings / max(self.comment_words, 1)


def is_comment(prose):
    return prose.kind in {"comment", "help", "proto"}


def openings_in(prose):
    """Sentences that open with a pronoun; a list item or a paragraph begins a sentence, too."""
    if prose.kind in {"log", "error"}:
        return list(MESSAGE_OPENING.finditer(prose.text))
    if not is_comment(prose):
        return []
    flat = re.sub(r"\n(?=\s*(?:[-*]\s|\n))", ".\n", prose.text)
    return list(OPENING.finditer(re.sub(r"(?m)^\s*[-*]\s", lambda item: " " * len(item[0]), flat)))


def folder_of(file):
    parts = file.split("/")
    depth = 4 if parts[:1] == ["crates"] and len(parts) > 4 and parts[2] == "src" else 3 if parts[:1] == ["crates"] else 2
    return "/".join(parts[: min(depth, len(parts) - 1)]) or "."


def main():
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--report", action="store_true", help="print counts for each folder")
    arguments.add_argument("--all", action="store_true", help="print every offender")
    arguments.add_argument("paths", nargs="*", metavar="PATH")
    options = arguments.parse_args()

    # Files that are not committed yet are prose, too.
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *options.paths], check=True, stdout=subprocess.PIPE, text=True
    )
    here = Path.cwd().resolve()
    total, folders, offenders, strict = Count(), defaultdict(Count), [], []
    for name in listed.stdout.splitlines():
        file = (here / name).relative_to(ROOT).as_posix()
        if not (ROOT / file).is_file() or PAGES_FOR_PEOPLE.match(file) or WRITTEN_ELSEWHERE.search(file) or file == ".ci/language.py":
            continue
        for prose in prose_of(file):
            riddles, openings = list(RIDDLE.finditer(prose.text)), openings_in(prose)
            for count in (total, folders[folder_of(file)]):
                count.add(prose, riddles, openings)
            for found in riddles:
                listing = strict if prose.kind in STRICT else offenders
                listing.append(f"{prose.at(found.start())}: {prose.kind}: {found[0]}")
            offenders += [f"{prose.at(found.start(1))}: {prose.kind} opens with {found[1]}" for found in openings]

    if options.report:
        print(f"{'folder':45} {'words':>7} {'riddle words':>13} {'‰':>5} {'not allowed':>12} {'openings':>9} {'‰':>5}")
        for folder, count in sorted(folders.items()):
            print(
                f"{folder:45} {count.words:7} {count.riddles:13} {count.riddles_per_thousand():5.1f}"
                f" {count.strict:12} {count.openings:9} {count.openings_per_thousand():5.1f}"
            )
    failed = total.riddles_per_thousand() > MOST_RIDDLES or total.openings_per_thousand() > MOST_OPENINGS or total.strict > 0
    if options.all or failed and not options.report:
        every = strict + offenders
        for offender in every if options.all else every[:40]:
            print(f"language: {offender}", file=sys.stderr)
        if not options.all and len(every) > 40:
            print(f"language: … and {len(every) - 40} more (.ci/language.py --all)", file=sys.stderr)
    print(
        f"language: {total.riddles} riddle words in {total.words}: {total.riddles_per_thousand():.2f} per thousand (at most {MOST_RIDDLES}), "
        f"{total.strict} in README, protos, logs, errors and help (none allowed); "
        f"{total.openings} openings: {total.openings_per_thousand():.2f} per thousand (at most {MOST_OPENINGS})"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
