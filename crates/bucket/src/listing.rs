//! Listings in the order of keys, page by page. Folders are opened when their turn comes, so a page costs
//! what it shows and the folders on its way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use s3s::S3Result;

use crate::description::Description;
use crate::disk::{Disk, is_missing};
use crate::{fault, names};

/// What to list.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) prefix: String,
    pub(crate) delimiter: Option<String>,
    /// Only what comes after this.
    pub(crate) after: String,
    pub(crate) limit: usize,
}

#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) modified: SystemTime,
    pub(crate) description: Description,
}

#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Listed>,
    /// What keys have in common up to the delimiter.
    pub(crate) prefixes: Vec<String>,
    /// The last of this page, if there are more.
    pub(crate) next: Option<String>,
}

pub(crate) fn list(disk: &Disk, bucket: &str, query: &Query) -> S3Result<Page> {
    let root = disk.bucket(bucket)?;
    let mut page = Page::default();
    if query.limit == 0 {
        return Ok(page);
    }
    let start = query.prefix.rfind('/').map_or(0, |slash| slash + 1);
    let start = query.prefix.get(..start).unwrap_or_default();
    let mut walk = Walk {
        prefix: &query.prefix,
        after: &query.after,
        ahead: BinaryHeap::new(),
    };
    walk.open(start, root.join(names::folder(start)))
        .map_err(fault::io)?;
    let mut last = None;
    while let Some(Reverse(ahead)) = walk.ahead.pop() {
        let shared = query.shared(&ahead.text).map(str::to_owned);
        if let Some(shared) = &shared {
            if last.as_ref() == Some(shared) || query.ends_with_shared(shared) {
                continue;
            }
            if ahead.is_folder && !walk.has_keys(&ahead).map_err(fault::io)? {
                continue;
            }
        } else if ahead.is_folder {
            walk.open(&ahead.text, ahead.path).map_err(fault::io)?;
            continue;
        }
        if last.as_ref() == Some(&ahead.text) {
            continue;
        }
        if page.objects.len() + page.prefixes.len() == query.limit {
            page.next = last;
            return Ok(page);
        }
        if let Some(shared) = shared {
            page.prefixes.push(shared.clone());
            last = Some(shared);
            continue;
        }
        let file = match fs::metadata(&ahead.path) {
            // Deleted in between.
            Err(error) if is_missing(&error) => continue,
            file => file.map_err(fault::io)?,
        };
        let modified = file.modified().map_err(fault::io)?;
        let Ok(description) = disk.describe(bucket, &ahead.text, &ahead.path, file) else {
            continue;
        };
        last = Some(ahead.text.clone());
        page.objects.push(Listed {
            key: ahead.text,
            modified,
            description,
        });
    }
    Ok(page)
}

impl Query {
    /// What a key shares with others, if it is listed so.
    fn shared<'a>(&self, key: &'a str) -> Option<&'a str> {
        let delimiter = self.delimiter.as_deref().filter(|it| !it.is_empty())?;
        let rest = key.strip_prefix(&self.prefix)?;
        let end = self.prefix.len() + rest.find(delimiter)? + delimiter.len();
        key.get(..end)
    }

    /// Whether the page before ended with it.
    fn ends_with_shared(&self, shared: &str) -> bool {
        self.after == shared
    }
}

/// A file or folder that is next, or later.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ahead {
    /// The key, or what all keys in the folder begin with, so that its turn comes before theirs.
    text: String,
    is_folder: bool,
    path: PathBuf,
}

struct Walk<'a> {
    prefix: &'a str,
    after: &'a str,
    ahead: BinaryHeap<Reverse<Ahead>>,
}

impl Walk<'_> {
    /// Adds what a folder holds, if it matters.
    fn open(&mut self, text: &str, path: PathBuf) -> io::Result<()> {
        let entries = match fs::read_dir(&path) {
            Err(error) if is_missing(&error) => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            // Not the name of a key.
            let Some(name) = name.to_str() else { continue };
            let mut kind = entry.file_type()?;
            if kind.is_symlink() {
                match fs::metadata(entry.path()) {
                    Ok(target) => kind = target.file_type(),
                    Err(_) => continue,
                }
            }
            let is_folder = kind.is_dir();
            let text = if is_folder {
                format!("{text}{}", names::folder_part(name))
            } else {
                format!("{text}{}", names::file_part(name))
            };
            if self.matters(&text, is_folder) {
                self.ahead.push(Reverse(Ahead {
                    text,
                    is_folder,
                    path: entry.path(),
                }));
            }
        }
        Ok(())
    }

    fn matters(&self, text: &str, is_folder: bool) -> bool {
        if !is_folder {
            return text.starts_with(self.prefix) && text > self.after;
        }
        let may_begin = text.starts_with(self.prefix) || self.prefix.starts_with(text);
        may_begin && (text > self.after || self.after.starts_with(text))
    }

    fn has_keys(&self, folder: &Ahead) -> io::Result<bool> {
        let mut within = Walk {
            ahead: BinaryHeap::new(),
            ..*self
        };
        within.open(&folder.text, folder.path.clone())?;
        while let Some(Reverse(ahead)) = within.ahead.pop() {
            if !ahead.is_folder {
                return Ok(true);
            }
            within.open(&ahead.text, ahead.path)?;
        }
        Ok(false)
    }
}
