//! The verb `list`, which is the same for every noun with pages: a noun contributes its filter, its columns and one call.

use clap::Args;
use prost::{Message, Name};

use super::control_plane::Control;
use super::failure::Failure;
use super::screen::Columns;
use super::{Answer, Session};

/// The most items of one page.
const MAX_PAGE: i32 = 1000;

/// The arguments of `list`.
#[derive(Debug, Args)]
pub(crate) struct List<F: Filter> {
    #[command(flatten)]
    filter: F,
    /// Prints at most this many items
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Prints all items
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

/// The items of a noun that a list shows.
pub(crate) trait Filter: Args {
    type Item: Message + Name;
    const COLUMNS: Columns;

    /// The items of one page and the token of the next one, which is empty after the last page. A page may have few items or
    /// none and still have a next one.
    async fn page(&self, control: &Control, page: Page) -> Result<(Vec<Self::Item>, String), Failure>;
}

/// Position and size of the page to fetch.
#[derive(Debug)]
pub(crate) struct Page {
    pub(super) issuer_id: String,
    pub(super) size: i32,
    pub(super) token: String,
}

/// The person and the client by which consents, grants and events are filtered. Empty text matches all.
#[derive(Debug, Args)]
pub(crate) struct Parties {
    /// Only of this person: UPSTREAM_ID|USER_ID, for example idp|alice
    #[arg(long, value_name = "SUBJECT", default_value = "", hide_default_value = true)]
    pub(super) subject: String,
    /// Only of this client
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(super) client: String,
}

impl<F: Filter> List<F> {
    /// Prints each page as it comes.
    pub(super) async fn run(self, session: &mut Session) -> Result<Answer, Failure> {
        let issuer_id = session.issuer().await?;
        let Session { control, screen, .. } = session;
        let mut left = if self.all { usize::MAX } else { self.limit as usize };
        let mut token = String::new();
        loop {
            let size = i32::try_from(left).unwrap_or(MAX_PAGE).min(MAX_PAGE);
            let page = Page { issuer_id: issuer_id.clone(), size, token };
            let (mut items, next) = self.filter.page(control, page).await?;
            let more = !next.is_empty() || items.len() > left;
            items.truncate(left);
            left -= items.len();
            screen.rows(F::COLUMNS, &items)?;
            if left == 0 && more {
                eprintln!("lychgate: there may be more than these {}; see them with --limit N or --all", self.limit);
            }
            if left == 0 || next.is_empty() {
                return Ok(Answer::Yes);
            }
            token = next;
        }
    }
}
