//! The page in a real Chromium, with a fake camera, against the real server and native clients.
#![cfg(unix)]

mod chromium;
mod picture;
mod proxy;
mod server;

use std::time::{Duration, Instant};

use chromium::{Camera, Chromium, ELSEWHERE};
use fantoccini::key::Key;
use picture::Look;
use proxy::Proxy;
use server::{Native, Server};

/// One browser test at a time: two browsers are as much as two processors bear.
static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Whether an error in the console is the browser's own, when nobody answered.
fn is_of_no_server(error: &str) -> bool {
    error.contains("net::ERR_")
}

/// A server, a browser, and the tests' turn; `None` where browsers are left out.
async fn stage(flags: &[&str]) -> Option<(tokio::sync::MutexGuard<'static, ()>, Server, Chromium)> {
    let chromium_turn = ONE.lock().await;
    let chromium = Chromium::start_or_skip().await?;
    Some((chromium_turn, Server::start(flags).await, chromium))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_and_two_native_clients_see_each_other_in_the_right_places() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let looks = [Look(0), Look(1), Look(2), Look(3)];
    let _natives =
        [Native::join(&server, "client1", looks[0]).await, Native::join(&server, "client2", looks[1]).await];
    let one = chromium.open(&server, "?id=client3&name=Three&autojoin=1", Camera::shows(looks[2])).await;
    one.state("live").await;
    // Longer than a name may be, and with what turns text around.
    let name = "Four%E2%80%AE".to_owned() + &"%EA%B0%80".repeat(40);
    let two = chromium.open(&server, &format!("?id=client4&name={name}"), Camera::shows(looks[3])).await;
    two.click("join").await;
    two.state("live").await;

    for page in [&one, &two] {
        for (slot, look) in looks.into_iter().enumerate() {
            page.shows(slot, 2, look).await;
        }
        for (id, name) in [("client1", "client1"), ("client4", "Four가")] {
            page.until(&format!(
                "document.querySelector('[data-client-id={id}]').textContent.startsWith('{name}')"
            ))
            .await;
        }
    }
    two.until("document.querySelector('.own').dataset.clientId === 'client4'").await;
    for page in [one, two] {
        page.close_without_complaint().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_is_gone_and_may_join_again() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::shows(Look(1))).await;
    page.state("live").await;
    page.shows(0, 2, Look(1)).await;
    let watcher = chromium.open(&server, "", Camera::Denied).await;
    watcher.click("watch").await;
    watcher.shows(0, 2, Look(1)).await;
    page.click("leave").await;
    page.state("left").await;
    watcher.until("!document.querySelector('[data-client-id=anna]')").await;
    watcher.is_black(0, 2).await;
    page.click("join").await;
    page.state("live").await;
    watcher.shows(0, 2, Look(1)).await;
    // Out and in again before anybody has noticed.
    for _ in 0..5 {
        page.run("for (const part of ['leave', 'join']) document.getElementById(part).click()").await;
        page.state("live").await;
    }
    watcher.shows(0, 2, Look(1)).await;
    page.close_without_complaint().await;
    watcher.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_tab_frees_its_seat_within_a_second() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::shows(Look(1))).await;
    page.shows(0, 2, Look(1)).await;
    let watcher = chromium.open(&server, "", Camera::Denied).await;
    watcher.click("watch").await;
    watcher.until("document.querySelector('[data-client-id=anna]')").await;
    let closed = Instant::now();
    page.close().await;
    watcher.until("!document.querySelector('[data-client-id=anna]')").await;
    // The promise is a second after the tab is gone; closing the whole browser takes some of it too.
    assert!(closed.elapsed() < Duration::from_secs(3), "{:?}", closed.elapsed());
    watcher.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_and_started_again_finds_everybody_at_their_places() {
    let Some((_turn, mut server, chromium)) = stage(&[]).await else { return };
    let one = chromium.open(&server, "?id=one&autojoin=1", Camera::shows(Look(1))).await;
    one.shows(0, 2, Look(1)).await;
    let two = chromium.open(&server, "?id=two&autojoin=1", Camera::shows(Look(2))).await;
    two.shows(1, 2, Look(2)).await;
    server.kill().await;
    for page in [&one, &two] {
        page.state("reconnecting").await;
    }
    server.start_again().await;
    for page in [&one, &two] {
        page.state("live").await;
        page.shows(0, 2, Look(1)).await;
        page.shows(1, 2, Look(2)).await;
    }
    for page in [one, two] {
        page.close_with_errors(is_of_no_server).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_comes_back_to_its_place() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::shows(Look(1))).await;
    page.shows(0, 2, Look(1)).await;
    let _other = Native::join(&server, "other", Look(3)).await;
    page.reload().await;
    page.state("live").await;
    page.shows(0, 2, Look(1)).await;
    page.shows(1, 2, Look(3)).await;
    page.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_denied_is_explained_and_the_name_is_in_the_call() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "?id=anna&name=Anna", Camera::Denied).await;
    page.until("document.getElementById('notice').textContent.includes('not allowed')").await;
    page.click("join").await;
    page.state("live").await;
    page.until("document.querySelector('[data-client-id=anna].off')").await;
    page.is_black(0, 2).await;
    page.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trouble_with_a_camera_is_said_and_overcome() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::shows(Look(1))).await;
    page.shows(0, 2, Look(1)).await;
    page.click("camera").await;
    page.run("window.ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)").await;
    for (error, words) in [
        ("NotReadableError", "Another program uses the camera"),
        ("NotFoundError", "No camera is connected"),
        ("NotAllowedError", "not allowed on this page"),
        ("UnheardOfError", "The camera does not start: words of the browser"),
    ] {
        let fails = format!("async () => {{ throw new DOMException('words of the browser', '{error}') }}");
        page.run(&format!("navigator.mediaDevices.getUserMedia = {fails}")).await;
        page.click("camera").await;
        page.until(&format!("document.getElementById('notice').innerText.includes('{words}')")).await;
    }
    page.run("navigator.mediaDevices.getUserMedia = window.ask").await;
    page.click_action(0).await;
    page.shows(0, 2, Look(1)).await;
    page.until("document.getElementById('notice').hidden").await;

    // It is unplugged, and plugged in again.
    let ended =
        "document.getElementById('preview').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))";
    page.run(ended).await;
    page.until("document.getElementById('notice').innerText.includes('was disconnected')").await;
    page.is_black(0, 2).await;
    page.run("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))").await;
    page.shows(0, 2, Look(1)).await;
    page.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_screen_is_shared_instead_of_the_camera_until_that_ends() {
    let Some((_turn, mut server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::shows(Look(1))).await;
    page.shows(0, 2, Look(1)).await;
    // Whoever thinks better of it goes on with the camera.
    page.run("navigator.mediaDevices.getDisplayMedia = async () => { throw new DOMException('', 'NotAllowedError') }")
        .await;
    page.click_on("#share").await;
    page.click("camera").await;
    page.is_black(0, 2).await;
    page.click("camera").await;
    page.shows(0, 2, Look(1)).await;

    page.run(&format!(
        "const canvas = document.createElement('canvas'); canvas.width = 640; canvas.height = 480; \
         const context = canvas.getContext('2d'); \
         (function paint() {{ {} if (!window.isStill) requestAnimationFrame(paint); }})(); \
         navigator.mediaDevices.getDisplayMedia = async () => window.screenStream = canvas.captureStream(30)",
        Look(2).painting()
    ))
    .await;
    page.click_on("#share").await;
    page.shows(0, 2, Look(2)).await;
    // Nothing moves on it any more, and still it is there after a lost connection.
    page.run("window.isStill = true").await;
    server.kill().await;
    page.state("reconnecting").await;
    server.start_again().await;
    page.state("live").await;
    page.shows(0, 2, Look(2)).await;
    page.until("document.getElementById('share').ariaPressed === 'true'").await;
    page.run("window.screenStream.getTracks()[0].dispatchEvent(new Event('ended'))").await;
    page.shows(0, 2, Look(1)).await;
    page.until("document.getElementById('share').ariaPressed === 'false'").await;
    page.close_with_errors(is_of_no_server).await;
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
async fn a_server_that_is_gone_is_said_to_whoever_joins_and_found_when_it_is_back() {
    let Some((_turn, mut server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "?id=anna", Camera::shows(Look(1))).await;
    page.state("idle").await;
    server.kill().await;
    page.click("join").await;
    page.until("document.getElementById('notice').innerText.includes('The server does not answer')").await;
    server.start_again().await;
    page.state("live").await;
    page.shows(0, 2, Look(1)).await;
    page.close_with_errors(is_of_no_server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_secure_says_what_to_do_and_watches() {
    let Some((_turn, server, chromium)) = stage(&["--host", ELSEWHERE]).await else { return };
    let _native = Native::join(&server, "client1", Look(0)).await;
    let address = format!("http://{ELSEWHERE}:{}/", server.address.port());
    let page = chromium.open_at(&address, Camera::shows(Look(1))).await;
    page.until("!isSecureContext && document.getElementById('notice').innerText.includes('https://')").await;
    page.click_action(0).await;
    page.state("live").await;
    page.shows(0, 2, Look(0)).await;
    page.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_camera_goes_off_and_on_by_its_button() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::shows(Look(2))).await;
    page.shows(0, 2, Look(2)).await;
    page.click("camera").await;
    page.is_black(0, 2).await;
    page.until("document.querySelector('[data-client-id=anna].off')").await;
    page.click("camera").await;
    page.shows(0, 2, Look(2)).await;
    page.close_without_complaint().await;
}

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
async fn an_id_that_is_taken_is_said_and_somebody_new_gets_in() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let _native = Native::join(&server, "anna", Look(3)).await;
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::shows(Look(1))).await;
    page.state("failed").await;
    page.click_action(0).await;
    page.state("live").await;
    page.shows(1, 2, Look(1)).await;
    page.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fifth_turns_the_grid_to_3x3_and_leaves_it_2x2_again() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let mut natives = Vec::new();
    for (id, look) in [("client1", Look(0)), ("client2", Look(1)), ("client3", Look(2))] {
        natives.push(Native::join(&server, id, look).await);
    }
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::shows(Look(3))).await;
    page.shows(3, 2, Look(3)).await;
    let fifth = chromium.open(&server, "?id=eve&autojoin=1", Camera::shows(Look(0))).await;
    for page in [&page, &fifth] {
        for (slot, look) in [Look(0), Look(1), Look(2), Look(3), Look(0)].into_iter().enumerate() {
            page.shows(slot, 3, look).await;
        }
        let (width, tiles) =
            ("document.getElementById('mosaic').width", "document.querySelectorAll('.tile')");
        page.until(&format!("{width} === 1248 && {tiles}.length === 5")).await;
    }
    fifth.click("leave").await;
    fifth.state("left").await;
    page.until("document.getElementById('mosaic').width === 1280").await;
    for (slot, look) in [Look(0), Look(1), Look(2), Look(3)].into_iter().enumerate() {
        page.shows(slot, 2, look).await;
    }
    for native in natives {
        native.leave().await;
    }
    page.until("document.querySelectorAll('.tile').length === 1").await;
    page.close_without_complaint().await;
    fifth.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_watches_sees_everybody_and_is_seen_by_nobody() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let _native = Native::join(&server, "client2", Look(2)).await;
    let page = chromium.open(&server, "?name=Nobody", Camera::shows(Look(1))).await;
    page.state("idle").await;
    page.click("watch").await;
    page.state("live").await;
    page.shows(1, 2, Look(2)).await;
    page.until("document.querySelectorAll('.tile').length === 1 && !document.querySelector('.own')").await;
    for slot in [0, 2, 3] {
        page.is_black(slot, 2).await;
    }
    // There is nothing to turn off, and the camera's light is out.
    page.until("document.getElementById('camera').hidden && !document.getElementById('preview').srcObject")
        .await;
    page.click("leave").await;
    page.until("document.getElementById('preview').srcObject").await;

    // Also where the camera was asked for, and was slow.
    page.run(
        "const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices); \
         navigator.mediaDevices.getUserMedia = (wish) => new Promise((give) => { \
             window.answer = async () => give(window.late = await ask(wish)); })",
    )
    .await;
    page.run("document.getElementById('cameras').dispatchEvent(new Event('change'))").await;
    page.until("window.answer").await;
    page.click("watch").await;
    page.state("live").await;
    page.run("window.answer()").await;
    page.until("window.late && window.late.getTracks()[0].readyState === 'ended'").await;
    page.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_five_frames_a_second_go_up_a_way_of_100_ms_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--tls", "self-signed", "--tls-dir", folder.path().to_str().unwrap()];
    let Some((_turn, server, chromium)) = stage(&flags).await else { return };
    let proxy = Proxy::start(server.address, Duration::from_millis(100)).await;
    let address = server.page_by(proxy.address, "?id=anna&autojoin=1");
    let page = chromium.open_at(&address, Camera::shows(Look(1))).await;
    page.shows(0, 2, Look(1)).await;
    let figure = |name: &str| format!("parseFloat(document.getElementById('stats').dataset.{name})");
    page.until(&format!("{} >= 25 && {} >= 100", figure("framesUp"), figure("roundTrip"))).await;
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
async fn a_sixth_tab_over_http_1_is_told_why_it_cannot_join_and_joins_when_another_is_closed() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let address = |n: usize| server.page(&format!("?id=tab{n}&autojoin=1"));
    let browser = chromium.open_at(&address(1), Camera::Denied).await;
    browser.state("live").await;
    let mut tabs = Vec::new();
    for n in 2..=5 {
        tabs.push(browser.open_tab(&address(n)).await);
        browser.state("live").await;
    }
    let sixth = browser.open_tab(&address(6)).await;
    browser.state("failed").await;
    browser.until("document.getElementById('notice').textContent.includes('https://')").await;
    browser.switch_to(&tabs[0]).await;
    browser.close_tab().await;
    browser.switch_to(&sixth).await;
    browser.click_action(0).await;
    browser.state("live").await;
    // Five streams leave a connection for what goes up.
    browser.until("document.querySelector('[data-client-id=tab6].off')").await;
    browser.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_with_the_servers_own_certificate_it_is_the_same_call() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--tls", "self-signed", "--tls-dir", folder.path().to_str().unwrap()];
    let Some((_turn, server, chromium)) = stage(&flags).await else { return };
    let _native = Native::join(&server, "client1", Look(0)).await;
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::shows(Look(2))).await;
    page.shows(1, 2, Look(2)).await;
    page.shows(0, 2, Look(0)).await;
    page.until("location.protocol === 'https:'").await;
    page.until("performance.getEntriesByType('resource').some(entry => entry.nextHopProtocol === 'h2')")
        .await;
    page.close_without_complaint().await;
}
