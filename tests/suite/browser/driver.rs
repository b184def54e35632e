//! A browser of the test's own: chromedriver on a free port, chromium without a window.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fantoccini::wd::{TimeoutConfiguration, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Map, Value, json};
use tests::world::World;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A desk's window, in pixels.
pub(super) const DESK: (u32, u32) = (1280, 900);
/// A phone's.
pub(super) const PHONE: (u32, u32) = (390, 844);
/// How long the page may take for anything: the machine that tests may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running browser. It ends with the test: dropping it kills chromedriver, which takes chromium
/// along.
pub(super) struct Browser {
    client: Client,
    _driver: Child,
}

/// What is shown, in the browser's one window.
pub(super) struct Page(Client);

fn found(names: &[&str]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let paths = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    paths.into_iter().find(|path| path.is_file())
}

fn missing(what: &str) {
    let how = "apt-get install chromium chromium-driver";
    assert!(
        std::env::var_os("TASADOR_REQUIRE_TOOLS").is_none(),
        "{what} is missing: {how}"
    );
    println!("skipped: {what} is not installed; {how}");
}

impl Browser {
    /// Starts one; `None`, and a word on it, where there is none on this machine.
    pub(super) async fn start() -> Option<Self> {
        let Some(chromium) = found(&["chromium", "chromium-browser", "google-chrome"]) else {
            missing("chromium");
            return None;
        };
        let Some(driver) = found(&["chromedriver"]) else {
            missing("chromedriver");
            return None;
        };
        if !super::accessibility::is_installed() {
            return None;
        }
        // It chooses a free port itself, and says which.
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines
                .next_line()
                .await
                .unwrap()
                .expect("chromedriver ended");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let mut capabilities = Map::new();
        capabilities.insert(
            "goog:chromeOptions".to_owned(),
            json!({"binary": chromium, "args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                "--no-proxy-server", "--lang=en", "--hide-scrollbars", "--force-device-scale-factor=1",
            ]}),
        );
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        let patience = TimeoutConfiguration::new(Some(PATIENCE), Some(PATIENCE), None);
        client.update_timeouts(patience).await.unwrap();
        let browser = Self {
            client,
            _driver: driver,
        };
        browser.look(DESK, false).await;
        Some(browser)
    }

    /// The page with a window of this size, by day or by night.
    pub(super) async fn look(&self, (width, height): (u32, u32), night: bool) -> Page {
        let scheme = if night { "dark" } else { "light" };
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}),
        )
        .await;
        self.devtools(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
        )
        .await;
        Page(self.client.clone())
    }

    /// Goes to an address of a world's.
    pub(super) async fn open(&self, world: &World, path: &str) -> Page {
        let page = Page(self.client.clone());
        page.go(world, path).await;
        page
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        let command = DevTools(json!({"cmd": command, "params": parameters}));
        self.client.issue_cmd(command).await.unwrap();
    }

    /// Ends the session in good order.
    pub(super) async fn close(self) {
        self.client.close().await.unwrap();
    }
}

impl Page {
    pub(super) async fn go(&self, world: &World, path: &str) {
        let address = format!("{}{path}", world.cloud().endpoints().http);
        // An address that differs in its end alone would not load the page anew.
        self.0.goto("about:blank").await.unwrap();
        self.0.goto(&address).await.unwrap();
    }

    pub(super) async fn count(&self, selector: &str) -> usize {
        self.0.find_all(Locator::Css(selector)).await.unwrap().len()
    }

    pub(super) async fn wait_for(&self, selector: &str) {
        let wait = self.0.wait().at_most(PATIENCE);
        let found = wait.for_element(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("{selector} does not come: {error}"));
    }

    /// Loads the page until this is there: a new champion is served within the refresh time.
    pub(super) async fn reload_until(&self, selector: &str) {
        let begun = std::time::Instant::now();
        let address = self.0.current_url().await.unwrap();
        let address = address.as_str().split('?').next().unwrap().to_owned();
        loop {
            self.0.goto(&address).await.unwrap();
            if self.count(selector).await > 0 {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{selector} does not come");
        }
    }

    /// What is read, white space made one.
    pub(super) async fn text(&self, selector: &str) -> String {
        let script = "const it = document.querySelector(arguments[0]); return it.innerText ?? [...it.querySelectorAll('text')].map(text => text.textContent).join(' ')";
        let text = self.0.execute(script, vec![json!(selector)]).await;
        let text = text.unwrap_or_else(|error| panic!("{selector}: {error}"));
        let words = text.as_str().unwrap_or_default().split_whitespace();
        words.collect::<Vec<_>>().join(" ")
    }

    pub(super) async fn fill(&self, selector: &str, text: &str) {
        let field = self.0.find(Locator::Css(selector)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub(super) async fn click(&self, selector: &str) {
        let element = self.0.find(Locator::Css(selector)).await;
        let element = element.unwrap_or_else(|error| panic!("{selector}: {error}"));
        element.click().await.unwrap();
    }

    /// Moves a slider, as a pointer would.
    pub(super) async fn slide(&self, selector: &str, value: f64) {
        let script = "const it = document.querySelector(arguments[0]); it.value = arguments[1]; it.dispatchEvent(new Event('input', {bubbles: true}))";
        let moved = self
            .0
            .execute(script, vec![json!(selector), json!(value)])
            .await;
        moved.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    pub(super) async fn script(&self, script: &str) -> Value {
        self.0.execute(script, Vec::new()).await.unwrap()
    }

    pub(super) async fn script_async(&self, script: &str) -> Value {
        self.0.execute_async(script, Vec::new()).await.unwrap()
    }

    /// The whole page as `target/screenshots/<name>.png`.
    pub(super) async fn screenshot(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let capture = DevTools(
            json!({"cmd": "Page.captureScreenshot", "params": {"captureBeyondViewport": true}}),
        );
        let answer = self.0.issue_cmd(capture).await.unwrap();
        let bytes = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            answer["data"].as_str().unwrap(),
        );
        std::fs::write(folder.join(format!("{name}.png")), bytes.unwrap()).unwrap();
    }
}

/// A command of the DevTools protocol, which chromedriver passes on.
#[derive(Debug)]
struct DevTools(Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/goog/cdp/execute",
            session.unwrap_or_default()
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}
