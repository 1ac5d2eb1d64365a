#!/usr/bin/env python3
"""Runs all tests of the workspace, the quick ones first, and ends with one line that says how many passed and failed.

usage: .ci/tests.py CARGO TEST-COMMAND…, as in `.ci/tests.py cargo test`
"""

import re
import subprocess
import sys

# Every run selects the whole workspace: another selection would be another choice of features, compiled anew.
RUNS = [
    ("unit tests", ["--workspace", "--lib", "--bins"]),
    ("integration tests, real processes last", ["--workspace", "--test", "*"]),
    ("examples in documentation", ["--workspace", "--doc"]),
]
RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;")
FAILED_TEST = re.compile(r"^test (.+) \.\.\. FAILED$")


def main(command: list[str]) -> int:
    passed = failed = ignored = 0
    names = []
    for title, selection in RUNS:
        print(f"== {title}", flush=True)
        process = subprocess.Popen(
            [*command, "--no-fail-fast", *selection],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        failed_here = 0
        for line in process.stdout:
            print(line, end="", flush=True)
            if result := RESULT.match(line):
                passed += int(result[1])
                failed_here += int(result[2])
                ignored += int(result[3])
            elif test := FAILED_TEST.match(line):
                names.append(test[1])
        if process.wait() != 0 and failed_here == 0:
            # It did not compile, or a test binary was killed: not a success.
            failed_here = 1
            names.append(f"{title}: broke off with exit code {process.returncode}")
        failed += failed_here
    for name in names:
        print(f"FAILED {name}")
    print(f"{passed} passed, {failed} failed" + (f", {ignored} skipped" if ignored else ""), flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
