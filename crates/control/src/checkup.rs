//! Checkups: an operator asks through an issuer's public URL whether this deployment answers there. Writes nothing.

use lychgate_domain::Refusal;
use lychgate_domain::browser::cookie::{Cookies, SetCookie};
use lychgate_domain::checkup::CheckupPass;
use zeroize::Zeroizing;

use crate::state::CallContext;

/// The address of a checkup below an issuer's URL, as the edge's router lists it.
const PATH: &str = "/.well-known/lychgate-checkup";

const UNKNOWN: Refusal = Refusal::RecordUnknown("checkup");

/// Checkups of one issuer.
#[derive(Clone, Debug)]
pub(crate) struct Checkup(pub(crate) CallContext);

/// A request with a good pass.
#[derive(Debug)]
pub(crate) struct AcceptedCheckup {
    call: CallContext,
    pass: CheckupPass,
}

impl Checkup {
    /// The public address of a checkup, with a new pass.
    pub(crate) fn url(&self) -> Option<String> {
        let CallContext { state, now, .. } = &self.0;
        let pass = CheckupPass::issue(self.0.keys(), &*state.entropy, *now).text(self.0.keys())?;
        Some(format!("{}{PATH}?pass={pass}", self.0.issuer().url.as_str()))
    }

    /// Refuses with [`Refusal::RecordUnknown`] unless `pass` was issued by this deployment a short time ago.
    pub(crate) fn accept(self, pass: &str) -> Result<AcceptedCheckup, Refusal> {
        let pass = CheckupPass::parse(pass, self.0.keys(), self.0.now).ok_or(UNKNOWN)?;
        Ok(AcceptedCheckup { call: self.0, pass })
    }
}

impl AcceptedCheckup {
    /// Reports whether the cookie of an earlier answer to this pass is among `cookies`.
    pub(crate) fn cookie_returned(&self, cookies: &Cookies) -> bool {
        self.pass.came_back(cookies, self.call.issuer(), self.call.keys())
    }

    /// The sealed answer, and its cookie.
    pub(crate) fn answer(&self, observation: &[u8]) -> Result<(String, SetCookie), Refusal> {
        let (keys, entropy) = (self.call.keys(), self.call.entropy());
        let answer = self.pass.seal(observation, keys, entropy).ok_or(UNKNOWN)?;
        Ok((answer, self.pass.cookie(self.call.issuer(), keys).ok_or(UNKNOWN)?))
    }

    /// Opens an answer to this pass.
    pub(crate) fn read(&self, answer: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        self.pass.open(answer, self.call.keys()).ok_or(UNKNOWN)
    }
}
