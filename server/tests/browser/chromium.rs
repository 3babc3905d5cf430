//! Chromium, driven by chromedriver: a browser of its own for each page, with a camera of its own.
#![allow(clippy::print_stderr, reason = "what was left out is said")]

use std::process::Stdio;
use std::time::Duration;

use fantoccini::key::Key;
use fantoccini::wd::{WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempDir};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::picture::{Look, is_black};
use crate::server::Server;

/// Nothing here takes so long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(40);
/// So long a condition is waited for in the page, which then says how things stand instead.
const WAIT: Duration = Duration::from_secs(30);

/// How often chromedriver is started before it is given up.
const ATTEMPTS: usize = 5;

/// A name of this machine that browsers do not take for it: pages from there are not secure without TLS.
pub(crate) const ELSEWHERE: &str = "elsewhere.test";

/// What every browser is started with: no window, no network of its own, and a camera that is a file.
const FLAGS: [&str; 12] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--use-fake-device-for-media-stream",
    "--window-size=1280,860",
    "--host-resolver-rules=MAP elsewhere.test 127.0.0.1",
];

/// `future`'s result, or a failed test if it hangs.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("this hangs")
}

/// A running chromedriver, ended with the test; its browsers end with it.
pub(crate) struct Chromium {
    _driver: Child,
    url: String,
}

/// What a page's camera does.
#[derive(Debug, Clone)]
pub(crate) enum Camera {
    /// JPEGs one after the other, again and again, 30 a second.
    Plays(Vec<u8>),
    /// The person said no.
    Denied,
}

impl Camera {
    /// Always the same picture.
    pub(crate) fn shows(look: Look) -> Self {
        Self::Plays(look.jpeg().repeat(4))
    }
}

impl Chromium {
    /// `None`, which is said, with `SKIP_E2E=1`.
    pub(crate) async fn start_or_skip() -> Option<Self> {
        if std::env::var_os("SKIP_E2E").is_some_and(|value| value == "1") {
            eprintln!("skipped, as SKIP_E2E=1: a browser test");
            return None;
        }
        for _ in 0..ATTEMPTS {
            if let Some(chromium) = Self::start().await {
                return Some(chromium);
            }
        }
        panic!("chromedriver ends at once, {ATTEMPTS} times");
    }

    /// `None` if the port that chromedriver chose was taken at the same moment: it wants one in both families.
    async fn start() -> Option<Self> {
        let mut driver = Command::new("chromedriver")
            .args(["--port=0"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("chromedriver: {error}; `make test` installs it, or set SKIP_E2E=1")
            });
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = within(lines.next_line()).await.unwrap()?;
            if let Some((_, port)) = line.split_once("on port ")
                && line.contains("successfully")
            {
                break port.trim_end_matches('.').to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Some(Self { _driver: driver, url: format!("http://127.0.0.1:{port}") })
    }

    /// A browser with the page of `server`.
    pub(crate) async fn open(&self, server: &Server, query: &str, camera: Camera) -> Page {
        self.open_at(&server.page(query), camera).await
    }

    pub(crate) async fn open_at(&self, url: &str, camera: Camera) -> Page {
        let profile = tempfile::tempdir().unwrap();
        let mut args: Vec<_> = FLAGS.map(str::to_owned).into();
        args.push(user_data_dir(&profile));
        let mut file = None;
        let film = match camera {
            Camera::Plays(film) => Some(film),
            Camera::Denied => None,
        };
        match film {
            Some(film) => {
                let pictures = NamedTempFile::with_suffix(".mjpeg").unwrap();
                std::fs::write(pictures.path(), film).unwrap();
                args.push("--use-fake-ui-for-media-stream".to_owned());
                args.push(format!("--use-file-for-fake-video-capture={}", pictures.path().display()));
                file = Some(pictures);
            }
            None => args.push("--deny-permission-prompts".to_owned()),
        }
        let capabilities = json!({
            "goog:chromeOptions": { "args": args },
            "goog:loggingPrefs": { "browser": "ALL" },
            "acceptInsecureCerts": true,
            "timeouts": { "script": PATIENCE.as_millis() as u64 },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is written so") };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let browser = Browser { profile, _camera: file };
        let client = within(builder.capabilities(capabilities).connect(&self.url)).await.unwrap();
        within(client.goto(url)).await.unwrap();
        Page { client, _browser: browser }
    }
}

/// A page in a browser of its own.
pub(crate) struct Page {
    pub(crate) client: Client,
    _browser: Browser,
}

/// What a browser has of ours. It ends with this, also when its test fails: chromedriver leaves it behind then, and it
/// would go on in its call for ever.
struct Browser {
    profile: TempDir,
    _camera: Option<NamedTempFile>,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let flag = user_data_dir(&self.profile);
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
            if let Some(pid) = pid
                && command.split(|&byte| byte == 0).any(|word| word == flag.as_bytes())
            {
                // Gone already is as good.
                kill_process(pid, Signal::KILL).ok();
            }
        }
    }
}

fn user_data_dir(profile: &TempDir) -> String {
    format!("--user-data-dir={}", profile.path().display())
}

impl Page {
    /// Lets the browser get no file of that name any more.
    pub(crate) async fn block(&self, file: &str) {
        let blocked = json!({ "urls": [format!("*/{file}")] });
        for (command, parameters) in [("Network.enable", json!({})), ("Network.setBlockedURLs", blocked)] {
            within(self.client.issue_cmd(DevTools(command, parameters))).await.unwrap();
        }
    }

    pub(crate) async fn go_to(&self, url: &str) {
        within(self.client.goto(url)).await.unwrap();
    }

    /// Runs a script and gives what it returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        within(self.client.execute(script, Vec::new())).await.unwrap()
    }

    /// Waits until a condition holds, looked at with each picture that the browser draws.
    pub(crate) async fn until(&self, condition: &str) {
        assert!(
            self.becomes(condition, WAIT).await,
            "never so: {condition}; the page: {}",
            self.describe().await
        );
    }

    /// Whether a condition does not hold once in so long a time.
    pub(crate) async fn is_never(&self, condition: &str, time: Duration) -> bool {
        !self.becomes(condition, time).await
    }

    async fn becomes(&self, condition: &str, time: Duration) -> bool {
        let script = format!(
            "const end = performance.now() + {}; (function look() {{ \
             if ({condition}) done(true); \
             else if (performance.now() > end) done(false); \
             else requestAnimationFrame(look); }})();",
            time.as_millis()
        );
        self.run_async(&script).await == true
    }

    /// What a person sees, in words.
    async fn describe(&self) -> Value {
        self.run(
            "return document.getElementById('status').dataset.state + ': ' + document.body.innerText + \
             JSON.stringify({ ...document.getElementById('stats').dataset })",
        )
        .await
    }

    /// Waits until the call is in that state.
    pub(crate) async fn state(&self, state: &str) {
        self.until(&format!("document.querySelector('[data-testid=status]').dataset.state === '{state}'"))
            .await;
    }

    /// Presses the part of that name.
    pub(crate) async fn click(&self, part: &str) {
        self.click_on(&format!("[data-testid={part}]")).await;
    }

    /// Presses a button of the notice.
    pub(crate) async fn click_action(&self, index: usize) {
        self.click_on(&format!("#notice [data-action=\"{index}\"]")).await;
    }

    /// Presses an element, as a mouse does: what is under another cannot be pressed.
    pub(crate) async fn click_on(&self, selector: &str) {
        let element = within(self.client.wait().for_element(Locator::Css(selector))).await.unwrap();
        within(element.click()).await.unwrap();
    }

    /// Types a key while an element has the focus.
    pub(crate) async fn type_into(&self, selector: &str, key: Key) {
        self.press(selector, key.into()).await;
    }

    /// Types a letter while an element has the focus.
    pub(crate) async fn press(&self, selector: &str, letter: char) {
        let element = within(self.client.find(Locator::Css(selector))).await.unwrap();
        within(element.send_keys(&letter.to_string())).await.unwrap();
    }

    pub(crate) async fn reload(&self) {
        within(self.client.refresh()).await.unwrap();
    }

    /// Waits until the tile of `slot` shows `look`, by the pixels of the canvas.
    pub(crate) async fn shows(&self, slot: usize, side: u32, look: Look) {
        self.sees(&format!("{look:?} in slot {slot}"), |mosaic| look.is_shown(mosaic, slot, side)).await;
    }

    /// Waits until the tile of `slot` is black.
    pub(crate) async fn is_black(&self, slot: usize, side: u32) {
        self.sees(&format!("black in slot {slot}"), |mosaic| is_black(mosaic, slot, side)).await;
    }

    async fn sees(&self, what: &str, is_it: impl Fn(&image::RgbImage) -> bool) {
        let looked = tokio::time::timeout(PATIENCE, async { while !is_it(&self.mosaic().await) {} });
        if looked.await.is_err() {
            let status = self.describe().await;
            let file = std::env::temp_dir().join("tessera-browser-test.png");
            self.mosaic().await.save(&file).unwrap();
            panic!("never seen: {what}; the page says: {status}; its canvas is in {}", file.display());
        }
    }

    /// The canvas, when it has been drawn anew.
    async fn mosaic(&self) -> image::RgbImage {
        self.run_async("requestAnimationFrame(() => done(true))").await;
        self.canvas().await
    }

    /// The canvas as it is.
    pub(crate) async fn canvas(&self) -> image::RgbImage {
        let text = self
            .run("return document.querySelector('[data-testid=mosaic]').toDataURL('image/png').split(',')[1]")
            .await;
        let png = base64(text.as_str().unwrap());
        image::load_from_memory_with_format(&png, image::ImageFormat::Png).unwrap().into_rgb8()
    }

    /// Runs a script that calls `done` in the end, and gives what it called it with.
    async fn run_async(&self, script: &str) -> Value {
        let script = format!("const done = arguments[0]; {script}");
        within(self.client.execute_async(&script, Vec::new())).await.unwrap()
    }

    /// Puts the window away: the page is hidden.
    pub(crate) async fn minimise(&self) {
        within(self.client.minimize_window()).await.unwrap();
    }

    /// Brings the window back.
    pub(crate) async fn restore(&self) {
        within(self.client.set_window_size(1280, 860)).await.unwrap();
    }

    /// Opens an address in another tab of this browser, which is the one that everything goes to from now on.
    pub(crate) async fn open_tab(&self, url: &str) -> WindowHandle {
        let tab = within(self.client.new_window(true)).await.unwrap().handle;
        self.switch_to(&tab).await;
        within(self.client.goto(url)).await.unwrap();
        tab
    }

    /// Turns to another tab.
    pub(crate) async fn switch_to(&self, tab: &WindowHandle) {
        within(self.client.switch_to_window(tab.clone())).await.unwrap();
    }

    /// Closes the tab that everything goes to; another one must be turned to next.
    pub(crate) async fn close_tab(&self) {
        within(self.client.close_window()).await.unwrap();
    }

    /// Closes the browser.
    pub(crate) async fn close(self) {
        within(self.client.close()).await.unwrap();
    }

    /// Closes the browser, whose console must have no error: neither a script's, nor of the policy, nor of
    /// anything that was not found.
    pub(crate) async fn close_without_complaint(self) {
        self.close_with_errors(|_| false).await;
    }

    /// Closes the browser, whose console must have no other errors than those that `is_expected`.
    pub(crate) async fn close_with_errors(self, is_expected: impl Fn(&str) -> bool) {
        let log = within(self.client.issue_cmd(BrowserLog)).await.unwrap();
        let errors = log.as_array().unwrap().iter().filter(|entry| entry["level"] == "SEVERE");
        let strange: Vec<_> =
            errors.filter(|entry| !is_expected(entry["message"].as_str().unwrap_or_default())).collect();
        assert!(strange.is_empty(), "{strange:#?}");
        self.close().await;
    }
}

/// What the console said: chromedriver's own command.
#[derive(Debug)]
struct BrowserLog;

impl WebDriverCompatibleCommand for BrowserLog {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// A command of the browser's own protocol (<https://chromedevtools.github.io/devtools-protocol/>).
#[derive(Debug)]
struct DevTools(&'static str, Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "cmd": self.0, "params": self.1 }).to_string()))
    }
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
