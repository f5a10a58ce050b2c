//! How long a call waits for the breaker of a model that nobody can stand in for.

use std::time::Duration;

use crate::error::{Error, Result};

/// How long in all: a short outage is sat out, a long one is told soon.
pub const BREAKER_PATIENCE: Duration = Duration::from_secs(60);

/// The shortest wait between two looks.
const SHORTEST: Duration = Duration::from_secs(1);

/// What is left of the patience of one call.
pub(super) struct Patience<'a> {
    left: Duration,
    /// Is told of the first wait, which is the long one; the others wait for the probe of another call.
    tell: Option<&'a (dyn Fn(Duration) + Send + Sync)>,
}

impl<'a> Patience<'a> {
    pub(super) fn new(patience: Duration, tell: &'a (dyn Fn(Duration) + Send + Sync)) -> Self {
        Self { left: patience, tell: Some(tell) }
    }

    /// Waits until a model that was left alone may be asked again.
    ///
    /// # Errors
    /// `refused`, which says how long that is, when it is not soon enough.
    pub(super) async fn outwait(&mut self, refused: Error) -> Result<()> {
        let wait = refused.requested_delay().unwrap_or_default().max(SHORTEST);
        if wait > self.left {
            return Err(refused);
        }
        self.left -= wait;
        if let Some(tell) = self.tell.take() {
            tell(wait);
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::Instant;

    use super::*;
    use crate::error::ErrorKind;

    fn refused(seconds: Option<u64>) -> Error {
        Error::new(ErrorKind::CircuitOpen, "left alone").retry_after(seconds.map(Duration::from_secs))
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_wait_alone_is_told_and_all_are_of_one_patience() {
        let (told, began) = (Mutex::new(Vec::new()), Instant::now());
        let tell = |wait: Duration| told.lock().unwrap().push(wait.as_secs());
        let mut patience = Patience::new(Duration::from_secs(10), &tell);
        patience.outwait(refused(Some(6))).await.unwrap();
        // Who says no time is asked again after a second.
        patience.outwait(refused(None)).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 7);
        assert_eq!(patience.outwait(refused(Some(4))).await.unwrap_err().kind(), ErrorKind::CircuitOpen);
        assert_eq!(began.elapsed().as_secs(), 7, "what is too long is not begun");
        patience.outwait(refused(Some(3))).await.unwrap();
        assert!(patience.outwait(refused(None)).await.is_err(), "nothing is left");
        assert_eq!((began.elapsed().as_secs(), told.into_inner().unwrap()), (10, vec![6]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_too_long_is_refused_and_not_told() {
        let tell = |_| panic!("nobody waits");
        let mut patience = Patience::new(Duration::from_secs(10), &tell);
        assert_eq!(patience.outwait(refused(Some(11))).await.unwrap_err().message(), "left alone");
        assert!(Patience::new(Duration::ZERO, &tell).outwait(refused(None)).await.is_err());
    }
}
