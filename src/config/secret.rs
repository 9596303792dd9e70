//! A secret as it stands in the file: the text itself, `"env:NAME"` or `"file:PATH"`.
//!
//! Owns the fetching. What it says of a failure names the place that was looked at, never what was found there.

use std::path::Path;

use anyhow::{Context, bail};
use secrecy::SecretString;

use super::environment::Environment;

/// The secret, or why it could not be had.
pub(super) fn resolve(text: &str, env: &Environment) -> Result<SecretString, String> {
    if let Some(name) = text.strip_prefix("env:") {
        let missing = || format!("the environment variable {} is not set", super::problem::shown(name));
        return env.get(name).map(SecretString::from).ok_or_else(missing);
    }
    match text.strip_prefix("file:") {
        Some(path) => read(Path::new(path)),
        None => Ok(SecretString::from(text)),
    }
}

/// True when the secret itself stands in the configuration file.
pub(super) fn is_inline(text: &str) -> bool {
    !text.starts_with("env:") && !text.starts_with("file:")
}

fn read(path: &Path) -> Result<SecretString, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() { Err(format!("{} is empty", path.display())) } else { Ok(SecretString::from(line)) }
}

/// What registering takes: the line of a file that the command line names, else of the environment.
pub fn registration_secret(file: Option<&Path>) -> anyhow::Result<SecretString> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("reading the registration secret {}; {BOTH_WAYS}", path.display()))?,
        None => std::env::var("REGISTRATION_SECRET").unwrap_or_default(),
    };
    let place = file.map_or("REGISTRATION_SECRET".to_owned(), |path| path.display().to_string());
    let line = text.trim();
    if line.is_empty() {
        bail!("no registration secret in {place}: {BOTH_WAYS}");
    }
    if line.contains(char::is_control) {
        bail!("the registration secret in {place} must be one line of plain text: {BOTH_WAYS}");
    }
    Ok(line.into())
}

const BOTH_WAYS: &str =
    "give the backend's secret as REGISTRATION_SECRET, or in a file that --secret-file names";
