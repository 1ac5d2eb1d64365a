//! Token exchange (RFC 8693): a resource server presents the access token that a client sent it, and gets the upstream's
//! access token of the person.

use crate::Refusal;
use crate::consent::Consent;
use crate::issuer::{Issuer, Resource, UpstreamTokenPolicy};

/// The grant type (RFC 8693 §2.1).
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The only type of token that is exchanged, and that comes of it (RFC 8693 §3).
pub const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The parameters of a token exchange as they were sent, besides the credentials (RFC 8693 §2.1).
#[derive(Clone, Default)]
pub struct ExchangeParameters {
    /// `subject_token`.
    pub subject_token: Option<String>,
    /// `subject_token_type`.
    pub subject_token_type: Option<String>,
    /// `requested_token_type`.
    pub requested_token_type: Option<String>,
    /// The values of `audience`.
    pub audiences: Vec<String>,
    /// The values of `resource`.
    pub resources: Vec<String>,
    /// `scope`.
    pub scope: Option<String>,
    /// `actor_token`.
    pub actor_token: Option<String>,
    /// `actor_token_type`.
    pub actor_token_type: Option<String>,
}

impl std::fmt::Debug for ExchangeParameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ExchangeParameters({:?}, ..)", self.audiences)
    }
}

/// A token exchange of the kind that is supported.
#[derive(Clone)]
pub struct TokenExchange {
    /// The access token that a client sent to the resource server.
    pub subject_token: String,
    audience: Option<String>,
    scopes: Vec<String>,
}

impl std::fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenExchange({:?}, {:?}, ..)", self.audience, self.scopes)
    }
}

impl TokenExchange {
    /// The exchange that `sent` asks for. A part of RFC 8693 that is not supported is refused by its name: a server that
    /// believes it got a delegated or narrowed token must not get another.
    ///
    /// Refuses with [`Refusal::ParameterMissing`] or [`Refusal::TokenExchangeUnsupported`].
    pub fn new(sent: ExchangeParameters) -> Result<Self, Refusal> {
        let refused = Refusal::TokenExchangeUnsupported;
        let subject_token = sent.subject_token.filter(|token| !token.is_empty());
        let subject_token = subject_token.ok_or(Refusal::ParameterMissing("subject_token"))?;
        match sent.subject_token_type.as_deref() {
            None | Some("") => return Err(Refusal::ParameterMissing("subject_token_type")),
            Some(ACCESS_TOKEN_TYPE) => {}
            Some(_) => {
                return Err(refused(
                    "the subject_token_type must be urn:ietf:params:oauth:token-type:access_token: the token that the client sent",
                ));
            }
        }
        if sent.requested_token_type.is_some_and(|requested| requested != ACCESS_TOKEN_TYPE) {
            return Err(refused(
                "the requested_token_type can only be urn:ietf:params:oauth:token-type:access_token; leave it out",
            ));
        }
        if sent.actor_token.is_some() || sent.actor_token_type.is_some() {
            return Err(refused("actor_token and actor_token_type are not supported; leave them out"));
        }
        if !sent.resources.is_empty() {
            return Err(refused(
                "resource is not supported in a token exchange; name the identity provider by audience",
            ));
        }
        if sent.audiences.len() > 1 {
            return Err(refused("several values of audience are not supported; send one, or none"));
        }
        let scopes = sent.scope.unwrap_or_default();
        Ok(Self {
            subject_token,
            audience: sent.audiences.into_iter().next(),
            scopes: scopes.split_ascii_whitespace().map(str::to_owned).collect(),
        })
    }

    /// Checks that the audience is the issuer's upstream, by its configured id. Refuses with [`Refusal::AudienceUnknown`].
    pub fn upstream(&self, issuer: &Issuer) -> Result<(), Refusal> {
        match self.audience.as_deref() {
            Some(audience) if audience != issuer.upstream.as_str() => Err(Refusal::AudienceUnknown),
            Some(_) | None => Ok(()),
        }
    }

    /// Checks that the upstream's token has every scope that was asked for. `held` are its scopes, space-separated; empty if
    /// they are not known. The token itself cannot be narrowed, and the reply says which scopes it has. Refuses with
    /// [`Refusal::ScopeInvalid`].
    pub fn scopes(&self, held: &str) -> Result<(), Refusal> {
        let has = |scope: &String| held.split_ascii_whitespace().any(|held| held == scope);
        if held.is_empty() || self.scopes.iter().all(has) { Ok(()) } else { Err(Refusal::ScopeInvalid) }
    }
}

/// Checks that the servers of `resource` may have the upstream's token of the person who gave `consent`: the operator has
/// configured it, and the consent page said so when the person approved.
///
/// Refuses with [`Refusal::UpstreamTokensWithheld`] or [`Refusal::UpstreamConsentMissing`].
pub fn may_receive(resource: Option<&Resource>, consent: &Consent) -> Result<(), Refusal> {
    match resource.map(|resource| resource.upstream_tokens) {
        Some(UpstreamTokenPolicy::Given) if consent.upstream_tokens => Ok(()),
        Some(UpstreamTokenPolicy::Given) => Err(Refusal::UpstreamConsentMissing),
        Some(UpstreamTokenPolicy::Withheld) | None => Err(Refusal::UpstreamTokensWithheld),
    }
}

/// The scopes of an upstream's token as its reply writes them, space-separated: some write commas between them.
pub fn normal_scopes(stated: &str) -> String {
    let scopes = stated.split(|c: char| c.is_ascii_whitespace() || c == ',').filter(|scope| !scope.is_empty());
    scopes.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::tests::issuer;
    use crate::token::tests::grant;

    fn sent() -> ExchangeParameters {
        ExchangeParameters {
            subject_token: Some("t".to_owned()),
            subject_token_type: Some(ACCESS_TOKEN_TYPE.to_owned()),
            ..ExchangeParameters::default()
        }
    }

    fn refusal(change: impl FnOnce(&mut ExchangeParameters)) -> Option<Refusal> {
        let mut sent = sent();
        change(&mut sent);
        TokenExchange::new(sent).err()
    }

    #[test]
    fn every_unsupported_part_of_a_token_exchange_is_refused_by_its_name() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(refusal(|_| ()), None);
        assert_eq!(refusal(|sent| sent.requested_token_type = text(ACCESS_TOKEN_TYPE)), None);
        assert_eq!(refusal(|sent| sent.audiences = vec!["idp".to_owned()]), None);
        assert_eq!(refusal(|sent| sent.subject_token = None), Some(Refusal::ParameterMissing("subject_token")));
        assert_eq!(refusal(|sent| sent.subject_token = text("")), Some(Refusal::ParameterMissing("subject_token")));
        assert_eq!(
            refusal(|sent| sent.subject_token_type = None),
            Some(Refusal::ParameterMissing("subject_token_type"))
        );
        type Change = fn(&mut ExchangeParameters);
        let unsupported: [(&str, Change); 8] = [
            ("subject_token_type", |sent| {
                sent.subject_token_type = Some("urn:ietf:params:oauth:token-type:jwt".to_owned());
            }),
            ("subject_token_type", |sent| sent.subject_token_type = Some("access_token".to_owned())),
            ("requested_token_type", |sent| {
                sent.requested_token_type = Some("urn:ietf:params:oauth:token-type:refresh_token".to_owned());
            }),
            ("requested_token_type", |sent| sent.requested_token_type = Some(String::new())),
            ("actor_token", |sent| sent.actor_token = Some("t".to_owned())),
            ("actor_token_type", |sent| sent.actor_token_type = Some(ACCESS_TOKEN_TYPE.to_owned())),
            ("resource", |sent| sent.resources = vec!["https://api.example".to_owned()]),
            ("audience", |sent| sent.audiences = vec!["idp".to_owned(), "other".to_owned()]),
        ];
        for (name, change) in unsupported {
            match refusal(change) {
                Some(Refusal::TokenExchangeUnsupported(why)) => assert!(why.contains(name), "{name}: {why}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_audience_is_the_issuers_upstream_or_left_out() {
        let issuer = issuer();
        for (audiences, expected) in [
            (vec![], Ok(())),
            (vec!["idp"], Ok(())),
            (vec!["IDP"], Err(Refusal::AudienceUnknown)),
            (vec![""], Err(Refusal::AudienceUnknown)),
            (vec!["https://idp.example"], Err(Refusal::AudienceUnknown)),
        ] {
            let audiences: Vec<_> = audiences.into_iter().map(str::to_owned).collect();
            let exchange = TokenExchange::new(ExchangeParameters { audiences, ..sent() }).unwrap();
            assert_eq!(exchange.upstream(&issuer), expected, "{exchange:?}");
        }
    }

    #[test]
    fn a_scope_that_the_upstreams_token_lacks_is_refused() {
        let exchange = |scope: &str| TokenExchange::new(ExchangeParameters { scope: Some(scope.to_owned()), ..sent() });
        for (asked, held, expected) in [
            ("", "repo", Ok(())),
            ("repo", "repo read:user", Ok(())),
            ("repo read:user", "repo read:user", Ok(())),
            ("admin", "repo", Err(Refusal::ScopeInvalid)),
            ("rep", "repo", Err(Refusal::ScopeInvalid)),
            ("admin", "", Ok(())),
        ] {
            assert_eq!(exchange(asked).unwrap().scopes(held), expected, "{asked} {held}");
        }
    }

    #[test]
    fn a_token_is_given_only_if_operator_and_person_both_allow_it() {
        let consent = |upstream_tokens| Consent { upstream_tokens, ..grant().1.consent.unwrap() };
        let resource = |upstream_tokens| Resource { upstream_tokens, ..issuer().resources[0].clone() };
        let (given, withheld) = (resource(UpstreamTokenPolicy::Given), resource(UpstreamTokenPolicy::Withheld));
        assert_eq!(may_receive(Some(&given), &consent(true)), Ok(()));
        assert_eq!(may_receive(Some(&given), &consent(false)), Err(Refusal::UpstreamConsentMissing));
        for consent in [consent(true), consent(false)] {
            assert_eq!(may_receive(Some(&withheld), &consent), Err(Refusal::UpstreamTokensWithheld));
            assert_eq!(may_receive(None, &consent), Err(Refusal::UpstreamTokensWithheld));
        }
    }

    #[test]
    fn scopes_of_every_form_are_separated_by_spaces() {
        for stated in ["repo read:user", "repo,read:user", " repo, read:user ", "repo\tread:user"] {
            assert_eq!(normal_scopes(stated), "repo read:user", "{stated:?}");
        }
    }
}
