//! `lychgate events export` and `keys`: the audit log taken elsewhere, and what it is verified with.
//!
//! What it writes are the control plane's own bytes, line for line: digests are about them.

use std::io::{self, Write as _};

use clap::Args;
use lychgate_api::v1;
use prost_types::Timestamp;
use serde_json::{Value, json};

use crate::operator::failure::{Exit, Failure};
use crate::operator::{Answer, Session, time};

#[derive(Debug, Args)]
pub struct Export {
    /// From the range on in which something happened then or later: 2026-11-23T03:00:00Z, or 15m, 2h, 3d for so long ago
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    since: Option<Timestamp>,
    /// Up to the range that ends then or later
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    until: Option<Timestamp>,
}

impl Export {
    /// A stream that breaks off goes on after the last line that came, as long as each one brings something.
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
            let mut broken = match session.control.call(request, call).await {
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
                        Err(status) => break session.control.broke(&status),
                    }
                },
            };
            if cursor == began_at || broken.exit != Exit::Unreachable {
                out.flush()?;
                if !cursor.is_empty() {
                    broken.line += "; what was written is not whole";
                }
                return Err(broken);
            }
        }
    }
}

/// The public keys that digests are signed with, as a JSON Web Key Set (RFC 7517 §5).
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
