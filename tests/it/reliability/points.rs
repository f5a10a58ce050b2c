//! The crash points of the program, as its sources name them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The names of all crash points in `src/`.
pub(crate) fn all() -> BTreeSet<String> {
    named().into_keys().collect()
}

/// Each name with the files that it stands in.
fn named() -> BTreeMap<String, Vec<PathBuf>> {
    let mut points: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("src/crash.rs") {
                let text = fs::read_to_string(&path).unwrap();
                for name in text.split("crash_point!(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                    points.entry(name.to_owned()).or_default().push(path.clone());
                }
            }
        }
    }
    points
}

#[test]
fn each_crash_point_stands_in_one_place() {
    let points = named();
    assert!(points.len() >= 30, "{points:?}");
    let twice: Vec<_> = points.iter().filter(|(_, places)| places.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
