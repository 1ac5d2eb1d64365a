//! How much of the consent page a person is shown.

use crate::subject::Subject;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentScreen {
    Full,
    /// "Continue as X to CLIENT on RESOURCE".
    OneClick,
    Skipped,
}

/// What a yes was said to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresentedScreen {
    /// The whole page, and whom it said to be signed in, if anybody.
    Full { presented_to: Option<Subject> },
    /// One button, with which somebody repeated what they had allowed before.
    OneClick { presented_to: Subject },
    /// Nothing: an operator trusts the client with what somebody allowed before.
    Skipped { presented_to: Subject },
}

impl PresentedScreen {
    /// Which of the screens it was.
    pub fn screen(&self) -> ConsentScreen {
        match self {
            PresentedScreen::Full { .. } => ConsentScreen::Full,
            PresentedScreen::OneClick { .. } => ConsentScreen::OneClick,
            PresentedScreen::Skipped { .. } => ConsentScreen::Skipped,
        }
    }

    /// Whom it named: whoever was there last, which proves nothing of who is there now.
    pub fn presented_to(&self) -> Option<&Subject> {
        match self {
            PresentedScreen::Full { presented_to } => presented_to.as_ref(),
            PresentedScreen::OneClick { presented_to } | PresentedScreen::Skipped { presented_to } => {
                Some(presented_to)
            }
        }
    }
}
