"""`.ci/cargo` compiles RocksDB once per machine, and fails if it is compiled again."""

import os
import pathlib
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).with_name("cargo")

# Stands for cargo: builds one archive per folder in $ARCHIVES, in the order of cargo's own files.
CARGO = """#!/bin/bash
for folder in ${ARCHIVES:-}; do
    out="$CARGO_TARGET_DIR/debug/build/librocksdb-sys-$folder"
    mkdir -p "$out/out"
    touch "$out/output"
    echo "$folder" > "$out/out/librocksdb.a"
    [[ -n "${UNFINISHED:-}" ]] || touch "$out/root-output"
done
echo "lib=${ROCKSDB_LIB_DIR:-} static=${ROCKSDB_STATIC:-} args=$*"
exit "${STATUS:-0}"
"""


class Cargo(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        cargo = self.root / "bin" / "cargo"
        cargo.parent.mkdir()
        cargo.write_text(CARGO)
        cargo.chmod(0o755)

    def run_script(self, *arguments, **variables):
        environment = {
            "PATH": f"{self.root}/bin:{os.environ['PATH']}",
            "XDG_CACHE_HOME": f"{self.root}/cache",
            "CARGO_TARGET_DIR": f"{self.root}/target",
            **variables,
        }
        return subprocess.run([SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=False)

    def kept(self):
        return [path.read_text().strip() for path in self.root.glob("cache/lychgate/rocksdb/*/librocksdb.a")]

    def test_the_first_build_is_kept_and_used_by_the_second(self):
        first = self.run_script("clippy", ARCHIVES="a")
        self.assertEqual((first.returncode, first.stdout), (0, "lib= static= args=clippy\n"), first.stderr)
        self.assertEqual(self.kept(), ["a"])
        second = self.run_script("build", "--bins")
        self.assertEqual(second.returncode, 0, second.stderr)
        self.assertRegex(second.stdout, r"lib=\S+/lychgate/rocksdb/\w{16} static=1 args=build --bins")

    def test_a_failed_build_keeps_what_it_finished_and_its_exit_code(self):
        self.assertEqual(self.run_script("test", ARCHIVES="a", STATUS="101").returncode, 101)
        self.assertEqual(self.kept(), ["a"])

    def test_an_unfinished_archive_is_not_kept(self):
        self.assertEqual(self.run_script("build", ARCHIVES="a", STATUS="130", UNFINISHED="1").returncode, 130)
        self.assertEqual(self.kept(), [])

    def test_two_builds_in_one_call_fail(self):
        twice = self.run_script("build", ARCHIVES="a b")
        self.assertEqual(twice.returncode, 1)
        self.assertIn("compiled 2 times where 1 would do", twice.stderr)

    def test_a_build_beside_the_kept_archive_fails(self):
        self.run_script("clippy", ARCHIVES="a")
        again = self.run_script("build", ARCHIVES="b")
        self.assertEqual(again.returncode, 1)
        self.assertIn("compiled 1 times where 0 would do", again.stderr)
        self.assertEqual(self.kept(), ["a"])


if __name__ == "__main__":
    unittest.main()
