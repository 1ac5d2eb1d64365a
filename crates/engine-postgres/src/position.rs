//! Positions in the event log: sequence × 2³² + index, as in every engine with a sequence for each batch.

/// The place of an event. A cursor's position is the first place that was not read yet, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The sequence of the batch; not negative.
    pub sequence: i64,
    /// The place in the batch, below 2³².
    pub index: i64,
}

impl Position {
    /// Before every possible event.
    pub(crate) const FIRST: Self = Self { sequence: 0, index: 0 };

    /// The place with this number; `None` if no event can have it.
    pub(crate) fn at(number: u128) -> Option<Self> {
        let sequence = i64::try_from(number >> 32).ok()?;
        Some(Self { sequence, index: i64::from(number as u32) })
    }

    pub(crate) fn number(self) -> u128 {
        (self.sequence as u128) << 32 | self.index as u128
    }

    /// The place right after this one.
    pub(crate) fn next(self) -> Self {
        Self { index: self.index + 1, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_the_order_of_places() {
        let places = [(0, 0), (0, i64::from(u32::MAX)), (1, 0), (1, 1), (i64::MAX, i64::from(u32::MAX))];
        let places = places.map(|(sequence, index)| Position { sequence, index });
        assert!(places.is_sorted_by_key(|place| place.number()));
        for place in places {
            assert_eq!(Position::at(place.number()), Some(place));
        }
        assert_eq!(Position::at(places[4].number() + 1), None);
        assert_eq!(Position { sequence: 2, index: 3 }.next().number(), (2 << 32) + 4);
    }
}
