//! Debian's Prometheus scrapes `tasador up` while it is under load, with the configuration and the
//! rules that are shipped: its counters are the numbers of requests sent, also across a restart.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tasador_testing::tools::{on_path, repository};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::served::{Served, json, until};

const FROM: &str = "apt-get install prometheus";

fn observability() -> std::path::PathBuf {
    repository().join("infra/observability")
}

/// An address that stays the same while what it forwards to is restarted on another port: to
/// Prometheus another address would be another instance, with separate counters.
struct Forwarder {
    address: SocketAddr,
    to: Arc<Mutex<String>>,
    task: JoinHandle<()>,
}

impl Forwarder {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let to = Arc::new(Mutex::new(String::new()));
        let target = Arc::clone(&to);
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let to = target.lock().unwrap().clone();
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(to).await {
                        // A connection that breaks off is the client's to notice.
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self { address, to, task }
    }

    fn forward_to(&self, served: &Served) {
        *self.to.lock().unwrap() = served.address().to_owned();
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Prometheus with the shipped configuration, pointed at another address, and its own address.
async fn scraping(program: &Path, folder: &Path, target: SocketAddr) -> (Child, String) {
    let shipped = std::fs::read_to_string(observability().join("prometheus.yml")).unwrap();
    assert!(shipped.contains("scrape_interval: 5s"));
    let rules = observability().canonicalize().unwrap().join("rules");
    let config = shipped
        .replace("127.0.0.1:3000", &target.to_string())
        .replace("- rules/", &format!("- {}/", rules.display()));
    assert!(config.contains(&target.to_string()));
    let file = folder.join("prometheus.yml");
    std::fs::write(&file, config).unwrap();
    let mut process = Command::new(program)
        .arg(format!("--config.file={}", file.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.join("tsdb").display()
        ))
        .arg("--web.listen-address=127.0.0.1:0")
        .arg("--log.format=json")
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // It chooses a free port itself, and says which.
    let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
    let address = loop {
        let line = log.next_line().await.unwrap();
        let line = line.expect("Prometheus ended before it listened");
        let entry: Value = serde_json::from_str(&line).unwrap_or_default();
        match entry.get("address").and_then(Value::as_str) {
            Some(address) if line.contains("Listening on") => break address.to_owned(),
            _ => eprintln!("{line}"),
        }
    };
    tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
    until("Prometheus is ready", async || {
        let ready = reqwest::get(format!("http://{address}/-/ready"))
            .await
            .ok()?;
        ready.status().is_success().then_some(())
    })
    .await;
    (process, address)
}

/// What Prometheus says a query comes to; none while there is no such series.
async fn query(address: &str, query: &str) -> Option<f64> {
    let url = format!("http://{address}/api/v1/query?query={query}");
    let answer = json(&url).await?;
    let value = answer
        .pointer("/data/result/0/value/1")
        .and_then(Value::as_str)?;
    value.parse().ok()
}

/// Waits for the scrape that has all of these requests, of which a third were wrong.
async fn counted(address: &str, requests: u32) {
    let expected = f64::from(requests);
    let seen = until(
        &format!("Prometheus has counted {requests} requests"),
        async || {
            query(address, "inference_requests_total")
                .await
                .filter(|seen| *seen >= expected)
        },
    )
    .await;
    assert_eq!(seen, expected, "exactly as many as were sent");
    for (name, expected) in [
        ("inference_errors_total", expected / 3.0),
        ("inference_responses_total{status=\"422\"}", expected / 3.0),
        ("inference_rows_total", expected / 3.0 * 2.0),
        ("inference_duration_seconds_count", expected),
        ("inference_duration_seconds_bucket{le=\"%2BInf\"}", expected),
        ("inference_log_failures_total", 0.0),
        ("model_version", 1.0),
    ] {
        assert_eq!(query(address, name).await, Some(expected), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_counts_what_was_sent_across_a_restart() {
    let Some(prometheus) = on_path(&["prometheus"], FROM) else {
        return;
    };
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let forwarder = Forwarder::start().await;
    let served = Served::start(data.path()).await;
    forwarder.forward_to(&served);
    let (_prometheus, address) = scraping(&prometheus, folder.path(), forwarder.address).await;
    let address = address.as_str();
    served.load(300).await;
    served.load(300).await;
    counted(address, 600).await;
    served.load(300).await;
    served.stop().await;
    let served = Served::start(data.path()).await;
    forwarder.forward_to(&served);
    counted(address, 900).await;
    served.load(600).await;
    counted(address, 1_500).await;
    // Over the restart no counter went back, which Prometheus would have taken for a new beginning.
    assert_eq!(
        query(address, "resets(inference_requests_total[10m])").await,
        Some(0.0)
    );
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_finds_nothing_in_metrics_and_rules() {
    let Some(promtool) = on_path(&["promtool"], FROM) else {
        return;
    };
    for arguments in [
        &["check", "config", "prometheus.yml"][..],
        &["check", "rules", "rules/recording.yml", "rules/alerts.yml"],
        &["test", "rules", "rules/tests.yml"],
    ] {
        let output = Command::new(&promtool)
            .args(arguments)
            .current_dir(observability())
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    let data = tempfile::tempdir().unwrap();
    let served = Served::start(data.path()).await;
    served.load(30).await;
    let text = reqwest::get(served.url("/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let mut check = Command::new(&promtool)
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = check.stdin.take().unwrap();
    input.write_all(text.as_bytes()).await.unwrap();
    drop(input);
    let output = check.wait_with_output().await.unwrap();
    assert!(
        output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );

    // Every metric that the dashboard and the rules ask for is one that is shown.
    for file in [
        "grafana-dashboard.json",
        "rules/recording.yml",
        "rules/alerts.yml",
    ] {
        let asked = std::fs::read_to_string(observability().join(file)).unwrap();
        let words = asked.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
        let is_metric = |word: &&str| {
            ["inference_", "model_", "gate_", "pipeline_"]
                .iter()
                .any(|family| word.starts_with(family))
        };
        for name in words.filter(is_metric) {
            let family = name.strip_suffix("_bucket").unwrap_or(name);
            assert!(
                text.contains(&format!("# TYPE {family} ")),
                "{file} asks for {name}"
            );
        }
    }
    served.stop().await;
}

#[test]
fn every_alert_has_a_page_and_its_own_test() {
    let rules = observability().join("rules");
    let alerts = std::fs::read_to_string(rules.join("alerts.yml")).unwrap();
    let tests = std::fs::read_to_string(rules.join("tests.yml")).unwrap();
    let operations = std::fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    let rules: Vec<&str> = alerts.split("- alert: ").skip(1).collect();
    assert!(rules.len() >= 12, "{alerts}");
    for rule in rules {
        let name = rule.lines().next().unwrap();
        let page = format!("docs/operations.md#{}\n", name.to_lowercase());
        assert!(
            rule.contains("runbook_url: https://") && rule.contains(&page),
            "{rule}"
        );
        assert!(
            operations.contains(&format!("\n### {name}\n")),
            "{name} has no page"
        );
        assert!(
            tests.contains(&format!("alertname: {name}\n")),
            "{name} has no test"
        );
    }
}

/// How many series a query gives.
async fn series(address: &str, query: &str) -> usize {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client
        .get(format!("http://{address}/api/v1/query"))
        .query(&[("query", query)]);
    let answer = request.send().await.unwrap().text().await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["status"], "success", "{query}: {answer}");
    answer["data"]["result"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs the whole demo; .ci/full does"]
async fn each_query_of_the_dashboard_gives_data_after_the_demo() {
    let Some(prometheus) = on_path(&["prometheus"], FROM) else {
        return;
    };
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let demo = Command::new(crate::TASADOR)
        .args(["demo", "--data-dir"])
        .arg(data.path())
        .output();
    let demo = demo.await.unwrap();
    assert!(demo.status.success(), "{demo:?}");
    let served = Served::start_on(data.path()).await;
    let target = served.address().parse().unwrap();
    let (_prometheus, address) = scraping(&prometheus, folder.path(), target).await;
    // Before the load and after it: a rate needs two scrapes.
    until("Prometheus has scraped once", async || {
        query(&address, "inference_requests_total").await
    })
    .await;
    served.load(60).await;
    let dashboard = std::fs::read(observability().join("grafana-dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_slice(&dashboard).unwrap();
    let mut queries = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let asked = target["expr"].as_str().unwrap();
            let asked = asked
                .replace("$job", "tasador")
                .replace("$__range", "5m")
                .replace("$__rate_interval", "1m");
            until(&format!("{asked} gives data"), async || {
                (series(&address, &asked).await > 0).then_some(())
            })
            .await;
            queries += 1;
        }
    }
    assert!(queries >= 25, "{queries}");
    // The columns that the first months lack are filled now, and their values have hardly moved: no alert.
    let moved = series(&address, "column:gate_value_drift:ratio > 1").await;
    let filled = series(&address, "gate_measured{check=\"psi\"} > 1").await;
    assert!(moved == 0 && filled >= 10, "{moved} {filled}");
    served.stop().await;
}
