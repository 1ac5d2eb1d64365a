"""Tests of language.py: which text of a file is prose, and of which kind."""

import unittest

import language


def prose(read, source):
    return [(prose.kind, prose.line, prose.text.strip()) for prose in read("file", source)]


class Rust(unittest.TestCase):
    def test_comments_are_joined_and_strings_are_none(self):
        source = 'fn f() {\n    // One\n    // sentence.\n    let s = "// not a comment";\n    let c = \'"\'; /* two */\n}\n'
        self.assertEqual(prose(language.of_rust, source), [("comment", 2, "One\nsentence."), ("comment", 5, "two")])

    def test_texts_of_logs_and_errors_are_found_and_other_strings_are_not(self):
        source = (
            'tracing::warn!(id = f("x"), "cannot read");\nprint("x");\nanyhow!(\n    "no {}", name);\n'
            '#[error("gone")]\nread().context("reading")?;\nwarn("x");\n'
        )
        self.assertEqual(
            prose(language.of_rust, source),
            [("log", 1, "x"), ("log", 1, "cannot read"), ("error", 4, "no {}"), ("error", 5, "gone"), ("error", 6, "reading")],
        )

    def test_documentation_of_what_clap_parses_is_help(self):
        source = "/// A verb.\n#[derive(Debug, Parser)]\nstruct Verb {\n    /// An option.\n    all: bool,\n}\n/// Not help.\nstruct Other;\n"
        kinds = [(kind, line) for kind, line, _ in prose(language.of_rust, source)]
        self.assertEqual(kinds, [("help", 1), ("help", 4), ("comment", 7)])

    def test_names_of_tests_are_prose(self):
        source = "#[tokio::test]\nasync fn expired_ticket_is_refused() {}\nfn helper() {}\n"
        self.assertEqual(prose(language.of_rust, source), [("test name", 2, "expired ticket is refused")])


class Others(unittest.TestCase):
    def test_a_marker_in_a_string_begins_no_comment(self):
        source = 'key = "a # b" # remark\n# comment\nurl = "https://x"\n'
        read = lambda file, source: language.of_lines(file, source, "#", "comment")
        self.assertEqual(prose(read, source), [("comment", 1, "remark\ncomment")])

    def test_code_in_markdown_is_no_prose(self):
        self.assertEqual(prose(language.of_markdown, "One.\n```\ncode\n```\nTwo."), [("markdown", 1, "One.\n\n\n\nTwo.")])


class Openings(unittest.TestCase):
    def count(self, text, kind="comment"):
        return len(language.openings_in(language.Prose("file", 1, kind, text)))

    def test_sentences_and_list_items_that_open_with_a_pronoun_count(self):
        self.assertEqual(self.count("What it is. Who asks? The rest is what it was.\n- That one\n\nWhether it is"), 4)

    def test_a_word_that_only_begins_alike_does_not_count(self):
        self.assertEqual(self.count("Whatever. Thatched. Is that so?"), 0)

    def test_log_lines_count_in_lower_case_too(self):
        self.assertEqual(self.count("what was lost", "log"), 1)
        self.assertEqual(self.count("what was lost", "markdown"), 0)


if __name__ == "__main__":
    unittest.main()
