use serde_json::json;

use super::*;

fn taken(tests: &[(&str, Value)]) -> BTreeMap<String, Value> {
    tests.iter().map(|(test, value)| ((*test).to_owned(), value.clone())).collect()
}

#[test]
fn the_file_stands_beside_the_tests() {
    let check = |file: &str, expected: &str| assert_eq!(Snapshots::path_of(Path::new(file)), Path::new(expected));
    check("flows/review.test.yaml", "flows/review.snap.yaml");
    check("a.b.test.toml", "a.b.snap.yaml");
    check("A.Test.JSON", "A.snap.yaml");
}

#[test]
fn what_was_written_is_compared_kept_and_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.test.yaml");
    let mut snapshots = Snapshots::read(&file).unwrap();
    assert_eq!(snapshots.compare("one", &json!(1)), Compared::Missing);
    assert!(
        snapshots
            .update(taken(&[("one", json!({"outputs": {"size": 1, "text": "a\nb\n"}})), ("two", json!({"route": {}}))]), &[])
            .unwrap()
    );
    let text = fs::read_to_string(folder.path().join("a.snap.yaml")).unwrap();
    assert_eq!(text, format!("{HEAD}one:\n  outputs:\n    size: 1\n    text: |\n      a\n      b\ntwo:\n  route: {{}}\n"));
    let mut read = Snapshots::read(&file).unwrap();
    assert_eq!(read.compare("one", &json!({"outputs": {"size": 1, "text": "a\nb\n"}})), Compared::Same);
    let Compared::Different(lines) = read.compare("one", &json!({"outputs": {"size": 1, "text": "a\nc\n"}})) else { panic!() };
    assert_eq!(lines, ["      a", "-     b", "+     c"]);
    assert_eq!(read.orphans(&["one"]), ["two"]);
    // A test that was left out keeps what it has; what is of no test goes.
    assert!(!read.update(BTreeMap::new(), &["one", "two"]).unwrap());
    assert!(read.update(BTreeMap::new(), &["one"]).unwrap());
    assert_eq!(Snapshots::read(&file).unwrap().orphans(&[]), ["one"]);
    assert!(read.update(BTreeMap::new(), &[]).unwrap());
    assert!(!folder.path().join("a.snap.yaml").exists());
}

#[test]
fn a_file_that_is_no_file_of_snapshots_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.snap.yaml");
    for bad in ["- 1\n", "a: [\n", "a: 1\na: 2\n"] {
        fs::write(&path, bad).unwrap();
        let error = Snapshots::read(&folder.path().join("a.test.yaml")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
    }
    fs::write(&path, HEAD).unwrap();
    assert!(Snapshots::read(&folder.path().join("a.test.yaml")).is_ok());
}
