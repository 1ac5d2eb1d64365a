//! Reads a certificate's subject alternative names and its end. Verification happens elsewhere, before a certificate
//! gets here.

use std::fmt;
use std::net::IpAddr;

use lychgate_domain::time::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

/// A subject alternative name that identifies a caller (RFC 5280 §4.2.1.6). Names are compared whole, without
/// wildcards; the common name is ignored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SubjectName {
    /// In lower case.
    Dns(String),
    /// Byte by byte.
    Uri(String),
}

impl SubjectName {
    /// Parses a configured name. A colon, which no DNS name has, makes it a URI.
    pub fn parse(text: &str) -> Option<Self> {
        let dns = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if text.is_empty() || text.parse::<IpAddr>().is_ok() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        match text.split_once(':') {
            Some((before, after)) => {
                let fits = before.starts_with(|first: char| first.is_ascii_alphabetic()) && before.bytes().all(scheme);
                (fits && !after.is_empty()).then(|| Self::Uri(text.to_owned()))
            }
            None => text.bytes().all(dns).then(|| Self::Dns(text.to_ascii_lowercase())),
        }
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) | Self::Uri(name) => f.write_str(name),
        }
    }
}

/// The parts of a certificate that identify a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    pub names: Vec<SubjectName>,
    /// The last second of its validity.
    pub not_after: Timestamp,
}

impl Certificate {
    pub(crate) fn parse(der: &[u8]) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        let names = match certificate.subject_alternative_name().ok()? {
            Some(extension) => extension.value.general_names.iter().filter_map(known).collect(),
            None => Vec::new(),
        };
        let not_after = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
        rest.is_empty().then(|| Self { names, not_after: Timestamp::from_seconds(not_after) })
    }
}

/// Names of other kinds identify no caller.
fn known(name: &GeneralName<'_>) -> Option<SubjectName> {
    match name {
        GeneralName::DNSName(name) => Some(SubjectName::Dns(name.to_ascii_lowercase())),
        GeneralName::URI(uri) => Some(SubjectName::Uri((*uri).to_owned())),
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::IPAddress(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType, date_time_ymd};

    use super::*;

    #[test]
    fn a_name_is_a_whole_dns_name_or_uri() {
        let dns = |name: &str| Some(SubjectName::Dns(name.to_owned()));
        let uri = |name: &str| Some(SubjectName::Uri(name.to_owned()));
        assert_eq!(SubjectName::parse("Edge-1.Internal"), dns("edge-1.internal"));
        for text in ["spiffe://example/Edge", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "https://e.example/*"] {
            assert_eq!(SubjectName::parse(text), uri(text));
        }
        for text in
            ["", "*.internal", "edge 1", "edge@example.com", "10.0.0.1", "::1", "fe80::1", "1a://x", "spiffe:", "é"]
        {
            assert_eq!(SubjectName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_dns_names_and_uris_of_a_certificate_count() {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "edge.internal");
        params.not_after = date_time_ymd(2030, 1, 2);
        params.subject_alt_names = vec![
            SanType::Rfc822Name("edge@example.com".try_into().unwrap()),
            SanType::DnsName("Edge-1.internal".try_into().unwrap()),
            SanType::URI("spiffe://example/Edge".try_into().unwrap()),
            SanType::IpAddress("10.0.0.1".parse().unwrap()),
        ];
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let expected = ["edge-1.internal", "spiffe://example/Edge"].map(|name| SubjectName::parse(name).unwrap());
        let not_after = Timestamp::from_seconds(1_893_542_400);
        let parsed = Certificate::parse(certificate.der());
        assert_eq!(parsed, Some(Certificate { names: expected.to_vec(), not_after }));
        assert_eq!(Certificate::parse(&[certificate.der(), &[0][..]].concat()), None, "trailing bytes are refused");
    }

    #[test]
    fn a_certificate_without_names_has_none() {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "edge.internal");
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(Certificate::parse(certificate.der()).unwrap().names, []);
    }
}
