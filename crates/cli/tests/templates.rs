//! `lychgate templates` as a program.

#![expect(clippy::expect_used, reason = "a test that panics has failed")]

use std::fs;
use std::process::{Command, Output};

fn templates(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lychgate")).arg("templates").args(arguments).output().expect("the program runs")
}

#[test]
fn built_in_files_pass_and_broken_ones_are_named() {
    let output = templates(&["check"]);
    assert!(output.status.success(), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stdout)
            .starts_with("ok: languages ar, de, en, es, fr, ja, pt, zh; brands none")
    );

    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("consent.hbs"), "{{no_such_thing}}").expect("a file");
    let output = templates(&["check", directory.path().to_str().expect("a plain path")]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("consent.hbs") && error.contains("no_such_thing") && error.lines().count() == 1, "{error}");
}

/// Every page in every language is written, with the style sheet beside it and the brand that was asked for.
#[test]
fn preview_writes_every_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let (own, output) = (directory.path().join("own"), directory.path().join("pages"));
    fs::create_dir_all(own.join("brands")).expect("a directory");
    fs::write(own.join("brands/main.toml"), "[brand]\nname = \"Notes Inc.\"\n").expect("a file");
    let (own, to) = (own.to_str().expect("a plain path"), output.to_str().expect("a plain path"));
    let written = templates(&["preview", to, "--templates", own]);
    assert!(written.status.success(), "{written:?}");
    let page = fs::read_to_string(output.join("de/consent-web.html")).expect("a page");
    assert!(page.contains("Notes Inc.") && page.contains("lang=\"de\""), "{page}");
    let style = page.split("href=\"../").nth(1).and_then(|rest| rest.split('"').next()).expect("a style sheet");
    assert!(output.join(style).exists(), "{style}");
    let index = fs::read_to_string(output.join("index.html")).expect("a list");
    assert_eq!(index.matches("consent-web.html").count(), 8);

    let nowhere = templates(&["preview", "/dev/null/pages"]);
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
}

#[test]
fn a_brand_of_none_of_the_named_issuers_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("brands")).expect("a directory");
    for issuer in ["main", "mian"] {
        fs::write(directory.path().join(format!("brands/{issuer}.toml")), "[brand]\nname = \"Notes\"\n")
            .expect("a file");
    }
    let own = directory.path().to_str().expect("a plain path");
    let refused = templates(&["check", own, "--issuer", "main", "--issuer", "second"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(error.contains("brands/mian.toml") && error.lines().count() == 1, "{error}");
    for good in [&["check", own][..], &["check", own, "--issuer", "main", "--issuer", "mian"]] {
        let output = templates(good);
        assert!(output.status.success(), "{output:?}");
    }
}
