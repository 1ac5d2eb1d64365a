"""Tests of links.py, on documents of this repository and on names that do not exist."""

import unittest
from pathlib import Path

import links

HERE = Path("docs/decisions/README.md")


class Links(unittest.TestCase):
    def test_a_link_leads_to_a_file_and_its_heading(self):
        self.assertEqual(links.link(HERE, "../threat-model.md#what-remains"), "")
        self.assertEqual(links.link(HERE, "../threat-model.md#nowhere"), "../threat-model.md#nowhere: there is no such heading")
        self.assertEqual(links.link(HERE, "../nowhere.md"), "../nowhere.md does not exist")

    def test_links_that_leave_the_repository_are_not_checked(self):
        self.assertIsNone(links.link(HERE, "https://example.com/nowhere"))


class Names(unittest.TestCase):
    def test_a_path_in_a_crate_and_its_item_exist(self):
        self.assertEqual(links.named(HERE, "edge/lib.rs"), "")
        self.assertEqual(links.named(HERE, "edge/nowhere.rs"), "there is no edge/nowhere.rs")
        self.assertEqual(links.named(HERE, "edge/lib.rs", "Nothing"), "there is no Nothing in edge/lib.rs")

    def test_other_text_with_a_slash_is_not_checked(self):
        self.assertIsNone(links.named(HERE, "text/html"))


if __name__ == "__main__":
    unittest.main()
