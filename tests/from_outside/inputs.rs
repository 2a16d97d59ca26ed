//! Which bytes are tried: those that the fuzzer has kept, variations of them, and others.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
};

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// The bytes that one target of the fuzzer has kept, because each gets somewhere that no other does.
pub(crate) struct Inputs {
    kept: Vec<(PathBuf, Vec<u8>)>,
}

impl Inputs {
    pub(crate) fn like(target: &str) -> Self {
        let folder = repository().join("tests/fuzz/corpus").join(target);
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut kept: Vec<_> = files.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        kept.sort_unstable();
        assert!(!kept.is_empty(), "the fuzzer's corpus is not where it is looked for");
        Self { kept }
    }

    /// Tries all of them, then a fixed number of others; `test` is part of the name of the test that asks.
    pub(crate) fn try_all(&self, test: &str, play: impl Fn(&[u8], bool)) {
        if let Some(path) = std::env::var_os("QUORATE_INPUT") {
            return play(&fs::read(repository().join(path)).unwrap(), true);
        }
        if let Some(seed) = number_from_environment("QUORATE_SEED") {
            return play(&self.made_from(seed), true);
        }
        let replay = |data: &[u8], how: &str| {
            if let Err(failure) = catch_unwind(AssertUnwindSafe(|| play(data, false))) {
                eprintln!("replay: {how} cargo test -p quorate-tests --test from_outside {test}");
                resume_unwind(failure);
            }
        };
        for (path, data) in &self.kept {
            let path = path.strip_prefix(repository()).unwrap();
            replay(data, &format!("QUORATE_INPUT={}", path.display()));
        }
        let count = number_from_environment("QUORATE_CASES").unwrap_or(20_000);
        eprintln!("{} that the fuzzer has kept, and seeds 1..={count}", self.kept.len());
        for seed in 1..=count {
            replay(&self.made_from(seed), &format!("QUORATE_SEED={seed}"));
        }
    }

    /// Any bytes; more often two that the fuzzer has kept, cut, joined, and changed in places.
    fn made_from(&self, seed: u64) -> Vec<u8> {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        if random.random_ratio(1, 3) {
            let length = random.random_range(0..600);
            return (0..length).map(|_| random.random()).collect();
        }
        let mut part = |from_start: bool| {
            let (_, data) = &self.kept[random.random_range(0..self.kept.len())];
            let at = random.random_range(0..=data.len());
            if from_start { &data[..at] } else { &data[at..] }
        };
        let mut data = [part(true), part(false)].concat();
        for _ in 0..random.random_range(0..8) {
            if !data.is_empty() {
                let at = random.random_range(0..data.len());
                data[at] = random.random();
            }
        }
        data
    }
}

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn number_from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}
