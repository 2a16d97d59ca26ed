//! Scripts: exchanges between nodes, told in a small language and checked word for word.
//!
//! `tests/README.md` says how to read, write, run and rewrite them.

mod arguments;
mod arithmetic;
mod cluster;
mod difference;
mod founding;
mod journal;
mod language;
mod machine;
mod membership;
mod network;
mod server;
mod show;

use std::{
    collections::BTreeSet,
    error::Error,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Set to write what scripts do into their files, instead of comparing.
const REWRITE: &str = "QUORATE_REWRITE";

/// Runs every script whose name contains one of the arguments, or all of them.
fn main() -> Result<ExitCode, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let filters: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let mut names = Vec::new();
    for topic in subfolders(&root)? {
        names.extend(scripts_in(&root, &topic)?);
    }
    names.sort();
    names.retain(|name| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str())));

    let rewrite = std::env::var_os(REWRITE).is_some_and(|value| value != "0");
    let mut out = io::stdout().lock();
    let mut failed = 0;
    for name in &names {
        if let Err(why) = check(&root.join(format!("{name}.txt")), rewrite) {
            failed += 1;
            writeln!(
                out,
                "{name}: {why}\n\nReplay it:  cargo test -p quorate-tests --test scripts {name}\n"
            )?;
        }
    }
    let topics: BTreeSet<_> = names.iter().filter_map(|name| name.split('/').next()).collect();
    writeln!(out, "{} scripts in {} topics, {failed} failed", names.len(), topics.len())?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn subfolders(root: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(root)?.collect::<Result<Vec<_>, _>>()?;
    Ok(entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
}

/// The names of a topic's scripts: `election/candidate_behind`.
fn scripts_in(root: &Path, topic: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(topic)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            names.push(path.strip_prefix(root)?.with_extension("").to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(names)
}

fn check(path: &Path, rewrite: bool) -> Result<(), Box<dyn Error>> {
    let expected = fs::read_to_string(path)?;
    check_opening(&expected)?;
    let actual = goldenscript::generate(&mut language::Script::new(), &expected)?;
    if actual == expected {
        Ok(())
    } else if rewrite {
        Ok(fs::write(path, actual)?)
    } else {
        Err(difference::between(&expected, &actual).into())
    }
}

/// A script opens with one sentence that says what it shows.
fn check_opening(script: &str) -> Result<(), &'static str> {
    let comment: Vec<_> = script.lines().map_while(|line| line.strip_prefix("# ")).collect();
    let opening = comment.join(" ");
    let sentences = opening.matches(". ").count() + usize::from(opening.ends_with('.'));
    if sentences == 1 {
        Ok(())
    } else {
        Err("a script opens with a comment of one sentence, ended by a full stop, and an empty line")
    }
}
