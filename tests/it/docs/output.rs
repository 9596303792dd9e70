//! What stands under a command as its output is what it prints, and every configuration in the documents loads.
//! `BLESS=1 scripts/test output` writes the outputs.

use std::fs;
use std::process::Command;

use super::block::{self, Run};
use super::{documents, root};
use crate::support::home::Home;
use crate::support::program;

#[test]
fn what_size_prints_stands_in_deployment() {
    let path = root().join("docs/DEPLOYMENT.md");
    let text = fs::read_to_string(&path).unwrap();
    let ours = Run::By("tests/it/docs/output.rs".to_owned());
    let commands: Vec<String> =
        block::all(&text, "sh").into_iter().filter(|b| b.run == ours).map(|b| b.text).collect();
    assert_eq!(commands.len(), 1);
    let words: Vec<&str> = commands[0].split_whitespace().collect();
    let output = Command::new(program(words[0])).args(&words[1..]).env_clear().output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let (before, rest) = text.split_once("```text\n").unwrap();
    let (there, after) = rest.split_once("```").unwrap();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, format!("{before}```text\n{printed}```{after}")).unwrap();
    } else {
        assert_eq!(there, printed, "BLESS=1 scripts/test output writes it");
    }
}

#[test]
fn every_configuration_in_the_documents_loads() {
    let mut found = 0;
    for (path, text) in documents() {
        for block in block::all(&text, "toml") {
            let home = Home::new();
            home.config(&block.text);
            let run = home.run(&["--validate-config"]);
            assert_eq!(run.code, Some(0), "{}: {}{}", path.display(), block.text, run.stderr);
            assert!(!run.stderr.contains("unknown"), "{}: {}", path.display(), run.stderr);
            found += 1;
        }
    }
    assert!(found >= 1);
}
