//! A browser of the test's own: chromedriver on a free port, chromium without a window.
//!
//! W3C WebDriver is JSON over HTTP, and the tests' HTTP client speaks it: a dozen calls.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tasador_testing::tools::on_path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tests::world::World;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A desk's window, in pixels.
pub(super) const DESK: (u32, u32) = (1280, 900);
/// A phone's.
pub(super) const PHONE: (u32, u32) = (390, 844);
/// How long the page may take for anything: the machine that tests may be busy.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A running browser. It ends with the test: dropping it kills chromedriver, which takes chromium
/// along.
pub(super) struct Browser {
    session: Session,
    _driver: Child,
}

/// What is shown, in the browser's one window.
pub(super) struct Page(Session);

/// A session of WebDriver.
#[derive(Clone)]
struct Session {
    client: reqwest::Client,
    address: String,
}

impl Session {
    /// A call; the error is what the driver says.
    async fn call(&self, method: Method, path: &str, body: Value) -> Result<Value, String> {
        let mut request = self
            .client
            .request(method.clone(), format!("{}{path}", self.address));
        if method == Method::POST {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let is_well = answer.status().is_success();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        if is_well {
            Ok(answer["value"].clone())
        } else {
            Err(answer["value"]["message"].to_string())
        }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.call(Method::POST, path, body).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A command of the DevTools protocol, which chromedriver passes on.
    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.post("/goog/cdp/execute", body).await
    }
}

/// A running chromedriver and its port, which it chooses itself. It takes a port that is free for IPv4 and ends if
/// the port is not free for IPv6 as well; the next one takes another port.
async fn started(program: &Path) -> (Child, String) {
    const ATTEMPTS: usize = 20;
    for _ in 0..ATTEMPTS {
        let mut driver = Command::new(program)
            .arg("--port=0")
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return (driver, port.trim_end_matches('.').to_owned());
            }
            println!("chromedriver: {line}");
        }
    }
    panic!("chromedriver ended {ATTEMPTS} times before it listened");
}

/// How to get a browser.
const FROM: &str = "apt-get install chromium chromium-driver";

impl Browser {
    /// Starts one; `None`, and a word on it, where there is none on this machine.
    pub(super) async fn start() -> Option<Self> {
        let chromium = on_path(&["chromium", "chromium-browser", "google-chrome"], FROM)?;
        let driver = on_path(&["chromedriver"], FROM)?;
        let (driver, port) = started(&driver).await;
        let driver_address = Session {
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            address: format!("http://127.0.0.1:{port}"),
        };
        let options = json!({"binary": chromium, "args": [
            "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
            "--no-proxy-server", "--lang=en", "--hide-scrollbars", "--force-device-scale-factor=1",
        ]});
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options,
            "timeouts": {"script": TIMEOUT.as_millis() as u64, "pageLoad": TIMEOUT.as_millis() as u64},
        }}});
        let made = driver_address.post("/session", wanted).await;
        let session = Session {
            address: format!(
                "{}/session/{}",
                driver_address.address,
                made["sessionId"].as_str().unwrap()
            ),
            client: driver_address.client,
        };
        let browser = Self {
            session,
            _driver: driver,
        };
        browser.look(DESK, false).await;
        Some(browser)
    }

    /// The page with a window of this size, by day or by night.
    pub(super) async fn look(&self, (width, height): (u32, u32), night: bool) -> Page {
        let scheme = if night { "dark" } else { "light" };
        let session = &self.session;
        session.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}),
        )
        .await;
        session
            .devtools(
                "Emulation.setEmulatedMedia",
                json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
            )
            .await;
        Page(self.session.clone())
    }

    /// Goes to an address of a world's.
    pub(super) async fn open(&self, world: &World, path: &str) -> Page {
        let page = Page(self.session.clone());
        page.go(world, path).await;
        page
    }

    /// Ends the session in good order.
    pub(super) async fn close(self) {
        let ended = self.session.call(Method::DELETE, "", Value::Null).await;
        ended.unwrap_or_else(|error| panic!("the session does not end: {error}"));
    }
}

impl Page {
    pub(super) async fn go(&self, world: &World, path: &str) {
        // An address that differs in its end alone would not load the page anew.
        self.address("about:blank").await;
        let address = format!("{}{path}", world.cloud().endpoints().http);
        self.address(&address).await;
    }

    pub(super) async fn address(&self, address: &str) {
        self.0.post("/url", json!({"url": address})).await;
    }

    pub(super) async fn count(&self, selector: &str) -> usize {
        let script = "return document.querySelectorAll(arguments[0]).length";
        let count = self.run(script, json!([selector])).await;
        usize::try_from(count.as_u64().unwrap()).unwrap()
    }

    /// Waits until something is there.
    pub(super) async fn wait_for(&self, selector: &str) {
        let script = "const [selector, done] = arguments; const look = () => document.querySelector(selector) \
             ? done(true) : requestAnimationFrame(look); look()";
        let begun = Instant::now();
        // A page that is left while it waits ends the script: the next one is asked.
        while let Err(error) = self.call("async", script, json!([selector])).await {
            assert!(
                begun.elapsed() < TIMEOUT,
                "{selector} does not come: {error}"
            );
        }
    }

    /// Loads the page until this is there: a new champion is served within the refresh time.
    pub(super) async fn load_until(&self, world: &World, path: &str, selector: &str) {
        let begun = Instant::now();
        loop {
            self.go(world, path).await;
            if self.count(selector).await > 0 {
                return;
            }
            assert!(begun.elapsed() < TIMEOUT, "{selector} does not come");
        }
    }

    /// What is read, white space made one.
    pub(super) async fn text(&self, selector: &str) -> String {
        let script = "const it = document.querySelector(arguments[0]); return it.innerText \
             ?? [...it.querySelectorAll('text')].map(text => text.textContent).join(' ')";
        let text = self.run(script, json!([selector])).await;
        let words = text.as_str().unwrap_or_default().split_whitespace();
        words.collect::<Vec<_>>().join(" ")
    }

    async fn element(&self, selector: &str) -> String {
        let wanted = json!({"using": "css selector", "value": selector});
        let found = self.0.post("/element", wanted).await;
        let id = found.as_object().unwrap().values().next().unwrap();
        format!("/element/{}", id.as_str().unwrap())
    }

    pub(super) async fn fill(&self, selector: &str, text: &str) {
        let field = self.element(selector).await;
        self.0.post(&format!("{field}/clear"), json!({})).await;
        self.0
            .post(&format!("{field}/value"), json!({"text": text}))
            .await;
    }

    /// Chooses a file of this machine.
    pub(super) async fn attach(&self, selector: &str, file: &Path) {
        let field = self.element(selector).await;
        let path = json!({"text": file.to_str().unwrap()});
        self.0.post(&format!("{field}/value"), path).await;
    }

    pub(super) async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.0.post(&format!("{element}/click"), json!({})).await;
    }

    /// Moves a slider, as a pointer would.
    pub(super) async fn slide(&self, selector: &str, value: f64) {
        let script = "const it = document.querySelector(arguments[0]); it.value = arguments[1]; \
             it.dispatchEvent(new Event('input', {bubbles: true}))";
        self.run(script, json!([selector, value])).await;
    }

    pub(super) async fn script(&self, script: &str) -> Value {
        self.run(script, json!([])).await
    }

    /// A script that says itself when it is done.
    pub(super) async fn script_async(&self, script: &str) -> Value {
        self.script_async_with(script, json!([])).await
    }

    /// The same with arguments before the one that ends it.
    pub(super) async fn script_async_with(&self, script: &str, arguments: Value) -> Value {
        let answer = self.call("async", script, arguments).await;
        answer.unwrap_or_else(|error| panic!("{error}"))
    }

    async fn run(&self, script: &str, arguments: Value) -> Value {
        let answer = self.call("sync", script, arguments.clone()).await;
        answer.unwrap_or_else(|error| panic!("{arguments}: {error}"))
    }

    async fn call(&self, how: &str, script: &str, arguments: Value) -> Result<Value, String> {
        let body = json!({"script": script, "args": arguments});
        let path = format!("/execute/{how}");
        self.0.call(Method::POST, &path, body).await
    }

    /// The whole page as `<name>.png` in the folder of the setting `TASADOR_SCREENSHOTS`, or under
    /// `target/screenshots`.
    pub(super) async fn screenshot(&self, name: &str) {
        let folder = std::env::var_os("TASADOR_SCREENSHOTS");
        let folder = folder.map_or_else(|| PathBuf::from("target/screenshots"), PathBuf::from);
        // Relative to the repository: a test's working folder is its crate's.
        let folder = tasador_testing::tools::repository().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        // The head stays where the window is: at the top of a picture of the whole page.
        self.script("scrollTo(0, 0)").await;
        let parameters = json!({"captureBeyondViewport": true});
        let answer = self.0.devtools("Page.captureScreenshot", parameters).await;
        let bytes = STANDARD.decode(answer["data"].as_str().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }
}
