"""Tests of conformance.py on small documents."""

import unittest

import conformance

HEAD = "## A text\n\n| row | status | tests |\n|---|---|---|\n"


def problems(*rows: str) -> list[str]:
    return list(conformance.standards(HEAD + "\n".join(rows), {"a_known_test"}))


class Standards(unittest.TestCase):
    def test_a_row_names_tests_that_exist(self):
        self.assertEqual(problems("| 1 | holds | `a_known_test` |", "| 2 | missing | |"), [])
        self.assertEqual(problems("| 1 | holds | `another_test` |"), ["5: there is no test another_test"])

    def test_a_row_that_holds_names_a_test_and_a_missing_one_none(self):
        self.assertEqual(problems("| 1 | in part | |"), ["5: 1 is said to be held, but no test is named"])
        self.assertEqual(problems("| 1 | missing | `a_known_test` |"), ["5: 1 is not built, but tests are named"])

    def test_a_row_has_one_status_that_is_known_and_all_its_cells(self):
        self.assertEqual(len(problems("| 1 | perhaps | `a_known_test` |")), 1)
        self.assertEqual(problems("| 1 | holds |"), ["5: the row has 2 cells, its table 3 columns"])

    def test_a_row_stands_once_in_its_section(self):
        self.assertEqual(problems("| 1 | yours | |", "| 1 | yours | |"), ["6: 1 has a row already"])


if __name__ == "__main__":
    unittest.main()
