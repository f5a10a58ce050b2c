//! The wish to stop: gracefully at the first signal, at once at the second.

use tokio::sync::watch;

/// Asks runs to stop. Clones ask together.
#[derive(Debug, Clone)]
pub struct Stop {
    wish: watch::Sender<Wish>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    GoOn,
    Gracefully,
    AtOnce,
}

impl Default for Stop {
    fn default() -> Self {
        Self { wish: watch::Sender::new(Wish::GoOn) }
    }
}

impl Stop {
    /// Starts nothing new, lets calls in flight end within the grace, and records them.
    pub fn gracefully(&self) {
        self.raise(Wish::Gracefully);
    }

    /// Ends calls in flight. What is in the store stays right.
    pub fn at_once(&self) {
        self.raise(Wish::AtOnce);
    }

    /// Whether it is asked for, in whatever way.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.wish.borrow() != Wish::GoOn
    }

    fn raise(&self, to: Wish) {
        self.wish.send_if_modified(|wish| {
            let raised = *wish < to;
            *wish = (*wish).max(to);
            raised
        });
    }

    pub(super) fn watch(&self) -> watch::Receiver<Wish> {
        self.wish.subscribe()
    }
}
