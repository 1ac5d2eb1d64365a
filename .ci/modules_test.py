"""Tests of modules.py, on a small crate in a temporary directory."""

import tempfile
import unittest
from pathlib import Path

import modules


def crate(files):
    """The references that `modules` reads from a crate with these files."""
    with tempfile.TemporaryDirectory() as directory:
        for name, text in files.items():
            path = Path(directory) / "src" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return modules.references(Path(directory))


class References(unittest.TestCase):
    def test_use_lines_and_paths_count_and_comments_and_strings_do_not(self):
        graph = crate({
            "lib.rs": "mod a; mod b; mod c; mod d;",
            "a.rs": "use crate::{b::{self, Thing as Other}, c};",
            "b.rs": 'fn f() { crate::d::g::<u8>(); /* crate::a::x */ let _ = "crate::c::x"; } // crate::a::x',
            "c.rs": "pub struct C;",
            "d.rs": "pub(in crate::a) fn g<T>() {}",
        })
        self.assertEqual(modules.between(graph, ()), {"a": {"b", "c"}, "b": {"d"}, "c": set(), "d": set()})

    def test_a_re_export_leads_to_the_module_that_defines_the_name(self):
        graph = crate({
            "lib.rs": "mod a; mod error; pub use error::Error; use crate::error as failure;",
            "a.rs": "use crate::Error;",
            "error.rs": "pub struct Error;",
        })
        self.assertEqual(graph[("a",)], {("error",)})

    def test_super_is_the_parent_and_what_it_imported(self):
        graph = crate({
            "lib.rs": "mod a; mod b;",
            "a.rs": "mod x; mod y; use crate::b::B; use y::*;",
            "a/x.rs": "use super::B; fn f() { super::g(); } use super::super::b; use super::Y;",
            "a/y.rs": "pub struct Y;",
            "b.rs": "pub struct B;",
        })
        self.assertEqual(graph[("a", "x")], {("a",), ("b",), ("a", "y")})

    def test_tests_and_programs_are_left_out(self):
        graph = crate({
            "lib.rs": "mod a; mod b; #[cfg(test)] mod tests;",
            "a.rs": "#[cfg(test)]\n#[expect(x)]\nmod inner { use crate::b::B; fn f() { {} } }\nfn g() {}",
            "b.rs": "use crate::a::g; pub struct B;",
            "tests.rs": "use crate::a;",
            "bin/program.rs": "use crate::a;",
            "main.rs": "use crate::a;",
        })
        self.assertEqual(graph, {(): set(), ("a",): set(), ("b",): {("a",)}})


class Circles(unittest.TestCase):
    def test_siblings_in_a_circle_are_found_at_every_level(self):
        graph = crate({
            "lib.rs": "mod a; mod b; mod c;",
            "a.rs": "mod x; mod y;",
            "a/x.rs": "use super::y::Y;",
            "a/y.rs": "use crate::b::B; use crate::a::x;",
            "b.rs": "use crate::c::C;",
            "c.rs": "use crate::a;",
        })
        self.assertEqual(modules.circles(graph), [((), ["a", "b", "c"]), (("a",), ["x", "y"])])

    def test_a_parent_and_its_children_may_refer_to_one_another(self):
        graph = crate({
            "lib.rs": "mod a; pub struct Root;",
            "a.rs": "mod x; use x::X; pub struct A; use crate::Root;",
            "a/x.rs": "use super::A; use crate::Root; pub struct X;",
        })
        self.assertEqual(modules.circles(graph), [])


if __name__ == "__main__":
    unittest.main()
