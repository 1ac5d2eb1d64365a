//! The refusal of growth while the store's disk is short of space.
//!
//! The last space belongs to people who take something back: revocations and denials are written as long as anything can
//! be, and so are refreshes and logins under way, which grow the store little or not at all.

use crate::Refusal;

/// Something new that grows the store, begun by a stranger. Nothing else asks [`admit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// A registration, or an update of one.
    Registration,
    /// An authorization: its request, and its approval.
    Authorization,
}

/// Checks that `growth` may begin. `free_bytes` is the free space of the store's disk; `None` if the store knows no such
/// limit.
///
/// Refuses with [`Refusal::StorageShort`].
pub fn admit(growth: Growth, free_bytes: Option<u64>, reserve_bytes: u64) -> Result<(), Refusal> {
    match growth {
        Growth::Registration | Growth::Authorization if free_bytes.is_some_and(|free| free < reserve_bytes) => {
            Err(Refusal::StorageShort)
        }
        Growth::Registration | Growth::Authorization => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_new_begins_below_the_reserve() {
        for growth in [Growth::Registration, Growth::Authorization] {
            for (free, reserve, admitted) in [
                (None, 100, true),
                (Some(100), 100, true),
                (Some(99), 100, false),
                (Some(0), 100, false),
                (Some(0), 0, true),
            ] {
                assert_eq!(admit(growth, free, reserve).is_ok(), admitted, "{growth:?} {free:?} {reserve}");
            }
        }
    }
}
