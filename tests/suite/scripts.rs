//! What deploys and checks a stack (infra/plan, infra/deploy, infra/drift), with programs in the places of `aws`, `sam`
//! and `curl` that answer from files and note how they were called.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tasador_testing::tools;
use tests::template::repository;

const CHANGE_SET: &str = "arn:aws:cloudformation:us-east-1:000000000000:changeSet/c/1";

/// A folder of stand-ins.
struct Stand {
    folder: tempfile::TempDir,
}

impl Stand {
    fn new() -> Self {
        let stand = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        stand.write("calls", "");
        stand.program(
            "sam",
            &format!("echo 'Changeset created successfully. {CHANGE_SET}'"),
        );
        stand.program(
            "aws",
            r#"case "$*" in
  *get-template\ *) [ -f "$STAND/template.json" ] && cat "$STAND/template.json" ;;
  *describe-stacks*"--output json"*) cat "$STAND/stack.json" ;;
  *ApiUrl*) echo https://api.example ;;
  *describe-stacks*) echo bucket ;;
  *describe-change-set\ *) printf 'Modify\tPredictFunction\tAWS::Lambda::Function\tFalse\nAdd\tUndeliveredQueue\tAWS::SQS::Queue\tNone\n' ;;
  *create-change-set*--parameters\ file:*)
    for word in "$@"; do case "$word" in file://*/parameters) cp "${word#file://}" "$STAND/restored.json" ;; esac; done
    echo arn:restore ;;
  *create-change-set*) echo '{"Id": "arn:revert"}' ;;
  *detect-stack-drift\ *) echo '{"StackDriftDetectionId": "d"}' ;;
  *describe-stack-drift-detection-status*) cat "$STAND/drift.json" ;;
  *describe-stack-resource-drifts*) echo '{"StackResourceDrifts": [{"LogicalResourceId": "RegistryTable", "ResourceType": "AWS::DynamoDB::Table", "StackResourceDriftStatus": "MODIFIED"}]}' ;;
  *describe-stack-resource\ *) echo '{"StackResourceDetail": {"PhysicalResourceId": "f"}}' ;;
  *get-function-configuration*) cat "$STAND/function.json" ;;
  *"s3 cp"*" -") printf archive ;;
  *execute-change-set*arn:revert*) echo '{"DetectionStatus": "DETECTION_COMPLETE", "StackDriftStatus": "IN_SYNC"}' >"$STAND/drift.json" ;;
esac"#,
        );
        // The first question for the model is asked before the deployment.
        stand.program(
            "curl",
            r#"case "$*" in
  */model) if [ -f "$STAND/asked" ]; then cat "$STAND/model-after"; else touch "$STAND/asked"; cat "$STAND/model-before"; fi ;;
  *authorization*/predict) cat "$STAND/model-after" ;;
  */predict) printf 401 ;;
  *) printf 200 ;;
esac"#,
        );
        stand.models("200", "200");
        stand.write(
            "template.json",
            &json!({"TemplateBody": "Resources: {}"}).to_string(),
        );
        stand.stack(&json!([
            {"ParameterKey": "Environment", "ParameterValue": "staging"},
            {"ParameterKey": "SourceUrl", "ParameterValue": "****"},
        ]));
        stand
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn program(&self, name: &str, body: &str) {
        let text = format!(
            "#!/usr/bin/env bash\nprintf '{name} %s\\n' \"$*\" >>\"$STAND/calls\"\n{body}\n"
        );
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn models(&self, before: &str, after: &str) {
        self.write("model-before", before);
        self.write("model-after", after);
    }

    fn stack(&self, parameters: &Value) {
        let tags = json!([{"Key": "tasador:commit", "Value": "0"}]);
        let stack = json!({"Stacks": [{"Parameters": parameters, "Tags": tags}]});
        self.write("stack.json", &stack.to_string());
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Output {
        let path = format!(
            "{}:{}",
            self.folder.path().display(),
            std::env::var("PATH").unwrap()
        );
        Command::new(program)
            .args(arguments)
            .current_dir(repository())
            .env("PATH", path)
            .env("STAND", self.folder.path())
            .env("GITHUB_OUTPUT", self.path("output"))
            .env("TASADOR_SMOKE_TOKEN", "token")
            .env_remove("TASADOR_STACK")
            .env_remove("TASADOR_URL")
            .env_remove("TASADOR_ARTIFACTS")
            .output()
            .unwrap()
    }

    fn deploy(&self) -> Output {
        self.run(&repository().join("infra/deploy"), &["staging", CHANGE_SET])
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap()
    }
}

#[test]
fn a_plan_shows_every_change_and_carries_none_out() {
    let stand = Stand::new();
    let report = stand.path("plan.md");
    let done = stand.run(
        &repository().join("infra/plan"),
        &["staging", report.to_str().unwrap()],
    );
    assert!(done.status.success(), "{done:?}");
    let report = fs::read_to_string(report).unwrap();
    for line in [
        "| Modify | PredictFunction | AWS::Lambda::Function | False |",
        "| Add | UndeliveredQueue | AWS::SQS::Queue | None |",
    ] {
        assert!(report.contains(line), "{report}");
    }
    let output = fs::read_to_string(stand.path("output")).unwrap();
    assert_eq!(output.trim(), format!("change_set={CHANGE_SET}"));
    let calls = stand.calls();
    assert!(
        calls.contains("--no-execute-changeset") && calls.contains("tasador:commit="),
        "{calls}"
    );
    assert!(!calls.contains("execute-change-set"), "{calls}");
}

#[test]
fn a_plan_without_changes_has_no_change_set() {
    let stand = Stand::new();
    stand.program(
        "sam",
        "echo 'No changes to deploy. Stack tasador-staging is up to date'",
    );
    let report = stand.path("plan.md");
    let done = stand.run(
        &repository().join("infra/plan"),
        &["staging", report.to_str().unwrap()],
    );
    assert!(done.status.success(), "{done:?}");
    assert!(
        fs::read_to_string(report)
            .unwrap()
            .contains("Nothing would change.")
    );
    let output = fs::read_to_string(stand.path("output")).unwrap();
    assert_eq!(output.trim(), "change_set=");
}

#[test]
fn a_deployment_carries_out_the_approved_change_set_and_nothing_else() {
    let stand = Stand::new();
    let done = stand.deploy();
    assert!(done.status.success(), "{done:?}");
    let calls = stand.calls();
    let executed = format!("execute-change-set --change-set-name {CHANGE_SET}");
    assert!(calls.contains(&executed), "{calls}");
    assert!(
        !calls.contains("sam ") && !calls.contains("create-change-set"),
        "{calls}"
    );
}

#[test]
fn a_model_that_was_served_before_must_be_served_after_or_template_and_parameters_are_restored() {
    for (before, after, is_restored) in [
        ("200", "503", true),
        ("200", "500", true),
        ("503", "500", true),
        // A stack that has not learnt anything yet.
        ("503", "503", false),
        ("503", "200", false),
    ] {
        let stand = Stand::new();
        stand.models(before, after);
        let done = stand.deploy();
        assert_eq!(
            done.status.success(),
            !is_restored,
            "{before}, {after}: {done:?}"
        );
        let calls = stand.calls();
        let executed = calls.matches(" execute-change-set").count();
        assert_eq!(executed, if is_restored { 2 } else { 1 }, "{calls}");
        if !is_restored {
            continue;
        }
        let restored = fs::read_to_string(stand.path("restored.json")).unwrap();
        let restored: Value = serde_json::from_str(&restored).unwrap();
        let expected = json!([
            {"ParameterKey": "Environment", "ParameterValue": "staging"},
            {"ParameterKey": "SourceUrl", "UsePreviousValue": true},
        ]);
        assert_eq!(restored, expected);
    }
}

#[test]
fn nothing_is_deployed_with_a_token_that_has_ended() {
    for status in ["401", "403"] {
        let stand = Stand::new();
        stand.models(status, status);
        let done = stand.deploy();
        assert_eq!(done.status.code(), Some(2), "{done:?}");
        assert!(!stand.calls().contains("execute-change-set"));
    }
}

/// Runs infra/drift on the commit that is checked out; its status and report. None where PyYAML is missing.
fn drift(stand: &Stand, options: &[&str]) -> Option<(bool, String)> {
    let target = std::env::var("CARGO_TARGET_DIR")
        .map_or_else(|_| repository().join("target"), PathBuf::from);
    let tools = std::env::var("TASADOR_TOOLS").map_or_else(|_| target.join("tools"), PathBuf::from);
    let python = tools.join("apart/sam/bin/python");
    if !python.exists() {
        tools::missing("a tool of infra/drift", tools::INSTALL);
        return None;
    }
    let report = stand.path("drift.md");
    let arguments = ["infra/drift", "staging", "HEAD", report.to_str().unwrap()];
    let done = stand.run(&python, &[&arguments[..], options].concat());
    let report = fs::read_to_string(report).unwrap_or_else(|_| panic!("{done:?}"));
    Some((done.status.success(), report))
}

fn git(arguments: &[&str]) -> String {
    let done = Command::new("git")
        .args(arguments)
        .current_dir(repository())
        .output()
        .unwrap();
    String::from_utf8(done.stdout).unwrap()
}

/// A stack that is what the commit says.
fn in_sync() -> Stand {
    let stand = Stand::new();
    let body = git(&["show", "HEAD:infra/template.yaml"]);
    stand.write(
        "template.json",
        &json!({ "TemplateBody": body }).to_string(),
    );
    let sync = json!({"DetectionStatus": "DETECTION_COMPLETE", "StackDriftStatus": "IN_SYNC"});
    stand.write("drift.json", &sync.to_string());
    let parameters = json!([
        {"ParameterKey": "Environment", "ParameterValue": "staging"},
        {"ParameterKey": "LogRetentionDays", "ParameterValue": "14"},
    ]);
    let tags = json!([{"Key": "tasador:commit", "Value": git(&["rev-parse", "HEAD"]).trim()}]);
    let stack = json!({"Stacks": [{"Parameters": parameters, "Tags": tags}]});
    stand.write("stack.json", &stack.to_string());
    // The SHA-256 of `archive`.
    let function = json!({"CodeSha256": "DrPja/sk3Nm7HRvs4VMSFrWVOaj94X7oAiSvBlPJKqM="});
    stand.write("function.json", &function.to_string());
    stand
}

#[test]
fn a_stack_is_compared_with_its_commit() {
    let stand = in_sync();
    let Some((is_same, report)) = drift(&stand, &[]) else {
        return;
    };
    assert!(is_same && report.contains("is what"), "{report}");

    let body = git(&["show", "HEAD:infra/template.yaml"]).replace("Timeout: 29", "Timeout: 28");
    stand.write(
        "template.json",
        &json!({ "TemplateBody": body }).to_string(),
    );
    stand.stack(&json!([{"ParameterKey": "Environment", "ParameterValue": "production"}]));
    let (is_same, report) = drift(&stand, &[]).unwrap();
    assert!(!is_same);
    for line in [
        "template: Resources.PredictFunction.Properties.Timeout differs",
        "parameter: Environment is 'production', and samconfig.toml says 'staging'",
        "commit: the stack was deployed from 0,",
    ] {
        assert!(report.contains(line), "{report}");
    }
}

#[test]
fn a_function_that_runs_other_code_is_found() {
    let stand = in_sync();
    let template = json!({"TemplateBody": {"Resources": {"PredictFunction": {
        "Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "s3://bucket/hash"},
    }}}});
    stand.write("template.json", &template.to_string());
    let Some((_, report)) = drift(&stand, &[]) else {
        return;
    };
    assert!(!report.contains("code:"), "{report}");
    stand.write("function.json", &json!({"CodeSha256": "other"}).to_string());
    let (_, report) = drift(&stand, &[]).unwrap();
    assert!(
        report.contains("code: PredictFunction does not run s3://bucket/hash"),
        "{report}"
    );
}

#[test]
fn what_somebody_changed_is_found_and_put_back_by_a_drift_aware_change_set() {
    let stand = in_sync();
    let drifted = json!({"DetectionStatus": "DETECTION_COMPLETE", "StackDriftStatus": "DRIFTED"});
    stand.write("drift.json", &drifted.to_string());
    let Some((is_same, report)) = drift(&stand, &[]) else {
        return;
    };
    let line = "resource: RegistryTable (AWS::DynamoDB::Table) was modified";
    assert!(!is_same && report.contains(line), "{report}");
    assert!(!stand.calls().contains("create-change-set"));

    let (is_same, report) = drift(&stand, &["--revert"]).unwrap();
    assert!(
        is_same && report.contains(&format!("reverted: {line}")),
        "{report}"
    );
    let calls = stand.calls();
    assert!(
        calls.contains("--use-previous-template --deployment-mode REVERT_DRIFT"),
        "{calls}"
    );
}

#[test]
fn what_could_not_be_compared_is_no_agreement() {
    let stand = in_sync();
    let failed =
        json!({"DetectionStatus": "DETECTION_FAILED", "DetectionStatusReason": "no permission"});
    stand.write("drift.json", &failed.to_string());
    let Some((is_same, report)) = drift(&stand, &[]) else {
        return;
    };
    assert!(
        !is_same && report.contains("unknown: drift detection"),
        "{report}"
    );
}
