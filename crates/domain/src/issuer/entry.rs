//! Entry rules: which of the people who can sign in at the upstream an issuer, or one of its resources, admits.
//!
//! The rules are asked at every login, before a code exists, and a login is what every code needs. An operator may have them
//! asked again at refreshes, of claims that are not older than a given age. What the upstream does not state, or states in
//! another form, admits no person.

use std::fmt;
use std::time::Duration;

use super::Issuer;
use crate::Refusal;
use crate::keys::short_digest;
use crate::subject::Subject;
use crate::time::Timestamp;

/// Rules that must all hold for a person. Without a rule, each person is admitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryRules {
    /// The rules.
    pub rules: Vec<EntryRule>,
    /// A refresh asks the rules again, of claims that are younger than this. `None`: the rules are asked at logins only.
    pub recheck_after: Option<Duration>,
}

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

/// What an upstream states about a person.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryFacts {
    /// The person.
    pub subject: Subject,
    /// The claims that rules may read.
    pub claims: StatedClaims,
}

/// The claims that an upstream states about a person, as far as rules may read them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StatedClaims {
    /// The domain of the e-mail address. `None` unless the upstream says that the address is verified.
    pub email_domain: Option<EmailDomain>,
    /// The claims with a text or a list of texts, each name once.
    pub named: Vec<StatedClaim>,
}

/// Claims, and the instant at which the upstream stated them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LearnedClaims {
    /// The claims.
    pub claims: StatedClaims,
    /// The instant.
    pub at: Timestamp,
}

/// What is known of a person at a refresh.
#[derive(Clone, Copy, Debug)]
pub enum KnownClaims<'a> {
    /// The claims that the connection keeps, if it keeps any, and the present instant.
    Kept(Option<&'a LearnedClaims>, Timestamp),
    /// The claims that the upstream has stated for this refresh.
    Stated(&'a LearnedClaims),
}

/// Whether the entry rules admit a person at a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readmission {
    /// They do, or they are asked at logins only.
    Admitted,
    /// Only the upstream can say: the claims that are kept are too old, or do not admit the person.
    AskUpstream {
        /// Claims of this age are too old.
        too_old: Duration,
    },
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

    /// Asks the rules again at a refresh of `subject`. Claims that were kept can only admit: the upstream is asked before a person
    /// is refused for a claim. Refuses with [`Refusal::AccountNoLongerAllowed`].
    pub fn readmit(&self, resource: &str, subject: &Subject, known: KnownClaims<'_>) -> Result<Readmission, Refusal> {
        let Some(too_old) = self.entry_rules(resource).filter_map(|rules| rules.recheck_after).min() else {
            return Ok(Readmission::Admitted);
        };
        let claims = match known {
            KnownClaims::Kept(learned, now) => {
                learned.filter(|learned| now.age_of_record(learned.at).is_below(too_old))
            }
            KnownClaims::Stated(learned) => Some(learned),
        };
        let claims = claims.map(|learned| learned.claims.clone()).unwrap_or_default();
        let facts = EntryFacts { subject: subject.clone(), claims };
        let unmet = |rule: &&EntryRule| !rule.holds(&facts);
        let mut unmet = self.entry_rules(resource).flat_map(|rules| &rules.rules).filter(unmet).peekable();
        let is_final = matches!(known, KnownClaims::Stated(_));
        if unmet.peek().is_none() {
            Ok(Readmission::Admitted)
        } else if is_final || unmet.any(|rule| matches!(rule, EntryRule::Subjects(_))) {
            Err(Refusal::AccountNoLongerAllowed)
        } else {
            Ok(Readmission::AskUpstream { too_old })
        }
    }

    /// The claims that a refresh will read: those that some rule of the issuer names, if rules are asked at refreshes. No other
    /// claim is kept.
    pub fn claims_to_keep(&self, stated: &StatedClaims, at: Timestamp) -> Option<LearnedClaims> {
        if !self.keeps_claims() {
            return None;
        }
        let reads =
            |test: &dyn Fn(&EntryRule) -> bool| self.all_entry_rules().any(|rules| rules.rules.iter().any(test));
        let is_named =
            |claim: &&StatedClaim| reads(&|rule| matches!(rule, EntryRule::Claim { name, .. } if *name == claim.name));
        let email_domain =
            stated.email_domain.clone().filter(|_| reads(&|rule| matches!(rule, EntryRule::EmailDomains(_))));
        let named = stated.named.iter().filter(is_named).cloned().collect();
        Some(LearnedClaims { claims: StatedClaims { email_domain, named }, at })
    }

    /// True if rules are asked at refreshes.
    pub fn keeps_claims(&self) -> bool {
        self.all_entry_rules().any(|rules| rules.recheck_after.is_some())
    }

    fn all_entry_rules(&self) -> impl Iterator<Item = &EntryRules> {
        std::iter::once(&self.entry).chain(self.resources.iter().map(|resource| &resource.entry))
    }

    fn entry_rules(&self, resource: &str) -> impl Iterator<Item = &EntryRules> {
        std::iter::once(&self.entry).chain(self.resource_by_uri(resource).map(|resource| &resource.entry))
    }

    /// `None` if there is no rule.
    fn entry_digest(&self, resource: &str) -> Option<RulesDigest> {
        let parts: Vec<_> =
            self.entry_rules(resource).flat_map(|rules| rules.rules.iter().flat_map(EntryRule::parts)).collect();
        let parts: Vec<_> = parts.iter().map(|part| part.as_bytes()).collect();
        (!parts.is_empty()).then(|| RulesDigest(short_digest("entry rules", &parts)))
    }
}

impl EntryRules {
    /// Asks each rule. The error is the first one that does not hold.
    pub fn admits(&self, facts: &EntryFacts) -> Result<(), &EntryRule> {
        self.rules.iter().find(|rule| !rule.holds(facts)).map_or(Ok(()), Err)
    }
}

impl EntryFacts {
    /// A person of whom the upstream states the subject alone.
    pub fn new(subject: Subject) -> Self {
        Self { subject, claims: StatedClaims::default() }
    }
}

impl EntryRule {
    fn holds(&self, facts: &EntryFacts) -> bool {
        match self {
            EntryRule::EmailDomains(domains) => {
                facts.claims.email_domain.as_ref().is_some_and(|domain| domains.contains(domain))
            }
            EntryRule::Subjects(subjects) => subjects.contains(&facts.subject),
            EntryRule::Claim { name, values } => {
                let mut stated = facts.claims.named.iter().filter(|claim| claim.name == *name);
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

/// Claims and addresses stay out of logs.
impl fmt::Debug for StatedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StatedClaims(..)")
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
    use std::slice::from_ref;

    use proptest::prelude::*;

    use super::*;
    use crate::issuer::tests::issuer;

    fn subject(id: &str) -> Subject {
        Subject::parse(&format!("idp|{id}")).unwrap()
    }

    fn facts() -> EntryFacts {
        EntryFacts::new(subject("alice"))
    }

    fn stating(claims: StatedClaims) -> EntryFacts {
        EntryFacts { claims, ..facts() }
    }

    fn named(name: &str, values: &[&str]) -> StatedClaim {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        StatedClaim { name: name.to_owned(), values }
    }

    fn with_address(address: &str) -> EntryFacts {
        stating(StatedClaims { email_domain: EmailDomain::of_address(address), named: Vec::new() })
    }

    fn with_claim(name: &str, values: &[&str]) -> EntryFacts {
        stating(StatedClaims { email_domain: None, named: vec![named(name, values)] })
    }

    fn with_both(name: &str, values: &[&str]) -> EntryFacts {
        stating(StatedClaims { email_domain: EmailDomain::parse("example.com"), named: vec![named(name, values)] })
    }

    fn with_rules(rules: &[EntryRule]) -> EntryRules {
        EntryRules { rules: rules.to_vec(), recheck_after: None }
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
        with_rules(rules).admits(facts).is_ok()
    }

    #[test]
    fn without_a_rule_each_person_is_admitted_and_with_an_empty_list_none() {
        assert!(admits(&[], &facts()));
        for rule in [domains(&[]), subjects(&[]), claim("hd", &[])] {
            assert!(!admits(std::slice::from_ref(&rule), &with_both("hd", &[""])), "{rule}");
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
        let rules = with_rules(&[domains(&["example.com"]), subjects(&["alice"]), claim("hd", &["example.com"])]);
        let good = with_both("hd", &["example.com"]);
        assert_eq!(rules.admits(&good), Ok(()));
        for (facts, unmet) in [
            (with_claim("hd", &["example.com"]), "email_domains"),
            (EntryFacts { subject: subject("bob"), ..good }, "subjects"),
            (with_address("a@example.com"), "claims.hd"),
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
        issuer.entry = with_rules(&[subjects(&["alice", "bob"])]);
        issuer.resources[0].entry = with_rules(&[subjects(&["bob", "carol"])]);
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
            issuer.entry = with_rules(&of_issuer);
            issuer.resources[0].entry = with_rules(&of_resource);
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

    /// What is known can only admit. What is too old, and what does not admit, is asked of the upstream.
    ///
    /// Requirements: B37.
    #[test]
    fn a_refresh_asks_the_upstream_unless_young_claims_admit() {
        const DAY: Duration = Duration::from_secs(86_400);
        let (resource, now) = ("https://mcp.example/mcp", Timestamp::EPOCH + 10 * DAY);
        let rules = |rules: &[EntryRule], days: Option<u32>| EntryRules {
            rules: rules.to_vec(),
            recheck_after: days.map(|days| days * DAY),
        };
        let learned = |facts: EntryFacts, at| Some(LearnedClaims { claims: facts.claims, at });
        let staff = || with_claim("groups", &["staff"]);
        let (of_staff, to_alice) = ([claim("groups", &["staff"])], [subjects(&["alice"])]);
        let to_bob_of_staff = [claim("groups", &["staff"]), subjects(&["bob"])];
        let admitted = || Ok(Readmission::Admitted);
        let refused = || Err(Refusal::AccountNoLongerAllowed);
        let ask = |days: u32| Ok(Readmission::AskUpstream { too_old: days * DAY });
        let ago = |days: u32| Timestamp::EPOCH + (10 - days) * DAY;
        let none = || rules(&[], None);
        for (why, of_issuer, of_resource, kept, expected) in [
            ("at logins only", rules(&of_staff, None), none(), None, admitted()),
            ("young", rules(&of_staff, Some(2)), none(), learned(staff(), ago(1)), admitted()),
            ("too old", rules(&of_staff, Some(2)), none(), learned(staff(), ago(2)), ask(2)),
            ("of the future", rules(&of_staff, Some(2)), none(), learned(staff(), now + DAY), ask(2)),
            ("unknown", rules(&of_staff, Some(2)), none(), None, ask(2)),
            ("another claim", rules(&of_staff, Some(2)), none(), learned(with_claim("hd", &["x"]), now), ask(2)),
            ("not admitted", rules(&of_staff, Some(2)), none(), learned(with_claim("groups", &[]), now), ask(2)),
            ("the least age counts", rules(&of_staff, Some(2)), rules(&[], Some(1)), learned(staff(), ago(1)), ask(1)),
            ("for all rules", rules(&of_staff, None), rules(&[], Some(1)), learned(staff(), ago(1)), ask(1)),
            ("a subject has no age", rules(&to_alice, Some(2)), none(), None, admitted()),
            ("the upstream cannot change a subject", rules(&to_bob_of_staff, Some(2)), none(), None, refused()),
        ] {
            let mut issuer = issuer();
            (issuer.entry, issuer.resources[0].entry) = (of_issuer, of_resource);
            let found = issuer.readmit(resource, &subject("alice"), KnownClaims::Kept(kept.as_ref(), now));
            assert_eq!(found, expected, "{why}");
        }
        let mut issuer = issuer();
        issuer.entry = rules(&of_staff, Some(2));
        for (stated, expected) in
            [(staff(), admitted()), (with_claim("groups", &["guests"]), refused()), (facts(), refused())]
        {
            let stated = LearnedClaims { claims: stated.claims, at: ago(5) };
            assert_eq!(issuer.readmit(resource, &subject("alice"), KnownClaims::Stated(&stated)), expected);
        }
    }

    #[test]
    fn only_claims_that_a_refresh_reads_are_kept() {
        let now = Timestamp::EPOCH;
        let stated = StatedClaims {
            email_domain: EmailDomain::parse("example.com"),
            named: vec![named("hd", &["example.com"]), named("groups", &["staff"]), named("phone", &["1"])],
        };
        let kept = |of_issuer: &[EntryRule], of_resource: &[EntryRule], recheck_after| {
            let mut issuer = issuer();
            issuer.entry = with_rules(of_issuer);
            issuer.resources[0].entry = EntryRules { rules: of_resource.to_vec(), recheck_after };
            issuer.claims_to_keep(&stated, now).map(|learned| {
                let names = learned.claims.named.into_iter().map(|claim| claim.name);
                (learned.claims.email_domain.is_some(), names.collect::<Vec<_>>().join(" "))
            })
        };
        let (hd, groups, day) = (claim("hd", &["x"]), claim("groups", &["x"]), Some(Duration::from_secs(86_400)));
        for (of_issuer, of_resource, expected) in [
            (&[][..], &[][..], (false, "")),
            (from_ref(&hd), from_ref(&groups), (false, "hd groups")),
            (&[domains(&["x.example"])], from_ref(&groups), (true, "groups")),
            (&[subjects(&["alice"])], &[], (false, "")),
        ] {
            let expected = Some((expected.0, expected.1.to_owned()));
            assert_eq!(kept(of_issuer, of_resource, day), expected, "{of_issuer:?} {of_resource:?}");
        }
        assert_eq!(kept(&[hd], &[], None), None, "no refresh reads them");
    }

    #[test]
    fn facts_are_not_shown_in_logs() {
        let facts = with_both("hd", &["secret"]);
        assert_eq!(format!("{facts:?}"), "EntryFacts(idp|alice, ..)");
        assert_eq!(format!("{:?}", facts.claims), "StatedClaims(..)");
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
