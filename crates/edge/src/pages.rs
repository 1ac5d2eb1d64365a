//! The pages for people: for each one a struct of the values that its template shows, and samples of it.
//!
//! Templates escape every value, and a value from a client stands only as text or in a quoted attribute. A variable that a
//! template names and its page lacks is an error. The process renders every sample when it starts, and so finds the error there.

mod account;
mod allowed;
mod condition;
mod consent;
mod day;
mod error;
mod samples;
mod templates;

use serde::Serialize;

pub(crate) use account::{AccountPage, SignInPage};
pub(crate) use allowed::AllowedPage;
pub(crate) use consent::{ConsentPage, OneClickPage, SignedInPage};
pub(crate) use error::ErrorPage;
pub(crate) use templates::Pages;
use templates::RenderedSample;

/// A page's own values. `pages!` registers its template.
pub(crate) trait Page: Templated + Serialize {
    /// The document's title.
    fn title(&self) -> String;
}

/// Implemented by `pages!` only, so that a page without a template does not compile.
pub(crate) trait Templated: Sized {
    const KIND: PageKind;
}

/// The values that all pages share, for `layout.hbs`.
#[derive(Clone, Debug, Serialize)]
struct Layout<'a> {
    title: String,
    /// The path of the style sheet.
    stylesheet: &'a str,
    /// Empty if the request names no issuer.
    issuer_name: &'a str,
}

/// Registers the pages: each line has a name, the struct, and the template's file name without `.hbs`.
macro_rules! pages {
    ($($name:ident($page:ty) = $template:literal),+ $(,)?) => {
        /// Every page of the edge.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum PageKind {
            $($name,)+
        }

        impl PageKind {
            const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name of the template.
            const fn template(self) -> &'static str {
                match self {
                    $(Self::$name => $template,)+
                }
            }

            /// Renders the samples of the page.
            fn render_samples(self, pages: &Pages) -> Vec<RenderedSample> {
                match self {
                    $(Self::$name => pages.render_samples::<$page>(),)+
                }
            }
        }

        $(impl Templated for $page {
            const KIND: PageKind = PageKind::$name;
        })+
    };
}

pages! {
    Consent(ConsentPage) = "consent",
    OneClick(OneClickPage) = "one_click",
    SignedIn(SignedInPage) = "signed_in",
    Allowed(AllowedPage) = "allowed",
    SignIn(SignInPage) = "sign_in",
    Account(AccountPage) = "account",
    Error(ErrorPage) = "error",
}

#[cfg(test)]
mod tests;
