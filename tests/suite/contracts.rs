//! What is written twice says the same twice: error names, variables, functions, states.

use std::collections::BTreeSet;
use std::path::PathBuf;

use local::machine;
use tasador_runtime::ErrorClass;
use tasador_states::Machine;
use tests::world::World;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn readme() -> String {
    std::fs::read_to_string(repository().join("README.md")).unwrap()
}

/// Names that Lambda, Batch and the States language give to errors.
fn is_of_the_platform(name: &str) -> bool {
    ["States.", "Lambda.", "Batch."]
        .iter()
        .any(|platform| name.starts_with(platform))
}

#[test]
fn the_state_machine_knows_no_error_that_functions_do_not_have() {
    let machine = Machine::parse(&machine::definition()).unwrap();
    for name in machine.error_names() {
        assert!(
            is_of_the_platform(name) || name.parse::<ErrorClass>().is_ok(),
            "the state machine waits for `{name}`, which no function raises"
        );
    }
}

#[test]
fn every_error_of_the_functions_has_its_way() {
    let machine = Machine::parse(&machine::definition()).unwrap();
    let named: BTreeSet<&str> = machine.error_names().into_iter().collect();
    for class in ErrorClass::ALL {
        // Repeating does not fix these: they go the way of States.ALL, to RecordFailure.
        let lasting = matches!(
            class,
            ErrorClass::InvalidInput
                | ErrorClass::AnswerLost
                | ErrorClass::CorruptArtifact
                | ErrorClass::Bug
        );
        assert_ne!(named.contains(class.as_str()), lasting, "{class}");
    }
    assert!(named.contains("States.ALL"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_function_runs_here_and_has_a_sample_event() {
    let world = World::new(|_| ()).await;
    let served: BTreeSet<String> = world
        .cloud()
        .functions()
        .names()
        .map(str::to_owned)
        .collect();
    let names = |folder: &str, strip: &str| -> BTreeSet<String> {
        std::fs::read_dir(repository().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(strip).map(str::to_owned))
            .collect()
    };
    assert_eq!(served, names("functions", ""));
    assert_eq!(served, names("events", ".json"));
}

/// What a function links, by Cargo's own account.
fn links(function: &str) -> String {
    let tree = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none"])
        .args(["--package", function])
        .current_dir(repository())
        // With it the tree would be that of the whole workspace.
        .env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&tree.stderr);
    assert!(tree.status.success(), "{errors}");
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.contains("lambda_runtime v"), "{function}: {tree}");
    tree
}

#[test]
fn functions_link_only_what_they_need() {
    let answers_http = ["authorize", "mlflow", "predict", "tracking", "web"];
    for entry in std::fs::read_dir(repository().join("functions")).unwrap() {
        let function = entry.unwrap().file_name().into_string().unwrap();
        let unneeded: &[&str] = match function.as_str() {
            // It answers HTTP, and reads files.
            "upload" => &["tasador-model v"],
            http if answers_http.contains(&http) => &["polars v"],
            _ => &["axum v", "lambda_http v", "utoipa v"],
        };
        let tree = links(&function);
        for package in unneeded {
            assert!(!tree.contains(package), "{function} links {package}");
        }
    }
}

#[test]
fn the_readme_has_no_gaps() {
    let readme = readme();
    let gap = readme.lines().find(|line| line.contains("@@"));
    assert_eq!(gap, None);
}

#[test]
fn every_path_in_the_docs_exists() {
    const FOLDERS: [&str; 9] = [
        "crates/",
        "functions/",
        "local/",
        "tests/",
        "infra/",
        "events/",
        "bench/",
        "statemachine/",
        ".ci/",
    ];
    let docs = std::fs::read_dir(repository().join("docs")).unwrap();
    let pages = docs
        .map(|page| page.unwrap().path())
        .chain(["README.md", "CONTRIBUTING.md"].map(|name| repository().join(name)));
    let mut checked = 0;
    for page in pages.filter(|page| page.extension().is_some_and(|ending| ending == "md")) {
        let text = std::fs::read_to_string(&page).unwrap();
        // Code is between backticks: in every second part.
        for word in text
            .split('`')
            .skip(1)
            .step_by(2)
            .flat_map(str::split_whitespace)
        {
            let word = word.trim_end_matches([';', ',', ':']);
            if FOLDERS.iter().any(|folder| word.starts_with(folder)) && !word.contains(['<', '*']) {
                let exists = repository().join(word).exists();
                assert!(
                    exists,
                    "{} names {word}, which does not exist",
                    page.display()
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "only {checked} paths");
}
