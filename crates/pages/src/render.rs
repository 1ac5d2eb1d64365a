//! Loads templates, words and brands, and renders pages with them.
//!
//! Escaping is on, and a missing variable is an error, in a value and in a condition. Neither may be switched off for a single
//! page. Only `{{#each}}` and `{{#with}}` with an `{{else}}` take a missing variable as an empty one.

mod condition;
mod say;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use handlebars::{Handlebars, RenderError};
use lychgate_api::Reason;
use lychgate_process::ConfigError;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::brand::{Brand, Brands};
use crate::files::{self, Asset, Files};
use crate::message::Message;
use crate::page::{
    AccountPage, AllowedPage, ConsentPage, ErrorPage, HomePage, OneClickPage, Page, PageKind, SignInPage, SignedInPage,
};
use crate::render::condition::Condition;
use crate::render::say::{AllWords, Form, Speaker};
use crate::samples::Sampled;
use crate::value::Value;
use crate::words::{ENGLISH, Reader, WordError, Words};

/// Everything that decides how pages look and what they say besides their values.
#[derive(Debug)]
pub struct Appearance {
    templates: Handlebars<'static>,
    words: AllWords,
    brands: Brands,
    /// By file name: what is served below `/assets/`.
    assets: HashMap<String, Asset>,
    css: Asset,
}

/// Where and for which reader a page is rendered.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The issuer of the request; `None` if the request names none.
    pub issuer: Option<IssuerSetting<'a>>,
    /// The reader's languages.
    pub reader: &'a Reader,
}

/// An issuer, as pages need it.
#[derive(Clone, Copy, Debug)]
pub struct IssuerSetting<'a> {
    /// Its configured id, by which its brand is found.
    pub id: &'a str,
    /// Its display name.
    pub name: &'a str,
    /// The path of its URL without a final slash: "" or "/t".
    pub path: &'a str,
}

/// The values that all pages share, for `layout.hbs`.
#[derive(Debug, Serialize)]
struct Layout<'a> {
    /// The key of the brand's words, for the helpers.
    words: &'a str,
    /// The name of the language, for the helpers.
    language: &'a str,
    /// The attributes of the document.
    language_tag: String,
    direction: String,
    title: String,
    /// The path of the style sheet.
    stylesheet: &'a str,
    /// Empty if the request names no issuer.
    issuer_name: &'a str,
    /// Paths of the operator's images; empty without one.
    logo: &'a str,
    icon: &'a str,
    /// https or mailto URIs; empty without one.
    support_uri: &'a str,
    privacy_uri: &'a str,
    /// The link to the page of connected apps; leads nowhere if the request names no issuer.
    account_link: Value,
}

/// The variables of a template.
#[derive(Serialize)]
struct Variables<'a, P> {
    #[serde(flatten)]
    layout: Layout<'a>,
    #[serde(flatten)]
    page: &'a P,
}

/// A sample's name, and the page that it was rendered to.
#[derive(Debug)]
pub struct RenderedSample {
    /// The page's template.
    pub template: &'static str,
    /// Unique for the page.
    pub name: &'static str,
    /// The page, or the reason why it cannot be rendered.
    pub html: Result<String, Box<RenderError>>,
}

impl Appearance {
    /// Loads the built-in files, and those of an operator's directory over them: templates and the style sheet of the same
    /// name, `locales/LANGUAGE.ftl`, and `brands/ISSUER.toml` with its images. Renders samples of every page, so that a broken
    /// file is found now and not in front of a person.
    pub fn load(overrides: Option<&Path>) -> Result<Self, ConfigError> {
        let files = Files::load(overrides)?;
        let mut assets = HashMap::new();
        let css = Asset::current("text/css; charset=utf-8", files.css.clone().into());
        let stylesheet = add(&mut assets, "lychgate", "css", css.clone());
        let brands = Brands::load(overrides, &files.css, &stylesheet, &mut |stem, extension, asset| {
            add(&mut assets, stem, extension, asset)
        })?;
        let words = Arc::new(words(&files, &brands)?);
        let appearance = Self { templates: templates(&files, &words)?, words, brands, assets, css };
        appearance.check(&files)?;
        Ok(appearance)
    }

    /// Renders `page`.
    pub fn render<P: Page>(&self, setting: &Setting<'_>, page: &P) -> Result<String, RenderError> {
        let brand = setting.issuer.map(|issuer| self.brands.of(issuer.id, page.resource())).unwrap_or_default();
        self.render_branded(setting, &brand, page)
    }

    /// The file with this name, without `/assets/`. Every style sheet's name that is not known is answered with the current
    /// style sheet, so that pages of another version's edge keep their looks during a rolling update.
    pub fn asset(&self, file: &str) -> Option<Asset> {
        let of_another_version = || {
            let is_ours = file.starts_with("lychgate") && file.ends_with(".css");
            is_ours.then(|| Asset { is_current: false, ..self.css.clone() })
        };
        self.assets.get(file).cloned().or_else(of_another_version)
    }

    /// The icon of an issuer's brand.
    pub fn icon(&self, issuer: &str) -> Option<Asset> {
        let path = self.brands.of(issuer, None).icon?;
        self.assets.get(path.strip_prefix("/assets/")?).cloned()
    }

    /// The first of the languages separated by spaces that pages have, if any.
    pub fn language(&self, languages: &str) -> Option<&str> {
        self.words.get("")?.accepted(&Reader::new(languages, ""))
    }

    /// One English sentence about a failure, for clients of the API.
    pub fn failure_in_english(&self, reason: Reason) -> Result<String, WordError> {
        let message = Message::new(format!("{}.what", crate::page::error_id(reason)));
        self.words.get("").map_or_else(|| Err(WordError("no words".to_owned())), |words| words.plain(ENGLISH, &message))
    }

    /// All languages, by name.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.words.get("").into_iter().flat_map(Words::languages)
    }

    /// Every file below `/assets/`, by name.
    pub fn assets(&self) -> impl Iterator<Item = (&str, &Asset)> {
        self.assets.iter().map(|(name, asset)| (name.as_str(), asset))
    }

    /// The issuers that have a brand.
    pub fn branded_issuers(&self) -> impl Iterator<Item = &str> {
        self.brands.issuers()
    }

    /// Renders the samples of every page in one language, for an issuer with this id.
    pub fn render_samples(&self, issuer: &str, language: &str) -> Vec<RenderedSample> {
        PageKind::ALL.iter().flat_map(|kind| self.render_samples_of(*kind, issuer, language)).collect()
    }

    /// Renders the samples of one page.
    pub(crate) fn render_samples_of(&self, kind: PageKind, issuer: &str, language: &str) -> Vec<RenderedSample> {
        match kind {
            PageKind::Consent => self.rendered::<ConsentPage>(issuer, language),
            PageKind::OneClick => self.rendered::<OneClickPage>(issuer, language),
            PageKind::SignedIn => self.rendered::<SignedInPage>(issuer, language),
            PageKind::Allowed => self.rendered::<AllowedPage>(issuer, language),
            PageKind::SignIn => self.rendered::<SignInPage>(issuer, language),
            PageKind::Account => self.rendered::<AccountPage>(issuer, language),
            PageKind::Home => self.rendered::<HomePage>(issuer, language),
            PageKind::Error => self.rendered::<ErrorPage>(issuer, language),
        }
    }

    fn rendered<P: Sampled>(&self, issuer: &str, language: &str) -> Vec<RenderedSample> {
        let reader = Reader::new(language, "");
        let rendered = P::samples().into_iter().map(|sample| {
            let shown = IssuerSetting { id: issuer, name: "Example Gate", path: "" };
            let setting = Setting { issuer: sample.has_issuer.then_some(shown), reader: &reader };
            let html = self.render(&setting, &sample.page).map_err(Box::new);
            RenderedSample { template: P::KIND.template(), name: sample.name, html }
        });
        rendered.collect()
    }

    fn render_branded<P: Page>(
        &self,
        setting: &Setting<'_>,
        brand: &Brand<'_>,
        page: &P,
    ) -> Result<String, RenderError> {
        let key = setting.issuer.map(|issuer| issuer.id).filter(|id| self.words.contains_key(*id)).unwrap_or_default();
        let words = self.words.get(key).ok_or_else(|| word_error(WordError("no words".to_owned())))?;
        let language = words.choose(setting.reader, brand.language);
        let plain = |message: &Message| words.plain(language, message).map_err(word_error);
        let layout = Layout {
            words: key,
            language,
            language_tag: plain(&Message::new("language-tag"))?,
            direction: plain(&Message::new("direction"))?,
            title: plain(&page.title())?,
            stylesheet: brand.stylesheet.unwrap_or_else(|| self.brands.stylesheet()),
            issuer_name: brand.name.or(setting.issuer.map(|issuer| issuer.name)).unwrap_or_default(),
            logo: brand.logo.unwrap_or_default(),
            icon: brand.icon.unwrap_or_default(),
            support_uri: brand.support_uri.unwrap_or_default(),
            privacy_uri: brand.privacy_uri.unwrap_or_default(),
            account_link: Value::link(
                setting.issuer.map(|issuer| format!("{}/account", issuer.path)).unwrap_or_default(),
                Message::new("account-link"),
            ),
        };
        self.templates.render(P::KIND.template(), &Variables { layout, page })
    }

    /// Renders samples in English, and in every language and brand that the operator has changed: the built-in ones are
    /// complete.
    fn check(&self, files: &Files) -> Result<(), ConfigError> {
        let languages: BTreeSet<_> = files.changed_languages().chain([ENGLISH]).collect();
        let plain = languages.into_iter().map(|language| ("main", language));
        let branded = self.brands.issuers().flat_map(|issuer| {
            self.brands.changed_languages(issuer).chain([ENGLISH]).map(move |language| (issuer, language))
        });
        for (issuer, language) in plain.chain(branded).collect::<BTreeSet<_>>() {
            for RenderedSample { template, name, html } in self.render_samples(issuer, language) {
                html.map_err(|error| {
                    let template = error.template_name.as_deref().unwrap_or(template);
                    files::broken(&format!("{template}.hbs"), format_args!("{error} (sample {name:?} in {language})"))
                })?;
            }
        }
        Ok(())
    }
}

/// Keeps an asset under a name that changes with its content; returns its path.
fn add(assets: &mut HashMap<String, Asset>, stem: &str, extension: &str, asset: Asset) -> String {
    let digest = URL_SAFE_NO_PAD.encode(&Sha256::digest(&asset.content)[..12]);
    let name = format!("{stem}-{digest}.{extension}");
    let path = format!("/assets/{name}");
    assets.insert(name, asset);
    path
}

fn templates(files: &Files, words: &AllWords) -> Result<Handlebars<'static>, ConfigError> {
    let mut templates = Handlebars::new();
    templates.set_strict_mode(true);
    templates.register_helper("if", Box::new(Condition::If));
    templates.register_helper("unless", Box::new(Condition::Unless));
    for (name, form) in [("say", Form::Say), ("plain", Form::Plain), ("show", Form::Show)] {
        templates.register_helper(name, Box::new(Speaker { words: Arc::clone(words), form }));
    }
    for (stem, text) in &files.templates {
        let registered = templates.register_template_string(stem, text);
        registered.map_err(|error| files::broken(&format!("{stem}.hbs"), error))?;
    }
    Ok(templates)
}

/// The words without a brand, and those of every brand.
fn words(files: &Files, brands: &Brands) -> Result<HashMap<String, Words>, ConfigError> {
    let plain: BTreeMap<_, _> = files.locales.clone();
    let mut all = HashMap::new();
    for issuer in brands.issuers() {
        let mut layers = plain.clone();
        for (language, words) in brands.words(issuer) {
            layers.entry(language.clone()).or_default().push(Arc::clone(words));
        }
        let refused = |problem| files::broken(&format!("brands/{issuer}.toml"), problem);
        let language = brands.of(issuer, None).language;
        if let Some(language) = language.filter(|language| !layers.contains_key(*language)) {
            return Err(refused(format!("language: no page is in {language:?}")));
        }
        let words = Words::new(&layers, brands.translations(issuer)).map_err(refused)?;
        all.insert(issuer.to_owned(), words);
    }
    all.insert(String::new(), Words::new(&plain, HashMap::new()).map_err(|problem| files::broken("locales", problem))?);
    Ok(all)
}

fn word_error(error: WordError) -> RenderError {
    handlebars::RenderErrorReason::Other(error.to_string()).into()
}
