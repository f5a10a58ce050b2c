//! Models of class BERT, whole and damaged.

use std::{fs, sync::Mutex};

use agentflow::{Error, ErrorKind, memory::LocalEmbedder, provider::Embedder as _};
use serde_json::json;
use tempfile::TempDir;

use super::{HIDDEN, POSITIONS, TinyModel, cosine, distance, texts};

fn embedder(tiny: &TinyModel) -> (TempDir, LocalEmbedder) {
    let folder = TempDir::new().unwrap();
    tiny.write(folder.path());
    let embedder = LocalEmbedder::at(folder.path(), "tiny").unwrap();
    (folder, embedder)
}

/// The failure of a model whose files were changed.
async fn failure(change: impl FnOnce(&mut TinyModel)) -> Error {
    let mut tiny = TinyModel::new();
    change(&mut tiny);
    let (_folder, embedder) = embedder(&tiny);
    embedder.embed(&texts(&["one"])).await.unwrap_err()
}

#[tokio::test]
async fn a_vector_of_length_1_is_made_of_each_text() {
    let (_folder, embedder) = embedder(&TinyModel::new());
    assert!(embedder.id().starts_with("local/tiny@") && embedder.id().len() == "local/tiny@".len() + 12, "{}", embedder.id());
    assert_eq!((embedder.dimension(), embedder.max_tokens()), (Some(HIDDEN), POSITIONS));
    let vectors = embedder.embed(&texts(&["one two", "", "three unknown"])).await.unwrap();
    for vector in &vectors {
        assert!(vector.len() == HIDDEN && (cosine(vector, vector) - 1.0).abs() < 1e-5, "{vector:?}");
    }
    assert!(1.0 - cosine(&vectors[0], &vectors[2]) > 1e-6, "texts that differ have vectors that differ");
    assert_eq!(embedder.embed(&[]).await.unwrap(), Vec::<Vec<f32>>::new());
}

#[tokio::test]
async fn neighbours_in_a_batch_change_nothing() {
    let (_folder, embedder) = embedder(&TinyModel::new());
    let many: Vec<String> = (0..200).map(|number| "one two three twos ".repeat(number % 5) + WORD[number % 3]).collect();
    let together = embedder.embed(&many).await.unwrap();
    assert_eq!(together, embedder.embed(&many).await.unwrap(), "the same texts have the same vectors");
    for (text, vector) in many.iter().zip(&together) {
        let alone = embedder.embed(std::slice::from_ref(text)).await.unwrap().remove(0);
        assert!(distance(&alone, vector) < 1e-5, "{text:?}");
    }
}

#[tokio::test]
async fn each_batch_is_told_as_soon_as_it_is_done() {
    let (_folder, embedder) = embedder(&TinyModel::new());
    let told = Mutex::new(Vec::new());
    embedder.embed_telling(&vec!["one two".to_owned(); 200], &|texts| told.lock().unwrap().push(texts)).await.unwrap();
    let mut told = told.into_inner().unwrap();
    told.sort_unstable();
    assert_eq!(told, [8, 32, 32, 32, 32, 32, 32]);
}

const WORD: [&str; 3] = ["one", "two", "three"];

#[tokio::test]
async fn tokens_are_counted_exactly_and_what_is_too_long_is_not_seen() {
    let (_folder, embedder) = embedder(&TinyModel::new());
    // Two words of which one has two tokens, and the two tokens around them.
    assert_eq!(embedder.count_tokens("One twos!"), 6);
    assert_eq!(embedder.count_tokens(""), 2);
    assert_eq!(embedder.count_tokens(&"one ".repeat(5_000)), 5_002);
    let full = "one ".repeat(POSITIONS - 2);
    let vectors = embedder.embed(&[full.clone(), format!("{full} two three"), format!("two {full}")]).await.unwrap();
    assert!(distance(&vectors[0], &vectors[1]) < 1e-6);
    assert!(distance(&vectors[0], &vectors[2]) > 1e-3);
}

#[tokio::test]
async fn the_first_token_stands_for_the_text_where_the_model_says_so() {
    let tiny = TinyModel::new();
    let (mean_folder, mean) = embedder(&tiny);
    let (folder, _) = embedder(&tiny);
    fs::create_dir(folder.path().join("1_Pooling")).unwrap();
    fs::write(folder.path().join("1_Pooling/config.json"), json!({"pooling_mode_cls_token": true}).to_string()).unwrap();
    let first = LocalEmbedder::at(folder.path(), "tiny").unwrap();
    let text = texts(&["one two three"]);
    assert!(distance(&mean.embed(&text).await.unwrap()[0], &first.embed(&text).await.unwrap()[0]) > 1e-3);
    drop(mean_folder);
}

#[tokio::test]
async fn names_with_a_part_before_them_are_understood() {
    let (_one, plain) = embedder(&TinyModel::new());
    let mut tiny = TinyModel::new();
    tiny.weights = tiny.weights.into_iter().map(|(name, weight)| (format!("bert.{name}"), weight)).collect();
    let (_other, prefixed) = embedder(&tiny);
    let text = texts(&["one two three"]);
    assert_eq!(plain.embed(&text).await.unwrap(), prefixed.embed(&text).await.unwrap());
}

#[tokio::test]
async fn weights_that_do_not_fit_are_named() {
    let error = failure(|tiny| drop(tiny.weights.remove("encoder.layer.1.output.dense.bias"))).await;
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("it has no weight `encoder.layer.1.output.dense.bias`"), "{error}");
    assert!(error.hints()[0].contains("agentflow models pull"), "{:?}", error.hints());

    let error = failure(|tiny| {
        let (shape, _) = tiny.weights.get_mut("embeddings.position_embeddings.weight").unwrap();
        shape.reverse();
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("has the shape [8, 12] instead of [12, 8]"), "{error}");

    let error = failure(|tiny| tiny.config["num_hidden_layers"] = json!(3)).await;
    assert!(error.message().contains("it has no weight `encoder.layer.2."), "{error}");

    let error = failure(|tiny| tiny.weights.get_mut("embeddings.LayerNorm.bias").unwrap().1[3] = f32::NAN).await;
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("numbers that are none"), "{error}");
}

#[tokio::test]
async fn a_tokenizer_with_more_tokens_than_the_model_is_refused() {
    let error = failure(|tiny| tiny.tokenizer["model"]["vocab"]["four"] = json!(8)).await;
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("it has 9 tokens, the model 8"), "{error}");
}

#[tokio::test]
async fn files_that_are_cut_off_or_not_there_are_told() {
    for (name, kind) in [
        ("config.json", ErrorKind::NotFound),
        ("tokenizer.json", ErrorKind::NotFound),
        ("model.safetensors", ErrorKind::NotFound),
    ] {
        let (folder, embedder) = embedder(&TinyModel::new());
        fs::remove_file(folder.path().join(name)).unwrap();
        let error = embedder.embed(&texts(&["one"])).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        for part in [0, 1, 4, 9] {
            let (folder, embedder) = embedder(&TinyModel::new());
            let path = folder.path().join(name);
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() * part / 10]).unwrap();
            let error = embedder.embed(&texts(&["one"])).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{part}/10 of {name}: {error}");
            assert!(error.message().contains(name), "{error}");
        }
    }
}

#[tokio::test]
async fn no_byte_of_the_weights_can_make_it_panic() {
    let folder = TempDir::new().unwrap();
    TinyModel::new().write(folder.path());
    let path = folder.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    for seed in 0..200 {
        let mut bytes = whole.clone();
        let mut rng = fastrand::Rng::with_seed(seed);
        // The header, in which sizes and places are, is about 2 KiB of it.
        for _ in 0..4 {
            let at = rng.usize(..bytes.len().min(2_500));
            bytes[at] = rng.u8(..);
        }
        fs::write(&path, bytes).unwrap();
        let embedder = LocalEmbedder::at(folder.path(), "tiny").unwrap();
        if let Err(error) = embedder.embed(&texts(&["one"])).await {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        }
    }
}

#[tokio::test]
async fn a_model_that_is_repaired_can_be_used_without_a_new_beginning() {
    let (folder, embedder) = embedder(&TinyModel::new());
    let path = folder.path().join("model.safetensors");
    let away = folder.path().join("away");
    fs::rename(&path, &away).unwrap();
    assert_eq!(embedder.embed(&texts(&["one"])).await.unwrap_err().kind(), ErrorKind::NotFound);
    fs::rename(&away, &path).unwrap();
    assert_eq!(embedder.embed(&texts(&["one"])).await.unwrap().len(), 1);
}
