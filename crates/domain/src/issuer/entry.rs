//! Entry rules: which of the people who can sign in at the upstream an issuer, or one of its resources, admits.
//!
//! The rules are asked at every login, before a code exists, and a login is what every code needs. What the upstream does not
//! state, or states in another form, admits no person.

use std::fmt;

use super::Issuer;
use crate::Refusal;
use crate::keys::short_digest;
use crate::subject::Subject;

/// Rules that must all hold for a person. Without a rule, each person is admitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryRules(pub Vec<EntryRule>);

/// One rule. A list that is empty admits no person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryRule {
    /// The e-mail address, which the upstream has verified, is in one of these domains.
    EmailDomains(Vec<EmailDomain>),
    /// The person is one of these.
    Subjects(Vec<Subject>),
    /// The claim has one of these values, or is a list that contains one of them. Compared byte for byte.
    Claim {
        /// The name of the claim.
        name: String,
        /// The values that are admitted.
        values: Vec<String>,
    },
}

/// The domain of an e-mail address: a host name in ASCII and lower case. A sub-domain is another domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailDomain(String);

/// What an upstream states about a person who has signed in.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryFacts {
    /// The person.
    pub subject: Subject,
    /// The domain of the e-mail address. `None` unless the upstream says that the address is verified.
    pub email_domain: Option<EmailDomain>,
    /// The claims with a text or a list of texts, each name once.
    pub claims: Vec<StatedClaim>,
}

/// A claim that an upstream states.
#[derive(Clone, PartialEq, Eq)]
pub struct StatedClaim {
    /// The name.
    pub name: String,
    /// The values: one, or those of a list.
    pub values: Vec<String>,
}

/// The proof that the entry rules admit a person. [`Issuer::admit`] alone makes it, and no login succeeds without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    subject: Subject,
    under: Option<RulesDigest>,
}

/// A digest of the entry rules that admitted a person; equal for equal rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RulesDigest(pub [u8; 16]);

impl Issuer {
    /// Asks the rules of the issuer and those of the resource. The error is the first rule that does not hold.
    pub fn admit(&self, resource: &str, facts: &EntryFacts) -> Result<Admitted, &EntryRule> {
        for rules in self.entry_rules(resource) {
            rules.admits(facts)?;
        }
        Ok(Admitted { subject: facts.subject.clone(), under: self.entry_digest(resource) })
    }

    /// Checks that the rules are still those that admitted a person some time ago: a login that was left open must not outlast
    /// a rule. Refuses with [`Refusal::LoginInterrupted`].
    pub fn admits_still(&self, resource: &str, under: Option<RulesDigest>) -> Result<(), Refusal> {
        if self.entry_digest(resource) == under { Ok(()) } else { Err(Refusal::LoginInterrupted) }
    }

    fn entry_rules(&self, resource: &str) -> impl Iterator<Item = &EntryRules> {
        std::iter::once(&self.entry).chain(self.resource_by_uri(resource).map(|resource| &resource.entry))
    }

    /// `None` if there is no rule.
    fn entry_digest(&self, resource: &str) -> Option<RulesDigest> {
        let parts: Vec<_> =
            self.entry_rules(resource).flat_map(|rules| rules.0.iter().flat_map(EntryRule::parts)).collect();
        let parts: Vec<_> = parts.iter().map(|part| part.as_bytes()).collect();
        (!parts.is_empty()).then(|| RulesDigest(short_digest("entry rules", &parts)))
    }
}

impl EntryRules {
    /// Asks each rule. The error is the first one that does not hold.
    pub fn admits(&self, facts: &EntryFacts) -> Result<(), &EntryRule> {
        self.0.iter().find(|rule| !rule.holds(facts)).map_or(Ok(()), Err)
    }
}

impl EntryFacts {
    /// A person of whom the upstream states the subject alone.
    pub fn new(subject: Subject) -> Self {
        Self { subject, email_domain: None, claims: Vec::new() }
    }
}

impl EntryRule {
    fn holds(&self, facts: &EntryFacts) -> bool {
        match self {
            EntryRule::EmailDomains(domains) => {
                facts.email_domain.as_ref().is_some_and(|domain| domains.contains(domain))
            }
            EntryRule::Subjects(subjects) => subjects.contains(&facts.subject),
            EntryRule::Claim { name, values } => {
                let mut stated = facts.claims.iter().filter(|claim| claim.name == *name);
                stated.any(|claim| claim.values.iter().any(|value| values.contains(value)))
            }
        }
    }

    /// The rule as texts: its name, the number of its values, its values.
    fn parts(&self) -> Vec<String> {
        let values: Vec<String> = match self {
            EntryRule::EmailDomains(domains) => domains.iter().map(|domain| domain.0.clone()).collect(),
            EntryRule::Subjects(subjects) => subjects.iter().map(|subject| subject.as_str().to_owned()).collect(),
            EntryRule::Claim { values, .. } => values.clone(),
        };
        [vec![self.to_string(), values.len().to_string()], values].concat()
    }
}

/// The configuration key of the rule.
impl fmt::Display for EntryRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntryRule::EmailDomains(_) => f.write_str("email_domains"),
            EntryRule::Subjects(_) => f.write_str("subjects"),
            EntryRule::Claim { name, .. } => write!(f, "claims.{name}"),
        }
    }
}

impl EmailDomain {
    /// The longest name (RFC 1035 §2.3.4), and the longest label.
    const MAX: usize = 253;
    const MAX_LABEL: usize = 63;

    /// Parses a host name in ASCII, in upper or lower case. `None` for anything else: letters that look like ASCII, a port, a
    /// final dot.
    pub fn parse(text: &str) -> Option<Self> {
        let is_label = |label: &str| {
            let inside = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            (1..=Self::MAX_LABEL).contains(&label.len()) && inside && !label.starts_with('-') && !label.ends_with('-')
        };
        (text.len() <= Self::MAX && text.split('.').all(is_label)).then(|| Self(text.to_ascii_lowercase()))
    }

    /// The domain of an e-mail address as the upstream sent it. `None` if the address has no local part, or a second `@`, which
    /// parsers understand differently.
    pub fn of_address(address: &str) -> Option<Self> {
        let (local, domain) = address.split_once('@')?;
        if local.is_empty() { None } else { Self::parse(domain) }
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Admitted {
    /// The person, and the digest of the rules; no digest if there was no rule.
    pub(crate) fn into_parts(self) -> (Subject, Option<RulesDigest>) {
        (self.subject, self.under)
    }
}

/// Claims and addresses stay out of logs.
impl fmt::Debug for EntryFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryFacts({}, ..)", self.subject)
    }
}

/// Without the values.
impl fmt::Debug for StatedClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatedClaim({}, ..)", self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::issuer::tests::issuer;

    fn subject(id: &str) -> Subject {
        Subject::parse(&format!("idp|{id}")).unwrap()
    }

    fn facts() -> EntryFacts {
        EntryFacts::new(subject("alice"))
    }

    fn with_address(address: &str) -> EntryFacts {
        EntryFacts { email_domain: EmailDomain::of_address(address), ..facts() }
    }

    fn with_claim(name: &str, values: &[&str]) -> EntryFacts {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        EntryFacts { claims: vec![StatedClaim { name: name.to_owned(), values }], ..facts() }
    }

    fn domains(domains: &[&str]) -> EntryRule {
        EntryRule::EmailDomains(domains.iter().map(|domain| EmailDomain::parse(domain).unwrap()).collect())
    }

    fn subjects(ids: &[&str]) -> EntryRule {
        EntryRule::Subjects(ids.iter().map(|id| subject(id)).collect())
    }

    fn claim(name: &str, values: &[&str]) -> EntryRule {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        EntryRule::Claim { name: name.to_owned(), values }
    }

    fn admits(rules: &[EntryRule], facts: &EntryFacts) -> bool {
        EntryRules(rules.to_vec()).admits(facts).is_ok()
    }

    #[test]
    fn without_a_rule_each_person_is_admitted_and_with_an_empty_list_none() {
        assert!(admits(&[], &facts()));
        for rule in [domains(&[]), subjects(&[]), claim("hd", &[])] {
            let everything = EntryFacts { email_domain: EmailDomain::parse("example.com"), ..with_claim("hd", &[""]) };
            assert!(!admits(std::slice::from_ref(&rule), &everything), "{rule}");
        }
    }

    #[test]
    fn an_address_counts_by_its_whole_domain_in_any_case() {
        let rule = [domains(&["example.com", "Example.ORG"])];
        for address in ["a@example.com", "A@EXAMPLE.COM", "a@Example.com", "a+b.c@example.org", "ä@example.com"] {
            assert!(admits(&rule, &with_address(address)), "{address}");
        }
        for address in [
            "a@sub.example.com",
            "a@example.com.evil.example",
            "a@xexample.com",
            "a@example.co",
            "a@example.com.",
            "a@.example.com",
            "a@example..com",
            "a@example.com:25",
            "a@example.com ",
            " a@ example.com",
            "a@example.com\n",
            "a@exam\u{200B}ple.com",
            "a@ex\u{430}mple.com",
            "a@\u{FF45}xample.com",
            "a@example\u{3002}com",
            "a@xn--exmple-4nf.com",
            "a@evil.example@example.com",
            "a@example.com@evil.example",
            "\"a@evil.example\"@example.com",
            "a@[example.com]",
            "<a@example.com>",
            "a@example.com,b@example.com",
            "@example.com",
            "example.com",
            "a@",
            "a",
            "",
        ] {
            assert!(!admits(&rule, &with_address(address)), "{address:?}");
        }
        assert!(!admits(&rule, &facts()), "without an address, or with one that is not verified");
    }

    #[test]
    fn a_subject_counts_as_it_is_written() {
        let rule = [subjects(&["alice", "583231"])];
        let is = |id: &str| EntryFacts::new(subject(id));
        assert!(admits(&rule, &is("alice")) && admits(&rule, &is("583231")));
        for other in ["Alice", "alice ", "alic", "alicea", "58323", "0583231", "bob"] {
            assert!(!admits(&rule, &is(other)), "{other:?}");
        }
        let of_another_upstream = EntryFacts::new(Subject::parse("other|alice").unwrap());
        assert!(!admits(&rule, &of_another_upstream));
    }

    #[test]
    fn a_claim_counts_if_one_of_its_values_is_listed_exactly() {
        let rule = [claim("groups", &["staff", "the interns"])];
        for values in [&["staff"][..], &["the interns"], &["guests", "staff"], &["staff", "staff"]] {
            assert!(admits(&rule, &with_claim("groups", values)), "{values:?}");
        }
        for values in [&[][..], &[""], &["Staff"], &["staff "], &["staff interns"], &["interns"], &["staff,x"]] {
            assert!(!admits(&rule, &with_claim("groups", values)), "{values:?}");
        }
        for name in ["group", "Groups", "groups ", "", "roles"] {
            assert!(!admits(&rule, &with_claim(name, &["staff"])), "{name:?}");
        }
    }

    #[test]
    fn all_rules_must_hold_and_the_first_that_does_not_is_named() {
        let rules = EntryRules(vec![domains(&["example.com"]), subjects(&["alice"]), claim("hd", &["example.com"])]);
        let good = EntryFacts { email_domain: EmailDomain::parse("example.com"), ..with_claim("hd", &["example.com"]) };
        assert_eq!(rules.admits(&good), Ok(()));
        for (facts, unmet) in [
            (EntryFacts { email_domain: None, ..good.clone() }, "email_domains"),
            (EntryFacts { subject: subject("bob"), ..good.clone() }, "subjects"),
            (EntryFacts { claims: Vec::new(), ..good }, "claims.hd"),
        ] {
            assert_eq!(rules.admits(&facts).unwrap_err().to_string(), unmet);
        }
    }

    #[test]
    fn the_rules_of_the_issuer_and_of_the_resource_both_count() {
        let resource = "https://mcp.example/mcp";
        let is = |id: &str| EntryFacts::new(subject(id));
        let mut issuer = issuer();
        assert!(issuer.admit(resource, &is("alice")).is_ok());
        issuer.entry = EntryRules(vec![subjects(&["alice", "bob"])]);
        issuer.resources[0].entry = EntryRules(vec![subjects(&["bob", "carol"])]);
        for (id, is_admitted) in [("alice", false), ("bob", true), ("carol", false)] {
            let admitted = issuer.admit(resource, &is(id)).map(|admitted| admitted.subject);
            assert_eq!(admitted.is_ok(), is_admitted, "{id}");
            assert!(admitted.is_err() || admitted == Ok(subject(id)));
        }
        assert!(issuer.admit("https://other.example", &is("alice")).is_ok(), "another resource has no rule");
        assert!(issuer.admit("https://other.example", &is("carol")).is_err(), "the issuer's rule is for all resources");
    }

    /// A login that waits for its person's answer is not completed under other rules.
    #[test]
    fn a_login_counts_only_under_the_rules_that_admitted_its_person() {
        let resource = "https://mcp.example/mcp";
        let with = |of_issuer: Vec<EntryRule>, of_resource: Vec<EntryRule>| {
            let mut issuer = issuer();
            issuer.entry = EntryRules(of_issuer);
            issuer.resources[0].entry = EntryRules(of_resource);
            issuer
        };
        let issuers = [
            with(vec![], vec![]),
            with(vec![subjects(&["alice"])], vec![]),
            with(vec![subjects(&["alice", "bob"])], vec![]),
            with(vec![subjects(&["alice"]), subjects(&["alice", "bob"])], vec![]),
            with(vec![claim("sub", &["idp|alice"])], vec![]),
            with(vec![claim("a", &["1", "claims.b", "1"])], vec![]),
            with(vec![claim("a", &["1"]), claim("b", &["1"])], vec![]),
            with(vec![domains(&["example.com"])], vec![subjects(&["alice"])]),
        ];
        for (n, then) in issuers.iter().enumerate() {
            for (m, now) in issuers.iter().enumerate() {
                let still = now.admits_still(resource, then.entry_digest(resource));
                assert_eq!(still, if n == m { Ok(()) } else { Err(Refusal::LoginInterrupted) }, "{n} {m}");
            }
        }
    }

    #[test]
    fn facts_are_not_shown_in_logs() {
        let facts = EntryFacts { email_domain: EmailDomain::parse("example.com"), ..with_claim("hd", &["secret"]) };
        assert_eq!(format!("{facts:?}"), "EntryFacts(idp|alice, ..)");
    }

    proptest! {
        /// The listed domain alone is admitted, without its sub-domains and without look-alikes.
        #[test]
        fn a_domain_is_one_host_name(address in "[a-z@.\u{430}\u{3002} -]{0,20}(@example\\.com)?.{0,2}") {
            let is_admitted = admits(&[domains(&["example.com"])], &with_address(&address));
            let expected = address.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty() && domain.eq_ignore_ascii_case("example.com")
            });
            prop_assert_eq!(is_admitted, expected);
        }
    }
}
