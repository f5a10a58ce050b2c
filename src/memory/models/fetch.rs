//! Downloads one file: goes on where an earlier try stopped, follows redirects by hand, and keeps only what has the right hash.

use std::{
    fs::{self, File},
    io::Write as _,
    net::IpAddr,
    path::Path,
    time::Duration,
};

use data_encoding::HEXLOWER;
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{CONTENT_RANGE, LOCATION, RANGE, RETRY_AFTER},
};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::{
    files::{hash_of, size, unwritable},
    known::KnownFile,
};
use crate::{
    error::{Error, ErrorKind, Result},
    http_client,
};

/// The most redirects of one file.
const MAX_REDIRECTS: usize = 8;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Gets files from a hub.
pub(super) struct Fetcher {
    patience: Duration,
}

impl Fetcher {
    /// Makes one that waits so long for the next piece.
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience }
    }

    /// Gets `file` from `url` into `part`, of which some may be there already. `tell` hears how many bytes are there.
    ///
    /// # Errors
    /// `Transient` when the hub cannot be reached or breaks off, `NotFound` when it has no such file, `Corrupt` when it has another
    /// one, and what else its status says.
    pub(super) async fn fetch(&self, url: &Url, part: &Path, file: &KnownFile, tell: &(dyn Fn(u64) + Send + Sync)) -> Result<()> {
        let begun = size(part).is_some_and(|size| size > 0);
        match self.attempt(url, part, file, tell).await {
            // What was there may have been of another file.
            Err(error) if begun && error.kind() == ErrorKind::Corrupt => self.attempt(url, part, file, tell).await,
            done => done,
        }
    }

    async fn attempt(&self, url: &Url, part: &Path, file: &KnownFile, tell: &(dyn Fn(u64) + Send + Sync)) -> Result<()> {
        let mut have = size(part).unwrap_or(0);
        if have > file.size {
            have = 0;
        }
        let mut hash = if have > 0 { so_far(part).await? } else { Sha256::new() };
        if have < file.size {
            let response = self.open(url, have).await?;
            if have > 0 && response.status() != StatusCode::PARTIAL_CONTENT {
                (have, hash) = (0, Sha256::new());
            }
            tell(have);
            self.receive(response, url, part, have, file, &mut hash, tell).await?;
        }
        let found = HEXLOWER.encode(&hash.finalize());
        if found == file.sha256 {
            return Ok(());
        }
        drop(fs::remove_file(part));
        Err(Error::new(ErrorKind::Corrupt, format!("`{url}` is not the file it should be"))
            .context(format!("SHA-256 {found} instead of {}", file.sha256)))
    }

    /// Asks for what is after `have` bytes; follows redirects.
    async fn open(&self, url: &Url, have: u64) -> Result<Response> {
        let mut at = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = client(&at)?.get(at.clone());
            if have > 0 {
                request = request.header(RANGE, format!("bytes={have}-"));
            }
            let response = timeout(self.patience, request.send())
                .await
                .map_err(|_| Error::new(ErrorKind::Transient, format!("`{at}` was silent for {:?}", self.patience)))?
                .map_err(|err| unreachable_hub(&at, &err))?;
            let status = response.status();
            if status.is_redirection() {
                at = target(&at, &response)?;
                continue;
            }
            if status == StatusCode::PARTIAL_CONTENT && !begins_at(&response, have) {
                return Err(Error::new(ErrorKind::Malformed, format!("`{at}` answered with another part than was asked for")));
            }
            if status == StatusCode::OK || status == StatusCode::PARTIAL_CONTENT {
                return Ok(response);
            }
            return Err(refused(&at, &response));
        }
        Err(Error::new(ErrorKind::Malformed, format!("`{url}` redirects more than {MAX_REDIRECTS} times")))
    }

    /// Writes what comes behind the first `have` bytes of `part`.
    #[expect(clippy::too_many_arguments, reason = "the state of one download")]
    async fn receive(
        &self,
        mut response: Response,
        url: &Url,
        part: &Path,
        mut have: u64,
        file: &KnownFile,
        hash: &mut Sha256,
        tell: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<()> {
        let mut to = File::options().create(true).append(true).open(part).map_err(|err| unwritable(part, err))?;
        to.set_len(have).map_err(|err| unwritable(part, err))?;
        let broke_off = |have: u64, why: &str| {
            Error::new(ErrorKind::Transient, format!("`{url}` {why} after {have} of {} bytes", file.size))
                .hint("what came is kept: another try goes on there")
        };
        loop {
            let piece = timeout(self.patience, response.chunk())
                .await
                .map_err(|_| broke_off(have, &format!("fell silent for {:?}", self.patience)))?
                .map_err(|_| broke_off(have, "broke off"))?;
            let Some(piece) = piece else { break };
            have += piece.len() as u64;
            if have > file.size {
                drop(fs::remove_file(part));
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    format!("`{url}` is longer than the {} bytes it should have", file.size),
                ));
            }
            hash.update(&piece);
            to.write_all(&piece).map_err(|err| unwritable(part, err))?;
            tell(have);
        }
        if have < file.size {
            return Err(broke_off(have, "ended"));
        }
        to.sync_all().map_err(|err| unwritable(part, err))
    }
}

/// The hash of what is there.
async fn so_far(part: &Path) -> Result<Sha256> {
    let part = part.to_owned();
    tokio::task::spawn_blocking(move || hash_of(&part))
        .await
        .map_err(|err| Error::new(ErrorKind::Internal, "a file could not be hashed").source(err))?
}

fn client(url: &Url) -> Result<Client> {
    let made = http_client::builder(url.scheme() == "https")
        .and_then(|builder| Ok(builder.no_gzip().connect_timeout(CONNECT).build()?));
    made.map_err(|err| Error::new(ErrorKind::Internal, "no HTTP client for models").source(err))
}

/// Where a redirect leads: to https, or, from a server on this host, to the same host.
fn target(from: &Url, response: &Response) -> Result<Url> {
    let malformed = |what: String| Error::new(ErrorKind::Malformed, format!("`{from}` {what}"));
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let location = location.ok_or_else(|| malformed("redirects to nowhere".to_owned()))?;
    let to = from.join(location).map_err(|err| malformed(format!("redirects to what is no URL: {err}")))?;
    let stays_here = to.scheme() == "http" && from.scheme() == "http" && is_loopback(from) && to.host() == from.host();
    if to.scheme() == "https" || stays_here {
        return Ok(to);
    }
    let place = format!("{}://{}", to.scheme(), to.host_str().unwrap_or_default());
    Err(malformed(format!("redirects to `{place}`: only https is followed")))
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// Whether a part of a file is the one behind `have` bytes.
fn begins_at(response: &Response, have: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()) == Some(have)
}

/// The error of a hub that could not be asked.
fn unreachable_hub(url: &Url, err: &reqwest::Error) -> Error {
    let mut cause: &dyn std::error::Error = err;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let host = url.host_str().unwrap_or_default();
    Error::new(ErrorKind::Transient, format!("`{host}` cannot be reached: {cause}"))
        .hint("`HF_ENDPOINT=URL` names another hub, such as a mirror")
}

/// The error of a hub that does not give the file.
fn refused(url: &Url, response: &Response) -> Error {
    let status = response.status();
    let kind = match status.as_u16() {
        401 | 403 => ErrorKind::Auth,
        404 | 410 => ErrorKind::NotFound,
        429 => ErrorKind::Throttle,
        408 | 500..=599 => ErrorKind::Transient,
        _ => ErrorKind::Request,
    };
    let delay = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Error::new(kind, format!("`{url}` answered {status}")).retry_after(delay.map(Duration::from_secs))
}
