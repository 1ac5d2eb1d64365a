//! `lychgate events export` and `keys`: copies the audit log, and the keys that verify the copy.
//!
//! An export holds the control plane's lines byte for byte, because the digests hash them.

use std::io::{self, Write as _};

use clap::Args;
use lychgate_api::v1;
use prost_types::Timestamp;
use serde_json::{Value, json};

use crate::operator::failure::{Exit, Failure};
use crate::operator::{Answer, Session, time};

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Begins with the first range that has an event at or after this time: 2026-11-23T03:00:00Z, or an age like 15m, 2h or 3d
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    since: Option<Timestamp>,
    /// Ends after the first range that ends at or after this time
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    until: Option<Timestamp>,
}

impl Export {
    /// Writes the lines of one stream after another until all are written. A new stream continues after the last line; without
    /// a new line since the stream before, the export fails.
    pub(super) async fn run(self, session: &Session) -> Result<Answer, Failure> {
        let issuer_id = session.issuer().await?;
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut cursor = String::new();
        loop {
            let request = v1::ExportEventsRequest {
                issuer_id: issuer_id.clone(),
                start_time: self.since,
                end_time: self.until,
                cursor: cursor.clone(),
            };
            let began_at = cursor.clone();
            let call = async |request| session.control.admin().export_events(request).await;
            let mut failure = match session.control.call(request, call).await {
                Err(failure) => failure,
                Ok(mut stream) => loop {
                    match stream.message().await {
                        Ok(Some(line)) => {
                            writeln!(out, "{}", line.line)?;
                            cursor = line.cursor;
                        }
                        Ok(None) => {
                            out.flush()?;
                            return Ok(Answer::Yes);
                        }
                        Err(status) => break session.control.stream_failure(&status),
                    }
                },
            };
            if cursor == began_at || failure.exit != Exit::Unreachable {
                out.flush()?;
                if !cursor.is_empty() {
                    failure.line += "; the export is incomplete";
                }
                return Err(failure);
            }
        }
    }
}

/// Prints the public keys that verify digests, as a JSON Web Key Set (RFC 7517 §5).
pub(super) async fn keys(session: &Session) -> Result<Answer, Failure> {
    let request = v1::ListKeysRequest { issuer_id: session.issuer().await? };
    let call = async |request| session.control.admin().list_keys(request).await;
    let listed = session.control.call(request, call).await?.keys;
    let of_events = listed.iter().filter(|key| key.purpose() == v1::KeyPurpose::Events);
    let keys = of_events.map(|key| serde_json::from_str(&key.public_key)).collect::<Result<Vec<Value>, _>>();
    let keys = keys.map_err(|error| Failure::new(Exit::Other, format!("a public key is no JSON: {error}")))?;
    writeln!(io::stdout().lock(), "{}", json!({ "keys": keys }))?;
    Ok(Answer::Yes)
}
