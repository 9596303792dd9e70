//! Part `memory`: `/proc/meminfo`, and what `/proc/vmstat` counts of pressure on it. `_mb` is 2^20 bytes.

use std::collections::HashMap;
use std::path::Path;

use wire::Reason;

use crate::collect::host::{Cell, Row, read_text, rounded};
use crate::collect::part::{Done, Fragment};

const SIZES: [(&str, &str); 13] = [
    ("total_mb", "MemTotal"),
    ("free_mb", "MemFree"),
    ("available_mb", "MemAvailable"),
    ("cached_mb", "Cached"),
    ("buffers_mb", "Buffers"),
    ("shmem_mb", "Shmem"),
    ("dirty_mb", "Dirty"),
    ("writeback_mb", "Writeback"),
    ("page_tables_mb", "PageTables"),
    ("committed_mb", "Committed_AS"),
    ("commit_limit_mb", "CommitLimit"),
    ("swap_total_mb", "SwapTotal"),
    ("swap_free_mb", "SwapFree"),
];

const HUGE_PAGES: [(&str, &str); 5] = [
    ("total", "HugePages_Total"),
    ("free", "HugePages_Free"),
    ("reserved", "HugePages_Rsvd"),
    ("surplus", "HugePages_Surp"),
    ("size_kb", "Hugepagesize"),
];

const EVENTS: [(&str, &str); 4] = [
    ("pgmajfault_total", "pgmajfault"),
    ("oom_kill_total", "oom_kill"),
    ("pswpin_total", "pswpin"),
    ("pswpout_total", "pswpout"),
];

/// `name: number kB` of meminfo and `name number` of vmstat; a line that is neither is left out.
pub(super) fn parse(text: &str) -> HashMap<&str, u64> {
    let pair = |line| {
        let mut words = str::split_whitespace(line);
        Some((words.next()?.trim_end_matches(':'), words.next()?.parse().ok()?))
    };
    text.lines().filter_map(pair).collect()
}

fn mb(kb: u64) -> Option<Cell> {
    rounded(kb as f64 / 1024.0, 2).map(Cell::from)
}

fn row(meminfo: &HashMap<&str, u64>, vmstat: &HashMap<&str, u64>) -> Row {
    let get = |name| meminfo.get(name).copied();
    let less = |whole, part| get(whole)?.checked_sub(get(part)?);
    let mut row = Row::default();
    for (name, kernels) in SIZES {
        row.put(name, get(kernels).and_then(mb));
    }
    row.put("used_mb", less("MemTotal", "MemAvailable").and_then(mb));
    row.put("swap_used_mb", less("SwapTotal", "SwapFree").and_then(mb));
    let mut pages = Row::default();
    for (name, kernels) in HUGE_PAGES {
        pages.put(name, get(kernels));
    }
    row.put("hugepages", pages.filled());
    for (name, kernels) in EVENTS {
        row.put(name, vmstat.get(kernels).copied());
    }
    row
}

pub(super) fn part(root: &Path) -> Done {
    let text = match read_text(root, "proc/meminfo") {
        Ok(text) => text,
        Err(unread) => return Done::failed("memory", Reason::Other, unread.text),
    };
    let meminfo = parse(&text);
    if !meminfo.contains_key("MemTotal") {
        return Done::failed("memory", Reason::Other, "/proc/meminfo has no MemTotal");
    }
    let (vmstat, unread) = match read_text(root, "proc/vmstat") {
        Ok(text) => (text, None),
        Err(unread) => (String::new(), Some(unread)),
    };
    let done = Done::ok("memory", Fragment::value(&row(&meminfo, &parse(&vmstat))), 1);
    match unread {
        None => done,
        Some(unread) if unread.absent => done.partial(Reason::NotApplicable, unread.text),
        Some(unread) => done.partial(Reason::Other, unread.text),
    }
}
