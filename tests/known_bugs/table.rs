//! The table of known bugs, `docs/known-bugs.md`: every row is there, and what it names exists.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// How many rows each class has.
const ROWS: [(char, u32); 9] =
    [('a', 22), ('b', 18), ('c', 23), ('d', 19), ('e', 20), ('f', 10), ('g', 7), ('h', 11), ('i', 7)];

/// What has gone wrong most often and cost most: for these a reason is not enough.
const GRAVEST: [&str; 26] = [
    "a1", "a3", "a5", "a7", "a8", "a10", "a16", "b1", "b2", "b3", "b7", "b13", "c1", "c3", "c4", "c11",
    "c12", "c17", "d1", "d5", "e1", "e2", "e4", "f1", "f2", "i1",
];

const BY_DESIGN: &str = "By design: ";

/// A row of the table.
struct Row {
    id: String,
    scenario: String,
    here: String,
}

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let cells: Vec<_> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
        let &[id, scenario, here] = &*cells else { return None };
        let is_id = id.len() > 1 && id[1..].chars().all(|c| c.is_ascii_digit());
        is_id.then(|| Self { id: id.to_lowercase(), scenario: scenario.to_owned(), here: here.to_owned() })
    }

    /// What stands between backticks and looks like a path: tests (`file::function`) and scripts (`file`).
    fn evidence(&self) -> impl Iterator<Item = &str> {
        self.here.split('`').skip(1).step_by(2).filter(|quoted| quoted.contains('/'))
    }

    /// Whether a test with the row's number in its name is among its evidence.
    fn is_played(&self) -> bool {
        self.evidence().filter_map(|path| path.split_once("::")).any(|(_, test)| ids(test).contains(&self.id))
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rows() -> Vec<Row> {
    let table = fs::read_to_string(repository().join("docs/known-bugs.md")).unwrap();
    table.lines().filter_map(Row::parse).collect()
}

/// The rows that a test's name stands for: `b4` and `b17` for `b4_and_b17_long_logs`.
fn ids(test: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for word in test.split('_') {
        let is_class = word.starts_with(|c| ('a'..='i').contains(&c));
        if is_class && word.len() > 1 && word[1..].chars().all(|c| c.is_ascii_digit()) {
            ids.push(word.to_owned());
        } else if word != "and" {
            break;
        }
    }
    ids
}

/// All test functions, by file.
fn tests() -> BTreeMap<String, BTreeSet<String>> {
    let mut files = vec![];
    for folder in ["tests", "raft", "maelstrom-adapter"] {
        collect(&repository().join(folder), &mut files);
    }
    let tests = files.into_iter().map(|file| {
        let text = fs::read_to_string(&file).unwrap();
        let name = |line: &str| {
            let (name, _) = line.trim_start().strip_prefix("fn ")?.split_once('(')?;
            Some(name.to_owned())
        };
        let path = file.strip_prefix(repository()).unwrap().to_str().unwrap().to_owned();
        (path, text.lines().filter_map(name).collect())
    });
    tests.collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn table_has_every_row_once() {
    let found: Vec<_> = rows().into_iter().map(|row| row.id).collect();
    let expected: Vec<_> =
        ROWS.iter().flat_map(|(class, count)| (1..=*count).map(move |n| format!("{class}{n}"))).collect();
    assert_eq!(expected.len(), 137);
    assert_eq!(found, expected);
}

#[test]
fn every_row_says_what_happened_and_why_it_cannot_happen_here() {
    for Row { id, scenario, here } in rows() {
        assert!(!scenario.trim().is_empty(), "{id}: say what went wrong");
        let is_answered = here.contains('`') || here.starts_with(BY_DESIGN);
        assert!(is_answered, "{id}: name a test, or begin with \"{BY_DESIGN}\" and say why");
    }
}

#[test]
fn every_test_that_a_row_names_exists() {
    let tests = tests();
    for row in rows() {
        for evidence in row.evidence() {
            let exists = match evidence.split_once("::") {
                Some((file, test)) => tests.get(file).is_some_and(|tests| tests.contains(test)),
                None => repository().join(evidence).is_file(),
            };
            assert!(exists, "{}: there is no {evidence}", row.id);
        }
    }
}

#[test]
fn every_test_with_a_number_stands_in_its_row() {
    let rows = rows();
    for (file, tests) in tests() {
        for test in tests {
            for id in ids(&test) {
                let row = rows.iter().find(|row| row.id == id);
                let path = format!("{file}::{test}");
                let is_named = row.is_some_and(|row| row.evidence().any(|evidence| evidence == path));
                assert!(is_named, "{id}: add `{path}` to docs/known-bugs.md");
            }
        }
    }
}

#[test]
fn the_gravest_are_played() {
    let rows = rows();
    for id in GRAVEST {
        let row = rows.iter().find(|row| row.id == id).unwrap();
        assert!(row.is_played(), "{id}: a test has to play it");
    }
}
