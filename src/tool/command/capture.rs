//! What a program writes, taken in while it runs, as far as there is room.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// How much is taken in at once, in bytes.
const BLOCK: usize = 16 * 1024;

/// There is no room left.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flood;

/// Takes in what `from` gives, until that ends. `room` is how many bytes may still be taken, by all who share it.
pub(super) async fn capture(mut from: impl AsyncRead + Unpin, taken: &mut Vec<u8>, room: &AtomicUsize) -> Result<(), Flood> {
    let mut block = vec![0; BLOCK];
    loop {
        // A pipe that breaks has ended.
        let length = from.read(&mut block).await.unwrap_or(0);
        if length == 0 {
            return Ok(());
        }
        let left = room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(length))).unwrap_or(0);
        taken.extend_from_slice(&block[..length.min(left)]);
        if length > left {
            return Err(Flood);
        }
    }
}

/// Gives the program what it reads; one that does not want it is left alone.
pub(super) async fn feed(to: Option<impl AsyncWrite + Unpin>, text: Option<String>) {
    if let (Some(mut to), Some(text)) = (to, text) {
        // Dropped at the end, which tells the program that there is no more.
        drop(to.write_all(text.as_bytes()).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_is_taken_than_there_is_room_for() {
        let room = AtomicUsize::new(5);
        let mut taken = Vec::new();
        assert_eq!(capture(&b"abc"[..], &mut taken, &room).await, Ok(()));
        assert_eq!(capture(&b"defg"[..], &mut taken, &room).await, Err(Flood));
        assert_eq!(taken, b"abcde");
    }
}
