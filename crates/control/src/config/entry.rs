//! Entry rules: which people an issuer, or one of its resources, admits.

use std::collections::BTreeMap;
use std::time::Duration;

use lychgate_domain::issuer::{EmailDomain, EntryRule, EntryRules};
use lychgate_domain::subject::Subject;
use lychgate_domain::upstream::userinfo::SubjectClaim;
use lychgate_process::config::ConfigError;
use serde::{Deserialize, Serialize};

use super::UpstreamConfig;

/// Rules for people who sign in. All that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EntryConfig {
    /// The domains of verified e-mail addresses.
    pub email_domains: Option<Vec<String>>,
    /// Whole subjects.
    pub subjects: Option<Vec<String>>,
    /// The values of each claim.
    pub claims: Option<BTreeMap<String, Vec<String>>>,
    /// A refresh asks the rules again, and the upstream first if its claims are this old, in seconds.
    pub recheck_after_seconds: Option<u64>,
}

/// The least and the greatest age of claims: less than a minute would ask the upstream at each refresh.
const AGES: std::ops::RangeInclusive<u64> = 60..=365 * 86_400;

/// The rules of a table `at` this path; none without the table.
pub(super) fn rules(
    at: &str,
    config: Option<&EntryConfig>,
    upstream: &UpstreamConfig,
) -> Result<EntryRules, ConfigError> {
    config.map_or_else(|| Ok(EntryRules::default()), |config| config.rules(at, upstream))
}

impl EntryConfig {
    fn rules(&self, at: &str, upstream: &UpstreamConfig) -> Result<EntryRules, ConfigError> {
        let Self { email_domains, subjects, claims, recheck_after_seconds } = self;
        let mut rules = Vec::new();
        if let Some(domains) = email_domains {
            rules.push(email_rule(&format!("{at}.email_domains"), domains, upstream)?);
        }
        if let Some(subjects) = subjects {
            rules.push(subject_rule(&format!("{at}.subjects"), subjects, upstream)?);
        }
        if let Some(claims) = claims {
            check_not_empty(&format!("{at}.claims"), claims.is_empty())?;
            for (name, values) in claims {
                rules.push(claim_rule(&format!("{at}.claims.{name}"), name, values)?);
            }
        }
        if rules.is_empty() {
            let remedy = "write email_domains, subjects or claims; or leave the table out, which admits each person";
            return Err(ConfigError::new(at, "has no rule", remedy));
        }
        if let Some(seconds) = recheck_after_seconds.filter(|seconds| !AGES.contains(seconds)) {
            return Err(ConfigError::new(
                format!("{at}.recheck_after_seconds"),
                format_args!("is {seconds}"),
                format_args!("use {} to {} seconds", AGES.start(), AGES.end()),
            ));
        }
        Ok(EntryRules { rules, recheck_after: recheck_after_seconds.map(Duration::from_secs) })
    }
}

fn email_rule(key: &str, domains: &[String], upstream: &UpstreamConfig) -> Result<EntryRule, ConfigError> {
    check_not_empty(key, domains.is_empty())?;
    match upstream {
        UpstreamConfig::Oidc(_) | UpstreamConfig::Oauth2(_) => {}
        UpstreamConfig::Github(_) => {
            return Err(ConfigError::new(
                key,
                "would admit no person: GitHub does not say whether an address is verified",
                "write subjects, as in \"github|583231\"",
            ));
        }
    }
    let parse = |(n, domain): (usize, &String)| {
        EmailDomain::parse(domain).ok_or_else(|| {
            ConfigError::new(
                format!("{key}[{n}]"),
                format_args!("is {domain:?}"),
                "write a whole domain in ASCII, as in \"example.com\"; a sub-domain is a domain of its own",
            )
        })
    };
    Ok(EntryRule::EmailDomains(domains.iter().enumerate().map(parse).collect::<Result<_, _>>()?))
}

fn subject_rule(key: &str, subjects: &[String], upstream: &UpstreamConfig) -> Result<EntryRule, ConfigError> {
    check_not_empty(key, subjects.is_empty())?;
    let prefix = format!("{}|", upstream.id());
    let parse = |(n, subject): (usize, &String)| {
        let parsed = Subject::parse(subject).filter(|_| subject.starts_with(&prefix));
        parsed.ok_or_else(|| {
            ConfigError::new(
                format!("{key}[{n}]"),
                format_args!("is {subject:?}, which is no person of this upstream"),
                format_args!("write {prefix:?} and the id that the provider gave, as consents and events show it"),
            )
        })
    };
    Ok(EntryRule::Subjects(subjects.iter().enumerate().map(parse).collect::<Result<_, _>>()?))
}

fn claim_rule(key: &str, name: &str, values: &[String]) -> Result<EntryRule, ConfigError> {
    // A claim that people change by themselves would admit each person who writes the value there.
    if SubjectClaim::parse(name).is_none() {
        return Err(ConfigError::new(
            key,
            "is a name or an address, which people can change, or no claim at all",
            "use a claim that the provider's administrators set, email_domains or subjects",
        ));
    }
    check_not_empty(key, values.is_empty())?;
    if let Some(n) = values.iter().position(String::is_empty) {
        return Err(ConfigError::new(format!("{key}[{n}]"), "is empty", "write the whole value"));
    }
    Ok(EntryRule::Claim { name: name.to_owned(), values: values.to_vec() })
}

fn check_not_empty(key: &str, is_empty: bool) -> Result<(), ConfigError> {
    if is_empty {
        return Err(ConfigError::new(
            key,
            "is empty, which would admit no person",
            "list what is admitted, or leave it out",
        ));
    }
    Ok(())
}
