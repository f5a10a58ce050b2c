//! Embedders on this machine: how they compute, how their files get there, and what is said when they do not.

mod local;
pub(crate) mod minilm;
mod models;

use std::{collections::HashMap, fs, path::Path};

use fastrand::Rng;
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};

const WORDS: [&str; 8] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "one", "two", "three", "##s"];
const HIDDEN: usize = 8;
const WIDE: usize = 16;
const POSITIONS: usize = 12;

/// A model of random weights, with a vocabulary of three words.
#[derive(Debug, Clone)]
struct TinyModel {
    config: Value,
    tokenizer: Value,
    weights: HashMap<String, (Vec<usize>, Vec<f32>)>,
}

impl TinyModel {
    fn new() -> Self {
        let config = json!({
            "model_type": "bert", "hidden_act": "gelu", "hidden_size": HIDDEN, "intermediate_size": WIDE, "num_hidden_layers": 2,
            "num_attention_heads": 2, "vocab_size": WORDS.len(), "max_position_embeddings": POSITIONS, "layer_norm_eps": 1e-12,
        });
        let mut tiny = Self { config, tokenizer: tokenizer(), weights: HashMap::new() };
        let mut rng = Rng::with_seed(7);
        let mut add = |name: &str, shape: &[usize]| {
            let numbers = (0..shape.iter().product::<usize>()).map(|_| rng.f32() - 0.5).collect();
            tiny.weights.insert(name.to_owned(), (shape.to_vec(), numbers));
        };
        add("embeddings.word_embeddings.weight", &[WORDS.len(), HIDDEN]);
        add("embeddings.position_embeddings.weight", &[POSITIONS, HIDDEN]);
        add("embeddings.token_type_embeddings.weight", &[2, HIDDEN]);
        add("embeddings.LayerNorm.weight", &[HIDDEN]);
        add("embeddings.LayerNorm.bias", &[HIDDEN]);
        for layer in 0..2 {
            let mut add = |part: &str, to: usize, from: Option<usize>| {
                let shape: Vec<usize> = [Some(to), from].into_iter().flatten().collect();
                add(&format!("encoder.layer.{layer}.{part}.weight"), &shape);
                add(&format!("encoder.layer.{layer}.{part}.bias"), &[to]);
            };
            for part in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"] {
                add(part, HIDDEN, Some(HIDDEN));
            }
            add("attention.output.LayerNorm", HIDDEN, None);
            add("intermediate.dense", WIDE, Some(HIDDEN));
            add("output.dense", HIDDEN, Some(WIDE));
            add("output.LayerNorm", HIDDEN, None);
        }
        tiny
    }

    /// Its files, by name.
    fn files(&self) -> [(&'static str, Vec<u8>); 3] {
        let bytes: HashMap<_, Vec<u8>> = self
            .weights
            .iter()
            .map(|(name, (_, numbers))| (name, numbers.iter().flat_map(|number| number.to_le_bytes()).collect()))
            .collect();
        let views = self.weights.iter().map(|(name, (shape, _))| {
            let view = TensorView::new(Dtype::F32, shape.clone(), &bytes[name]).unwrap();
            (name.clone(), view)
        });
        [
            ("config.json", self.config.to_string().into_bytes()),
            ("tokenizer.json", self.tokenizer.to_string().into_bytes()),
            ("model.safetensors", safetensors::serialize(views.collect::<HashMap<_, _>>(), None).unwrap()),
        ]
    }

    fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for (name, bytes) in self.files() {
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

fn tokenizer() -> Value {
    let vocabulary: serde_json::Map<_, _> =
        WORDS.iter().zip(0..).map(|(word, number)| ((*word).to_owned(), json!(number))).collect();
    let special = |id: u32, word: &str| json!({"id": id, "content": word, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true});
    let around = |word: &str, id: u32| (word.to_owned(), json!({"id": word, "ids": [id], "tokens": [word]}));
    let specials: serde_json::Map<_, _> = [around("[CLS]", 2), around("[SEP]", 3)].into_iter().collect();
    json!({
        "version": "1.0",
        // As the files of real models have it; neither is to be taken over.
        "truncation": {"max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [special(0, "[PAD]"), special(1, "[UNK]"), special(2, "[CLS]"), special(3, "[SEP]")],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": specials,
        },
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocabulary},
    })
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// The greatest difference of two numbers in the same place.
fn distance(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
}
