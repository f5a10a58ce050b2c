//! Embedders by their names.

use std::{path::Path, sync::Arc};

use crate::{
    error::{Error, ErrorKind, Result},
    manifest::Manifest,
    memory::Embedders,
    provider::{Embedder, MockEmbedder},
    tool::LiveSecrets,
};

/// The embedders of a project.
#[derive(Debug)]
pub struct ProjectEmbedders;

impl ProjectEmbedders {
    /// Those of the project in `folder`.
    #[must_use]
    pub fn of(_manifest: Option<&Manifest>, _folder: &Path, _live: &mut LiveSecrets) -> Self {
        Self
    }
}

impl Embedders for ProjectEmbedders {
    fn find(&self, name: &str) -> Result<Arc<dyn Embedder>> {
        match name {
            "mock" => Ok(Arc::new(MockEmbedder)),
            _ => Err(Error::new(ErrorKind::Invalid, format!("there is no embedder `{name}`"))),
        }
    }
}
