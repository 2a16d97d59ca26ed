//! The mutants: what stands in the code, what stands there instead, and what goes wrong then.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// One change of a line or two that breaks something.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    pub(crate) name: String,
    /// The name of the catalogue's file.
    #[serde(skip)]
    pub(crate) topic: String,
    /// From the repository's root, with `/`.
    pub(crate) file: String,
    /// One sentence.
    pub(crate) wrong: String,
    /// The row in `docs/known-bugs.md` that it brings back, if it does.
    pub(crate) known_bug: Option<String>,
    /// Stands in the file, exactly once.
    out: String,
    /// What stands there in its place.
    #[serde(rename = "in")]
    into: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    mutant: Vec<Mutant>,
}

/// Why a mutant cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogueError {
    #[error("{path} cannot be read: {source}")]
    Unreadable { path: String, source: std::io::Error },
    #[error("{path} is no list of mutants: {source}")]
    Malformed { path: String, source: Box<toml::de::Error> },
    #[error("mutant {mutant}: its text stands {count} times in {file}, not once: {}\n{text}", advice(*.count))]
    Moved { mutant: String, file: String, count: usize, text: String },
}

fn advice(count: usize) -> &'static str {
    if count == 0 {
        "the code has changed, so write down what stands there now"
    } else {
        "add a line of what stands around it"
    }
}

/// All mutants, topic by topic, in the order in which they are written down.
pub(crate) fn load(root: &Path) -> Result<Vec<Mutant>, CatalogueError> {
    let folder = root.join("tests/mutants/catalogue");
    let unreadable = |path: &Path| {
        let path = path.display().to_string();
        move |source| CatalogueError::Unreadable { path, source }
    };
    let entries = fs::read_dir(&folder).map_err(unreadable(&folder))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let mut mutants = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(unreadable(&path))?;
        let topic: Topic = toml::from_str(&text).map_err(|source| CatalogueError::Malformed {
            path: path.display().to_string(),
            source: Box::new(source),
        })?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        mutants.extend(topic.mutant.into_iter().map(|mutant| Mutant { topic: name.clone(), ..mutant }));
    }
    Ok(mutants)
}

impl Mutant {
    /// Whether one of the filters names it.
    pub(crate) fn is_meant_by(&self, filters: &[String]) -> bool {
        let of_bug = |filter: &str| self.known_bug.as_ref().is_some_and(|bug| bug == filter);
        filters.iter().any(|filter| {
            self.topic == *filter
                || self.name.contains(filter.as_str())
                || self.file == *filter
                || of_bug(filter)
        })
    }

    /// The file's text with the change made.
    ///
    /// # Errors
    /// [`CatalogueError::Moved`] if what is to go does not stand there exactly once.
    pub(crate) fn change(&self, original: &str) -> Result<String, CatalogueError> {
        let count = original.matches(&self.out).count();
        if count == 1 {
            Ok(original.replacen(&self.out, &self.into, 1))
        } else {
            let (mutant, file, text) = (self.name.clone(), self.file.clone(), self.out.clone());
            Err(CatalogueError::Moved { mutant, file, count, text })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    #[test]
    fn every_mutants_text_stands_in_the_code_exactly_once() {
        for mutant in load(&root()).unwrap() {
            let original = fs::read_to_string(root().join(&mutant.file)).unwrap();
            let changed = mutant.change(&original).unwrap_or_else(|error| panic!("{error}"));
            assert_ne!(changed, original, "{} changes nothing", mutant.name);
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names = BTreeSet::new();
        for mutant in load(&root()).unwrap() {
            assert!(names.insert(mutant.name.clone()), "there are two mutants {}", mutant.name);
        }
    }

    #[test]
    fn every_known_bug_that_a_mutant_brings_back_has_its_row() {
        let table = fs::read_to_string(root().join("docs/known-bugs.md")).unwrap();
        for mutant in load(&root()).unwrap() {
            if let Some(bug) = &mutant.known_bug {
                assert!(table.contains(&format!("\n| {bug} | ")), "{}: there is no row {bug}", mutant.name);
            }
        }
    }

    #[test]
    fn text_that_has_moved_or_stands_twice_is_told_apart() {
        let mutant = load(&root()).unwrap().swap_remove(0);
        let gone = mutant.change("other text").unwrap_err().to_string();
        assert!(gone.contains("stands 0 times") && gone.contains("the code has changed"), "{gone}");
        let twice = mutant.change(&mutant.out.repeat(2)).unwrap_err().to_string();
        assert!(twice.contains("stands 2 times") && twice.contains("around it"), "{twice}");
    }
}
