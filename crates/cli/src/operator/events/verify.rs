//! `lychgate events verify`: reads the files for the export verifier. It needs no control plane.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use lychgate_process::terminal::visible;

use super::digest::{Keys, digest_of};
use super::export_verifier::ExportVerifier;
use crate::operator::Answer;
use crate::operator::failure::Failure;

/// No line is longer: it holds one event, and the size of a record is limited.
const MAX_LINE: u64 = 1 << 20;
/// Characters of one line of output.
const MAX_SHOWN: usize = 1000;

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The output of `lychgate events export`
    #[arg(value_name = "FILE")]
    export: PathBuf,
    /// The output of `lychgate events keys`; keep it apart from the control plane, which an attacker may control later
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// An older export: its last digest must be in this export, or directly before it
    #[arg(long, value_name = "OLDER")]
    continues: Option<PathBuf>,
    /// Accepts that earlier ranges are missing, for an export with --since
    #[arg(long)]
    partial: bool,
}

impl Verify {
    /// Prints each problem as a line, and a summary. Yes if there is no problem.
    pub(super) fn run(&self) -> Result<Answer, Failure> {
        let path = self.keys.display();
        let text = fs::read(&self.keys).map_err(|error| unreadable(&self.keys, &error))?;
        let keys = Keys::parse(&text).map_err(|error| Failure::usage(format!("--keys: {path}: {error:#}")))?;
        let older = self.continues.as_deref().map(newest_digest).transpose()?;
        let mut verifier = ExportVerifier::new(keys, older, self.partial);
        each_line(&self.export, |line| verifier.line(line))?;
        let verdict = verifier.finish();
        let mut out = io::stdout().lock();
        for problem in &verdict.problems {
            writeln!(out, "FAILS  {}", visible(problem, MAX_SHOWN))?;
        }
        let holds = verdict.problems.is_empty();
        writeln!(out, "{}  {}", if holds { "holds" } else { "in all" }, visible(&verdict.summary, MAX_SHOWN))?;
        Ok(if holds { Answer::Yes } else { Answer::No })
    }
}

pub(super) fn newest_digest(path: &Path) -> Result<String, Failure> {
    let mut newest = None;
    each_line(path, |line| newest = digest_of(line).or(newest.take()))?;
    newest.ok_or_else(|| Failure::usage(format!("{} has no digest; give an export", path.display())))
}

/// Calls `take` with each line, without its line feed. The bytes need not be text: no digest fits such a line.
pub(super) fn each_line(path: &Path, mut take: impl FnMut(&[u8])) -> Result<(), Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut file = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        match file.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).map_err(|error| unreadable(path, &error))? {
            0 => return Ok(()),
            _ => take(line.strip_suffix(b"\n").unwrap_or(&line)),
        }
    }
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("{} cannot be read: {error}; correct the path", path.display()))
}
