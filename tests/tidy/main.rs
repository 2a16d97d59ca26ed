//! Style is a gate: what `CONTRIBUTING.md` asks for and no compiler checks, checked over the repository's own files.
//!
//! Each failure names the file, the line, and what to write instead.

#![expect(clippy::unwrap_used, reason = "in a test a broken premise must stop it")]

mod source;

use source::{Source, indent, is_library, repository, sources};

/// Fails with one line for each offence.
fn expect_none(offences: &[String], instead: &str) {
    assert!(offences.is_empty(), "{instead}:\n  {}", offences.join("\n  "));
}

fn offences(files: &[Source], offends: impl Fn(&str) -> bool) -> Vec<String> {
    let lines = files.iter().flat_map(|file| file.code().map(move |line| (file, line)));
    lines.filter(|(_, (_, text))| offends(text)).map(|(file, (number, text))| file.at(number, text)).collect()
}

/// Whether `word` stands in `text` as a whole identifier.
fn names(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(start, _)| {
        let (before, after) = (&text[..start], &text[start + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// All files but this one, which has to name what it forbids.
fn others() -> Vec<Source> {
    sources().into_iter().filter(|file| file.path != "tests/tidy/main.rs").collect()
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let long = |file: &&Source| file.lines.len() > 500;
    let offences: Vec<_> =
        sources().iter().filter(long).map(|f| format!("{}: {}", f.path, f.lines.len())).collect();
    expect_none(&offences, "split the file by what its parts are about");
}

#[test]
fn no_function_is_longer_than_70_lines() {
    let mut offences = Vec::new();
    for file in sources() {
        for (start, line) in file.lines.iter().enumerate() {
            let is_function =
                names(line, "fn") && line.trim_end().ends_with('{') && !line.trim_start().starts_with("//");
            // The code is formatted: a function ends where its indentation comes back.
            let is_end = |other: &&String| indent(other) == indent(line) && other.trim() == "}";
            let is_code = |line: &&String| !line.trim().is_empty() && !line.trim_start().starts_with("//");
            let body = file.lines[start + 1..].iter().take_while(|line| !is_end(line));
            if is_function && body.filter(is_code).count() > 70 {
                offences.push(file.at(start + 1, line));
            }
        }
    }
    expect_none(&offences, "give the function's steps names of their own");
}

#[test]
fn core_knows_no_thread_clock_file_socket_or_upper_layer() {
    let core: Vec<_> =
        sources().into_iter().filter(|file| file.path.starts_with("raft/src/consensus")).collect();
    let forbidden = [
        "std::thread",
        "std::time",
        "std::net",
        "std::fs",
        "std::sync::Mutex",
        "crossbeam_channel",
        "parking_lot",
        "crate::runtime",
        "crate::storage",
        "crate::transport",
        "crate::wire",
        "crate::state_machine",
        "rand::rng",
        "thread_rng",
        "Instant",
        "SystemTime",
        "HashMap",
        "HashSet",
    ];
    let found = offences(&core, |text| forbidden.iter().any(|word| names(text, word)));
    expect_none(&found, "pass it in: time is ticks, chance is a seed, order is a vector's");
}

#[test]
fn library_code_does_not_panic_on_what_it_is_given() {
    let library: Vec<_> = sources().into_iter().filter(is_library).collect();
    let panics = [".unwrap()", ".expect(\"", "panic!(", "todo!(", "unimplemented!(", "unreachable!("];
    let found = offences(&library, |text| panics.iter().any(|word| text.contains(word)));
    expect_none(&found, "return an error, or ignore and count it; asserts are for relations of our own");
}

#[test]
fn banned_words() {
    let banned = [
        ("prs", "progress"),
        ("pr", "progress"),
        ("rd", "ready"),
        ("hs", "hard_state"),
        ("ss", "soft state: leadership"),
        ("ents", "entries"),
        ("msgs", "messages"),
        ("TODO", "do it, or leave it out and say so in the documentation"),
        ("FIXME", "mend it"),
        ("XXX", "say what is the matter"),
    ];
    for (word, instead) in banned {
        let lines = |file: &Source| -> Vec<String> {
            let all = file.lines.iter().enumerate().filter(|(_, line)| names(line, word));
            all.map(|(number, line)| file.at(number + 1, line)).collect()
        };
        let found: Vec<_> = others().iter().flat_map(lines).collect();
        expect_none(&found, &format!("instead of `{word}` write `{instead}`"));
    }
    let getters = offences(&others(), |text| text.contains("fn get_"));
    expect_none(&getters, "name it after what it gives: `leader()`, not `get_leader()`");
}

#[test]
fn every_file_opens_with_what_it_is() {
    let silent = |file: &&Source| !file.lines.first().is_some_and(|line| line.starts_with("//! "));
    let offences: Vec<_> = sources().iter().filter(silent).map(|file| file.path.clone()).collect();
    expect_none(&offences, "open the file with `//!` and one sentence");
}

#[test]
fn every_file_of_the_library_is_on_the_map() {
    let map = std::fs::read_to_string(repository().join("docs/ARCHITECTURE.md")).unwrap();
    let is_on_map = |path: &str| {
        let name = path.rsplit('/').next().unwrap();
        let folders = path.match_indices('/').map(|(end, _)| format!("`{}/`", &path[..end]));
        map.contains(&format!("`{path}`"))
            || map.contains(&format!("`{name}`"))
            || folders.into_iter().any(|folder| map.contains(&folder))
    };
    let library =
        sources().into_iter().filter_map(|file| file.path.strip_prefix("raft/src/").map(str::to_owned));
    let offences: Vec<_> = library.filter(|path| !is_on_map(path)).collect();
    expect_none(&offences, "say in docs/ARCHITECTURE.md what the file is for");
}

#[test]
fn a_relaxed_lint_carries_its_reason() {
    let mut offences = Vec::new();
    for file in others() {
        for (start, line) in file.lines.iter().enumerate() {
            let relaxes = ["#[allow(", "#![allow(", "#[expect(", "#![expect("];
            let attribute = || {
                let end = file.lines[start..].iter().position(|line| line.contains(")]")).unwrap_or_default();
                file.lines[start..=start + end].concat()
            };
            if relaxes.iter().any(|word| line.trim_start().starts_with(word))
                && !attribute().contains("reason = ")
            {
                offences.push(file.at(start + 1, line));
            }
        }
    }
    expect_none(&offences, "write `#[expect(lint, reason = \"...\")]`");
}
