//! The files that decide how pages look: templates, style sheet and words, built in, each replaced by the operator's of the same
//! name; and the files below `/assets/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use include_dir::{Dir, include_dir};
use lychgate_process::ConfigError;

use crate::words::{self, Resource};

pub(crate) static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../templates");

/// Folders of an operator's directory.
const LOCALES: &str = "locales";
const BRANDS: &str = "brands";

/// A file below `/assets/`. Its name changes with its content.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes.
    pub content: Bytes,
    /// True if the name asked for is the one of this content; a page of another version's edge names another.
    pub is_current: bool,
}

impl Asset {
    pub(crate) fn current(content_type: &'static str, content: Bytes) -> Self {
        Self { content_type, content, is_current: true }
    }
}

/// The text of every file.
#[derive(Debug)]
pub(crate) struct Files {
    /// By the name without `.hbs`.
    pub(crate) templates: BTreeMap<String, String>,
    pub(crate) css: String,
    /// By language: the built-in messages, then the operator's.
    pub(crate) locales: BTreeMap<String, Vec<Resource>>,
    /// Languages with messages of the operator.
    changed: Vec<String>,
}

impl Files {
    pub(crate) fn load(overrides: Option<&Path>) -> Result<Self, ConfigError> {
        if let Some(directory) = overrides {
            refuse_unknown_files(directory)?;
        }
        let mut files =
            Self { templates: BTreeMap::new(), css: String::new(), locales: BTreeMap::new(), changed: Vec::new() };
        for file in BUILT_IN.files() {
            let name = file.path().to_string_lossy();
            let built_in = file.contents_utf8().ok_or_else(|| broken(&name, "is not UTF-8"))?;
            let text = match overrides.map(|directory| directory.join(&*name)).filter(|path| path.exists()) {
                Some(path) => read(&path)?,
                None => built_in.to_owned(),
            };
            match name.strip_suffix(".hbs") {
                Some(stem) => _ = files.templates.insert(stem.to_owned(), text),
                None => files.css = text,
            }
        }
        for file in BUILT_IN.get_dir(LOCALES).into_iter().flat_map(Dir::files) {
            let name = file.path().to_string_lossy();
            let text = file.contents_utf8().ok_or_else(|| broken(&name, "is not UTF-8"))?;
            files.add_messages(file.path(), text.to_owned())?;
        }
        if let Some(directory) = overrides.map(|directory| directory.join(LOCALES)).filter(|path| path.is_dir()) {
            for path in entries(&directory)? {
                let language = files.add_messages(&path, read(&path)?)?;
                files.changed.push(language);
            }
        }
        Ok(files)
    }

    /// Languages with messages of the operator.
    pub(crate) fn changed_languages(&self) -> impl Iterator<Item = &str> {
        self.changed.iter().map(String::as_str)
    }

    /// Adds the messages of `LANGUAGE.ftl`; returns the language.
    fn add_messages(&mut self, path: &Path, text: String) -> Result<String, ConfigError> {
        let name = path.display().to_string();
        let language = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".ftl"));
        let language = language.ok_or_else(|| broken(&name, "is not called LANGUAGE.ftl"))?;
        let messages = words::parse(text).map_err(|problem| broken(&name, problem))?;
        self.locales.entry(language.to_owned()).or_default().push(messages);
        Ok(language.to_owned())
    }
}

/// Refuses files that replace nothing: a misspelt name would otherwise have no effect.
fn refuse_unknown_files(directory: &Path) -> Result<(), ConfigError> {
    for path in entries(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_known = if path.is_dir() {
            [LOCALES, BRANDS].contains(&&*name)
        } else {
            BUILT_IN.get_file(name.as_ref()).is_some() || !(name.ends_with(".hbs") || name.ends_with(".css"))
        };
        if !is_known {
            let problem = format!("{name} replaces nothing");
            let known: Vec<_> = BUILT_IN.files().map(|file| file.path().display().to_string()).collect();
            let remedy = format_args!("there are {}, {LOCALES}/ and {BRANDS}/", known.join(", ")).to_string();
            return Err(ConfigError::new("templates_dir", problem, remedy));
        }
    }
    Ok(())
}

/// The files of a directory in the order of their names, without hidden ones.
pub(crate) fn entries(directory: &Path) -> Result<Vec<std::path::PathBuf>, ConfigError> {
    let name = directory.display().to_string();
    let entries = fs::read_dir(directory).map_err(|error| broken(&name, error))?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(|error| broken(&name, error))?;
    paths.retain(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')));
    paths.sort();
    Ok(paths)
}

pub(crate) fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|error| broken(&path.display().to_string(), error))
}

pub(crate) fn broken(file: &str, problem: impl std::fmt::Display) -> ConfigError {
    ConfigError::new(
        "templates_dir",
        format_args!("{file}: {problem}"),
        "repair the file, or remove it to use the built-in one",
    )
}
