//! Cameras and screens, and what can be wrong with them.

use crate::chromium::{Camera, ELSEWHERE};
use crate::picture::Look;
use crate::server::Native;
use crate::{is_of_no_server, stage};

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

    // Also while the camera is being asked for.
    page.run(
        "const devices = navigator.mediaDevices, ask = devices.getUserMedia.bind(devices); \
         devices.getUserMedia = (wish) => { devices.getUserMedia = ask; return new Promise(() => {}); }",
    )
    .await;
    page.click("camera").await;
    page.is_black(0, 2).await;
    page.click("camera").await;
    page.click_on("#share").await;
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
async fn a_screen_is_shared_no_longer_than_the_call_and_the_camera_comes_back() {
    let Some((_turn, mut server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "?id=anna&autojoin=1", Camera::shows(Look(1))).await;
    page.shows(0, 2, Look(1)).await;
    page.run(&format!(
        "const canvas = document.createElement('canvas'); canvas.width = 640; canvas.height = 480; \
         const context = canvas.getContext('2d'); \
         (function paint() {{ {} requestAnimationFrame(paint); }})(); \
         navigator.mediaDevices.getDisplayMedia = async () => window.screenStream = canvas.captureStream(30)",
        Look(2).painting()
    ))
    .await;
    let ended = "window.screenStream.getTracks()[0].readyState === 'ended'";
    let camera = "document.getElementById('preview').srcObject?.getTracks()[0].readyState === 'live' && \
                  document.getElementById('preview').srcObject !== window.screenStream";
    page.click_on("#share").await;
    page.shows(0, 2, Look(2)).await;
    page.click("leave").await;
    page.state("left").await;
    page.until(ended).await;
    page.until(camera).await;
    page.click("join").await;
    page.shows(0, 2, Look(1)).await;
    page.until("document.getElementById('share').ariaPressed === 'false'").await;

    // Also one that is chosen when the call is over already.
    page.run(
        "const share = navigator.mediaDevices.getDisplayMedia; \
         navigator.mediaDevices.getDisplayMedia = () => new Promise((give) => { \
             navigator.mediaDevices.getDisplayMedia = share; window.answer = async () => give(await share()); })",
    )
    .await;
    page.click_on("#share").await;
    page.until("window.answer").await;
    page.click("leave").await;
    page.state("left").await;
    page.run("window.screenStream = null; window.answer()").await;
    page.until(&format!("window.screenStream && {ended}")).await;
    page.until(camera).await;
    page.click("join").await;
    page.shows(0, 2, Look(1)).await;

    // And where the call ends by itself.
    page.click_on("#share").await;
    page.shows(0, 2, Look(2)).await;
    page.run(
        "const headers = { 'content-type': 'application/grpc-web+proto', 'grpc-status': '10' }; \
         window.fetch = async () => new Response('', { headers })",
    )
    .await;
    server.kill().await;
    page.state("failed").await;
    page.until(ended).await;
    page.until(camera).await;
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
