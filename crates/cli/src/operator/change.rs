//! The arguments of every verb that changes something: the reason, the request id, the confirmation.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use super::failure::{Exit, Failure};
use super::fresh_id;

/// Reason and request id of a change.
#[derive(Debug, Args)]
pub(crate) struct Change {
    /// The reason, for the audit log: 1 to 256 characters on one line
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) request_id: RequestId,
}

#[derive(Debug, Args)]
pub(crate) struct RequestId {
    /// Id of this change, which is done once per id: 16 to 64 of A-Z, a-z, 0-9, - and _ (default: a random id)
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

impl RequestId {
    /// The given id or a new one. A new one is printed before it is used, so that an operator who loses the answer can repeat
    /// the request.
    pub(super) fn or_fresh(self) -> Result<String, Failure> {
        if let Some(id) = self.request_id {
            return Ok(id);
        }
        let id = fresh_id()?;
        eprintln!("lychgate: to repeat this command and have it done once, add --request-id {id}");
        Ok(id)
    }
}

/// The question before a change with a wide effect.
#[derive(Debug, Args)]
pub(crate) struct Confirmation {
    /// Does not ask for confirmation; only a command on a terminal asks
    #[arg(long)]
    yes: bool,
}

impl Confirmation {
    /// True on a terminal, where a person can answer, unless `--yes` is given.
    pub(super) fn is_due(&self) -> bool {
        !self.yes && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks the person, and fails unless the answer is yes. `effect` must be safe to show.
    pub(super) fn ask(effect: &str) -> Result<(), Failure> {
        eprint!("{effect}. Go on? [y/N] ");
        // If the question cannot be shown, reading an answer fails as well.
        let _unseen = io::stderr().flush();
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        match (read, answer.trim()) {
            (Ok(_), "y" | "Y" | "yes") => Ok(()),
            _ => Err(Failure::new(Exit::No, "nothing was changed")),
        }
    }
}
