//! Budgets that all calls of this process share: registrations, failed logins, and the reserve of the disk.
//!
//! The edge limits how often anything is asked. These budgets limit what it comes to, which only the control plane knows.

mod redemptions;
mod registrations;

use crate::config::Allowances;
use redemptions::Redemptions;
use registrations::Registrations;

pub(crate) use redemptions::Redemption;
pub(crate) use registrations::Growing;

/// The budgets.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) redemptions: Redemptions,
    pub(crate) registrations: Registrations,
    pub(crate) disk_reserve_bytes: u64,
}

impl Limits {
    pub(crate) fn new(allowances: &Allowances) -> Self {
        Self {
            redemptions: Redemptions::new(allowances.failed_logins_by_network, allowances.failed_logins),
            registrations: Registrations::new(allowances.registrations),
            disk_reserve_bytes: allowances.disk_reserve_bytes,
        }
    }
}
