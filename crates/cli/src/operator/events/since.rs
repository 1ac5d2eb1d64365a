//! The events of an export that a backup does not have: what a restore must not undo.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::digest::{Digest, Keys, digest_of};
use super::export_verifier::ExportVerifier;
use super::verify::{each_line, newest_digest, unreadable};
use crate::operator::failure::{Exit, Failure};

/// The part of an export that is newer than a backup.
#[derive(Debug)]
pub(in crate::operator) struct Since {
    /// The events, as their lines say.
    pub(in crate::operator) events: Vec<Value>,
    /// The time of the newest digest: the export knows nothing later.
    pub(in crate::operator) sealed: String,
}

/// The issuer of an export.
pub(in crate::operator) fn issuer_of(export: &Path) -> Result<String, Failure> {
    Ok(newest(export)?.claims.iss)
}

/// Verifies an export with its keys, and that it continues the backup, which has the events `known` and the digest `newest`.
pub(in crate::operator) fn since(
    export: &Path,
    keys: &Path,
    backup: Option<&(u64, String)>,
    known: &HashSet<String>,
) -> Result<Since, Failure> {
    let text = fs::read(keys).map_err(|error| unreadable(keys, &error))?;
    let keys = Keys::parse(&text).map_err(|error| Failure::usage(format!("{}: {error:#}", keys.display())))?;
    let mut verifier = ExportVerifier::new(keys, backup.map(|(_, jws)| jws.clone()), backup.is_some());
    let (mut range, mut events) = (Vec::new(), Vec::new());
    each_line(export, |line| {
        verifier.line(line);
        match digest_of(line).map(|jws| Digest::parse(&jws)) {
            None => range.extend(serde_json::from_slice::<Value>(line)),
            Some(digest) => {
                let number = digest.map_or(u64::MAX, |digest| digest.claims.number);
                let is_newer = backup.is_none_or(|(newest, _)| number > *newest);
                events.extend(range.drain(..).filter(|event| is_newer && !is_known(event, known)));
            }
        }
    })?;
    if let Some(problem) = verifier.finish().problems.first() {
        let line = format!("{} does not show what was revoked since the backup: {problem}", export.display());
        return Err(Failure::new(Exit::Other, line));
    }
    Ok(Since { events, sealed: newest(export)?.claims.time })
}

fn is_known(event: &Value, known: &HashSet<String>) -> bool {
    event["event_id"].as_str().is_some_and(|id| known.contains(id))
}

fn newest(export: &Path) -> Result<Digest, Failure> {
    let jws = newest_digest(export)?;
    Digest::parse(&jws).ok_or_else(|| Failure::usage(format!("{} has a damaged digest", export.display())))
}
