//! The two cookies of a flow. A third one, which outlives it, is in [`crate::browser::session`].
//!
//! *browser*: an anonymous random id, set with the first consent page. It identifies no person; it binds forms and
//! logins to the browser in which they began. Pages loaded at the same moment each set one under a name of its own, so
//! that no page loses its id to another: such a browser has several ids, and each is valid.
//! *login*: one for each flow, set only on the response that redirects to the upstream (MCP Security Best Practices,
//! "OAuth state parameter"), and required at the callback.
//!
//! Cookie names carry a digest of the issuer's URL: cookies ignore ports, and two issuers may share a host.

use std::time::Duration;

use subtle::ConstantTimeEq as _;

use crate::Refusal;
use crate::id::{self, AuthorizationId, BrowserId};
use crate::issuer::Issuer;
use crate::keys::{Key, KeyId, Keys, Purpose};
use crate::time::Timestamp;

/// A browser accepts a `__Host-` cookie only with Secure, `Path=/` and no Domain (RFC 6265bis §4.1.3.2), so that
/// another host of the domain cannot plant one.
pub const PREFIX: &str = "__Host-lychgate-";

/// The most flows that one browser has under way. More would make the header too long for proxies.
const MAX_LOGINS: usize = 8;
/// The most ids that one browser keeps, for the same reason.
const MAX_BROWSERS: usize = 8;

/// The cookies of a request, as name and value in the order received.
#[derive(Clone, Debug)]
pub struct Cookies(pub Vec<(String, String)>);

/// A cookie to set; an empty value with a `max_age` of zero deletes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie {
    /// The cookie's name.
    pub name: String,
    /// The cookie's value.
    pub value: String,
    /// `None`: until the browser is closed.
    pub max_age: Option<Duration>,
}

impl SetCookie {
    pub(crate) fn delete(name: String) -> Self {
        Self { name, value: String::new(), max_age: Some(Duration::ZERO) }
    }
}

impl Cookies {
    /// The value of the cookie `name`. A name that was sent twice counts as missing: one of the two was planted, and it
    /// is unknown which.
    pub(crate) fn single(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }

    /// The browser's valid ids: none before its first page, then usually one. The order is always the same, so that
    /// every page is made for the same id.
    pub fn browsers(&self, issuer: &Issuer, keys: &Keys) -> Vec<BrowserId> {
        let prefix = browser_prefix(issuer);
        let named = self.0.iter().filter(|(name, _)| name.starts_with(&prefix));
        let mut browsers: Vec<_> = named.filter_map(|(name, _)| self.browser(name, issuer, keys)).collect();
        browsers.sort();
        browsers.dedup();
        browsers
    }

    fn browser(&self, name: &str, issuer: &Issuer, keys: &Keys) -> Option<BrowserId> {
        let bytes: [u8; 52] = id::decode(self.single(name)?)?;
        let (key, rest) = bytes.split_first_chunk::<4>()?;
        let (browser, tag) = rest.split_first_chunk::<16>()?;
        let key = keys.find(Purpose::Cookie, KeyId::from_bytes(*key))?;
        let id = key.verify("browser", &[browser], tag).then(|| BrowserId::from_bytes(*browser))?;
        // Earlier releases set the cookie without the id in its name.
        (name == browser_name(issuer, id) || name == browser_prefix(issuer)).then_some(id)
    }

    /// [`Cookies::browsers`] for a form, which is bound to one of them. Refuses with [`Refusal::BrowserCookieMissing`].
    pub fn form_browsers(&self, issuer: &Issuer, keys: &Keys) -> Result<Vec<BrowserId>, Refusal> {
        let browsers = self.browsers(issuer, keys);
        if browsers.is_empty() { Err(Refusal::BrowserCookieMissing) } else { Ok(browsers) }
    }

    /// Checks that this browser was sent upstream with the flow `id`, and not too long ago (RFC 9700 §4.7).
    ///
    /// Refuses with [`Refusal::StateCookieMissing`], [`Refusal::LoginExpired`] or [`Refusal::BrowserMismatch`].
    pub fn login(
        &self,
        issuer: &Issuer,
        keys: &Keys,
        id: AuthorizationId,
        now: Timestamp,
    ) -> Result<LoginCookie, Refusal> {
        let cookie = self.login_cookie(issuer, keys, id).ok_or(Refusal::StateCookieMissing)?;
        if !now.is_until(cookie.expires_at, issuer.lifetimes.login) {
            return Err(Refusal::LoginExpired);
        }
        if !self.browsers(issuer, keys).contains(&cookie.browser) {
            return Err(Refusal::BrowserMismatch);
        }
        Ok(cookie)
    }

    fn login_cookie(&self, issuer: &Issuer, keys: &Keys, id: AuthorizationId) -> Option<LoginCookie> {
        let bytes: [u8; 60] = id::decode(self.single(&login_name(issuer, id))?)?;
        let (key, rest) = bytes.split_first_chunk::<4>()?;
        let (expires, rest) = rest.split_first_chunk::<8>()?;
        let (browser, tag) = rest.split_first_chunk::<16>()?;
        let key = keys.find(Purpose::Cookie, KeyId::from_bytes(*key))?;
        let cookie = LoginCookie {
            id,
            browser: BrowserId::from_bytes(*browser),
            expires_at: Timestamp::from_millis(u64::from_be_bytes(*expires)),
        };
        cookie.is_tagged(key, tag).then_some(cookie)
    }

    /// Deletes the ids beyond the limit, never the one for which pages are made.
    pub fn surplus_browsers(&self, issuer: &Issuer, keys: &Keys) -> Vec<SetCookie> {
        let surplus = self.browsers(issuer, keys).into_iter().skip(MAX_BROWSERS);
        surplus.map(|browser| SetCookie::delete(browser_name(issuer, browser))).collect()
    }

    /// Deletes the oldest flows' cookies to make room for the one of `newest`.
    pub fn surplus_logins(&self, issuer: &Issuer, newest: AuthorizationId) -> Vec<SetCookie> {
        let prefix = login_prefix(issuer);
        let ids = self.0.iter().filter_map(|(name, _)| AuthorizationId::parse(name.strip_prefix(&prefix)?));
        let mut others: Vec<_> = ids.filter(|id| *id != newest).collect();
        others.sort();
        others.dedup();
        let surplus = (others.len() + 1).saturating_sub(MAX_LOGINS);
        others.into_iter().take(surplus).map(|id| SetCookie::delete(login_name(issuer, id))).collect()
    }
}

/// The login cookie: this flow in this browser, until a time. Reading it with [`Cookies::login`] proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginCookie {
    id: AuthorizationId,
    browser: BrowserId,
    expires_at: Timestamp,
}

impl LoginCookie {
    /// The cookie of a flow that was approved at `approved_at` in `browser`.
    pub fn new(id: AuthorizationId, browser: BrowserId, issuer: &Issuer, approved_at: Timestamp) -> Self {
        Self { id, browser, expires_at: approved_at + issuer.lifetimes.login }
    }

    /// The browser in which the flow was approved.
    pub fn browser(&self) -> BrowserId {
        self.browser
    }

    /// The cookie to set, with a MAC of `key`.
    pub fn set(&self, issuer: &Issuer, key: &Key) -> SetCookie {
        let expires = self.expires_at.millis().to_be_bytes();
        let value = [key.id.bytes().as_slice(), &expires, self.browser.bytes(), &self.tag(key)].concat();
        SetCookie {
            name: login_name(issuer, self.id),
            value: id::encode(&value),
            max_age: Some(issuer.lifetimes.login),
        }
    }

    fn tag(&self, key: &Key) -> [u8; 32] {
        key.mac("login", &[self.id.bytes(), self.browser.bytes(), &self.expires_at.millis().to_be_bytes()])
    }

    fn is_tagged(&self, key: &Key, tag: &[u8]) -> bool {
        self.tag(key).ct_eq(tag).into()
    }
}

/// The browser cookie for a new or known id.
pub fn set_browser(issuer: &Issuer, keys: &Keys, browser: BrowserId) -> SetCookie {
    let key = keys.active(Purpose::Cookie);
    let value = [key.id.bytes().as_slice(), browser.bytes(), &key.mac("browser", &[browser.bytes()])].concat();
    SetCookie { name: browser_name(issuer, browser), value: id::encode(&value), max_age: None }
}

/// Deletes the login cookie with the final answer, so that a repeated callback gets no second one.
pub fn delete_login(issuer: &Issuer, id: AuthorizationId) -> SetCookie {
    SetCookie::delete(login_name(issuer, id))
}

fn browser_prefix(issuer: &Issuer) -> String {
    format!("{PREFIX}browser-{}", id::encode(&issuer.url.digest()))
}

fn browser_name(issuer: &Issuer, browser: BrowserId) -> String {
    format!("{}-{}", browser_prefix(issuer), id::encode(browser.bytes()))
}

fn login_prefix(issuer: &Issuer) -> String {
    format!("{PREFIX}login-{}-", id::encode(&issuer.url.digest()))
}

fn login_name(issuer: &Issuer, id: AuthorizationId) -> String {
    format!("{}{id}", login_prefix(issuer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::IssuerUrl;
    use crate::issuer::tests::issuer;
    use crate::keys::tests::keys;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn sent(cookies: &[&SetCookie]) -> Cookies {
        Cookies(cookies.iter().map(|cookie| (cookie.name.clone(), cookie.value.clone())).collect())
    }

    fn id(n: u64) -> AuthorizationId {
        AuthorizationId::new(Timestamp::from_millis(n), &[n as u8; 32])
    }

    fn pair(browser: u8) -> (SetCookie, SetCookie) {
        let (issuer, keys, browser) = (issuer(), keys("https://gate.example", 1), BrowserId::from_bytes([browser; 16]));
        let login = LoginCookie::new(id(1), browser, &issuer, NOW).set(&issuer, keys.active(Purpose::Cookie));
        (set_browser(&issuer, &keys, browser), login)
    }

    fn login(cookies: &Cookies, now: Timestamp) -> Result<LoginCookie, Refusal> {
        cookies.login(&issuer(), &keys("https://gate.example", 1), id(1), now)
    }

    /// Requirements: B18, B30.
    #[test]
    fn a_login_completes_only_in_its_own_browser() {
        let ((browser, flow), (other_browser, other_flow)) = (pair(1), pair(2));
        assert!(login(&sent(&[&browser, &flow]), NOW).is_ok());
        assert_eq!(login(&sent(&[&browser]), NOW), Err(Refusal::StateCookieMissing));
        assert_eq!(login(&sent(&[&flow]), NOW), Err(Refusal::BrowserMismatch));
        assert_eq!(login(&sent(&[&other_browser, &flow]), NOW), Err(Refusal::BrowserMismatch));
        assert_eq!(login(&sent(&[&browser, &other_flow]), NOW), Err(Refusal::BrowserMismatch));
    }

    /// Requirements: B32.
    #[test]
    fn each_id_of_a_browser_is_valid_only_under_its_own_name() {
        let (issuer, keys) = (issuer(), keys("https://gate.example", 1));
        let ((first, flow), (second, _)) = (pair(1), pair(2));
        let ids = [1, 2].map(|n| BrowserId::from_bytes([n; 16]));
        for order in [[&first, &second], [&second, &first]] {
            assert_eq!(sent(&order).browsers(&issuer, &keys), ids);
        }
        assert!(login(&sent(&[&second, &first, &flow]), NOW).is_ok());
        let misnamed = SetCookie { name: first.name, ..second };
        assert_eq!(sent(&[&misnamed]).form_browsers(&issuer, &keys), Err(Refusal::BrowserCookieMissing));
    }

    #[test]
    fn a_browser_keeps_eight_ids_and_never_loses_the_one_in_use() {
        let (issuer, keys) = (issuer(), keys("https://gate.example", 1));
        let cookies = |n: u8| (1..=n).rev().map(|n| pair(n).0).collect::<Vec<_>>();
        let surplus = |n| sent(&cookies(n).iter().collect::<Vec<_>>()).surplus_browsers(&issuer, &keys);
        assert_eq!(surplus(8), []);
        assert_eq!(surplus(10), [9, 10].map(|n| SetCookie::delete(pair(n).0.name)));
    }

    /// Requirements: B20.
    #[test]
    fn an_expired_login_is_refused() {
        let (browser, flow) = pair(1);
        let end = NOW + issuer().lifetimes.login;
        assert!(login(&sent(&[&browser, &flow]), end).is_ok());
        assert_eq!(login(&sent(&[&browser, &flow]), end + Duration::from_millis(1)), Err(Refusal::LoginExpired));
    }

    #[test]
    fn a_cookie_sent_twice_counts_as_missing() {
        let (browser, flow) = pair(1);
        assert_eq!(login(&sent(&[&browser, &flow, &flow]), NOW), Err(Refusal::StateCookieMissing));
        assert_eq!(login(&sent(&[&browser, &browser, &flow]), NOW), Err(Refusal::BrowserMismatch));
    }

    #[test]
    fn another_issuers_cookie_is_refused_even_under_our_name() {
        let (mut other, keys_of_other) = (issuer(), keys("https://gate.example/t", 1));
        other.url = IssuerUrl::parse("https://gate.example/t").unwrap();
        let theirs = set_browser(&other, &keys_of_other, BrowserId::from_bytes([1; 16]));
        let keys = keys("https://gate.example", 1);
        assert_eq!(sent(&[&theirs]).browsers(&issuer(), &keys), []);
        for name in [browser_name(&issuer(), BrowserId::from_bytes([1; 16])), browser_prefix(&issuer())] {
            let ours = SetCookie { name, ..theirs.clone() };
            assert_eq!(sent(&[&ours]).browsers(&issuer(), &keys), []);
        }
    }

    #[test]
    fn the_oldest_of_more_than_eight_flows_is_dropped() {
        let issuer = issuer();
        let flows = |n: u64| Cookies((1..=n).map(|n| (login_name(&issuer, id(n)), String::new())).collect());
        assert!(flows(7).surplus_logins(&issuer, id(20)).is_empty());
        let dropped = flows(9).surplus_logins(&issuer, id(20));
        assert_eq!(
            dropped,
            [SetCookie::delete(login_name(&issuer, id(1))), SetCookie::delete(login_name(&issuer, id(2)))]
        );
    }

    proptest! {
        /// Requirements: B12.
        #[test]
        fn no_byte_of_a_cookie_can_be_changed(at: prop::sample::Index, to in "[A-Za-z0-9_-]") {
            let (browser, flow) = pair(1);
            let mut value = flow.value.clone();
            let at = at.index(value.len());
            value.replace_range(at..=at, &to);
            let changed = SetCookie { value: value.clone(), ..flow.clone() };
            prop_assert_eq!(login(&sent(&[&browser, &changed]), NOW).is_ok(), value == flow.value);
        }
    }
}
