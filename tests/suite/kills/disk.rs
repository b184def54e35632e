//! A disk whose power can be cut: an ext4 image on a loop device. What was not synced is in the memory of
//! the system and not in the image, so a copy of the image is what a power cut leaves.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use tasador_testing::tools::skipped;
use tempfile::TempDir;

const BYTES: u64 = 96 << 20;
/// No commit by time, and no sync of a file because it replaces another.
const OPTIONS: &str = "loop,commit=600,noauto_da_alloc";

/// Unmounted when it is dropped.
pub(super) struct Disk {
    folder: TempDir,
    cuts: u32,
}

fn succeeds(command: &str, arguments: &[&Path]) -> bool {
    let mut words = command.split(' ');
    let output = Command::new(words.next().unwrap())
        .args(words)
        .args(arguments)
        .output();
    output.is_ok_and(|output| output.status.success())
}

impl Disk {
    /// An empty disk; `None` if this machine does not allow it.
    pub(super) fn new() -> Option<Self> {
        let disk = Self {
            folder: tempfile::tempdir().unwrap(),
            cuts: 0,
        };
        fs::create_dir(disk.path()).unwrap();
        File::create(disk.image()).unwrap().set_len(BYTES).unwrap();
        let format = "mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0";
        if !succeeds(format, &[&disk.image()]) || !disk.mount() {
            skipped(
                "an ext4 image cannot be mounted here: mkfs.ext4, loop devices and the rights of root are needed",
            );
            return None;
        }
        Some(disk)
    }

    /// Where it is mounted.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join(format!("image-{}", self.cuts))
    }

    fn mount(&self) -> bool {
        succeeds(
            &format!("mount -o {OPTIONS}"),
            &[&self.image(), &self.path()],
        )
    }

    /// Cuts the power. Nothing may write to it at this time.
    pub(super) fn cut(&mut self) {
        let unsynced = self.path().join("unsynced");
        fs::write(&unsynced, "lost").unwrap();
        let live = self.image();
        self.cuts += 1;
        fs::copy(&live, self.image()).unwrap();
        assert!(succeeds("umount -l", &[&self.path()]));
        assert!(self.mount(), "the copy of the image is damaged");
        assert!(!unsynced.exists(), "the copy has what was not synced");
        fs::remove_file(live).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        succeeds("umount -l", &[&self.path()]);
    }
}
