//! The pages for people: the values of each page, templates, words in eight languages, and branding.
//!
//! ```text
//! samples ──► page ──► value, message
//!    ▲                     ▲
//! render ──► brand ──► words, files
//! ```
//!
//! A page ([`page`]) is a struct of the values that its template shows. It is made from a message of the control plane and
//! knows no language: its sentences are [`Message`]s, its dates and hosts are [`value`]s. An [`Appearance`] renders it in the
//! language of the reader and with the brand of the issuer.
//!
//! Templates escape every value, and a value from a client stands only as text or in a quoted attribute. A variable that a
//! template names and its page lacks, a message that no language has, and an argument that a message lacks are errors. Loading
//! an [`Appearance`] renders every sample of every page in every language, and so finds them before a person does.

mod brand;
mod files;
pub mod message;
pub mod page;
pub mod render;
pub mod return_link;
pub mod samples;
pub mod value;
pub mod words;

pub use files::Asset;
pub use message::Message;
pub use render::{Appearance, Setting};
pub use return_link::ReturnLink;
