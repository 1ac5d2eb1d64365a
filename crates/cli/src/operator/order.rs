//! What goes with every change: why, under which id it is done once, and whether it is meant.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use super::failure::{Exit, Failure};
use super::fresh_id;

/// A change's reason and id.
#[derive(Debug, Args)]
pub(super) struct Order {
    /// Why, for the audit log: 1 to 256 characters on one line
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) request_id: RequestId,
}

#[derive(Debug, Args)]
pub(super) struct RequestId {
    /// The same command with the same id is done once: 16 to 64 of A-Z, a-z, 0-9, - and _; made if there is none
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

impl RequestId {
    /// One that is made is told before it is used: whoever loses the answer can repeat the question.
    pub(super) fn settle(self) -> Result<String, Failure> {
        if let Some(id) = self.request_id {
            return Ok(id);
        }
        let id = fresh_id()?;
        eprintln!("lychgate: to repeat this and have it done once, add --request-id {id}");
        Ok(id)
    }
}

/// Whether what is wide is meant.
#[derive(Debug, Args)]
pub(super) struct Assurance {
    /// Does not ask whether it is meant, as it does on a terminal
    #[arg(long)]
    yes: bool,
}

impl Assurance {
    /// Whether there is somebody to ask.
    pub(super) fn is_due(&self) -> bool {
        !self.yes && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks; `what` must be safe to show.
    pub(super) fn ask(what: &str) -> Result<(), Failure> {
        eprint!("{what}. Go on? [y/N] ");
        // Not seen, it is not answered either.
        let _unseen = io::stderr().flush();
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        match (read, answer.trim()) {
            (Ok(_), "y" | "Y" | "yes") => Ok(()),
            _ => Err(Failure::new(Exit::No, "nothing was changed")),
        }
    }
}
