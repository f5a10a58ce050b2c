//! The memory of a project: its collections as the manifest has them, in the file of the store, with the embedders of the environment.

mod download;
mod late;
mod used;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    app::{
        Settings,
        embedders::ProjectEmbedders,
        project::{self, StorePlace},
        toolkit::read_whole,
    },
    error::Result,
    manifest::{Manifest, MemoryManifest},
    memory::{CollectionSettings, Memory, Sources, SyncPlan, models::OnTransfer},
    model::CollectionName,
    tool::LiveSecrets,
};

pub use download::download;

use late::LateIndex;

/// The memory of a project. Nothing is opened before its first use.
#[derive(Debug, Clone)]
pub struct ProjectMemory {
    /// The collections.
    pub memory: Arc<Memory>,
    folder: PathBuf,
    state: Option<PathBuf>,
    paths: BTreeMap<CollectionName, Paths>,
}

/// The files that a manifest names for a collection.
#[derive(Debug, Clone, Default)]
struct Paths {
    taken: Vec<String>,
    ignored: Vec<String>,
}

impl ProjectMemory {
    /// That of the project in `folder`, kept at `place`. Keys that are read are noted in `live`; `on_transfer` hears how far the download
    /// of a model has come.
    ///
    /// # Errors
    /// `Invalid` when the manifest calls a collection by no name.
    pub fn of(
        manifest: Option<&Manifest>,
        folder: &Path,
        place: &StorePlace,
        on_transfer: Option<OnTransfer>,
        live: &mut LiveSecrets,
    ) -> Result<Self> {
        let (mut settings, mut paths) = (BTreeMap::new(), BTreeMap::new());
        for (name, written) in manifest.iter().flat_map(|manifest| &manifest.memory) {
            let name = CollectionName::new(name.value.clone())?;
            settings.insert(name.clone(), settings_of(written));
            let texts = |written: &[crate::diagnostic::Spanned<String>]| written.iter().map(|text| text.value.clone()).collect();
            if !written.path.is_empty() {
                paths.insert(name, Paths { taken: texts(&written.path), ignored: texts(&written.ignore) });
            }
        }
        let embedders = ProjectEmbedders::of(manifest, folder, on_transfer, live);
        let memory = Memory::new(Arc::new(LateIndex::at(place.clone())), Arc::new(embedders), settings);
        let state = place.file().and_then(Path::parent).filter(|parent| !parent.as_os_str().is_empty()).map(Path::to_owned);
        Ok(Self { memory: Arc::new(memory), folder: folder.to_owned(), state, paths })
    }

    /// That of the project of the working folder.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    pub fn here(settings: &Settings) -> Result<Self> {
        let path = project::manifest_here(settings.manifest.as_deref())?;
        let folder = path.as_deref().map_or_else(|| PathBuf::from("."), project::folder_of);
        let manifest = path.as_deref().map(read_whole).transpose()?;
        let place = StorePlace::choose(settings.store.as_deref(), manifest.as_ref(), &folder);
        Self::of(manifest.as_ref(), &folder, &place, settings.on_transfer.clone(), &mut LiveSecrets::default())
    }

    /// The folder that names of files are from.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where files of the project are looked for.
    ///
    /// # Errors
    /// `NotFound` when there is no such folder.
    pub fn sources(&self) -> Result<Sources> {
        let canonical = |path: &Path| path.canonicalize().ok();
        let folder = canonical(&self.folder);
        // A store may be kept beside the files themselves, which are no state.
        let is_own = |state: &PathBuf| folder.as_ref().is_none_or(|folder| !folder.starts_with(state));
        let never: Vec<PathBuf> = self.state.as_deref().and_then(canonical).filter(is_own).into_iter().collect();
        Sources::new(&self.folder, &never)
    }

    /// The files that the manifest names for a collection; `None` when it names none.
    ///
    /// # Errors
    /// `NotFound` when there is no folder to look in.
    pub fn sync_plan(&self, name: &CollectionName) -> Result<Option<SyncPlan>> {
        let Some(Paths { taken, ignored }) = self.paths.get(name) else { return Ok(None) };
        Ok(Some(SyncPlan { sources: self.sources()?, paths: taken.clone(), ignore: ignored.clone() }))
    }
}

fn settings_of(written: &MemoryManifest) -> CollectionSettings {
    let usual = CollectionSettings::default();
    let tokens =
        |written: Option<&crate::diagnostic::Spanned<u32>>, usual: usize| written.map_or(usual, |tokens| tokens.value as usize);
    CollectionSettings {
        embedder: written.embedder.as_ref().map_or(usual.embedder, |embedder| embedder.value.clone()),
        chunk_tokens: tokens(written.chunk.as_ref(), usual.chunk_tokens),
        overlap_tokens: tokens(written.overlap.as_ref(), usual.overlap_tokens),
    }
}
