//! What `--validate-config` says beyond the file itself: directories, tokens and certificates that are missing.
//!
//! Apart from loading, because a run each minute need not look at all of this.

use std::path::Path;

use super::{BackendTls, Config, Output, Ssl, Target, Token};

/// One line for each thing that would make a run fail or complain.
pub fn advice(config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    let state = &config.run.state_dir;
    missing(
        state,
        "state directory",
        "create it with mode 0700, owned by the user that runs the collector",
        &mut lines,
    );
    if matches!(config.logging.output, Output::File | Output::Both) {
        let directory = config.logging.file_path.parent().unwrap_or(Path::new("/"));
        missing(directory, "log directory", "the log goes to stderr until it is there", &mut lines);
    }
    match &config.backend.target {
        Target::Http(url) => http(config, url, &mut lines),
        Target::File(directory) => missing(directory, "target directory", "create it", &mut lines),
        Target::Stdout => {}
    }
    for server in &config.servers {
        certificates(&server.name, &server.ssl, &mut lines);
    }
    if let Some(directory) = config.textfile.as_ref().and_then(|file| file.parent()) {
        missing(directory, "textfile directory", "create it", &mut lines);
    }
    lines
}

fn http(config: &Config, url: &str, lines: &mut Vec<String>) {
    if let Token::File(path) | Token::Stored(path) = &config.backend.token {
        let next = "run pganalytics register, or give token or token_file under [backend], or BACKEND_TOKEN in the environment";
        missing(path, "token", next, lines);
    }
    if url.starts_with("http://") {
        lines.push(format!("[backend] url {url}: batches and the token travel unencrypted"));
    }
    let BackendTls { ca_file, client, .. } = &config.backend.tls;
    let files = ca_file.iter().chain(client.iter().flat_map(|(cert, key)| [cert, key]));
    for file in files {
        missing(file, "[tls] certificate file", "put it there or take it out of [tls]", lines);
    }
}

fn certificates(server: &str, ssl: &Ssl, lines: &mut Vec<String>) {
    let files = ssl.root_cert.iter().chain(ssl.client.iter().flat_map(|(cert, key)| [cert, key]));
    for file in files {
        missing(file, &format!("certificate file of server {server}"), "connecting will fail", lines);
    }
}

fn missing(path: &Path, what: &str, next: &str, lines: &mut Vec<String>) {
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => lines.push(format!("{what} {} does not exist: {next}", path.display())),
        Err(e) => lines.push(format!("{what} {} cannot be looked at: {e}", path.display())),
    }
}
