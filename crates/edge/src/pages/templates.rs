//! Loading templates and rendering pages with them.
//!
//! Escaping is always on, and a variable that is not there is an error: neither may ever be switched off for one page.

use std::fs;
use std::path::Path;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use handlebars::Handlebars;
use include_dir::{Dir, include_dir};
use lychgate_api::Reason;
use lychgate_process::ConfigError;
use sha2::{Digest, Sha256};

use super::{AccountPage, ConsentPage, ErrorPage, Page, RememberedPage, SignInPage, SignedInPage};
use crate::failure::Failure;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../templates");

/// The templates and the style sheet.
#[derive(Debug)]
pub(crate) struct Pages {
    templates: Handlebars<'static>,
    css: Bytes,
    stylesheet: String,
}

impl Pages {
    /// The built-in files, each replaced by the one of the same name in `overrides`. Every page is rendered once, so that
    /// a broken template is found now and not in front of a person.
    pub(crate) fn load(overrides: Option<&Path>) -> Result<Self, ConfigError> {
        if let Some(directory) = overrides {
            refuse_unknown_files(directory)?;
        }
        let mut templates = Handlebars::new();
        templates.set_strict_mode(true);
        let mut css = String::new();
        for file in BUILT_IN.files() {
            let name = file.path().to_str().expect("the templates in this repository have plain names");
            let built_in = file.contents_utf8().expect("the templates in this repository are UTF-8");
            let text = match overrides.map(|directory| directory.join(name)).filter(|path| path.exists()) {
                Some(path) => fs::read_to_string(&path).map_err(|error| broken(&path.display().to_string(), error))?,
                None => built_in.to_owned(),
            };
            match name.strip_suffix(".hbs") {
                Some(stem) => templates.register_template_string(stem, text).map_err(|error| broken(name, error))?,
                None => css = text,
            }
        }
        let digest = URL_SAFE_NO_PAD.encode(&Sha256::digest(&css)[..12]);
        let pages = Self { templates, css: css.into(), stylesheet: format!("/assets/lychgate-{digest}.css") };
        pages.try_out::<ConsentPage>()?;
        pages.try_out::<RememberedPage>()?;
        pages.try_out::<SignedInPage>()?;
        pages.try_out::<ErrorPage>()?;
        pages.try_out::<AccountPage>()?;
        pages.try_out::<SignInPage>()?;
        Ok(pages)
    }

    pub(crate) fn render<P: Page>(&self, page: &P) -> Result<String, Failure> {
        self.templates.render(P::TEMPLATE, page).map_err(|error| {
            tracing::error!(%error, template = P::TEMPLATE, "a page could not be rendered");
            Failure::new(Reason::Fault)
        })
    }

    /// The style sheet's path; its name changes with its contents.
    pub(crate) fn stylesheet(&self) -> &str {
        &self.stylesheet
    }

    pub(crate) fn css(&self) -> Bytes {
        self.css.clone()
    }

    fn try_out<P: Page>(&self) -> Result<(), ConfigError> {
        for sample in P::samples() {
            self.templates.render(P::TEMPLATE, &sample).map_err(|error| {
                let template = error.template_name.clone().unwrap_or_else(|| P::TEMPLATE.to_owned());
                broken(&format!("{template}.hbs"), error)
            })?;
        }
        Ok(())
    }
}

/// A misspelt name would silently change nothing.
fn refuse_unknown_files(directory: &Path) -> Result<(), ConfigError> {
    let entries = fs::read_dir(directory).map_err(|error| broken(&directory.display().to_string(), error))?;
    for entry in entries {
        let name = entry.map_err(|error| broken(&directory.display().to_string(), error))?.file_name();
        let name = name.to_string_lossy();
        let is_ours = name.ends_with(".hbs") || name.ends_with(".css");
        if is_ours && BUILT_IN.get_file(name.as_ref()).is_none() {
            let problem = format!("{name} replaces nothing");
            let known: Vec<_> = BUILT_IN.files().map(|file| file.path().display().to_string()).collect();
            return Err(ConfigError::new("templates_dir", problem, format_args!("there are {}", known.join(", "))));
        }
    }
    Ok(())
}

fn broken(file: &str, error: impl std::fmt::Display) -> ConfigError {
    ConfigError::new("templates_dir", format_args!("{file}: {error}"), "repair the file, or remove it to use ours")
}
