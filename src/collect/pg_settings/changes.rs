//! What changed since the last item: masked values, kept in `settings/<system identifier>-<server>.json`.
//!
//! Losing the file costs one comparison. It is written once its batch is sealed, by renaming without a sync; anything
//! wrong with it reads as absent. A secret that was replaced by another looks the same: it is never kept, not even as
//! a hash.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::read::{RoleSetting, Setting};
use crate::collect::Cx;
use crate::collect::part::encode;
use crate::collect::schedule::seed;
use crate::state;

const LAYOUT: u32 = 1;
const MAX_BYTES: u64 = 8 << 20;

/// Which setting: of the server (no scope), or of a role or database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<(String, String)>,
    name: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    layout: u32,
    /// RFC 3339.
    pub(super) taken_at: String,
    /// A role that saw all settings read them.
    all: bool,
    values: Vec<(Key, String)>,
}

/// A setting that is not what it was: without `old` or without `new` it was or is at its default.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Change {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<String>,
}

impl Seen {
    pub(super) fn new(
        settings: &[Setting],
        role_settings: &[RoleSetting],
        taken_at: String,
        all: bool,
    ) -> Seen {
        let own = settings
            .iter()
            .filter(|s| !s.is_default())
            .map(|s| (Key { scope: None, name: s.name.clone() }, s.value.clone()));
        let roles = role_settings.iter().map(|s| {
            let scope = Some((s.database.clone(), s.role.clone()));
            (Key { scope, name: s.name.clone() }, s.value.clone())
        });
        let values: BTreeMap<Key, String> = own.chain(roles).collect();
        Seen { layout: LAYOUT, taken_at, all, values: values.into_iter().collect() }
    }

    /// The same for the same settings, in whatever order they came.
    pub(super) fn digest(&self) -> String {
        let mut words = Vec::new();
        for (key, value) in &self.values {
            let (database, role) = key.scope.as_ref().map_or(("", ""), |(d, r)| (d, r));
            let kind = if key.scope.is_some() { "role" } else { "server" };
            words.extend([kind, database, role, &key.name, value]);
        }
        format!("{:016x}", seed(&words))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// What changed from `before` to now; `None`: they cannot be compared, as not the same was visible.
    pub(super) fn since(&self, before: &Seen) -> Option<Vec<Change>> {
        if self.all != before.all {
            return None;
        }
        let mut both: BTreeMap<&Key, (Option<&String>, Option<&String>)> = BTreeMap::new();
        before.values.iter().for_each(|(key, value)| both.entry(key).or_default().0 = Some(value));
        self.values.iter().for_each(|(key, value)| both.entry(key).or_default().1 = Some(value));
        let changed = both.into_iter().filter(|(_, (old, new))| old != new);
        Some(changed.map(|(key, (old, new))| change(key, old, new)).collect())
    }
}

fn change(key: &Key, old: Option<&String>, new: Option<&String>) -> Change {
    let (database, role) = key.scope.clone().unzip();
    let named = |part: Option<String>| part.filter(|name| !name.is_empty());
    Change {
        name: key.name.clone(),
        database: named(database),
        role: named(role),
        old: old.cloned(),
        new: new.cloned(),
    }
}

pub(super) fn path(cx: &Cx) -> PathBuf {
    cx.kept("settings", ".json")
}

pub(super) fn read(path: &Path) -> Option<Seen> {
    let file = state::open(path).ok()?;
    let mut content = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut content).ok()?;
    let seen: Seen = serde_json::from_slice(&content).ok()?;
    (seen.layout == LAYOUT).then_some(seen)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn seen(values: &[(&str, &str)], all: bool) -> Seen {
        let settings: Vec<Setting> = values
            .iter()
            .map(|(name, value)| Setting {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
                ..Setting::default()
            })
            .collect();
        Seen::new(&settings, &[], "2026-01-01T00:00:00Z".to_owned(), all)
    }

    #[test]
    fn what_came_went_and_changed() {
        let before = seen(&[("a", "1"), ("b", "2"), ("c", "3")], true);
        let now = seen(&[("d", "4"), ("c", "5"), ("a", "1")], true);
        let told: Vec<(String, Option<String>, Option<String>)> =
            now.since(&before).unwrap().into_iter().map(|c| (c.name, c.old, c.new)).collect();
        let text = |s: &str| Some(s.to_owned());
        assert_eq!(
            told,
            [
                ("b".to_owned(), text("2"), None),
                ("c".to_owned(), text("3"), text("5")),
                ("d".to_owned(), None, text("4"))
            ]
        );
        assert_eq!(now.since(&now), Some(Vec::new()));
        assert_eq!(now.since(&seen(&[], false)), None, "others were visible");
    }

    #[test]
    fn the_digest_tells_settings_not_their_order() {
        let digest = |values: &[(&str, &str)]| seen(values, true).digest();
        assert_eq!(digest(&[("a", "1"), ("b", "2")]), digest(&[("b", "2"), ("a", "1")]));
        assert_ne!(digest(&[("a", "1")]), digest(&[("a", "2")]));
        assert_ne!(digest(&[("a", "1")]), digest(&[]));
    }

    #[test]
    fn the_file_reads_back_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        assert!(read(&path).is_none());
        let kept = seen(&[("a", "1")], true);
        fs::write(&path, kept.encode()).unwrap();
        assert_eq!(read(&path), Some(kept));
        for wrong in ["", "{}", r#"{"layout":2,"taken_at":"","all":true,"values":[]}"#] {
            fs::write(&path, wrong).unwrap();
            assert!(read(&path).is_none(), "{wrong}");
        }
    }
}
