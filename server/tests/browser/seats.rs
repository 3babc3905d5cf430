//! Who is where: joining, leaving, coming back, and the grid that grows with them.

use std::time::{Duration, Instant};

use crate::chromium::Camera;
use crate::picture::Look;
use crate::server::Native;
use crate::stage;

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
    one.until("/Four가+ has joined\\./.test(document.getElementById('news').textContent)").await;
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
    // What was told before is not read out beside it.
    page.until("document.getElementById('status').innerText === 'You have left the call.'").await;
    page.until("document.getElementById('news').textContent === ''").await;
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
    // A browser without a tab ends, and that takes a while of its own.
    let page = chromium.open(&server, "", Camera::shows(Look(1))).await;
    page.open_tab(&server.page("?id=anna&autojoin=1")).await;
    page.shows(0, 2, Look(1)).await;
    let watcher = chromium.open(&server, "", Camera::Denied).await;
    watcher.click("watch").await;
    watcher.until("document.querySelector('[data-client-id=anna]')").await;
    page.close_tab().await;
    let closed = Instant::now();
    watcher.until("!document.querySelector('[data-client-id=anna]')").await;
    assert!(closed.elapsed() < Duration::from_secs(1), "{:?}", closed.elapsed());
    watcher.close_without_complaint().await;
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
