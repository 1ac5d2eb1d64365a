//! Brands: an operator's name, images, colours, links and words, for an issuer and for single resources of it.
//!
//! A brand is a file `brands/ISSUER.toml` in the directory of templates; `docs/pages.md` shows every key. Colours that cannot
//! be read on each other are refused when the file is loaded.

mod colour;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use lychgate_process::{ConfigError, config};
use serde::Deserialize;

use crate::files::{Asset, entries};
use crate::value::Own;
use crate::words::{self, Resource};

/// The largest image, in bytes: a page with its style sheet and images stays small.
const MAX_IMAGE: usize = 16 * 1024;

/// The file of an issuer's brand.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BrandFile {
    brand: BrandTable,
    /// The language of pages for readers who accept none of the pages' languages.
    language: Option<String>,
    /// By language, then by message id: Fluent patterns.
    words: BTreeMap<String, BTreeMap<String, String>>,
    resources: Vec<ResourceFile>,
}

/// A resource of the issuer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceFile {
    uri: String,
    /// Laid over the issuer's brand on pages about this resource.
    #[serde(default)]
    brand: BrandTable,
    /// By language: its name.
    #[serde(default)]
    names: BTreeMap<String, String>,
    /// By scope, then by language: its description.
    #[serde(default)]
    scopes: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BrandTable {
    name: Option<String>,
    logo: Option<PathBuf>,
    icon: Option<PathBuf>,
    support_uri: Option<String>,
    privacy_uri: Option<String>,
    light: Option<colour::Colours>,
    dark: Option<colour::Colours>,
}

/// The brand of a page. What it leaves out is Lychgate's own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Brand<'a> {
    pub(crate) name: Option<&'a str>,
    /// Paths.
    pub(crate) logo: Option<&'a str>,
    pub(crate) icon: Option<&'a str>,
    pub(crate) stylesheet: Option<&'a str>,
    pub(crate) support_uri: Option<&'a str>,
    pub(crate) privacy_uri: Option<&'a str>,
    pub(crate) language: Option<&'a str>,
}

/// A brand with its images loaded.
#[derive(Debug, Default)]
struct Loaded {
    name: Option<String>,
    logo: Option<String>,
    icon: Option<String>,
    stylesheet: Option<String>,
    support_uri: Option<String>,
    privacy_uri: Option<String>,
}

#[derive(Debug)]
struct IssuerBrand {
    own: Loaded,
    /// By resource URI.
    resources: HashMap<String, Loaded>,
    language: Option<String>,
    words: BTreeMap<String, Resource>,
    translations: HashMap<String, HashMap<String, String>>,
}

/// All brands, by issuer.
#[derive(Debug)]
pub(crate) struct Brands {
    issuers: BTreeMap<String, IssuerBrand>,
    /// The path of the style sheet without a brand.
    stylesheet: String,
}

/// Keeps a file (stem of its name, extension, content) and returns its path.
type AddAsset<'a> = &'a mut dyn FnMut(&str, &str, Asset) -> String;

impl Brands {
    pub(crate) fn load(
        overrides: Option<&Path>,
        css: &str,
        stylesheet: &str,
        add: AddAsset<'_>,
    ) -> Result<Self, ConfigError> {
        let mut issuers = BTreeMap::new();
        if let Some(directory) = overrides.map(|directory| directory.join("brands")).filter(|path| path.is_dir()) {
            for path in entries(&directory)? {
                if path.extension().is_some_and(|extension| extension == "toml") {
                    let issuer = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                    let brand = load(&path, css, add).map_err(|error| error.in_file(&path))?;
                    issuers.insert(issuer, brand);
                }
            }
        }
        Ok(Self { issuers, stylesheet: stylesheet.to_owned() })
    }

    /// The brand of an issuer's page, about `resource` if it is about one.
    pub(crate) fn of(&self, issuer: &str, resource: Option<&str>) -> Brand<'_> {
        let Some(brand) = self.issuers.get(issuer) else { return Brand::default() };
        let (own, over) = (&brand.own, resource.and_then(|uri| brand.resources.get(uri)));
        let pick = |field: fn(&Loaded) -> Option<&str>| over.and_then(field).or_else(|| field(own));
        Brand {
            name: pick(|brand| brand.name.as_deref()),
            logo: pick(|brand| brand.logo.as_deref()),
            icon: pick(|brand| brand.icon.as_deref()),
            stylesheet: pick(|brand| brand.stylesheet.as_deref()),
            support_uri: pick(|brand| brand.support_uri.as_deref()),
            privacy_uri: pick(|brand| brand.privacy_uri.as_deref()),
            language: brand.language.as_deref(),
        }
    }

    pub(crate) fn stylesheet(&self) -> &str {
        &self.stylesheet
    }

    pub(crate) fn issuers(&self) -> impl Iterator<Item = &str> {
        self.issuers.keys().map(String::as_str)
    }

    /// The brand's own messages, by language.
    pub(crate) fn words(&self, issuer: &str) -> impl Iterator<Item = (&String, &Resource)> {
        self.issuers.get(issuer).into_iter().flat_map(|brand| &brand.words)
    }

    /// Names of resources and descriptions of scopes: by language, then by key.
    pub(crate) fn translations(&self, issuer: &str) -> HashMap<String, HashMap<String, String>> {
        self.issuers.get(issuer).map(|brand| brand.translations.clone()).unwrap_or_default()
    }

    /// Languages in which the brand changes a message.
    pub(crate) fn changed_languages(&self, issuer: &str) -> impl Iterator<Item = &str> {
        self.words(issuer).map(|(language, _)| language.as_str())
    }
}

fn load(path: &Path, css: &str, add: AddAsset<'_>) -> Result<IssuerBrand, ConfigError> {
    let file: BrandFile = config::load(path)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let words = file.words.iter().map(|(language, messages)| {
        let text: String = messages.iter().map(|(id, pattern)| message(id, pattern)).collect();
        let parsed = words::parse(text).map_err(|problem| refused(&format!("words.{language}"), problem))?;
        Ok((language.clone(), parsed))
    });
    let mut resources = HashMap::new();
    let mut translations: HashMap<String, HashMap<String, String>> = HashMap::new();
    for (n, resource) in file.resources.iter().enumerate() {
        let over = file.brand.clone().under(resource.brand.clone());
        let loaded = load_table(&over, &format!("resources[{n}].brand"), directory, css, add)?;
        resources.insert(resource.uri.clone(), loaded);
        for (language, name) in &resource.names {
            translations.entry(language.clone()).or_default().insert(Own::resource(&resource.uri), name.clone());
        }
        for (scope, languages) in &resource.scopes {
            for (language, description) in languages {
                let key = Own::scope(&resource.uri, scope);
                translations.entry(language.clone()).or_default().insert(key, description.clone());
            }
        }
    }
    Ok(IssuerBrand {
        own: load_table(&file.brand, "brand", directory, css, add)?,
        resources,
        language: file.language,
        words: words.collect::<Result<_, ConfigError>>()?,
        translations,
    })
}

impl BrandTable {
    /// The table with `over` laid over it.
    fn under(self, over: Self) -> Self {
        Self {
            name: over.name.or(self.name),
            logo: over.logo.or(self.logo),
            icon: over.icon.or(self.icon),
            support_uri: over.support_uri.or(self.support_uri),
            privacy_uri: over.privacy_uri.or(self.privacy_uri),
            light: over.light.or(self.light),
            dark: over.dark.or(self.dark),
        }
    }
}

fn load_table(
    table: &BrandTable,
    key: &str,
    directory: &Path,
    css: &str,
    add: AddAsset<'_>,
) -> Result<Loaded, ConfigError> {
    let mut image = |name: &str, file: &Option<PathBuf>| match file {
        Some(file) => load_image(&directory.join(file), &format!("{key}.{name}"), add).map(Some),
        None => Ok(None),
    };
    let (logo, icon) = (image("logo", &table.logo)?, image("icon", &table.icon)?);
    let branded = colour::style_sheet(table.light.as_ref(), table.dark.as_ref())
        .map_err(|problem| refused(&format!("{key}.{}", problem.key), problem.text))?;
    let stylesheet = (!branded.is_empty())
        .then(|| add("lychgate", "css", Asset::current("text/css; charset=utf-8", format!("{css}\n{branded}").into())));
    Ok(Loaded {
        name: table.name.clone(),
        logo,
        icon,
        stylesheet,
        support_uri: link(&table.support_uri, &format!("{key}.support_uri"))?,
        privacy_uri: link(&table.privacy_uri, &format!("{key}.privacy_uri"))?,
    })
}

/// The image's path below `/assets/`.
fn load_image(path: &Path, key: &str, add: AddAsset<'_>) -> Result<String, ConfigError> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let (content_type, magic): (_, &[u8]) = match extension {
        "png" => ("image/png", b"\x89PNG"),
        "webp" => ("image/webp", b"RIFF"),
        "jpg" => ("image/jpeg", b"\xff\xd8\xff"),
        _ => return Err(refused(key, "is neither a .png, a .webp nor a .jpg file")),
    };
    let content = fs::read(path).map_err(|error| refused(key, format_args!("{}: {error}", path.display())))?;
    if content.len() > MAX_IMAGE {
        return Err(refused(key, format_args!("has {} bytes, and {MAX_IMAGE} are the most", content.len())));
    }
    if !content.starts_with(magic) {
        return Err(refused(key, format_args!("is no {content_type}")));
    }
    Ok(add("image", extension, Asset::current(content_type, content.into())))
}

/// An https or mailto URI.
fn link(uri: &Option<String>, key: &str) -> Result<Option<String>, ConfigError> {
    match uri {
        Some(uri) if !(uri.starts_with("https://") || uri.starts_with("mailto:")) => {
            Err(refused(key, "is neither an https nor a mailto URI"))
        }
        other => Ok(other.clone()),
    }
}

/// A line of Fluent.
fn message(id: &str, pattern: &str) -> String {
    match id.split_once('.') {
        Some((id, attribute)) => format!("{id} =\n    .{attribute} = {}\n", indented(pattern)),
        None => format!("{id} = {}\n", indented(pattern)),
    }
}

fn indented(pattern: &str) -> String {
    pattern.lines().collect::<Vec<_>>().join("\n        ")
}

fn refused(key: &str, problem: impl std::fmt::Display) -> ConfigError {
    ConfigError::new(key, problem, "repair it, or remove it to use the built-in one")
}

#[cfg(test)]
mod tests;
