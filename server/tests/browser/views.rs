//! What is seen of the mosaic, and when nobody looks.

use std::time::Duration;

use fantoccini::key::Key;

use crate::chromium::Camera;
use crate::picture::Look;
use crate::server::Native;
use crate::{is_of_no_server, stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_tile_that_is_clicked_is_large_until_escape() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let _native = Native::join(&server, "client4", Look(3)).await;
    let page = chromium.open(&server, "", Camera::Denied).await;
    page.click("watch").await;
    page.shows(3, 2, Look(3)).await;
    page.click_on("[data-client-id=client4]").await;
    page.until("document.querySelector('[data-client-id=client4]').dataset.large").await;
    // The mosaic is twice as large, and its last quarter fills the frame.
    page.until(
        "(() => { const frame = document.getElementById('frame').getBoundingClientRect(), \
         mosaic = document.getElementById('mosaic').getBoundingClientRect(); \
         return Math.abs(mosaic.width - 2 * frame.width) < 2 && Math.abs(mosaic.right - frame.right) < 2; })()",
    )
    .await;
    page.type_into("body", Key::Escape).await;
    page.until("!document.querySelector('[data-large]')").await;
    for is_large in [true, false] {
        page.type_into("[data-client-id=client4]", Key::Enter).await;
        page.until(&format!("!!document.querySelector('[data-large]') === {is_large}")).await;
    }
    page.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_full_screen_notices_are_seen_and_leaving_ends_it() {
    let Some((_turn, mut server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::shows(Look(1))).await;
    page.shows(0, 2, Look(1)).await;
    page.click_on("#full").await;
    page.until("document.fullscreenElement").await;
    server.kill().await;
    page.state("reconnecting").await;
    server.start_again().await;
    page.click_action(0).await;
    page.state("live").await;
    page.click("leave").await;
    page.until("!document.fullscreenElement").await;
    page.click("join").await;
    page.shows(0, 2, Look(1)).await;
    page.close_with_errors(is_of_no_server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_window_takes_pictures_only_while_it_is_open_and_closes_with_the_call() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::shows(Look(1))).await;
    page.shows(0, 2, Look(1)).await;
    // A browser without a window has no small one either.
    page.run(
        "window.taken = []; window.videos = new Set(); window.small = null; \
         const capture = HTMLCanvasElement.prototype.captureStream; \
         HTMLCanvasElement.prototype.captureStream = function (rate) { \
             const stream = capture.call(this, rate); window.taken.push(stream.getTracks()[0]); return stream; }; \
         Object.defineProperty(document, 'pictureInPictureElement', { get: () => window.small }); \
         document.exitPictureInPicture = async () => { \
             const video = window.small; window.small = null; video.dispatchEvent(new Event('leavepictureinpicture')); }; \
         HTMLVideoElement.prototype.requestPictureInPicture = async function () { \
             window.videos.add(this); \
             if (window.isRefused) throw new DOMException('', 'NotAllowedError'); \
             window.small = this; }",
    )
    .await;
    let is_all_ended = "window.taken.every((track) => track.readyState === 'ended')";
    let ended = |times: usize| format!("!window.small && window.taken.length === {times} && {is_all_ended}");
    page.run("window.isRefused = true; document.getElementById('pip').hidden = false").await;
    page.click_on("#pip").await;
    page.until(&ended(1)).await;
    page.run("window.isRefused = false").await;
    for times in [2, 3] {
        page.click_on("#pip").await;
        page.until("window.small && window.small.videoWidth > 0").await;
        page.click_on("#pip").await;
        page.until(&ended(times)).await;
    }
    page.click_on("#pip").await;
    page.until("window.small").await;
    page.run("document.exitPictureInPicture()").await;
    page.until(&ended(4)).await;
    page.click_on("#pip").await;
    page.until("window.small").await;
    page.click("leave").await;
    page.state("left").await;
    page.until(&ended(5)).await;
    page.until("window.videos.size === 1").await;
    page.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_page_draws_nothing_and_is_not_taken_for_dead() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::shows(Look(1))).await;
    page.shows(0, 2, Look(1)).await;
    page.minimise().await;
    assert_eq!(page.run("return document.hidden").await, true);

    let watcher = chromium.open(&server, "", Camera::Denied).await;
    watcher.click("watch").await;
    watcher.shows(0, 2, Look(1)).await;
    // Silence is noticed after three seconds.
    let stale = "document.querySelector('[data-client-id=anna].stale')";
    assert!(watcher.is_never(stale, Duration::from_secs(5)).await, "it says that it lives");
    let _native = Native::join(&server, "client2", Look(2)).await;
    watcher.shows(1, 2, Look(2)).await;
    assert!(!Look(2).is_shown(&page.canvas().await, 1, 2), "nobody sees it, so nothing is drawn");

    page.restore().await;
    page.shows(1, 2, Look(2)).await;
    page.close_without_complaint().await;
    watcher.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_page_without_a_camera_says_that_it_lives_before_its_seat_is_ended() {
    let Some((_turn, server, chromium)) = stage(&["--silent-after", "3s"]).await else { return };
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::Denied).await;
    page.state("live").await;
    page.minimise().await;
    let watcher = chromium.open(&server, "", Camera::Denied).await;
    watcher.click("watch").await;
    watcher.until("document.querySelector('[data-client-id=anna].off')").await;
    let is_gone = "!document.querySelector('[data-client-id=anna]')";
    assert!(watcher.is_never(is_gone, Duration::from_secs(8)).await);
    page.close_without_complaint().await;
    watcher.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_page_whose_clock_stands_still_answers_what_it_hears() {
    let Some((_turn, server, chromium)) = stage(&["--silent-after", "8s"]).await else { return };
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::shows(Look(1))).await;
    page.shows(0, 2, Look(1)).await;
    // The clock is the worker's, which is found by what goes to it.
    page.run(
        "const post = Worker.prototype.postMessage; \
         Worker.prototype.postMessage = function (...message) { window.worker = this; post.apply(this, message); }",
    )
    .await;
    page.until("window.worker").await;
    page.click("camera").await;
    page.is_black(0, 2).await;
    page.run("window.worker.postMessage({ tick: 0 })").await;
    page.minimise().await;
    let watcher = chromium.open(&server, "", Camera::Denied).await;
    watcher.click("watch").await;
    watcher.until("document.querySelector('[data-client-id=anna].off')").await;
    let is_gone = "!document.querySelector('[data-client-id=anna]')";
    assert!(watcher.is_never(is_gone, Duration::from_secs(12)).await);
    page.close_without_complaint().await;
    watcher.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_silent_is_dimmed_until_the_next_word() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let silent = Native::join(&server, "client1", Look(0)).await;
    let page = chromium.open(&server, "", Camera::Denied).await;
    page.click("watch").await;
    page.shows(0, 2, Look(0)).await;
    silent.hang();
    page.until("document.querySelector('[data-client-id=client1].stale')").await;
    page.until("document.querySelector('[data-client-id=client1]').ariaLabel.includes('not answering')")
        .await;
    silent.leave().await;
    let _back = Native::join(&server, "client1", Look(1)).await;
    page.until("document.querySelector('[data-client-id=client1]:not(.stale)')").await;
    page.shows(0, 2, Look(1)).await;
    page.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_is_text_and_does_nothing() {
    const NAME: &str = r#"<img src=x onerror="document.title='owned'"><b>Eve</b>"#;
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "", Camera::Denied).await;
    page.click("watch").await;
    page.state("live").await;
    page.run("window.before = document.title").await;
    let _eve = Native::show_as(&server, "eve", NAME, Look(1)).await;
    let name = serde_json::Value::from(NAME);
    page.until(&format!("document.querySelector('[data-client-id=eve]')?.innerText.includes({name})")).await;
    page.until(&format!("document.querySelector('[data-client-id=eve]').ariaLabel.includes({name})")).await;
    page.until(&format!("document.getElementById('news').textContent.includes({name})")).await;
    page.until(
        "!document.querySelector('#tiles img, #tiles b, #news *') && document.title === window.before",
    )
    .await;
    page.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mosaic_is_saved_as_the_jpeg_that_it_is() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::shows(Look(1))).await;
    page.shows(0, 2, Look(1)).await;
    page.run(
        "const make = URL.createObjectURL; \
         URL.createObjectURL = (blob) => { window.saved = blob; return make.call(URL, blob); }; \
         HTMLAnchorElement.prototype.click = function () { window.savedAs = this.download; }",
    )
    .await;
    page.click_on("#save").await;
    page.until("/^Tessera \\d{4}-\\d\\d-\\d\\d \\d\\d\\.\\d\\d\\.\\d\\d\\.jpg$/.test(window.savedAs)").await;
    page.until("window.saved.type === 'image/jpeg'").await;
    page.run(
        "createImageBitmap(window.saved).then(({ width, height }) => { window.size = [width, height]; })",
    )
    .await;
    page.until("window.size && window.size.join() === '1280,960'").await;
    page.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_speaks_the_language_that_it_is_asked_for() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "?lang=ko", Camera::Denied).await;
    page.until(
        "document.documentElement.lang === 'ko' && document.getElementById('join').innerText === '참가하기'",
    )
    .await;
    page.until("document.getElementById('notice').innerText.includes('카메라')").await;
    page.close_without_complaint().await;
}
