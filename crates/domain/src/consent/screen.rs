//! The screens of the consent page.

use crate::subject::Subject;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentScreen {
    Full,
    /// "Continue as X to CLIENT on RESOURCE", with one button.
    OneClick,
    Skipped,
}

/// The screen on which a person approved, and the subject that it named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresentedScreen {
    /// The full page, with the subject it named, if any.
    Full { presented_to: Option<Subject> },
    /// One button, with which a person repeated an earlier approval.
    OneClick { presented_to: Subject },
    /// No page: the operator trusts the client, and the person allowed the same before.
    Skipped { presented_to: Subject },
}

impl PresentedScreen {
    /// The screen without the subject.
    pub fn screen(&self) -> ConsentScreen {
        match self {
            PresentedScreen::Full { .. } => ConsentScreen::Full,
            PresentedScreen::OneClick { .. } => ConsentScreen::OneClick,
            PresentedScreen::Skipped { .. } => ConsentScreen::Skipped,
        }
    }

    /// The subject named: the person who signed in last at this browser. It does not prove who is there now.
    pub fn presented_to(&self) -> Option<&Subject> {
        match self {
            PresentedScreen::Full { presented_to } => presented_to.as_ref(),
            PresentedScreen::OneClick { presented_to } | PresentedScreen::Skipped { presented_to } => {
                Some(presented_to)
            }
        }
    }
}
