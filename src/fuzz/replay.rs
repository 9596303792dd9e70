//! The corpus, and spoilt copies of it, through every target: what `scripts/fuzz` once found stays found, and a change of
//! the code is tried in the seconds that a test has.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use bed::chance::Chance;

use super::{TARGETS, Target};

const SPOILT: usize = 2000;
const LONGEST: usize = 4096;

/// What the formats are made of, with a space between: numbers at their edges, and what ends or begins something.
const WORDS: &str = "' \" \\ : = \n \t \u{b} \0 % %00 @ / ? & , [ ] { } * - -1 0 18446744073709551615 18446744073709551616 \
                     9223372036854775808 1e999 NaN \u{a7} \u{202e} \u{a0} \u{1b}[2J $$ /* */ -- ::";

fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target.name);
    let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

#[test]
fn every_target_holds_for_its_corpus_and_for_spoilt_copies_of_it() {
    let seed = Chance::seed_of_test();
    std::thread::scope(|scope| {
        TARGETS.iter().for_each(|target| drop(scope.spawn(|| all(target, seed))));
    });
}

fn all(target: &Target, seed: u64) {
    let corpus = corpus(target);
    assert!(corpus.len() >= 3, "{} has {} files", target.name, corpus.len());
    let run = |what: &str, data: &[u8]| {
        if catch_unwind(AssertUnwindSafe(|| (target.run)(data))).is_err() {
            panic!("{} does not hold for {what}: {:?}", target.name, String::from_utf8_lossy(data));
        }
    };
    corpus.iter().for_each(|(path, data)| run(path, data));
    let mut chance = Chance::new(seed);
    for n in 0..SPOILT {
        run(&format!("spoilt input {n} of that seed"), &spoilt(&corpus, &mut chance));
    }
}

/// One of the corpus with a few changes: bytes, words, cuts, repetitions, and the rest of another one.
fn spoilt(corpus: &[(String, Vec<u8>)], chance: &mut Chance) -> Vec<u8> {
    let words: Vec<&[u8]> = WORDS.split(' ').map(str::as_bytes).chain([&b" "[..], b"\xff"]).collect();
    let mut pick = |bound: usize| chance.below(bound.max(1) as u64) as usize;
    let mut data = corpus[pick(corpus.len())].1.clone();
    for _ in 0..=pick(4) {
        let at = pick(data.len() + 1);
        let to = (at + pick(16)).min(data.len());
        match pick(6) {
            0 if at < data.len() => data[at] ^= 1 << pick(8),
            1 => drop(data.splice(at..at, words[pick(words.len())].iter().copied())),
            2 => drop(data.splice(at..to, words[pick(words.len())].iter().copied())),
            3 => drop(data.drain(at..to)),
            4 => data.extend_from_within(at..to),
            _ => {
                let other = &corpus[pick(corpus.len())].1;
                data.truncate(at);
                data.extend_from_slice(&other[pick(other.len())..]);
            }
        }
    }
    data.truncate(LONGEST);
    data
}
