//! Lists, page after page, as far as they are wanted.

use clap::Args;
use prost::{Message, Name};

use super::failure::Failure;
use super::screen::{Columns, Screen};

/// The most that a page may have.
const PAGE: usize = 1000;

#[derive(Debug, Args)]
pub(super) struct Listing {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// All there are
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

/// What of a list is asked for next.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) size: i32,
    pub(super) token: String,
}

impl Listing {
    /// Prints each page as it comes. `page` gives its items and the next one's token, which is empty at the end: a page may
    /// have few items or none and still have a next one.
    pub(super) async fn print<M: Message + Name>(
        &self,
        screen: &mut Screen,
        columns: Columns,
        mut page: impl AsyncFnMut(Page) -> Result<(Vec<M>, String), Failure>,
    ) -> Result<(), Failure> {
        let mut left = if self.all { usize::MAX } else { self.limit as usize };
        let mut token = String::new();
        loop {
            let size = i32::try_from(left.min(PAGE)).expect("a page has a thousand items at most");
            let (mut items, next) = page(Page { size, token }).await?;
            let more = !next.is_empty() || items.len() > left;
            items.truncate(left);
            left -= items.len();
            screen.rows(columns, &items)?;
            if left == 0 && more {
                eprintln!("lychgate: there may be more than these {}: --limit N or --all", self.limit);
            }
            if left == 0 || next.is_empty() {
                return Ok(());
            }
            token = next;
        }
    }
}
