//! Reading the configuration: which file, what is in it, what it means, and everything that is wrong with it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::document::{self, Document};
use super::environment::Environment;
use super::problem::{Place, Problem, Problems, Report, position};
use super::{Config, dsn, remote, resolve, secret};

pub const DEFAULT_PATH: &str = "/etc/pganalytics/collector.toml";

/// A configuration, and what an operator should know about it.
pub struct Loaded {
    pub config: Config,
    pub warnings: Vec<String>,
}

/// Reads `path`, else `PGANALYTICS_CONFIG`, else [`DEFAULT_PATH`], with the process's environment.
pub fn load(path: Option<&Path>) -> Result<Loaded, Problems> {
    load_with(path, &|name| std::env::var(name).ok())
}

/// The same with an environment of the caller's.
pub fn load_with(path: Option<&Path>, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Problems> {
    let env = Environment::new(env);
    let named = path.map(Path::to_path_buf).or_else(|| env.path("PGANALYTICS_CONFIG"));
    let path = named.unwrap_or_else(|| PathBuf::from(DEFAULT_PATH));
    let text = read(&path)?;
    Ok(told(alone(&path, &text, &env)?, &path, &text, &env))
}

/// What the file says by itself.
pub(super) fn alone(path: &Path, text: &str, env: &Environment) -> Result<Loaded, Problems> {
    let mut report = Report::new(path, text);
    let document = document::read(text, &mut report);
    let config = resolve::config(path, &document, env, &mut report);
    warn_if_exposed(path, &document, &mut report);
    let (config, warnings) = report.finish(config)?;
    Ok(Loaded { config, warnings })
}

/// With what a backend told laid over the file, where the two go together.
fn told(mut loaded: Loaded, path: &Path, text: &str, env: &Environment) -> Loaded {
    let remote = match remote::cached(&loaded.config.run.state_dir) {
        None => return loaded,
        Some(Ok(remote)) => remote,
        Some(Err(why)) => {
            loaded.warnings.push(why);
            return loaded;
        }
    };
    let mut report = Report::new(path, text);
    let mut document = document::read(text, &mut report);
    document.overlay(remote);
    let config = resolve::config(path, &document, env, &mut report);
    match report.finish(config) {
        Ok((config, _)) => loaded.config = config,
        Err(problems) => loaded.warnings.push(format!(
            "what the backend told does not go together with the configuration file, which stands alone: {problems}"
        )),
    }
    loaded
}

pub(super) fn read(path: &Path) -> Result<String, Problems> {
    let whole =
        |line, column, message| Problems(vec![Problem { file: path.to_path_buf(), line, column, message }]);
    let bytes = std::fs::read(path).map_err(|e| {
        let next = "copy collector.toml.example there, or name another file with --config";
        whole(0, 0, format!("cannot read the configuration: {e}; {next}"))
    })?;
    String::from_utf8(bytes).map_err(|e| {
        let good = e.utf8_error().valid_up_to();
        let (line, column) = position(&String::from_utf8_lossy(&e.as_bytes()[..good]), good);
        whole(line, column, "this is no UTF-8 text, and TOML must be".to_owned())
    })
}

/// A password in a file that others may read is no secret.
fn warn_if_exposed(path: &Path, document: &Document, report: &mut Report) {
    let Ok(metadata) = std::fs::metadata(path) else { return };
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let Some((who, mend)) = readers(metadata.mode(), metadata.gid(), uid, gid) else { return };
    if let Some(place) = inline_secret(document) {
        let path = path.display();
        let what = format!("{who} may read this file, and it holds a secret: run chmod {mend} {path}");
        report.warn(&place, what);
    }
}

/// Who else may read the file, and what ends that. The group is fine where it is how we read the file ourselves,
/// or where root looks on.
fn readers(mode: u32, file_gid: u32, uid: u32, gid: u32) -> Option<(&'static str, &'static str)> {
    match (mode & 0o004 != 0, mode & 0o040 != 0) {
        (true, _) => Some(("every user", "o=")),
        (false, true) if uid != 0 && gid != file_gid => Some(("its group", "g=")),
        _ => None,
    }
}

fn inline_secret(document: &Document) -> Option<Place> {
    let sections = ["backend", "postgres"].into_iter().filter_map(|name| document.table(name));
    sections.chain(&document.servers).find_map(|table| {
        let mut inline =
            table.values().filter(|(key, found)| found.value.text().is_some_and(|text| is_secret(key, text)));
        inline.next().map(|(_, found)| found.place.clone())
    })
}

/// The secret itself stands under this key.
pub(super) fn is_secret(key: &str, text: &str) -> bool {
    let has_password = |pairs: Vec<(String, String)>| pairs.iter().any(|(keyword, _)| keyword == "password");
    secret::is_inline(text)
        && match key {
            "password" | "token" => true,
            "proxy" => text.contains('@'),
            "dsn" => dsn::parse(text).is_ok_and(has_password),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::readers;

    #[test]
    fn the_group_matters_only_when_it_is_not_our_own() {
        assert_eq!(readers(0o100600, 7, 1000, 1000), None);
        assert_eq!(readers(0o100640, 7, 1000, 7), None);
        assert_eq!(readers(0o100640, 7, 0, 0), None);
        assert_eq!(readers(0o100640, 7, 1000, 1000), Some(("its group", "g=")));
        assert_eq!(readers(0o100644, 7, 1000, 7), Some(("every user", "o=")));
        assert_eq!(readers(0o100604, 7, 0, 0), Some(("every user", "o=")));
    }
}
