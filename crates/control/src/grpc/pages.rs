//! Server streams: page after page, as messages.

use std::collections::VecDeque;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tonic::Status;

use super::authentication::Admission;
use crate::ground::error::Error;

/// The source of a stream.
pub(super) trait Pages: Send + 'static {
    type Page: Send;

    /// The next page; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Self::Page>, Error>> + Send;
}

/// The messages of each page; an error is the last item. A caller that is no longer admitted gets no further page.
pub(super) fn messages<P, M, I>(
    pages: P,
    admission: Admission,
    of: impl FnMut(P::Page) -> I + Send + 'static,
) -> BoxStream<'static, Result<M, Status>>
where
    P: Pages,
    I: IntoIterator<Item = M>,
    M: Send + 'static,
{
    let pages = stream::unfold(Some((pages, admission, of)), |under_way| async {
        let (mut pages, admission, mut of) = under_way?;
        let page = match pages.next().await {
            Ok(None) => return None,
            Ok(Some(page)) => admission.check().map(|()| page),
            Err(error) => Err(error.into_status(admission.request_id())),
        };
        match page {
            Ok(page) => {
                let messages: VecDeque<_> = of(page).into_iter().map(Ok).collect();
                Some((messages, Some((pages, admission, of))))
            }
            Err(status) => Some((VecDeque::from([Err(status)]), None)),
        }
    });
    pages.flat_map(stream::iter).boxed()
}
