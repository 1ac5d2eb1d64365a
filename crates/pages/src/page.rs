//! Every page: a struct of the values that its template shows, made from a message of the control plane.

mod account;
mod allowed;
mod client;
mod consent;
mod error;
mod home;
mod link;
mod one_click;
mod signed_in;

use serde::Serialize;

pub use account::{AccountPage, SignInPage};
pub use allowed::AllowedPage;
pub use consent::ConsentPage;
pub(crate) use error::error_id;
pub use error::{ErrorDetails, ErrorPage, RefusedPerson};
pub use home::HomePage;
pub use one_click::OneClickPage;
pub use signed_in::SignedInPage;

use crate::message::Message;

/// A page's own values. `pages!` registers its template.
pub trait Page: Templated + Serialize {
    /// The document's title.
    fn title(&self) -> Message;

    /// The URI of the resource that the page is about.
    fn resource(&self) -> Option<&str> {
        None
    }
}

/// Implemented by `pages!` only, so that a page without a template does not compile.
pub trait Templated: Sized {
    /// The page's entry in the registry.
    const KIND: PageKind;
}

/// A message of the control plane lacks a part that the page must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incomplete;

/// Registers the pages: each line has a name, the struct, and the template's file name without `.hbs`.
macro_rules! pages {
    ($($name:ident($page:ty) = $template:literal),+ $(,)?) => {
        /// Every page.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum PageKind {
            $(
                #[doc = concat!("`", $template, ".hbs`")]
                $name,
            )+
        }

        impl PageKind {
            /// All pages.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name of the template.
            pub const fn template(self) -> &'static str {
                match self {
                    $(Self::$name => $template,)+
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
    Home(HomePage) = "home",
    Error(ErrorPage) = "error",
}

#[cfg(test)]
mod tests;
