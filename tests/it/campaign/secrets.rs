//! Whether anything that a lane's runs left behind holds a secret.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::lane::{Lane, PASSWORD};
use super::receiver::TOKEN;
use crate::support::warden;

impl Lane {
    /// In nothing that the program wrote, but for the two files whose place is to hold them.
    pub(super) fn assert_no_secret(&self) {
        let mut folders = vec![self.home.config_path().parent().unwrap().to_owned()];
        while let Some(folder) = folders.pop() {
            for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
                let own = ["collector.toml", "collector.token", "pganalytics"];
                match file.file_name().unwrap().to_str() {
                    Some(name) if own.contains(&name) => {}
                    _ if file.is_dir() => folders.push(file),
                    _ => assert_none(&file),
                }
            }
        }
        assert_eq!(self.receiver.desk().leaks, 0, "a batch holds a secret");
    }
}

fn assert_none(file: &Path) {
    assert!(!holds_secret(file), "{} holds a secret", file.display());
}

fn holds_secret(file: &Path) -> bool {
    let mut text = fs::read(file).unwrap_or_default();
    // A batch in spool/ or reject/ is read as its backend would read it; one that is damaged as far as it goes.
    if file.extension().is_some_and(|ending| ending == "gz") {
        let mut inflated = Vec::new();
        let _ = MultiGzDecoder::new(text.as_slice()).read_to_end(&mut inflated);
        text.extend(inflated);
    }
    let found = |secret: &str| text.windows(secret.len()).any(|window| window == secret.as_bytes());
    [TOKEN, PASSWORD].into_iter().any(found)
}

#[test]
fn a_secret_in_a_sealed_batch_would_be_found() {
    let dir = warden::fresh_dir("sealed");
    for (text, found) in [(format!("{{\"a\":\"{PASSWORD}\"}}"), true), ("{}".to_owned(), false)] {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        let sealed = gzip.finish().unwrap();
        // Torn, it holds what its beginning holds.
        for end in [sealed.len(), sealed.len() - 4] {
            let file = dir.join("000000001-0190-a.json.gz");
            fs::write(&file, &sealed[..end]).unwrap();
            assert_eq!(holds_secret(&file), found, "{end} of {}", sealed.len());
        }
    }
}
