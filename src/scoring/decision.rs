//! A decision: one or two classes with their salience.

use crate::data::truth::Share;
use std::ops::Deref;

/// The decision for a clip; dereferences to a slice of [`Share`]s in class order whose saliences sum to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// One class
    Single([Share; 1]),
    /// Two classes
    Blend([Share; 2]),
}

impl Decision {
    /// One class with salience 100.
    pub fn single(class: usize) -> Self {
        Self::Single([(class, 100)])
    }

    /// Two different classes, given in any order; panics if their saliences do not sum to 100.
    pub fn blend(a: Share, b: Share) -> Self {
        assert!(a.0 != b.0 && a.1 + b.1 == 100, "a blend is two classes that sum to 100, not {a:?} and {b:?}");
        Self::Blend(if a.0 < b.0 { [a, b] } else { [b, a] })
    }
}

impl Deref for Decision {
    type Target = [Share];

    fn deref(&self) -> &[Share] {
        match self {
            Self::Single(shares) => shares,
            Self::Blend(shares) => shares,
        }
    }
}
