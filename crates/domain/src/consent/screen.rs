//! The screens of the consent page.

use crate::subject::Subject;

/// How much of the consent page is shown for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentScreen {
    /// The full page with client, resource and scopes.
    Full,
    /// "Continue as X to CLIENT on RESOURCE", with one button.
    OneClick,
    /// No page.
    Skipped,
}

/// The screen on which a person approved, and the subject that it named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresentedScreen {
    /// The full page, with the subject it named, if any.
    Full {
        /// The subject that the page named.
        presented_to: Option<Subject>,
    },
    /// One button, with which a person repeated an earlier approval.
    OneClick {
        /// The subject that the page named.
        presented_to: Subject,
    },
    /// No page: the operator trusts the client, and the person allowed the same before.
    Skipped {
        /// The subject that signed in last at this browser. No page named it.
        presented_to: Subject,
    },
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
