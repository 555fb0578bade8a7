//! A request to stop: long work asks for it between steps, saves its state, and returns [`Interrupted`].

use anyhow::Result;
use std::sync::Arc;

/// Tells whether work should stop; asked between steps, from any thread.
#[derive(Clone)]
pub struct Stop(Arc<dyn Fn() -> bool + Send + Sync>);

impl Stop {
    /// Never requests a stop.
    pub fn never() -> Self {
        Self::when(|| false)
    }

    /// Requests a stop once `is_requested` returns true; it is called often and should return at once.
    pub fn when(is_requested: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_requested))
    }

    /// Returns true if work should stop.
    pub fn is_requested(&self) -> bool {
        (self.0)()
    }

    /// Checks that work may continue; `saved` describes the state that is kept.
    ///
    /// # Errors
    /// [`Interrupted`] if a stop is requested.
    pub fn check(&self, saved: impl FnOnce() -> String) -> Result<()> {
        if self.is_requested() { Err(Interrupted { saved: saved() }.into()) } else { Ok(()) }
    }
}

/// The error of work that stopped on request.
#[derive(Debug)]
pub struct Interrupted {
    /// What was saved, and where
    pub saved: String,
}

impl Interrupted {
    /// Returns the interruption that caused `error`, if one did.
    pub fn of(error: &anyhow::Error) -> Option<&Self> {
        error.root_cause().downcast_ref()
    }
}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "interrupted: {}", self.saved)
    }
}

impl std::error::Error for Interrupted {}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn an_interruption_is_found_below_contexts() {
        let saved = || "nothing".to_owned();
        let error = Stop::when(|| true).check(saved).context("fold 1").context("seed 0").unwrap_err();
        assert_eq!(Interrupted::of(&error).map(|found| found.saved.as_str()), Some("nothing"));
        assert!(Interrupted::of(&anyhow::anyhow!("another")).is_none());
        assert!(Stop::never().check(saved).is_ok());
    }
}
