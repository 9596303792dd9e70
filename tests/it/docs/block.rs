//! Fenced blocks of the documents, and who runs them: a comment in the line before says so.

use super::{documents, root};

#[derive(Debug, PartialEq)]
pub(crate) enum Run {
    /// Each line by itself, by the test of all commands.
    Here,
    /// By a test in this file.
    By(String),
    /// By nobody, for this reason.
    Not(String),
}

pub(crate) struct Block {
    pub(crate) run: Run,
    /// Without the indentation of the fence.
    pub(crate) text: String,
}

/// Those of one language.
pub(crate) fn all(document: &str, language: &str) -> Vec<Block> {
    let (mut blocks, mut open, mut before) = (Vec::new(), None::<(usize, Block)>, "");
    for line in document.lines() {
        match &mut open {
            Some((indent, block)) if line.trim() == "```" => {
                assert!(line.len() == *indent + 3, "{line:?} closes {:?}", block.text);
                blocks.extend(open.take().map(|(_, block)| block));
            }
            Some((indent, block)) => {
                block.text += line.get(*indent..).unwrap_or_default();
                block.text += "\n";
            }
            None if line.trim() == format!("```{language}") => {
                let indent = line.len() - line.trim_start().len();
                open = Some((indent, Block { run: who(before.trim()), text: String::new() }));
            }
            None => before = line,
        }
    }
    assert!(open.is_none(), "a block is never closed");
    blocks
}

fn who(comment: &str) -> Run {
    let inside = comment.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")).unwrap_or("");
    if let Some(path) = inside.strip_prefix("run by ") {
        return Run::By(path.split([' ', ',']).next().unwrap().to_owned());
    }
    inside.strip_prefix("not run: ").map_or(Run::Here, |why| Run::Not(why.to_owned()))
}

#[test]
fn every_block_is_run_or_says_why_not() {
    let (mut run, mut not) = (0, 0);
    for (path, text) in documents() {
        let name = path.file_name().unwrap().to_str().unwrap();
        for block in all(&text, "sh") {
            match block.run {
                Run::Here => {}
                Run::By(test) => {
                    // That file reads the document itself, so that a changed command is a changed test.
                    let source = std::fs::read_to_string(root().join(&test)).unwrap_or_default();
                    assert!(source.contains(name), "{name}: {test} has nothing to do with it");
                    run += 1;
                }
                Run::Not(why) => {
                    assert!(why.split(' ').count() >= 4, "{name}: {why:?} is no reason");
                    not += 1;
                }
            }
        }
        // A fence without a language, or with another, is nothing to type.
        assert!(!text.contains("```bash"), "{name}: blocks to type are called sh");
    }
    assert!(run >= 6 && not >= 10, "{run} {not}");
}
