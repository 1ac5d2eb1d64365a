"""Tests of metrics.py: what a file registers, and what the table lacks."""

import unittest

import metrics

TABLE = """
| metric | kind | labels | of | what it says |
|---|---|---|---|---|
| `a_calls_total` | counter | `outcome` | both | calls |
| `a_wait_seconds` | histogram | | edge | waits |
| `a_build_info` | info | `version` | both | the version |
| `an_age_seconds` | gauge | | edge | the age |
"""
KNOWN = metrics.documented(TABLE)


class Registered(unittest.TestCase):
    def test_names_have_their_unit(self):
        source = (
            'registry.register("a_calls", "Calls", x);\nregistry.register_with_unit("a_wait", help, Unit::Seconds, y);\n'
            'registry.register(\n    "a_build",\n    "V",\n    z,\n);\n'
            'encoder.encode_descriptor("an_age", help, Some(&Unit::Seconds), kind)?;\nencoder.encode_descriptor("b", help, None, kind)?;\n'
            "\n#[cfg(test)]\nmod tests {\n    registry.register(\"of_a_test\", \"T\", x);\n}\n"
        )
        self.assertEqual(list(metrics.registered(source)), ["a_calls", "a_wait_seconds", "a_build", "an_age_seconds", "b"])

    def test_table_and_code_have_the_same_metrics(self):
        names = {"a_calls", "a_wait_seconds", "a_build", "an_age_seconds"}
        self.assertEqual(list(metrics.differences(names, KNOWN)), [])
        self.assertEqual(len(list(metrics.differences(names | {"new"}, KNOWN))), 1)
        self.assertEqual(len(list(metrics.differences(names - {"a_build"}, KNOWN))), 1)

    def test_a_kind_has_its_suffix(self):
        wrong = metrics.documented("| `a_calls` | counter | | both | calls |\n")
        self.assertEqual(len(list(metrics.differences({"a_calls"}, wrong))), 1)


if __name__ == "__main__":
    unittest.main()
