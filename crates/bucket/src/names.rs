//! Keys as paths. The parts of a key between slashes are names of folders and of one file. What a file
//! system cannot hold under its own name is marked:
//!
//! | Part of a key | On disk |
//! |---|---|
//! | a folder with the name ``, `.`, `..` or `.%…` | `.%d` and the name |
//! | a file with such a name, or beside a folder with its name | `.%f` and the name |
//! | longer than 240 bytes | folders `.%c` and 200 bytes each, then the rest |
//!
//! So no key leaves its bucket's folder, and keys of 1,024 bytes fit.

use std::path::{Path, PathBuf};

/// Longest name that is used as it is. File systems allow 255 bytes, marks included.
const NAME_MAX_BYTES: usize = 240;

/// Length of the pieces of a longer one.
const PIECE_BYTES: usize = 200;

const MARK: &str = ".%";
const FOLDER: &str = ".%d";
const FILE: &str = ".%f";
const PIECE: &str = ".%c";

/// Where a key is, below the folder of its bucket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    /// The file's usual name.
    pub(crate) name: String,
    /// The name it has if a folder has the usual one.
    pub(crate) beside_folder: String,
}

impl Place {
    pub(crate) fn of(key: &str) -> Self {
        let (folders, last) = key.rsplit_once('/').map_or(("", key), |(folders, last)| {
            // The slash tells a first empty name from none.
            (key.get(..=folders.len()).unwrap_or(folders), last)
        });
        let mut folder = folder(folders);
        let rest = push_pieces(&mut folder, last);
        let beside_folder = format!("{FILE}{rest}");
        Self {
            folder,
            name: if is_odd(rest) {
                beside_folder.clone()
            } else {
                rest.to_owned()
            },
            beside_folder,
        }
    }
}

/// The folder of all keys with a prefix that is empty or ends with a slash.
pub(crate) fn folder(prefix: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for part in prefix.split_terminator('/') {
        let rest = push_pieces(&mut path, part);
        path.push(if is_odd(rest) {
            format!("{FOLDER}{rest}")
        } else {
            rest.to_owned()
        });
    }
    path
}

/// The name of a file that makes way for a folder of its name.
pub(crate) fn beside_folder(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    Some(path.with_file_name(format!("{FILE}{name}")))
}

/// What a folder's name adds to the keys within it.
pub(crate) fn folder_part(name: &str) -> String {
    match name.strip_prefix(PIECE) {
        Some(piece) => piece.to_owned(),
        None => format!("{}/", name.strip_prefix(FOLDER).unwrap_or(name)),
    }
}

/// What a file's name adds to its key.
pub(crate) fn file_part(name: &str) -> &str {
    name.strip_prefix(FILE).unwrap_or(name)
}

fn is_odd(name: &str) -> bool {
    matches!(name, "" | "." | "..") || name.starts_with(MARK)
}

/// Adds folders for all but the last bytes of a long name; the rest.
fn push_pieces<'a>(path: &mut PathBuf, name: &'a str) -> &'a str {
    let mut rest = name;
    while rest.len() > NAME_MAX_BYTES {
        let (piece, following) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
        path.push(format!("{PIECE}{piece}"));
        rest = following;
    }
    rest
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usual_keys_are_their_own_paths() {
        for key in [
            "a",
            "raw/0f.csv",
            "models/m/1/model.tsd",
            "a b+c/ü%20.txt",
            ".hidden/.x",
        ] {
            let place = Place::of(key);
            assert_eq!(place.folder.join(&place.name), Path::new(key));
        }
    }

    fn key_at(place: &Place) -> String {
        let mut key = String::new();
        for part in &place.folder {
            key += &folder_part(part.to_str().unwrap());
        }
        key + file_part(&place.name)
    }

    proptest! {
        #[test]
        fn a_path_stays_in_its_bucket_and_names_its_key(
            key in prop_oneof![
                "[a./%cdf\u{e9}]{1,40}",
                "(\\.|\\.\\.|/|a|\\.%|\\.%d|\\.%f|\\.%c){1,9}",
                "[\u{e9}a]{200,500}(/[a.]{0,3}){0,2}",
            ]
        ) {
            let place = Place::of(&key);
            let path = place.folder.join(&place.name);
            prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{path:?}");
            prop_assert!(path.iter().all(|part| part.len() <= 255));
            prop_assert!(place.beside_folder.len() <= 255 && place.beside_folder != "..");
            prop_assert_eq!(key_at(&place), key.clone());
            // Two keys never share a place, whether as file or as folder.
            prop_assert_ne!(folder(&format!("{key}/")), place.folder.join(&place.beside_folder));
        }
    }
}
