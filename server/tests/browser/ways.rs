//! The way to the server: TLS, a long one, few connections, and none.

use std::time::{Duration, Instant};

use crate::chromium::Camera;
use crate::picture::Look;
use crate::proxy::Proxy;
use crate::server::Native;
use crate::{is_of_no_server, stage};

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
    let again = Instant::now();
    for page in [&one, &two] {
        page.state("live").await;
    }
    assert!(again.elapsed() < Duration::from_secs(10), "{:?}", again.elapsed());
    for page in [&one, &two] {
        page.shows(0, 2, Look(1)).await;
        page.shows(1, 2, Look(2)).await;
    }
    for page in [one, two] {
        page.close_with_errors(is_of_no_server).await;
    }
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
