use std::collections::BTreeSet;
use std::path::Path;

use pganalytics::collect::{Gather, Scope, registry};
use pganalytics::config::keys;

#[test]
fn a_collector_has_one_name_everywhere() {
    let mut names = BTreeSet::new();
    for collector in registry::ALL {
        let name = collector.name;
        assert!(names.insert(name), "{name} twice");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/collect").join(name);
        assert!(folder.join("mod.rs").is_file(), "{} is missing", folder.display());
        assert_eq!(registry::find(name).unwrap().about, collector.about);
        assert!(keys::section(name).is_some(), "[{name}] is no section of the configuration");
        assert!(!collector.about.is_empty() && !collector.needs.is_empty());
        assert!(!collector.about.contains('\n') && !collector.about.ends_with('.'), "{}", collector.about);
        if let Gather::Sql(parts) = &collector.gather {
            let keys: BTreeSet<&str> = parts.iter().map(|p| p.key).collect();
            assert_eq!(keys.len(), parts.len(), "{name} has two parts of one name");
            assert!(matches!(collector.scope, Scope::Server | Scope::Database));
        }
    }
}

#[test]
fn the_configuration_states_the_defaults_that_hold() {
    for collector in registry::ALL {
        let section = keys::section(collector.name).unwrap();
        let default = |key: &str| section.key(key).and_then(|k| k.default()).map(str::to_owned);
        if !matches!(collector.gather, Gather::Configured(_)) {
            assert_eq!(default("enabled"), Some(collector.enabled.to_string()), "{}", collector.name);
        }
        assert_eq!(default("interval"), Some(collector.every_s.to_string()), "{}", collector.name);
    }
}

#[test]
fn the_order_is_that_of_value() {
    let names: Vec<&str> = registry::ALL.iter().map(|c| c.name).collect();
    assert_eq!(names.first(), Some(&"sysstat"), "it says how the host is when nothing else answers");
    assert_eq!(names.last(), Some(&"agent"), "it is made of all others");
    let intervals: Vec<u64> = registry::ALL.iter().filter(|c| c.name != "agent").map(|c| c.every_s).collect();
    assert!(
        intervals.is_sorted(),
        "what is due each minute comes before what can be shed: {names:?} {intervals:?}"
    );
}
