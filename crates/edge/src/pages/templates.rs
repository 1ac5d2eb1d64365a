//! Loads templates and renders pages with them.
//!
//! Escaping is on, and a missing variable is an error, in a value and in a condition. Neither may be switched off for a single
//! page. Only `{{#each}}` and `{{#with}}` with an `{{else}}` take a missing variable as an empty one.

use std::fs;
use std::path::Path;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use handlebars::{Handlebars, RenderError};
use include_dir::{Dir, include_dir};
use lychgate_api::Reason;
use lychgate_process::ConfigError;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::condition::Condition;
use super::samples::Sampled;
use super::{Layout, Page, PageKind};
use crate::failure::Failure;

pub(super) static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../templates");

/// The templates and the style sheet.
#[derive(Debug)]
pub(crate) struct Pages {
    templates: Handlebars<'static>,
    css: Bytes,
    /// The path of the style sheet.
    stylesheet: String,
}

impl Pages {
    /// Loads the built-in files, each replaced by the one of the same name in `overrides`. Renders every sample, so that a
    /// broken template is found now and not in front of a person.
    pub(crate) fn load(overrides: Option<&Path>) -> Result<Self, ConfigError> {
        if let Some(directory) = overrides {
            refuse_unknown_files(directory)?;
        }
        let mut templates = Handlebars::new();
        templates.set_strict_mode(true);
        templates.register_helper("if", Box::new(Condition::If));
        templates.register_helper("unless", Box::new(Condition::Unless));
        let mut css = String::new();
        for file in BUILT_IN.files() {
            let name = file.path().to_string_lossy();
            let built_in = file.contents_utf8().ok_or_else(|| broken(&name, "is not UTF-8"))?;
            let text = match overrides.map(|directory| directory.join(&*name)).filter(|path| path.exists()) {
                Some(path) => fs::read_to_string(&path).map_err(|error| broken(&path.display().to_string(), error))?,
                None => built_in.to_owned(),
            };
            match name.strip_suffix(".hbs") {
                Some(stem) => templates.register_template_string(stem, text).map_err(|error| broken(&name, error))?,
                None => css = text,
            }
        }
        let digest = URL_SAFE_NO_PAD.encode(&Sha256::digest(&css)[..12]);
        let pages = Self { templates, css: css.into(), stylesheet: format!("/assets/lychgate-{digest}.css") };
        for kind in PageKind::ALL {
            for RenderedSample { name, html } in kind.render_samples(&pages) {
                html.map_err(|error| {
                    let template = error.template_name.clone().unwrap_or_else(|| kind.template().to_owned());
                    broken(&format!("{template}.hbs"), format_args!("{error} (sample {name:?})"))
                })?;
            }
        }
        Ok(pages)
    }

    /// Renders `page`. `issuer_name` is empty if the request names no issuer.
    pub(crate) fn render<P: Page>(&self, issuer_name: &str, page: &P) -> Result<String, Failure> {
        self.try_render(issuer_name, page).map_err(|error| {
            tracing::error!(%error, template = P::KIND.template(), "cannot render a page");
            Failure::new(Reason::Fault)
        })
    }

    /// The style sheet's path, which changes with its content.
    pub(crate) fn stylesheet(&self) -> &str {
        &self.stylesheet
    }

    pub(crate) fn css(&self) -> Bytes {
        self.css.clone()
    }

    pub(super) fn render_samples<P: Sampled>(&self) -> Vec<RenderedSample> {
        let samples = P::samples().into_iter();
        let rendered = samples.map(|sample| RenderedSample {
            name: sample.name,
            html: self.try_render(sample.issuer_name, &sample.page).map_err(Box::new),
        });
        rendered.collect()
    }

    fn try_render<P: Page>(&self, issuer_name: &str, page: &P) -> Result<String, RenderError> {
        let layout = Layout { title: page.title(), stylesheet: &self.stylesheet, issuer_name };
        self.templates.render(P::KIND.template(), &Context { layout, page })
    }
}

/// A sample's name and what it was rendered to.
#[derive(Debug)]
pub(super) struct RenderedSample {
    pub(super) name: &'static str,
    pub(super) html: Result<String, Box<RenderError>>,
}

/// The variables of a template.
#[derive(Serialize)]
struct Context<'a, P> {
    #[serde(flatten)]
    layout: Layout<'a>,
    #[serde(flatten)]
    page: &'a P,
}

/// Refuses files that replace nothing: a misspelt name would otherwise have no effect.
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

fn broken(file: &str, problem: impl std::fmt::Display) -> ConfigError {
    ConfigError::new(
        "templates_dir",
        format_args!("{file}: {problem}"),
        "repair the file, or remove it to use the built-in one",
    )
}
