//! `lychgate explain`: what happened to a request, a person or a client, step by step and in words, from the audit log and from the
//! processes' own logs.

mod event;
mod log;

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read};

use clap::Args;
use lychgate_api::v1;
use lychgate_process::terminal::visible;
use prost_types::Timestamp;
use serde_json::json;

use super::failure::{Exit, Failure};
use super::{Answer, Common, Session, screen, time};

const MAX_WORDS: usize = 600;
const PAGE: i32 = 1000;

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    common: Common,
    /// A request id, as an error page and the header x-request-id name it; or a SUBJECT, a client id, or the id of a grant
    #[arg(value_name = "ID")]
    what: String,
    /// Reads this log of an edge or a control plane too, in either format; - is standard input. Can be repeated
    #[arg(long = "log", value_name = "FILE")]
    logs: Vec<String>,
    /// Looks back to this time: 2026-11-23T03:00:00Z, or an age like 15m, 2h or 3d
    #[arg(long, value_name = "TIME", value_parser = time::parse, default_value = "1d")]
    since: Timestamp,
}

/// One thing that happened.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    /// RFC 3339.
    time: String,
    /// `edge`, `control`, or `audit log`.
    source: &'static str,
    words: String,
}

impl Step {
    /// Events and logs write fractions of a second with different numbers of digits, so their texts do not sort by time.
    fn instant(&self) -> (i64, i32) {
        self.time.parse().map(|Timestamp { seconds, nanos }| (seconds, nanos)).unwrap_or_default()
    }
}

impl Explain {
    /// Prints the steps by time. "No" if nothing is known.
    pub(super) async fn run(self) -> Result<Answer, Failure> {
        let session = Session::open(self.common)?;
        let mut steps = Vec::new();
        for file in &self.logs {
            steps.extend(log::steps(open(file)?.split(b'\n'), &self.what).map_err(|error| unreadable(file, &error))?);
        }
        let events = events(&session, &self.what, self.since).await?;
        steps.extend(events.iter().map(event::step));
        steps.sort_by_key(Step::instant);
        for step in &steps {
            print(&session, step)?;
        }
        if steps.is_empty() {
            let remedy = "look further back with --since, and into the logs of edge and control plane with --log FILE";
            eprintln!("lychgate: nothing is known of it; {remedy}");
            return Ok(Answer::No);
        }
        if let Some(event) = events.iter().find(|event| event.call_id == self.what) {
            // No command line to copy: a stranger may have chosen the client's id.
            let (client, person) = (visible(&event.client_id, MAX_WORDS), visible(&event.subject, MAX_WORDS));
            eprintln!("lychgate: explain the client ({client}) or the person ({person}) to see what else happened");
        }
        Ok(Answer::Yes)
    }
}

/// The events that concern it. The control plane finds the events of a person; others are sought among all.
async fn events(session: &Session, what: &str, since: Timestamp) -> Result<Vec<v1::Event>, Failure> {
    let subject = if what.contains('|') { what.to_owned() } else { String::new() };
    let concerns = |event: &v1::Event| {
        [&event.subject, &event.client_id, &event.grant_id, &event.call_id].into_iter().any(|id| id == what)
    };
    let issuer_id = session.issuer().await?;
    let start_time = Some(since);
    let mut request =
        v1::ListEventsRequest { issuer_id, subject, start_time, page_size: PAGE, ..v1::ListEventsRequest::default() };
    let control = &session.control;
    let mut found = Vec::new();
    loop {
        let call = async |request| control.admin().list_events(request).await;
        let page = control.call(request.clone(), call).await?;
        found.extend(page.events.into_iter().filter(concerns));
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        request.page_token = page.next_page_token;
    }
}

fn open(file: &str) -> Result<BufReader<Box<dyn Read>>, Failure> {
    let opened: io::Result<Box<dyn Read>> = match file {
        "-" => Ok(Box::new(io::stdin())),
        path => fs::File::open(path).map(|file| Box::new(file) as Box<dyn Read>),
    };
    opened.map(BufReader::new).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &str, error: &io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("--log {file} cannot be read: {error}"))
}

fn print(session: &Session, step: &Step) -> Result<(), Failure> {
    let Step { time, source, words } = step;
    let words = visible(words, MAX_WORDS);
    if session.screen.is_json() {
        return screen::print(&json!({ "time": time, "source": source, "words": words }).to_string());
    }
    screen::print(&format!("{time}  {source:9}  {words}"))
}

/// RFC 3339, as in logs.
fn rfc_3339(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_in_the_order_of_time_with_any_number_of_digits() {
        let step = |time: &str| Step { time: time.to_owned(), source: "edge", words: String::new() };
        let in_order =
            ["2026-12-01T01:00:00Z", "2026-12-01T01:00:00.000001Z", "2026-12-01T01:00:00.5Z", "2026-12-01T01:00:01Z"];
        let mut steps: Vec<_> = in_order.iter().rev().map(|time| step(time)).collect();
        steps.sort_by_key(Step::instant);
        assert_eq!(steps.iter().map(|step| step.time.as_str()).collect::<Vec<_>>(), in_order);
    }
}
