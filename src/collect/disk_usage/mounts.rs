//! What is mounted: parses `/proc/self/mountinfo`, and chooses what a DBA means by "the disks".

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use procfs_core::process::MountInfo;

use super::Place;

/// The kernel's own: never a disk. Asking some of them would even mount something (autofs).
const PSEUDO: [&str; 26] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
    "fuse.snapfuse",
];
/// Read-only images are always full: a snap or a CD is no alarm.
const IMAGES: [&str; 5] = ["squashfs", "iso9660", "udf", "erofs", "cramfs"];
/// In memory, yet with a size that runs out: parallel query needs the first, temporary files the second.
const TMPFS_KEPT: [&str; 2] = ["/dev/shm", "/tmp"];
/// Served over a network or by a process: these may answer never.
const SERVED: [&str; 12] =
    ["nfs", "cifs", "smb", "fuse", "ceph", "glusterfs", "9p", "afs", "lustre", "beegfs", "gpfs", "virtiofs"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// `major:minor` of the filesystem: one filesystem may be mounted in many places.
    pub(super) id: String,
    pub(super) device: Option<String>,
    pub(super) path: PathBuf,
    pub(super) fs_type: String,
    pub(super) read_only: bool,
    /// Not a bind mount of a part of it, nor a subvolume.
    pub(super) whole: bool,
}

impl Mount {
    pub(super) fn may_hang(&self) -> bool {
        SERVED.iter().any(|served| self.fs_type.starts_with(served))
    }

    fn is_wanted(&self) -> bool {
        let fs_type = self.fs_type.as_str();
        match fs_type {
            "tmpfs" => TMPFS_KEPT.iter().any(|kept| self.path == Path::new(kept)),
            // The root of a container; those below a container engine's own directory repeat the disk under them.
            "overlay" | "aufs" => self.path == Path::new("/"),
            _ => !PSEUDO.contains(&fs_type) && !IMAGES.contains(&fs_type),
        }
    }
}

/// What can be reached: a later mount on the same directory hides the earlier one. Lines that make no sense are
/// left out: nothing can be asked of them.
pub(super) fn parse(bytes: &[u8]) -> Vec<Mount> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let infos = lines.filter_map(|line| MountInfo::from_line(&escape_strange(line)).ok());
    let infos: Vec<MountInfo> = infos.collect();
    let shut_in = infos.iter().any(is_shut);
    let mounts: Vec<Mount> = infos.into_iter().map(|info| mount(info, shut_in)).collect();
    let last: HashMap<PathBuf, usize> =
        mounts.iter().enumerate().map(|(at, mount)| (mount.path.clone(), at)).collect();
    let reachable = mounts.into_iter().enumerate().filter(|(at, mount)| last.get(&mount.path) == Some(at));
    reachable.map(|(_, mount)| mount).collect()
}

/// A root that is writable, but not through this mount: we run in a unit with `ProtectSystem=strict`, or in a read-only
/// container, where each mount says `ro` of itself and the filesystems alone can be believed.
fn is_shut(info: &MountInfo) -> bool {
    let (mount, filesystem) = (&info.mount_options, &info.super_options);
    info.mount_point == Path::new("/") && mount.contains_key("ro") && !filesystem.contains_key("ro")
}

fn mount(info: MountInfo, shut_in: bool) -> Mount {
    let is_set = |options: &HashMap<_, _>| options.contains_key("ro");
    Mount {
        id: info.majmin,
        device: info.mount_source.map(|source| unescape(&source).to_string_lossy().into_owned()),
        path: PathBuf::from(unescape(&info.mount_point.to_string_lossy())),
        fs_type: info.fs_type,
        // A filesystem that the kernel set read-only after an error says so in the second place only.
        read_only: is_set(&info.super_options) || (is_set(&info.mount_options) && !shut_in),
        whole: info.root == "/",
    }
}

/// The kernel writes a blank as `\040`; the same is done to bytes that are no UTF-8, so that they survive parsing.
fn escape_strange(line: &[u8]) -> String {
    let mut text = String::with_capacity(line.len());
    for chunk in line.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            write!(text, "\\{byte:03o}").expect("a String takes everything");
        }
    }
    text
}

fn unescape(text: &str) -> OsString {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let octal =
            tail.get(..3).filter(|_| first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    OsString::from_vec(bytes)
}

/// Each filesystem once, those with one of the server's places first. Of several mounts of one filesystem: the one
/// that shows all of it, then the one with a place, then the shortest path.
pub(super) fn choose<'a>(mounts: &'a [Mount], places: &[Place]) -> Vec<&'a Mount> {
    let holders: Vec<&Mount> = places.iter().filter_map(|place| holding(mounts, &place.path)).collect();
    let holds = |mount: &Mount| holders.iter().any(|holder| std::ptr::eq(*holder, mount));
    let rank = |mount: &Mount| (!mount.whole, !holds(mount), mount.path.as_os_str().len());
    let mut chosen: Vec<&Mount> = Vec::new();
    for mount in mounts.iter().filter(|mount| mount.is_wanted()) {
        match chosen.iter_mut().find(|other| other.id == mount.id) {
            Some(other) if rank(mount) < rank(other) => *other = mount,
            Some(_) => {}
            None => chosen.push(mount),
        }
    }
    let has_place = |mount: &Mount| holders.iter().any(|holder| holder.id == mount.id);
    chosen.sort_by_key(|mount| !has_place(mount));
    chosen
}

/// The mount that a path without symbolic links lies on.
pub(super) fn holding<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    let above = mounts.iter().filter(|mount| path.starts_with(&mount.path));
    above.max_by_key(|mount| mount.path.as_os_str().len())
}
