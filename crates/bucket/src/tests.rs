use std::fs;
use std::io::Write as _;
use std::path::Path;

use s3s::S3ErrorCode;
use s3s::dto::{ETag, ETagCondition};
use tempfile::TempDir;

use crate::description::Description;
use crate::disk::{Conditions, Disk};
use crate::listing::{Page, Query, list};

const BUCKET: &str = "homes";

fn disk() -> (TempDir, Disk) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    disk.create_bucket(BUCKET).unwrap();
    (folder, disk)
}

fn put_if(disk: &Disk, key: &str, text: &str, conditions: &Conditions) -> Result<(), S3ErrorCode> {
    let bytes = disk.temporary();
    bytes.open().unwrap().write_all(text.as_bytes()).unwrap();
    let description = Description {
        e_tag: format!("tag-{text}"),
        ..Description::default()
    };
    let put = disk.put(BUCKET, key, &bytes, description, conditions);
    put.map(drop).map_err(|error| error.code().clone())
}

fn put(disk: &Disk, key: &str, text: &str) {
    put_if(disk, key, text, &Conditions::default()).unwrap();
}

/// An object's text and ETag.
fn read(disk: &Disk, key: &str) -> Option<(String, String)> {
    let mut opened = match disk.open_object(BUCKET, key) {
        Err(error) => {
            assert_eq!(*error.code(), S3ErrorCode::NoSuchKey, "{key}: {error:?}");
            return None;
        }
        Ok(opened) => opened,
    };
    let text = std::io::read_to_string(&mut opened.file).unwrap();
    Some((text, opened.description.e_tag))
}

fn delete(disk: &Disk, key: &str) {
    disk.delete(BUCKET, key, &Conditions::default()).unwrap();
}

fn page(disk: &Disk, query: &Query) -> Page {
    list(disk, BUCKET, query).unwrap()
}

/// Everything that a query lists, in pages of `limit`: keys and common prefixes together.
fn listed(disk: &Disk, prefix: &str, delimiter: Option<&str>, limit: usize) -> Vec<String> {
    let mut all = Vec::new();
    let mut query = Query {
        prefix: prefix.to_owned(),
        delimiter: delimiter.map(str::to_owned),
        after: String::new(),
        limit,
    };
    loop {
        let page = page(disk, &query);
        let keys = page.objects.into_iter().map(|it| it.key);
        let mut names: Vec<_> = keys.chain(page.prefixes).collect();
        assert!(names.len() <= limit);
        names.sort();
        all.extend(names);
        match page.next {
            None => return all,
            Some(next) => query.after = next,
        }
    }
}

fn odd_keys() -> Vec<String> {
    let long = "k".repeat(900);
    let mut keys: Vec<String> = [
        "a",
        "a/",
        "a/b",
        "a//b",
        "a/b/c",
        "a/b/c/",
        "a!",
        "a/./b",
        "a/../b",
        "..",
        ".",
        "../escape",
        "../../escape",
        "/",
        "//",
        "/a",
        ".%d..",
        ".%f",
        ".%c",
        ".%x/.%d",
        "b+c 50%.csv",
        "ü/ß",
        "\u{1}",
        "A",
        "z",
    ]
    .map(str::to_owned)
    .into();
    keys.extend([
        long.clone(),
        format!("{long}/{}", "x".repeat(123)),
        format!("{}/tail", &long[..200]),
        format!("{}/tail", &long[..210]),
        long[..200].to_owned(),
        "é".repeat(512),
    ]);
    keys
}

#[test]
fn every_key_is_a_separate_object_in_its_bucket() {
    let (folder, disk) = disk();
    let keys = odd_keys();
    // In one order files stand in the way of folders, in the other folders in the way of files.
    for reversed in [false, true] {
        let mut order = keys.clone();
        if reversed {
            order.reverse();
        }
        for key in &order {
            put(&disk, key, key);
        }
        for key in &keys {
            assert_eq!(read(&disk, key), Some((key.clone(), format!("tag-{key}"))));
        }
        let mut sorted = keys.clone();
        sorted.sort();
        for limit in [1, 3, 1000] {
            assert_eq!(listed(&disk, "", None, limit), sorted);
        }
        for prefix in [
            "a", "a/", "a/b", "..", "../", "k", "kkk", "/", "nothing", ".%",
        ] {
            let expected: Vec<_> = sorted
                .iter()
                .filter(|key| key.starts_with(prefix))
                .cloned()
                .collect();
            assert_eq!(listed(&disk, prefix, None, 2), expected, "{prefix}");
        }
        for (prefix, delimiter) in [
            ("", "/"),
            ("a/", "/"),
            ("a", "/"),
            ("", "b"),
            ("k", "k"),
            ("", ".."),
        ] {
            let shared = |key: &String| {
                let rest = key.strip_prefix(prefix)?;
                let end = rest
                    .find(delimiter)
                    .map_or(rest.len(), |at| at + delimiter.len());
                Some(format!("{prefix}{}", &rest[..end]))
            };
            let mut expected: Vec<_> = sorted.iter().filter_map(shared).collect();
            expected.dedup();
            for limit in [1, 2, 1000] {
                let found = listed(&disk, prefix, Some(delimiter), limit);
                assert_eq!(found, expected, "{prefix} {delimiter} {limit}");
            }
        }
        let outside: Vec<_> = fs::read_dir(folder.path().parent().unwrap())
            .unwrap()
            .collect();
        assert!(
            outside
                .iter()
                .flatten()
                .all(|entry| entry.file_name() != "escape")
        );
        assert!(disk.delete_bucket(BUCKET).is_err());
        for key in &order {
            delete(&disk, key);
            assert_eq!(read(&disk, key), None);
        }
        assert!(listed(&disk, "", None, 1000).is_empty());
        disk.delete_bucket(BUCKET).unwrap();
        disk.create_bucket(BUCKET).unwrap();
    }
}

#[test]
fn names_of_other_folders_are_not_buckets() {
    let (_folder, disk) = disk();
    for name in [
        "..", ".", "", ".objects", ".uploads", "/etc", "homes/..", "Homes",
    ] {
        for error in [
            disk.bucket(name).err(),
            disk.create_bucket(name).err(),
            disk.delete_bucket(name).err(),
            disk.head(name, "key").err(),
        ] {
            assert_eq!(
                *error.unwrap().code(),
                S3ErrorCode::InvalidBucketName,
                "{name}"
            );
        }
    }
    assert_eq!(disk.buckets().unwrap().len(), 1);
}

#[test]
fn a_prefix_is_not_an_object() {
    let (_folder, disk) = disk();
    put(&disk, "raw/one/two", "x");
    for key in [
        "raw",
        "raw/",
        "raw/one",
        "raw/one/",
        "raw/one/two/",
        "raw/one/two/three",
        "raw/\0",
        "raw/one\0/two",
    ] {
        assert_eq!(read(&disk, key), None, "{key}");
        delete(&disk, key);
        assert_eq!(listed(&disk, &format!("{key}\0/"), None, 9), [""; 0]);
    }
    assert!(read(&disk, "raw/one/two").is_some());
}

#[test]
fn conditions_decide_on_what_is_there() {
    let (_folder, disk) = disk();
    let tag = |tag: &str| Some(ETagCondition::ETag(ETag::Strong(tag.to_owned())));
    let none = || Conditions {
        if_none_match: Some(ETagCondition::Any),
        ..Conditions::default()
    };
    let matching = |condition| Conditions {
        if_match: condition,
        ..Conditions::default()
    };
    assert_eq!(
        put_if(&disk, "k", "0", &matching(tag("tag-0"))),
        Err(S3ErrorCode::NoSuchKey)
    );
    assert_eq!(put_if(&disk, "k", "1", &none()), Ok(()));
    assert_eq!(
        put_if(&disk, "k", "2", &none()),
        Err(S3ErrorCode::PreconditionFailed)
    );
    assert_eq!(
        put_if(&disk, "k", "2", &matching(tag("tag-0"))),
        Err(S3ErrorCode::PreconditionFailed)
    );
    assert_eq!(read(&disk, "k").unwrap().0, "1");
    assert_eq!(put_if(&disk, "k", "2", &matching(tag("tag-1"))), Ok(()));
    assert!(disk.delete(BUCKET, "k", &matching(tag("tag-1"))).is_err());
    assert!(disk.delete(BUCKET, "k", &matching(tag("tag-2"))).is_ok());
    assert_eq!(read(&disk, "k"), None);
}

#[test]
fn one_of_many_writers_creates_an_object() {
    let (_folder, disk) = disk();
    let won: usize = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..16)
            .map(|writer| {
                let disk = &disk;
                scope.spawn(move || {
                    let conditions = Conditions {
                        if_none_match: Some(ETagCondition::Any),
                        ..Conditions::default()
                    };
                    usize::from(put_if(disk, "a/k", &writer.to_string(), &conditions).is_ok())
                })
            })
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .sum()
    });
    assert_eq!(won, 1);
}

/// Objects and folders of the same names come and go at once; nothing fails, and readers see whole objects.
#[test]
fn writers_readers_and_deletions_of_neighbours_do_not_disturb_each_other() {
    let (_folder, disk) = disk();
    put(&disk, "a/b/kept", "kept");
    std::thread::scope(|scope| {
        for key in ["a", "a/b", "a/b/c", "a/b/c/d"] {
            let disk = &disk;
            scope.spawn(move || {
                for round in 0..60 {
                    put(disk, key, &format!("{key}-{round}"));
                    let (text, tag) = read(disk, key).unwrap();
                    assert_eq!(
                        (text.as_str(), tag),
                        (&*format!("{key}-{round}"), format!("tag-{text}"))
                    );
                    if round % 2 == 0 {
                        delete(disk, key);
                    }
                }
            });
            scope.spawn(move || {
                for _ in 0..300 {
                    if let Some((text, tag)) = read(disk, key) {
                        assert_eq!(tag, format!("tag-{text}"));
                    }
                    page(
                        disk,
                        &Query {
                            limit: 10,
                            ..Query::default()
                        },
                    );
                }
            });
        }
    });
    assert_eq!(
        listed(&disk, "", None, 9),
        ["a", "a/b", "a/b/c", "a/b/c/d", "a/b/kept"]
    );
}

#[test]
fn a_crash_between_the_two_files_leaves_the_old_object_with_its_own_description() {
    let (folder, disk) = disk();
    put(&disk, "k", "old");
    let old = fs::read(folder.path().join("homes/k")).unwrap();
    let old_time = fs::metadata(folder.path().join("homes/k"))
        .unwrap()
        .modified()
        .unwrap();
    put(&disk, "k", "new");
    // The description is new, the bytes are not.
    let path = folder.path().join("homes/k");
    fs::write(&path, old).unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(old_time)
        .unwrap();
    assert_eq!(
        read(&disk, "k"),
        Some(("old".to_owned(), "tag-old".to_owned()))
    );
}

#[test]
fn a_copied_data_folder_keeps_what_is_known_of_its_objects() {
    let (folder, disk) = disk();
    put(&disk, "k", "old");
    put(&disk, "k", "new");
    let path = folder.path().join("homes/k");
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(std::time::SystemTime::now())
        .unwrap();
    assert_eq!(read(&disk, "k").unwrap().1, "tag-new");
    // Of other bytes nothing is known.
    fs::write(&path, "edited by hand").unwrap();
    let (text, tag) = read(&disk, "k").unwrap();
    assert!(text == "edited by hand" && !tag.starts_with("tag"), "{tag}");
    fs::write(folder.path().join("homes/dropped.csv"), "1").unwrap();
    assert_eq!(listed(&disk, "", None, 9), ["dropped.csv", "k"]);
    assert!(read(&disk, "dropped.csv").is_some());
}

/// The files as s3s-fs 0.14 wrote them for `put-object --metadata a=b --content-type text/csv`.
#[test]
fn a_folder_of_s3s_fs_is_read_and_goes_over_with_the_next_write() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let write = |name: &str, text: &str| fs::write(root.join(name), text).unwrap();
    fs::create_dir_all(root.join("homes/raw")).unwrap();
    write("homes/raw/x.csv", "a,b");
    let base = ".bucket-aG9tZXM.object-cmF3L3guY3N2";
    write(
        &format!("{base}.metadata.json"),
        r#"{"user_metadata":{"a":"b"},"content_type":"text/csv"}"#,
    );
    write(
        &format!("{base}.internal.json"),
        r#"{"e_tag":"5d41","checksum_sha256":"47DE"}"#,
    );
    write(".tmp.3.internal.part", "");
    write(".upload-0b6ee0a4.json", "null");
    write(".upload_id-0b6ee0a4.part-1", "");
    let disk = Disk::open(root).unwrap();
    let opened = disk.open_object(BUCKET, "raw/x.csv").unwrap();
    assert_eq!(opened.description.e_tag, "5d41");
    assert_eq!(opened.description.checksums.sha256.as_deref(), Some("47DE"));
    let attributes = opened.description.attributes;
    assert_eq!(attributes.user_metadata.unwrap()["a"], "b");
    assert_eq!(attributes.content_type.as_deref(), Some("text/csv"));
    put(&disk, "raw/x.csv", "new");
    assert_eq!(read(&disk, "raw/x.csv").unwrap().1, "tag-new");
    delete(&disk, "raw/x.csv");
    let mut left: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, [".objects", ".tmp", ".uploads", "homes"]);
}

#[test]
fn what_a_killed_process_was_writing_is_removed() {
    let (folder, disk) = disk();
    let temporary = disk.temporary();
    temporary.open().unwrap().write_all(b"half").unwrap();
    std::mem::forget(temporary);
    drop(disk);
    Disk::open(folder.path()).unwrap();
    let left = fs::read_dir(folder.path().join(".tmp")).unwrap().count();
    assert_eq!(left, 0);
    assert!(Path::new(folder.path()).join(BUCKET).is_dir());
}

/// What syncing costs: `cargo test -p tasador-bucket --lib -- --ignored --nocapture cost_of_syncing`, with
/// `TASADOR_BUCKET_FOLDER` on the disk in question; in /dev/shm syncing costs nothing.
#[test]
#[ignore = "a measurement"]
fn cost_of_syncing() {
    let base =
        std::env::var_os("TASADOR_BUCKET_FOLDER").map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(&base).unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    disk.create_bucket(BUCKET).unwrap();
    let text = "x".repeat(10_000);
    let mut times: Vec<_> = (0..500)
        .map(|index| {
            let start = std::time::Instant::now();
            put(
                &disk,
                &format!("models/m/{}/{index}.json", index / 20),
                &text,
            );
            start.elapsed()
        })
        .collect();
    times.sort();
    println!(
        "{}: median {:?}, p99 {:?} per object of 10 kB",
        base.display(),
        times[250],
        times[495]
    );
}
