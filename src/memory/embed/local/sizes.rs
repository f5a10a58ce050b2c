//! The sizes of a model, as its files tell them.

use std::path::Path;

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    error::{Error, ErrorKind, Result},
    memory::models::{CONFIG, POOLING, SENTENCES, read_file},
};

/// The most bytes of a file of settings.
const MAX_SETTINGS: u64 = 1 << 20;
/// The most of anything that a model of this class has; more is nonsense.
const MOST: usize = 1 << 20;

/// The sizes of a BERT-class sentence model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sizes {
    /// Numbers in a vector.
    pub(super) hidden: usize,
    /// Numbers between the two halves of a layer's second part.
    pub(super) intermediate: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) vocabulary: usize,
    /// Places in a text.
    pub(super) positions: usize,
    /// Kinds of texts; only the first is used.
    pub(super) kinds: usize,
    pub(super) epsilon: f64,
    /// The most tokens of a text that are read.
    pub(super) max_tokens: usize,
    pub(super) pooling: Pooling,
}

/// What the vector of a text is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// The mean of the vectors of its tokens.
    Mean,
    /// The vector of its first token.
    First,
}

#[derive(Deserialize)]
struct Config {
    model_type: String,
    hidden_act: String,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    #[serde(default = "two")]
    type_vocab_size: usize,
    layer_norm_eps: f64,
    #[serde(default)]
    position_embedding_type: Option<String>,
}

#[derive(Deserialize)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
}

#[derive(Deserialize)]
struct PoolingConfig {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
}

fn two() -> usize {
    2
}

impl Sizes {
    /// Those of the model in `folder`.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Corrupt` when its settings cannot be read, `Invalid` for a model of another class.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let config: Config = settings(folder, CONFIG)?
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no model in `{}`", folder.display())))?;
        let sentences: Option<SentenceConfig> = settings(folder, SENTENCES)?;
        let pooling = match settings(folder, POOLING)? {
            None | Some(PoolingConfig { pooling_mode_mean_tokens: true, pooling_mode_cls_token: false }) => Pooling::Mean,
            Some(PoolingConfig { pooling_mode_mean_tokens: false, pooling_mode_cls_token: true }) => Pooling::First,
            Some(_) => return Err(other_class(folder, "it pools its tokens in another way than by their mean or their first")),
        };
        let wanted = sentences.and_then(|sentences| sentences.max_seq_length).unwrap_or(config.max_position_embeddings);
        config.check(folder)?;
        Ok(Self {
            hidden: config.hidden_size,
            intermediate: config.intermediate_size,
            layers: config.num_hidden_layers,
            heads: config.num_attention_heads,
            vocabulary: config.vocab_size,
            positions: config.max_position_embeddings,
            kinds: config.type_vocab_size,
            epsilon: config.layer_norm_eps,
            max_tokens: wanted.clamp(1, config.max_position_embeddings),
            pooling,
        })
    }
}

impl Config {
    fn check(&self, folder: &Path) -> Result<()> {
        if self.model_type != "bert" {
            return Err(other_class(folder, &format!("its `model_type` is `{}`", self.model_type.escape_default())));
        }
        if self.hidden_act != "gelu" {
            return Err(other_class(folder, &format!("its `hidden_act` is `{}`", self.hidden_act.escape_default())));
        }
        if let Some(kind) = self.position_embedding_type.as_deref().filter(|kind| *kind != "absolute") {
            return Err(other_class(folder, &format!("its `position_embedding_type` is `{}`", kind.escape_default())));
        }
        let sizes = [
            self.hidden_size,
            self.intermediate_size,
            self.num_hidden_layers,
            self.num_attention_heads,
            self.vocab_size,
            self.max_position_embeddings,
            self.type_vocab_size,
        ];
        let is_sound = sizes.iter().all(|size| (1..=MOST).contains(size))
            && self.hidden_size.is_multiple_of(self.num_attention_heads)
            && self.layer_norm_eps.is_finite()
            && self.layer_norm_eps > 0.0;
        if is_sound { Ok(()) } else { Err(damaged(folder, CONFIG, "its sizes cannot be those of a model")) }
    }
}

/// The settings in a file of `folder`; `None` when it is not there.
fn settings<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<Option<T>> {
    let Some(bytes) = read_file(&folder.join(name), MAX_SETTINGS)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|err| damaged(folder, name, &err.to_string()))
}

fn other_class(folder: &Path, why: &str) -> Error {
    let text = format!("the model in `{}` is of a class that is not known: {why}", folder.display());
    Error::new(ErrorKind::Invalid, text)
        .hint("models of class BERT with `gelu` and absolute positions can be used, such as all-MiniLM-L6-v2")
}

/// The error of a file that is not what it should be.
pub(super) fn damaged(folder: &Path, name: &str, why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("`{}` is damaged: {why}", folder.join(name).display()))
        .hint("remove the folder and get the model anew: `agentflow models pull`, or `agentflow models import DIR`")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;

    fn config() -> Value {
        json!({
            "model_type": "bert", "hidden_act": "gelu", "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "vocab_size": 20, "max_position_embeddings": 12, "layer_norm_eps": 1e-12,
        })
    }

    fn read(files: &[(&str, Value)]) -> Result<Sizes> {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("1_Pooling")).unwrap();
        for (name, value) in files {
            fs::write(folder.path().join(name), value.to_string()).unwrap();
        }
        Sizes::read(folder.path())
    }

    #[test]
    fn a_model_without_further_settings_reads_as_far_as_it_has_positions() {
        let sizes = read(&[(CONFIG, config())]).unwrap();
        assert_eq!((sizes.max_tokens, sizes.pooling, sizes.kinds), (12, Pooling::Mean, 2));
    }

    #[test]
    fn further_settings_say_how_far_it_reads_and_how_it_pools() {
        let first = json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false});
        let sizes = read(&[(CONFIG, config()), (SENTENCES, json!({"max_seq_length": 5})), (POOLING, first)]).unwrap();
        assert_eq!((sizes.max_tokens, sizes.pooling), (5, Pooling::First));
        let longer = read(&[(CONFIG, config()), (SENTENCES, json!({"max_seq_length": 500}))]).unwrap();
        assert_eq!(longer.max_tokens, 12);
    }

    #[test]
    fn what_is_no_such_model_is_told_apart() {
        assert_eq!(read(&[]).unwrap_err().kind(), ErrorKind::NotFound);
        let with = |key: &str, value: Value| {
            let mut config = config();
            config[key] = value;
            read(&[(CONFIG, config)]).unwrap_err().kind()
        };
        assert_eq!(with("model_type", json!("roberta")), ErrorKind::Invalid);
        assert_eq!(with("hidden_act", json!("relu")), ErrorKind::Invalid);
        assert_eq!(with("position_embedding_type", json!("relative_key")), ErrorKind::Invalid);
        assert_eq!(with("hidden_size", json!(9)), ErrorKind::Corrupt);
        assert_eq!(with("num_hidden_layers", json!(0)), ErrorKind::Corrupt);
        assert_eq!(with("vocab_size", json!(1_u64 << 40)), ErrorKind::Corrupt);
        assert_eq!(with("layer_norm_eps", json!("small")), ErrorKind::Corrupt);
        let max = json!({"pooling_mode_max_tokens": true});
        assert_eq!(read(&[(CONFIG, config()), (POOLING, max)]).unwrap_err().kind(), ErrorKind::Invalid);
    }
}
