//! The matrix of a server: each collector by what it may need, from the same parts and outcomes that a cycle goes by.

use std::cmp::Reverse;

use comfy_table::{ContentArrangement, Table, presets};
use wire::{Outcome, Reason, Verdict};

use crate::collect::board::Told;
use crate::collect::{Gather, Need, On, Part, plan, registry};
use crate::config::Config;
use crate::pg::probe::Facts;
use crate::report::degrades;

pub(super) fn matrix(config: &Config, facts: &Facts, told: &[&Told]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(98);
    table.set_header(["collector", "on", "server", "privileges", "extension", "verdict"]);
    for collector in registry::ALL {
        let parts = collector.gather.parts(config);
        let configured = matches!(collector.gather, Gather::Configured(_));
        if parts.is_empty() && !configured {
            continue;
        }
        let of_it: Vec<&Outcome> =
            told.iter().filter(|t| t.place.key.collector == collector.name).map(|t| &t.outcome).collect();
        let on = plan::enabled(config, collector);
        table.add_row([
            collector.name.to_owned(),
            if on { "on" } else { "off" }.to_owned(),
            server(parts, facts),
            privileges(parts, facts),
            extension(parts, facts, &of_it),
            verdict(config, collector.name, &of_it),
        ]);
    }
    table.to_string()
}

fn server(parts: &[Part], facts: &Facts) -> String {
    let elsewhere = |on: On| matches!((on, facts.in_recovery), (On::Primary, true) | (On::Standby, false));
    let newer = parts.iter().filter(|p| p.since() > facts.major()).count();
    let oldest = parts.iter().map(Part::since).min();
    match () {
        () if parts.is_empty() => "-".to_owned(),
        () if newer == parts.len() => format!("from {}", oldest.unwrap_or_default()),
        () if parts.iter().all(|p| elsewhere(p.on)) && facts.in_recovery => "primary only".to_owned(),
        () if parts.iter().all(|p| elsewhere(p.on)) => "standby only".to_owned(),
        () if newer > 0 => format!("{} of {} parts", parts.len() - newer, parts.len()),
        () => "ok".to_owned(),
    }
}

fn privileges(parts: &[Part], facts: &Facts) -> String {
    let needs = || parts.iter().flat_map(|p| p.needs).filter(|n| !matches!(n, Need::Extension(_)));
    let lacks = |need: &Need| match *need {
        Need::Role(role) | Need::Sees(role) if !facts.may.roles.contains(role) => Some(role),
        Need::Use(object) | Need::Adds(object) if facts.may.objects.get(object) == Some(&false) => {
            Some(object)
        }
        Need::Role(_) | Need::Sees(_) | Need::Use(_) | Need::Adds(_) | Need::Extension(_) => None,
    };
    let plain = |name: &'static str| name.strip_prefix("pg_catalog.").unwrap_or(name);
    let mut lacking: Vec<&str> = needs().filter_map(lacks).map(plain).collect();
    lacking.sort_unstable();
    lacking.dedup();
    match needs().next() {
        None => "-".to_owned(),
        Some(_) if lacking.is_empty() => "ok".to_owned(),
        Some(_) => format!("lacks {}", lacking.join(", ")),
    }
}

fn extension(parts: &[Part], facts: &Facts, told: &[&Outcome]) -> String {
    let wanted = parts.iter().flat_map(|p| p.needs).find_map(|need| match *need {
        Need::Extension(name) => Some(name),
        Need::Role(_) | Need::Use(_) | Need::Sees(_) | Need::Adds(_) => None,
    });
    let version = wanted.and_then(|name| facts.extension(name)).map(|e| e.version.as_str());
    let said = |reason| told.iter().any(|o| o.reason == Some(reason));
    match (wanted, version) {
        (None, _) => "-".to_owned(),
        (Some(_), Some(version)) if said(Reason::ExtensionOutdated) => format!("{version}: too old"),
        (Some(_), Some(version)) if said(Reason::ExtensionAbsent) => format!("{version}: not loaded"),
        (Some(_), Some(version)) => version.to_owned(),
        (Some(_), None) if said(Reason::ExtensionAbsent) => "absent".to_owned(),
        // In another database, perhaps.
        (Some(_), None) => "-".to_owned(),
    }
}

/// What weighs most: what makes a cycle incomplete, then what is missing.
fn verdict(config: &Config, collector: &str, told: &[&Outcome]) -> String {
    let worst = told.iter().min_by_key(|o| (Reverse(degrades(config, collector, o)), Reverse(o.verdict)));
    let Some(worst) = worst else { return "-".to_owned() };
    let like_it = told.iter().filter(|o| o.verdict == worst.verdict && o.reason == worst.reason).count();
    let share = if like_it < told.len() { format!(" {like_it}/{}", told.len()) } else { String::new() };
    match worst.reason {
        None => "ok".to_owned(),
        Some(reason) => format!("{}{share} ({})", word(worst.verdict), reason_word(reason)),
    }
}

pub(super) fn word(verdict: Verdict) -> String {
    format!("{verdict:?}").to_lowercase()
}

pub(super) fn reason_word(reason: Reason) -> String {
    let value = serde_json::to_value(reason).ok();
    value.as_ref().and_then(|v| v.as_str()).unwrap_or_default().replace('_', " ")
}
