//! The real all-MiniLM-L6-v2, in the folder `AGENTFLOW_TEST_MINILM` (`scripts/servers start` gets it); skipped, and said so, without.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so; one that measures says what")]

use std::{path::PathBuf, time::Instant};

use agentflow::{
    memory::{
        LocalEmbedder,
        models::{HUB, KnownModel, ModelSettings, Models},
    },
    provider::Embedder,
};
use tempfile::TempDir;

use super::{cosine, distance, texts};

/// Where the real model is; `None`, with a word about it, when the environment does not say.
#[expect(clippy::disallowed_methods, reason = "the environment names the model of this test")]
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var("AGENTFLOW_TEST_MINILM").ok().filter(|value| !value.is_empty());
    if folder.is_none() {
        eprintln!("skipped: AGENTFLOW_TEST_MINILM is not set");
    }
    folder.map(PathBuf::from)
}

/// What the first numbers of vectors are, computed by another program in another language from the same weights.
const REFERENCE: [(&str, [f32; 8]); 5] = [
    (
        "The cat sits outside",
        [0.139_191_1, 0.003_029_1, 0.047_014_7, 0.039_573_8, -0.047_998_5, -0.006_811_5, 0.015_052_7, 0.033_376_6],
    ),
    (
        "A kitten is resting in the garden",
        [0.050_277_9, -0.006_811_4, -0.011_52, -0.019_785, 0.028_126_2, 0.041_204_9, -0.045_990_1, -0.050_760_8],
    ),
    (
        "Quarterly revenue grew by twelve percent",
        [0.087_301_4, 0.009_796_4, -0.054_289_6, -0.067_465_9, -0.000_486_9, -0.019_543_4, -0.030_546_5, 0.007_097_3],
    ),
    ("", [-0.118_838_4, 0.048_298_7, -0.002_548_1, -0.011_011_2, 0.051_950_8, 0.010_291_7, 0.115_433_2, 0.000_700_8]),
    (
        "Grüße aus Köln, 東京 und Москва!",
        [0.077_093_5, 0.122_089_8, 0.038_397_1, -0.026_336_8, -0.038_607_3, 0.052_179, 0.004_121, 0.040_496_7],
    ),
];

#[tokio::test]
async fn vectors_are_those_of_the_reference() {
    let Some(folder) = folder() else { return };
    let embedder = LocalEmbedder::at(&folder, "all-MiniLM-L6-v2").unwrap();
    assert_eq!(embedder.id(), "local/all-MiniLM-L6-v2@53aa51172d14");
    assert_eq!((embedder.dimension(), embedder.max_tokens()), (Some(384), 256));
    let vectors = embedder.embed(&texts(&REFERENCE.map(|(text, _)| text))).await.unwrap();
    for ((text, expected), vector) in REFERENCE.iter().zip(&vectors) {
        let found = distance(&vector[..8], expected);
        assert!(found < 1e-5, "{text:?}: {found}");
    }
    let (near, far) = (cosine(&vectors[0], &vectors[1]), cosine(&vectors[0], &vectors[2]));
    assert!((near - 0.589_968).abs() < 1e-4 && (far - 0.024_125).abs() < 1e-4, "{near} {far}");
}

#[tokio::test]
async fn a_batch_has_the_vectors_of_its_texts_alone() {
    let Some(folder) = folder() else { return };
    let embedder = LocalEmbedder::at(&folder, "minilm").unwrap();
    let many: Vec<String> =
        (0..70).map(|number| "Every event of a run is durable. ".repeat(number % 9) + &number.to_string()).collect();
    let together = embedder.embed(&many).await.unwrap();
    for (text, vector) in many.iter().zip(&together).step_by(7) {
        let alone = embedder.embed(std::slice::from_ref(text)).await.unwrap().remove(0);
        assert!(distance(&alone, vector) < 1e-5, "{text:?}");
    }
}

#[tokio::test]
async fn what_is_after_the_last_token_is_not_seen() {
    let Some(folder) = folder() else { return };
    let embedder = LocalEmbedder::at(&folder, "minilm").unwrap();
    let full = "word ".repeat(254);
    assert_eq!(embedder.count_tokens(&full), 256);
    let vectors = embedder.embed(&[full.clone(), format!("{full} quarterly revenue"), "word ".repeat(253)]).await.unwrap();
    assert!(distance(&vectors[0], &vectors[1]) < 1e-6);
    assert!((cosine(&vectors[0], &vectors[2]) - 0.999_983_6).abs() < 1e-5);
}

#[tokio::test]
async fn an_imported_model_is_the_known_one_and_works_without_a_network() {
    let Some(real) = folder() else { return };
    let home = TempDir::new().unwrap();
    let models = Models::new(ModelSettings { offline: true, ..ModelSettings::new(home.path().join("models"), HUB) });
    let model = KnownModel::find("all-MiniLM-L6-v2").unwrap();
    let imported = models.import(&real, None).unwrap();
    assert_eq!((imported.name.as_str(), imported.embedder.as_str(), imported.is_known), ("all-MiniLM-L6-v2", "local", true));
    assert!(models.list().unwrap()[0].is_here);
    let embedder = LocalEmbedder::known(models, model);
    assert_eq!(embedder.id(), "local/all-MiniLM-L6-v2");
    assert_eq!(embedder.count_tokens("The cat sits outside"), 6);
    let vectors = embedder.embed(&texts(&["The cat sits outside"])).await.unwrap();
    assert!(distance(&vectors[0][..8], &REFERENCE[0].1) < 1e-5);
}

/// Not a test of speed: says how long things take here, for who wants to know.
#[tokio::test]
async fn measured() {
    let Some(folder) = folder() else { return };
    let began = Instant::now();
    let embedder = LocalEmbedder::at(&folder, "minilm").unwrap();
    eprintln!("hashed in {:?}", began.elapsed());
    let began = Instant::now();
    embedder.embed(&texts(&["one"])).await.unwrap();
    eprintln!("loaded in {:?}, with a first text", began.elapsed());
    let short = "the quick brown fox jumps over it";
    let long = "durable event ".repeat(109);
    assert_eq!((embedder.count_tokens(short), embedder.count_tokens(&long)), (9, 220));
    for (name, batch, times) in [
        ("9 tokens, alone", vec![short.to_owned()], 30),
        ("220 tokens, alone", vec![long.clone()], 10),
        ("9 tokens, 32 together", vec![short.to_owned(); 32], 10),
        ("220 tokens, 32 together", vec![long.clone(); 32], 1),
        ("220 tokens, 128 together", vec![long.clone(); 128], 1),
    ] {
        let began = Instant::now();
        for _ in 0..times {
            assert_eq!(embedder.embed(&batch).await.unwrap().len(), batch.len());
        }
        let count = u32::try_from(times * batch.len()).unwrap();
        eprintln!("{name}: {:?} a text", began.elapsed() / count);
    }
}
