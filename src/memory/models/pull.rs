//! Downloads a known model, as a whole.

use std::fs;

use reqwest::Url;

use super::{
    KnownModel, Models, OnTransfer, Transfer,
    fetch::Fetcher,
    files::{make_folder, put_in_place, size, unwritable},
    lock::Lock,
    with_ways_out,
};
use crate::error::{Error, ErrorKind, Result};

impl Models {
    /// Sees to it that `model` is on this machine; where it is.
    ///
    /// # Errors
    /// `NotFound` when it is not there and nothing may be downloaded; those of [`pull`](Self::pull).
    pub async fn provide(&self, model: &KnownModel) -> Result<std::path::PathBuf> {
        if self.has(model) {
            return Ok(self.folder_of(model.name));
        }
        if self.settings.offline {
            let text = format!("model `{}` is not on this machine, and `AGENTFLOW_OFFLINE` forbids to download it", model.name);
            return Err(with_ways_out(Error::new(ErrorKind::NotFound, text)));
        }
        self.pull(model).await
    }

    /// Downloads `model`, unless it is there; where it is. Goes on where an earlier try stopped, and waits for another process that is
    /// at it.
    ///
    /// # Errors
    /// `NotFound` when nothing may be downloaded or the hub does not have it, `Transient` when the hub cannot be reached or breaks off,
    /// `Corrupt` when it has another file under that name, `Invalid` when the folder cannot be written. The hints tell the ways out.
    pub async fn pull(&self, model: &KnownModel) -> Result<std::path::PathBuf> {
        let folder = self.folder_of(model.name);
        if self.has(model) {
            return Ok(folder);
        }
        if self.settings.offline {
            let text = format!("model `{}` cannot be downloaded: `AGENTFLOW_OFFLINE` forbids it", model.name);
            return Err(with_ways_out(Error::new(ErrorKind::NotFound, text)));
        }
        let base = Url::parse(&self.settings.hub).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = base.ok_or_else(|| {
            let text = format!("`{}` is no URL of a hub", self.settings.hub.escape_default());
            Error::new(ErrorKind::Invalid, text).hint("write `HF_ENDPOINT` like `https://huggingface.co`, or leave it out")
        })?;
        let _lock = Lock::wait(&self.settings.folder, model.name).await?;
        if !self.has(model) {
            let context = |error: Error| with_ways_out(error.context(format!("model `{}` cannot be downloaded", model.name)));
            self.download(model, &base).await.map_err(context)?;
        }
        Ok(folder)
    }

    async fn download(&self, model: &KnownModel, base: &Url) -> Result<()> {
        let partial = self.settings.folder.join(format!(".{}.partial", model.name));
        make_folder(&partial)?;
        let total = model.bytes();
        let fetcher = Fetcher::new(self.settings.patience);
        let mut before = 0;
        for file in model.files {
            let ready = partial.join(file.path);
            if size(&ready) != Some(file.size) {
                let url = format!(
                    "{}/{}/resolve/{}/{}",
                    base.as_str().trim_end_matches('/'),
                    model.repository,
                    model.revision,
                    file.path
                );
                let url = Url::parse(&url).map_err(|err| Error::new(ErrorKind::Invalid, "no URL of a file").source(err))?;
                let part = partial.join(format!("{}.part", file.path));
                let tell = |done| {
                    if let Some(OnTransfer(on_transfer)) = &self.on_transfer {
                        on_transfer(Transfer { model: model.name, done: before + done, total });
                    }
                };
                fetcher.fetch(&url, &part, file, &tell).await?;
                fs::rename(&part, &ready).map_err(|err| unwritable(&ready, err))?;
            }
            before += file.size;
        }
        put_in_place(&partial, &self.folder_of(model.name))
    }
}
