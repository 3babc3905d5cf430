//! Pictures of the page in each of its situations, for people to look at.

use std::path::{Path, PathBuf};

use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use http::Method;
use serde_json::{Value, json};
use tessera_client::pacing::Pace;
use tessera_client::source::{Content, SourceSpec};
use tessera_mosaic::{Fit, Ingest, Picture, Quality, TileSize, encode_jpeg};

use crate::chromium::{Camera, Chromium, Page, within};
use crate::server::{Native, Secret, Server};

/// Who is in the call, and what they show.
const PEOPLE: [(&str, &str); 7] = [
    ("Mina", "clips/1.mp4"),
    ("Jonas", "clips/2.mp4"),
    ("Zoë's lab", "clips/3.mp4"),
    ("Rooftop camera", "clips/4.mp4"),
    ("robot-7", "test-pattern@15#1"),
    ("Priya", "test-pattern@15#2"),
    ("Door", "test-pattern@15#3"),
];

pub(crate) async fn take(chromium: &Chromium) {
    let folder = repository().join("docs/page");
    std::fs::create_dir_all(&folder).unwrap();
    let camera = || Camera::Plays(camera("clips/4.mp4"));
    let mut server = Server::start(&["--fit", "cover"]).await;

    let page = chromium.open(&server, "?name=Anna", camera()).await;
    page.until("document.getElementById('preview').videoWidth").await;
    name_camera(&page).await;
    save(&page, &folder, "before").await;
    dark(&page).await;
    save(&page, &folder, "before-dark").await;
    page.close().await;

    let page = chromium.open(&server, "?name=Anna", Camera::Denied).await;
    page.until("!document.getElementById('notice').hidden").await;
    save(&page, &folder, "camera-denied").await;
    page.close().await;

    let mut people = Vec::new();
    for (name, source) in &PEOPLE[..3] {
        people.push(come(&server, name, source).await);
    }
    let page = chromium.open(&server, "?name=Anna&autojoin=1", camera()).await;
    in_call(&page, 4).await;
    save(&page, &folder, "call-2x2").await;
    page.click_on("#info").await;
    page.until("document.querySelectorAll('#stats dd').length").await;
    save(&page, &folder, "figures").await;
    page.click_on("#info").await;
    page.click_on("#choose").await;
    page.until("document.getElementById('chooser').open").await;
    name_camera(&page).await;
    save(&page, &folder, "chooser").await;
    page.run("document.getElementById('chooser').close()").await;
    page.click_on("[data-slot=\"1\"]").await;
    page.until("document.querySelector('[data-large]')").await;
    settle(&page).await;
    save(&page, &folder, "one-large").await;
    page.type_into("body", Key::Escape).await;
    settle(&page).await;

    for (name, source) in &PEOPLE[3..] {
        people.push(come(&server, name, source).await);
    }
    in_call(&page, 8).await;
    save(&page, &folder, "call-3x3").await;
    dark(&page).await;
    save(&page, &folder, "call-dark").await;
    command(&page, "Emulation.setEmulatedMedia", json!({ "features": [] })).await;
    for (name, width, height, scale) in [("phone", 390, 780, 2), ("wide", 3840, 2160, 1)] {
        size(&page, width, height, scale).await;
        save(&page, &folder, name).await;
    }
    size(&page, 1280, 860, 1).await;
    server.kill().await;
    page.state("reconnecting").await;
    settle(&page).await;
    save(&page, &folder, "reconnecting").await;
    page.close().await;

    server.start_again().await;
    let page = chromium.open(&server, "?name=Anna", camera()).await;
    page.until("document.getElementById('preview').videoWidth").await;
    name_camera(&page).await;
    size(&page, 390, 780, 2).await;
    save(&page, &folder, "phone-before").await;
    page.close().await;
    host(chromium, &folder).await;
}

/// A host in a locked room, with the mouse over somebody's tile.
async fn host(chromium: &Chromium, folder: &Path) {
    let secret = Secret::new().await;
    let server = Server::start(&["--fit", "cover", "--key-file", secret.file()]).await;
    let link = |flags: &'static [&str]| secret.invite(&server, flags, "?autojoin=1");
    let page = link(&["--room", "kitchen", "--role", "host", "--name", "Anna"]).await;
    let page = chromium.open_at(&page, Camera::Plays(camera("clips/4.mp4"))).await;
    in_call(&page, 1).await;
    let guest = link(&["--room", "kitchen", "--name", "Mina"]).await;
    let guest = chromium.open_at(&guest, Camera::Plays(camera("clips/1.mp4"))).await;
    in_call(&guest, 2).await;
    page.click_on("#lock").await;
    page.until("!document.getElementById('locked').hidden").await;
    for _ in 0..2 {
        page.click_on("[data-client-id=Mina]").await;
    }
    settle(&page).await;
    save(&page, folder, "host").await;
    page.close().await;
    guest.close().await;
}

async fn come(server: &Server, name: &str, source: &str) -> Native {
    let file = repository().join(source);
    let source = if file.exists() { file.to_str().unwrap() } else { source };
    let id = name.to_lowercase().replace([' ', '\''], "-");
    Native::play(server, &id, Some(name), source, Pace::Source).await
}

/// Waits until so many are seen, and none of their tiles is black any more.
async fn in_call(page: &Page, count: usize) {
    page.until(&format!("document.querySelectorAll('.tile').length === {count}")).await;
    page.until("document.querySelector('.own') && !document.querySelector('.own.off')").await;
    page.until("parseFloat(document.getElementById('stats').dataset.framesUp) > 5").await;
    page.until("parseFloat(document.getElementById('stats').dataset.latency) > 0").await;
}

/// Waits until nothing moves by itself any more.
async fn settle(page: &Page) {
    page.until("document.getAnimations().every(animation => animation.playState === 'finished')").await;
}

async fn dark(page: &Page) {
    let features = json!([{ "name": "prefers-color-scheme", "value": "dark" }]);
    command(page, "Emulation.setEmulatedMedia", json!({ "features": features })).await;
    page.until("matchMedia('(prefers-color-scheme: dark)').matches").await;
}

async fn size(page: &Page, width: u32, height: u32, scale: u32) {
    let metrics =
        json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 500 });
    command(page, "Emulation.setDeviceMetricsOverride", metrics).await;
    page.until(&format!("innerWidth === {width}")).await;
}

/// Camera files have long names; a camera's is short.
async fn name_camera(page: &Page) {
    page.until("document.querySelector('#cameras option')").await;
    page.run(
        "for (const option of document.querySelectorAll('option')) option.textContent = 'Built-in camera'",
    )
    .await;
}

async fn save(page: &Page, folder: &Path, name: &str) {
    let png = within(page.client.screenshot()).await.unwrap();
    let seen = image::load_from_memory_with_format(&png, image::ImageFormat::Png).unwrap().into_rgb8();
    let picture = Picture::from_rgb(seen.width(), seen.height(), seen.as_raw()).unwrap();
    let file = folder.join(format!("{name}.jpg"));
    std::fs::write(&file, encode_jpeg(&picture, Quality::new(88).unwrap())).unwrap();
    println!("{}", file.display());
}

/// What a camera sees: a second of a clip, as JPEGs one after the other.
fn camera(clip: &str) -> Vec<u8> {
    let spec: SourceSpec = repository().join(clip).to_str().unwrap().parse().unwrap();
    let mut source = spec.open().unwrap();
    let mut ingest = Ingest::default();
    let size = TileSize::new(640, 480).unwrap();
    let mut pictures = Vec::new();
    while let Some(frame) = source.next_frame().unwrap().filter(|_| pictures.len() < 1 << 21) {
        let Content::Picture(picture) = frame.content else { panic!("a clip is a video") };
        pictures.extend(encode_jpeg(&ingest.scale(&picture, size, Fit::Cover), Quality::new(92).unwrap()));
    }
    pictures
}

/// A command of the browser's own protocol (<https://chromedevtools.github.io/devtools-protocol/>).
async fn command(page: &Page, name: &'static str, params: Value) {
    within(page.client.issue_cmd(DevTools { name, params })).await.unwrap();
}

/// A command of Chromium's own, by way of chromedriver.
#[derive(Debug)]
struct DevTools {
    name: &'static str,
    params: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "cmd": self.name, "params": self.params }).to_string()))
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
