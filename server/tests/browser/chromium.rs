//! Chromium, driven by chromedriver: a browser of its own for each page, with a camera of its own.
#![allow(clippy::print_stderr, reason = "what was left out is said")]

use std::process::Stdio;
use std::time::Duration;

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::picture::{Look, is_black};
use crate::server::Server;

/// Nothing here takes so long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(40);

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
#[derive(Debug, Clone, Copy)]
pub(crate) enum Camera {
    Shows(Look),
    /// The person said no.
    Denied,
}

impl Chromium {
    /// `None`, which is said, with `SKIP_E2E=1`.
    pub(crate) async fn start_or_skip() -> Option<Self> {
        if std::env::var_os("SKIP_E2E").is_some_and(|value| value == "1") {
            eprintln!("skipped, as SKIP_E2E=1: a browser test");
            return None;
        }
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
            let line = within(lines.next_line()).await.unwrap().expect("chromedriver ends at once");
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
        let mut args =
            vec!["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,860"]
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>();
        args.push("--use-fake-device-for-media-stream".to_owned());
        let mut file = None;
        match camera {
            Camera::Shows(look) => {
                let pictures = NamedTempFile::with_suffix(".mjpeg").unwrap();
                std::fs::write(pictures.path(), look.jpeg().repeat(4)).unwrap();
                args.push("--use-fake-ui-for-media-stream".to_owned());
                args.push(format!("--use-file-for-fake-video-capture={}", pictures.path().display()));
                file = Some(pictures);
            }
            Camera::Denied => args.push("--deny-permission-prompts".to_owned()),
        }
        let capabilities = json!({
            "goog:chromeOptions": { "args": args },
            "goog:loggingPrefs": { "browser": "ALL" },
            "acceptInsecureCerts": true,
            "timeouts": { "script": PATIENCE.as_millis() as u64 },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is written so") };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = within(builder.capabilities(capabilities).connect(&self.url)).await.unwrap();
        within(client.goto(url)).await.unwrap();
        Page { client, _camera: file }
    }
}

/// A page in a browser of its own.
pub(crate) struct Page {
    client: Client,
    _camera: Option<NamedTempFile>,
}

impl Page {
    /// Runs a script and gives what it returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        within(self.client.execute(script, Vec::new())).await.unwrap()
    }

    /// Waits until a condition holds, looked at with each picture that the browser draws.
    pub(crate) async fn until(&self, condition: &str) {
        let script = format!(
            "const done = arguments[0]; (function look() {{ \
             if ({condition}) done(true); else requestAnimationFrame(look); }})();"
        );
        let waited = within(self.client.execute_async(&script, Vec::new())).await;
        if waited.is_err() {
            let status = self.run("return document.body.innerText").await;
            panic!("never so: {condition}; the page says: {status}");
        }
    }

    /// Waits until the call is in that state.
    pub(crate) async fn state(&self, state: &str) {
        self.until(&format!("document.querySelector('[data-testid=status]').dataset.state === '{state}'"))
            .await;
    }

    /// Presses the part of that name.
    pub(crate) async fn click(&self, part: &str) {
        let selector = format!("[data-testid={part}]");
        let element = within(self.client.find(Locator::Css(&selector))).await.unwrap();
        within(element.click()).await.unwrap();
    }

    /// Presses a key.
    pub(crate) async fn press(&self, key: &str) {
        self.run(&format!("document.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}' }}))")).await;
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
            let status = self.run("return document.body.innerText").await;
            let file = std::env::temp_dir().join("tessera-browser-test.png");
            self.mosaic().await.save(&file).unwrap();
            panic!("never seen: {what}; the page says: {status}; its canvas is in {}", file.display());
        }
    }

    /// The canvas, when it has been drawn anew.
    async fn mosaic(&self) -> image::RgbImage {
        let script = "const done = arguments[0]; requestAnimationFrame(() => \
            done(document.querySelector('[data-testid=mosaic]').toDataURL('image/png').split(',')[1]));";
        let text = within(self.client.execute_async(script, Vec::new())).await.unwrap();
        let png = base64(text.as_str().unwrap());
        image::load_from_memory_with_format(&png, image::ImageFormat::Png).unwrap().into_rgb8()
    }

    /// Closes the browser.
    pub(crate) async fn close(self) {
        within(self.client.close()).await.unwrap();
    }

    /// Closes the browser, whose console must have no error: neither a script's, nor of the policy, nor of
    /// anything that was not found.
    pub(crate) async fn close_without_complaint(self) {
        let log = within(self.client.issue_cmd(BrowserLog)).await.unwrap();
        let severe: Vec<_> =
            log.as_array().unwrap().iter().filter(|entry| entry["level"] == "SEVERE").collect();
        assert!(severe.is_empty(), "{severe:#?}");
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

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
