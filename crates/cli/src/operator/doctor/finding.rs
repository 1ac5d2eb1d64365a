//! The result of a check, and the report of all results.

use lychgate_process::terminal::visible;
use serde::Serialize;

use crate::operator::failure::Failure;
use crate::operator::screen::Screen;
use crate::operator::{Answer, MAX_LINE};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok,
    Warn,
    Fail,
}

/// The result of one check. Its texts may hold bytes of other parties and are not yet safe to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// The name of the check, the same in every version.
    pub(super) check: &'static str,
    /// The issuer, edge or file that it is about; empty for the deployment.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) about: String,
    pub(super) finding: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) remedy: String,
}

impl Finding {
    pub(super) fn ok(check: &'static str, finding: impl Into<String>) -> Self {
        Self { level: Level::Ok, check, about: String::new(), finding: finding.into(), remedy: String::new() }
    }

    pub(super) fn warn(check: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Warn, remedy: remedy.into(), ..Self::ok(check, finding) }
    }

    pub(super) fn fail(check: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Fail, ..Self::warn(check, finding, remedy) }
    }

    pub(super) fn about(self, about: impl Into<String>) -> Self {
        Self { about: about.into(), ..self }
    }

    /// One line, and one more for the remedy.
    fn text(&self) -> String {
        let level = match self.level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        let about = match self.about.as_str() {
            "" => String::new(),
            about => format!(" ({})", visible(about, MAX_LINE)),
        };
        let line = format!("{level}  {}{about}: {}", self.check, visible(&self.finding, MAX_LINE));
        match self.remedy.as_str() {
            "" => line,
            remedy => format!("{line}\n      remedy: {}", visible(remedy, MAX_LINE)),
        }
    }
}

/// Prints findings as they come, and counts them.
#[derive(Debug)]
pub(super) struct Report {
    screen: Screen,
    ok: usize,
    warnings: usize,
    failures: usize,
}

impl Report {
    pub(super) fn new(screen: Screen) -> Self {
        Self { screen, ok: 0, warnings: 0, failures: 0 }
    }

    pub(super) fn add(&mut self, findings: Vec<Finding>) -> Result<(), Failure> {
        for finding in findings {
            match finding.level {
                Level::Ok => self.ok += 1,
                Level::Warn => self.warnings += 1,
                Level::Fail => self.failures += 1,
            }
            self.screen.line(&finding, Finding::text)?;
        }
        Ok(())
    }

    /// Prints the sum for people. The answer is no if something failed.
    pub(super) fn finish(&self) -> Result<Answer, Failure> {
        let Self { screen, ok, warnings, failures } = self;
        if !screen.is_json() {
            screen.text(&format!("{failures} failed, {warnings} warnings, {ok} in order"))?;
        }
        Ok(if *failures == 0 { Answer::Yes } else { Answer::No })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_its_remedy_another() {
        let finding = Finding::warn("clock", "a\u{1b}[2Jb\nc", "set\nit").about("m\u{7}");
        assert_eq!(finding.text(), "warn  clock (m\\u{7}): a\\u{1b}[2Jb\\nc\n      remedy: set\\nit");
        assert_eq!(Finding::ok("clock", "is right").text(), "ok    clock: is right");
    }
}
