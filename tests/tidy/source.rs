//! The repository's source files, line by line.

use std::path::{Path, PathBuf};

/// One source file.
pub(crate) struct Source {
    /// From the repository's root, with `/`.
    pub(crate) path: String,
    pub(crate) lines: Vec<String>,
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every `.rs` file of ours.
pub(crate) fn sources() -> Vec<Source> {
    let root = repository();
    let mut found = Vec::new();
    for package in ["raft", "maelstrom-adapter", "examples", "benches", "tests"] {
        collect(&root, &root.join(package), &mut found);
    }
    assert!(found.len() > 50, "the repository's files are not where they are looked for");
    found.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // What others' names look like is theirs to say.
            if !path.ends_with("target") && !path.ends_with("benches/peers") {
                collect(root, &path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            found.push(Source { path, lines: text.lines().map(str::to_owned).collect() });
        }
    }
}

/// Code that users' programs contain.
pub(crate) fn is_library(file: &Source) -> bool {
    (file.path.starts_with("raft/src") || file.path.starts_with("maelstrom-adapter/src"))
        && !file.path.contains("/bin/")
}

pub(crate) fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

impl Source {
    /// The lines that are neither comments nor tests, with their numbers; strings are blanked.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_tests = self.path.ends_with("tests.rs")
            || self.path.contains("/tests/")
            || self.path.starts_with("tests/");
        // Tests stand at the end of the file they are about.
        let in_library = !is_tests || self.path.starts_with("tests/");
        let end =
            self.lines.iter().position(|line| line.starts_with("#[cfg(test)]")).unwrap_or(self.lines.len());
        let numbered =
            self.lines[..end].iter().enumerate().map(|(number, line)| (number + 1, without_comment(line)));
        numbered.filter(move |(_, line)| in_library && !line.trim().is_empty())
    }

    /// For a failure: where, and what stands there.
    pub(crate) fn at(&self, number: usize, line: &str) -> String {
        format!("{}:{number}: {}", self.path, line.trim())
    }
}

/// The line up to its comment. Not exact for `//` in strings, which the checks can live with.
fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with("//") { "" } else { line.split(" // ").next().unwrap_or_default() }
}
