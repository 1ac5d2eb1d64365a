//! `lychgate events verify`: the proof that an export is whole. It asks nobody.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::whole::{Keys, Verifier, digest_of};
use crate::operator::Answer;
use crate::operator::failure::Failure;
use lychgate_process::terminal::visible;

/// An export has one line for each event; none is longer than what a record can hold.
const MAX_LINE: u64 = 1 << 20;
/// Of what is said about one.
const MAX_SAID: usize = 1000;

#[derive(Debug, Args)]
pub struct Verify {
    /// What `lychgate events export` wrote
    #[arg(value_name = "FILE")]
    export: PathBuf,
    /// The public keys, as `lychgate events keys` writes them; better kept than asked for again
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// An export of before: what it ended with has to be in this one, or to be what this one begins after
    #[arg(long, value_name = "OLDER")]
    continues: Option<PathBuf>,
    /// It was exported with --since: that earlier ranges are not in it is no gap
    #[arg(long)]
    partial: bool,
}

impl Verify {
    /// Whether it is whole. What does not fit goes to standard output, a line each.
    pub(super) fn run(&self) -> Result<Answer, Failure> {
        let path = self.keys.display();
        let text = fs::read(&self.keys).map_err(|error| unreadable(&self.keys, &error))?;
        let keys = Keys::parse(&text).map_err(|error| Failure::usage(format!("--keys: {path}: {error:#}")))?;
        let older = self.continues.as_deref().map(newest_digest).transpose()?;
        let mut verifier = Verifier::new(keys, older, self.partial);
        each_line(&self.export, |line| verifier.line(line))?;
        let verdict = verifier.finish();
        let mut out = io::stdout().lock();
        for problem in &verdict.problems {
            writeln!(out, "FAILS  {}", visible(problem, MAX_SAID))?;
        }
        let is_whole = verdict.problems.is_empty();
        writeln!(out, "{}  {}", if is_whole { "holds" } else { "in all" }, visible(&verdict.summary, MAX_SAID))?;
        Ok(if is_whole { Answer::Yes } else { Answer::No })
    }
}

fn newest_digest(path: &Path) -> Result<String, Failure> {
    let mut newest = None;
    each_line(path, |line| newest = digest_of(line).or(newest.take()))?;
    newest.ok_or_else(|| Failure::usage(format!("--continues: there is no digest in {}", path.display())))
}

/// Lines as they stand, each without its line feed; one that is not text fits no digest.
fn each_line(path: &Path, mut take: impl FnMut(&[u8])) -> Result<(), Failure> {
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

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("{} cannot be read: {error}; correct the path", path.display()))
}
