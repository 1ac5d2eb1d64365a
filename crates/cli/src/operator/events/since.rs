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

/// Verifies an export with its keys, and that it continues `backup`, the number and the compact form of the newest digest of
/// the backup, which has the events `known`. Fails if events of a range after that digest are missing, even in time.
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
    let verdict = verifier.finish();
    let is_newer = |number: &u64| backup.is_none_or(|(newest, _)| number > newest);
    let problem = verdict.problems.into_iter().next().or_else(|| {
        let number = verdict.absent.into_iter().find(is_newer)?;
        Some(format!(
            "the events of range {number} are past their retention and not in it; give an export that was made before they \
             were deleted, or restore without --events and --keys, which ends every grant and every consent"
        ))
    });
    if let Some(problem) = problem {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::export_verifier::tests::{Exported, Signer};
    use super::*;

    /// The events that `since` finds in an export of three ranges from which the event `{"n":2}` was forgotten in time, after
    /// a backup whose newest digest is that of range `newest`.
    fn since_range(newest: usize) -> Result<Vec<Value>, Failure> {
        let key = Signer::new("key");
        let mut exported = Exported::default();
        exported.range(&["{\"n\":1}"], &key, None);
        exported.range(&["{\"n\":2}"], &key, None);
        exported.kept_from = 3;
        exported.range(&["{\"n\":3}"], &key, None);
        exported.lines.retain(|line| !line.contains("\"n\":2"));
        let digests: Vec<String> = exported.lines.iter().filter_map(|line| digest_of(line.as_bytes())).collect();
        let backup = newest.checked_sub(1).map(|at| (newest as u64, digests[at].clone()));
        let directory = tempfile::tempdir().unwrap();
        let (export, keys) = (directory.path().join("events"), directory.path().join("keys"));
        fs::write(&export, exported.lines.join("\n") + "\n").unwrap();
        fs::write(&keys, json!({ "keys": [key.jwk()] }).to_string()).unwrap();
        since(&export, &keys, backup.as_ref(), &HashSet::new()).map(|since| since.events)
    }

    #[test]
    fn events_after_the_backup_that_are_past_their_retention_are_an_error() {
        for newest in [0, 1] {
            let failure = since_range(newest).unwrap_err();
            assert!(failure.line.contains("range 2 are past their retention"), "{}", failure.line);
        }
        // The backup has them itself.
        assert_eq!(since_range(2).unwrap(), [json!({ "n": 3 })]);
    }
}
