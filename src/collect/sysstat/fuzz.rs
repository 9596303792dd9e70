//! Fuzz target: the files of `/proc`, as another kernel, a container or something that plays one shows them.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::read;
use crate::collect::disk_usage;
use crate::collect::part::Fragment;

pub(super) const FILES: [&str; 12] = [
    "proc/stat",
    "proc/uptime",
    "proc/loadavg",
    "proc/diskstats",
    "proc/net/dev",
    "proc/meminfo",
    "proc/vmstat",
    "proc/pressure/cpu",
    "proc/pressure/memory",
    "proc/pressure/io",
    "proc/sys/kernel/random/boot_id",
    "proc/sys/kernel/osrelease",
];

const SHARES: [&str; 9] = ["user", "system", "idle", "iowait", "steal", "nice", "irq", "softirq", "guest"];

thread_local! {
    /// A tree of this thread's own, one file of which is another each time.
    static TREE: OnceCell<Tree> = const { OnceCell::new() };
}

struct Tree(PathBuf);

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The first byte says which file. All parts are there, what they tell is JSON, no figure is below zero and no share beyond a
/// hundred, with a run before that saw the same host and with one that saw this.
pub(crate) fn proc(data: &[u8]) {
    let Some((which, content)) = data.split_first() else { return };
    let Some(file) = FILES.get(usize::from(*which) % (FILES.len() + 1)) else {
        return disk_usage::fuzz::mounts(content);
    };
    let tree = TREE.with(|tree| tree.get_or_init(|| Tree(plant())).0.clone());
    let healthy = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/host");
    fs::write(tree.join(file), content).expect("a file");
    let (_, before) = read(&healthy.join("modern"), 1_760_002_411_250, None);
    let (parts, counters) = read(&tree, 1_760_002_471_250, before.as_ref());
    parts.iter().for_each(|part| check(&part.fragment));
    let (parts, _) = read(&healthy.join("modern-later"), 1_760_002_531_250, counters.as_ref());
    parts.iter().for_each(|part| check(&part.fragment));
    fs::copy(healthy.join("modern").join(file), tree.join(file)).expect("a file");
}

fn plant() -> PathBuf {
    let thread = std::thread::current().id();
    let tree = std::env::temp_dir().join(format!("pga-fuzz-{}-{thread:?}", std::process::id()));
    for file in FILES {
        let path = tree.join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/host/modern").join(file);
        fs::copy(fixture, path).expect("a file");
    }
    tree
}

fn check(fragment: &Fragment) {
    let json = match fragment {
        Fragment::Value(json) => json.clone(),
        Fragment::Fields(fields) => [b"{", &fields[..], b"}"].concat(),
        _ => return,
    };
    within(&serde_json::from_slice(&json).expect("JSON"), "");
}

fn within(value: &Value, key: &str) {
    match value {
        Value::Number(number) => {
            let number = number.as_f64().expect("a number");
            assert!(number >= 0.0, "{key} {number}");
            assert!(!SHARES.contains(&key) && !key.ends_with("percent") || number <= 100.5, "{key} {number}");
        }
        Value::Array(all) => all.iter().for_each(|value| within(value, key)),
        Value::Object(all) => all.iter().for_each(|(key, value)| within(value, key)),
        _ => {}
    }
}
