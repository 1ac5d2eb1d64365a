//! A browser for tests that control each request, header and cookie.
//!
//! It keeps cookies and sends `Sec-Fetch-Site` and `Origin` as browsers do. It follows no redirect by itself, so
//! that a test sees each step and can change exactly one thing in it.

mod page;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use reqwest::header::{ACCEPT, COOKIE, HeaderMap, HeaderName, HeaderValue, ORIGIN, SET_COOKIE};
use reqwest::{Method, redirect::Policy};
use url::{Origin, Url};

pub use page::Page;

/// The deadline of one response, much longer than any takes: only a hanging request reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// An HTTP client that follows no redirects and opens a connection for each request: the load balancer may send
/// each request to another edge, and no request reuses a connection to a process that was killed.
pub fn client() -> Result<reqwest::Client> {
    let client = reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(PATIENCE)
        .build()?;
    Ok(client)
}

/// The browser of one person. A clone is another browser that starts with a copy of the cookies.
#[derive(Clone, Debug)]
pub struct Jar {
    http: reqwest::Client,
    cookies: Vec<Cookie>,
    /// Keeps `Secure` cookies also from hosts of this computer over plain http.
    trusts_loopback: bool,
}

/// A cookie of a `Set-Cookie` header. It belongs to a host and not to a port (RFC 6265 §8.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    pub host: String,
    pub name: String,
    pub value: String,
    path: String,
    secure: bool,
    /// Not sent with cross-site requests, unless they are top-level navigations.
    lax: bool,
    expires: Option<Instant>,
}

/// A navigation that a test may alter before it is sent.
#[derive(Clone, Debug)]
pub struct Visit {
    method: Method,
    url: Url,
    form: Option<Vec<(String, String)>>,
    headers: HeaderMap,
    cookies: Cookies,
}

#[derive(Clone, Debug)]
enum Cookies {
    OfTheJar,
    Instead(String),
}

impl Jar {
    pub fn new() -> Result<Self> {
        Ok(Self { http: client()?, cookies: Vec::new(), trusts_loopback: true })
    }

    /// A browser that keeps `Secure` cookies from https only, as Safari does.
    pub fn without_secure_cookies_over_http() -> Result<Self> {
        Ok(Self { trusts_loopback: false, ..Self::new()? })
    }

    /// Opens a URL as if it was typed in or opened by a program on this computer.
    pub async fn open(&mut self, url: impl AsRef<str>) -> Result<Page> {
        self.send(Visit::open(url)?).await
    }

    /// Follows the redirect of `page`.
    pub async fn follow(&mut self, page: &Page) -> Result<Page> {
        self.send(Visit::redirected(page)?).await
    }

    /// Submits the form on `page` with its hidden fields and the button's `name=value`.
    pub async fn press(&mut self, page: &Page, button: (&str, &str)) -> Result<Page> {
        self.send(Visit::button(page, button)?).await
    }

    pub async fn send(&mut self, visit: Visit) -> Result<Page> {
        let Visit { method, url, form, mut headers, cookies } = visit;
        let sent = match cookies {
            Cookies::Instead(header) => header,
            Cookies::OfTheJar => self.cookie_header(&url, &method, headers.get(SEC_FETCH_SITE)),
        };
        if !sent.is_empty() {
            headers.insert(COOKIE, HeaderValue::try_from(sent)?);
        }
        let site = headers.get(SEC_FETCH_SITE).cloned();
        let mut request = self.http.request(method, url.clone()).headers(headers);
        if let Some(form) = form {
            request = request.form(&form);
        }
        let page = Page::read(request.send().await?, site).await?;
        for header in page.headers.get_all(SET_COOKIE) {
            self.keep(&url, header.to_str()?);
        }
        Ok(page)
    }

    /// The only cookie with this name prefix.
    pub fn cookie(&self, prefix: &str) -> Option<&Cookie> {
        let mut found = self.live().filter(|cookie| cookie.name.starts_with(prefix));
        found.next().filter(|_| found.next().is_none())
    }

    pub fn cookies(&self) -> Vec<Cookie> {
        self.live().cloned().collect()
    }

    /// Sets a cookie as an attacker may who controls another service on the same host, or the network.
    pub fn plant(&mut self, cookie: Cookie) {
        self.cookies.retain(|other| !other.replaced_by(&cookie));
        self.cookies.push(cookie);
    }

    pub fn forget(&mut self, prefix: &str) {
        self.cookies.retain(|cookie| !cookie.name.starts_with(prefix));
    }

    fn live(&self) -> impl Iterator<Item = &Cookie> {
        let now = Instant::now();
        self.cookies.iter().filter(move |cookie| cookie.expires.is_none_or(|expires| now < expires))
    }

    /// RFC 6265 §5.4, RFC 6265bis §5.8.3.
    fn cookie_header(&self, url: &Url, method: &Method, site: Option<&HeaderValue>) -> String {
        let cross_site = site.is_some_and(|site| site == "cross-site");
        let sent = self
            .live()
            .filter(|cookie| cookie.host == host(url) && path_matches(url.path(), &cookie.path))
            .filter(|cookie| !cookie.secure || self.trusts(url))
            .filter(|cookie| !(cross_site && cookie.lax && method != Method::GET));
        sent.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect::<Vec<_>>().join("; ")
    }

    /// `Secure` cookies are kept from and sent to this URL.
    fn trusts(&self, url: &Url) -> bool {
        url.scheme() == "https" || (self.trusts_loopback && is_loopback(url))
    }

    /// RFC 6265bis §5.7: what a browser refuses is not kept.
    fn keep(&mut self, url: &Url, header: &str) {
        let mut parts = header.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let attributes: Vec<(String, &str)> = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
            .collect();
        let attribute = |name: &str| attributes.iter().rev().find(|(n, _)| n == name).map(|(_, value)| *value);
        let secure = attribute("secure").is_some();
        let path = attribute("path").filter(|path| path.starts_with('/'));
        let host_prefix = name.to_ascii_lowercase().starts_with("__host-");
        let domain = attribute("domain");
        if (secure && !self.trusts(url))
            || (host_prefix && !(secure && path == Some("/") && domain.is_none()))
            || domain.is_some_and(|domain| domain != host(url))
        {
            return;
        }
        let max_age = attribute("max-age").and_then(|seconds| seconds.parse::<i64>().ok());
        let cookie = Cookie {
            host: host(url).to_owned(),
            name: name.to_owned(),
            value: value.to_owned(),
            path: path.map_or_else(|| default_path(url), str::to_owned),
            secure,
            // A cookie without `SameSite` is treated as Lax.
            lax: !attribute("samesite").is_some_and(|site| site.eq_ignore_ascii_case("none")),
            expires: max_age.map(|seconds| Instant::now() + Duration::from_secs(seconds.max(0).unsigned_abs())),
        };
        self.plant(cookie);
    }
}

impl Cookie {
    /// The same cookie with another value.
    #[must_use]
    pub fn with_value(self, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..self }
    }

    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    fn replaced_by(&self, newer: &Cookie) -> bool {
        (&self.host, &self.name, &self.path) == (&newer.host, &newer.name, &newer.path)
    }
}

impl Visit {
    /// Opens a URL as if it was typed in or opened by a program on this computer: browsers send
    /// `Sec-Fetch-Site: none`.
    pub fn open(url: impl AsRef<str>) -> Result<Self> {
        let url = url.as_ref();
        let url = Url::parse(url).with_context(|| format!("{url:?} is no URL"))?;
        Ok(Self::navigation(Method::GET, url, "none"))
    }

    /// A link on a page at `from`.
    pub fn link(url: impl AsRef<str>, from: &Url) -> Result<Self> {
        let url = Url::parse(url.as_ref())?;
        let site = site(from, &url);
        Ok(Self::navigation(Method::GET, url, site))
    }

    /// The redirect of `page`. A navigation that a person started stays so; once cross-site, it stays
    /// cross-site.
    pub fn redirected(page: &Page) -> Result<Self> {
        let url = page.location()?;
        let before = page.sec_fetch_site.as_ref().map_or("none", |site| site.to_str().unwrap_or_default());
        let now = site(&page.url, &url);
        let site = match (before, now) {
            ("none", _) => "none",
            ("cross-site", _) | (_, "cross-site") => "cross-site",
            ("same-site", _) | (_, "same-site") => "same-site",
            _ => "same-origin",
        };
        Ok(Self::navigation(Method::GET, url, site))
    }

    /// A button of the only form on `page`.
    pub fn button(page: &Page, button: (&str, &str)) -> Result<Self> {
        let action = page.form_action().context("the page has no form")?;
        let mut fields = page.hidden_fields();
        fields.push((button.0.to_owned(), button.1.to_owned()));
        Ok(Self::form(page.url.join(&action)?, &page.url, fields))
    }

    /// A form post from a page at `from`, which may be an attacker's page.
    pub fn form(url: Url, from: &Url, fields: Vec<(String, String)>) -> Self {
        let mut visit = Self::navigation(Method::POST, url.clone(), site(from, &url));
        let origin = from.origin().ascii_serialization();
        visit.headers.insert(ORIGIN, HeaderValue::try_from(origin).expect("an origin is ASCII"));
        Self { form: Some(fields), ..visit }
    }

    fn navigation(method: Method, url: Url, site: &'static str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/html,application/xhtml+xml,*/*;q=0.8"));
        headers.insert(SEC_FETCH_SITE, HeaderValue::from_static(site));
        headers.insert("sec-fetch-mode", HeaderValue::from_static("navigate"));
        headers.insert("sec-fetch-dest", HeaderValue::from_static("document"));
        Self { method, url, form: None, headers, cookies: Cookies::OfTheJar }
    }

    /// Sets the header and removes others of this name.
    pub fn header(mut self, name: &'static str, value: &str) -> Result<Self> {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
        Ok(self)
    }

    #[must_use]
    pub fn without_header(mut self, name: &'static str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Sets the form field and removes others of this name.
    #[must_use]
    pub fn field(self, name: &str, value: &str) -> Self {
        let mut visit = self.without_field(name);
        visit.form.get_or_insert_default().push((name.to_owned(), value.to_owned()));
        visit
    }

    /// Adds a form field, also if there are others of this name.
    #[must_use]
    pub fn and_field(mut self, name: &str, value: &str) -> Self {
        self.form.get_or_insert_default().push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn without_field(mut self, name: &str) -> Self {
        self.form.get_or_insert_default().retain(|(n, _)| n != name);
        self
    }

    /// Sends this `Cookie` header instead of the jar's cookies.
    #[must_use]
    pub fn cookie_header(self, header: impl Into<String>) -> Self {
        Self { cookies: Cookies::Instead(header.into()), ..self }
    }
}

/// Fetch Metadata §2.2. Each host is a site of its own; the port does not count.
fn site(from: &Url, to: &Url) -> &'static str {
    match (from.origin(), to.origin()) {
        (from, to) if from == to => "same-origin",
        (Origin::Tuple(from_scheme, from_host, _), Origin::Tuple(to_scheme, to_host, _))
            if from_scheme == to_scheme && from_host == to_host =>
        {
            "same-site"
        }
        _ => "cross-site",
    }
}

/// A host of this computer, which Chromium and Firefox trust over http, too (Secure Contexts §3.1).
fn is_loopback(url: &Url) -> bool {
    let host = host(url);
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

/// RFC 6265 §5.1.4.
fn path_matches(path: &str, of_cookie: &str) -> bool {
    match path.strip_prefix(of_cookie) {
        Some(rest) => rest.is_empty() || of_cookie.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

fn default_path(url: &Url) -> String {
    match url.path().rsplit_once('/') {
        Some(("", _)) | None => "/".to_owned(),
        Some((directory, _)) => directory.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(url: &str, header: &str) -> usize {
        let mut jar = Jar::new().unwrap();
        jar.keep(&Url::parse(url).unwrap(), header);
        jar.cookies().len()
    }

    fn sent(jar: &Jar, url: &str, method: &Method, site: &'static str) -> String {
        jar.cookie_header(&Url::parse(url).unwrap(), method, Some(&HeaderValue::from_static(site)))
    }

    #[test]
    fn host_cookies_are_kept_only_as_browsers_do() {
        let good = "__Host-a=1; Path=/; Secure; HttpOnly; SameSite=Lax";
        assert_eq!(kept("http://127.0.0.1:1/x", good), 1);
        assert_eq!(kept("https://a.example/x", good), 1);
        assert_eq!(kept("http://a.example/x", good), 0);
        for bad in ["__Host-a=1; Path=/", "__Host-a=1; Secure; Path=/x", "__Host-a=1; Secure; Path=/; Domain=127.0.0.1"]
        {
            assert_eq!(kept("http://127.0.0.1:1/x", bad), 0, "{bad}");
        }
        assert_eq!(kept("http://127.0.0.1:1/x", "a=1; Max-Age=0"), 0);
    }

    #[test]
    fn cookies_ignore_ports_and_stay_at_home_when_another_site_posts() {
        let mut jar = Jar::new().unwrap();
        jar.keep(&Url::parse("http://127.0.0.1:1/x").unwrap(), "a=1; Path=/; Secure; SameSite=Lax");
        assert_eq!(sent(&jar, "http://127.0.0.1:2/y", &Method::GET, "cross-site"), "a=1");
        assert_eq!(sent(&jar, "http://127.0.0.1:2/y", &Method::POST, "same-site"), "a=1");
        assert_eq!(sent(&jar, "http://127.0.0.1:1/x", &Method::POST, "cross-site"), "");
        assert_eq!(sent(&jar, "http://localhost:1/x", &Method::GET, "none"), "");
        jar.keep(&Url::parse("http://127.0.0.1:3/x").unwrap(), "a=; Path=/; Max-Age=0");
        assert_eq!(jar.cookies(), []);
    }
}
