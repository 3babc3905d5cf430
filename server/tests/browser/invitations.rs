//! Rooms by their address, and the links that let people into private ones.

use std::time::Duration;

use crate::chromium::{Camera, ELSEWHERE, Page};
use crate::picture::Look;
use crate::server::{Native, Secret};
use crate::stage;

/// What the notice says, if there is one.
const NOTICE: &str = "document.getElementById('notice').innerText";

async fn notice_says(page: &Page, words: &str) {
    page.until(&format!("{NOTICE}.includes({words:?})")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_has_its_own_call_at_its_own_address() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let _native = Native::join(&server, "client1", Look(0)).await;
    let room = "r/%3Cb%3Ekitchen%20table";
    let page = chromium.open(&server, &format!("{room}?id=anna&autojoin=1"), Camera::shows(Look(1))).await;
    page.shows(0, 2, Look(1)).await;
    page.until("document.querySelectorAll('.tile').length === 1").await;
    // The name is a stranger's text, and stays text.
    page.until("document.title === 'Room <b>kitchen table · Tessera'").await;
    page.until("document.getElementById('room').textContent === 'Room <b>kitchen table'").await;

    page.run("navigator.clipboard.writeText = async (text) => { window.copied = text; }").await;
    page.click_on("#toolbar .invite").await;
    page.until(&format!("window.copied === location.origin + '/{room}'")).await;
    notice_says(&page, "Others cannot open it").await;
    // It goes by itself; what must be copied by hand stays.
    page.until("document.getElementById('notice').hidden").await;
    page.run("navigator.clipboard.writeText = async () => { throw new Error('not allowed'); }").await;
    page.click_on("#toolbar .invite").await;
    notice_says(&page, room).await;
    page.click_action(0).await;
    page.until("document.getElementById('notice').hidden").await;

    let other = page.open_tab(&server.page("r/main?id=ben&autojoin=1")).await;
    page.switch_to(&other).await;
    page.shows(0, 2, Look(0)).await;
    page.until("document.querySelectorAll('.tile').length === 2 && document.title === 'Tessera'").await;
    page.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_lets_its_bearer_in_under_its_name_and_its_token_stays_nowhere() {
    let key = Secret::new().await;
    let Some((_turn, server, chromium)) = stage(&["--key-file", key.file()]).await else { return };
    let link = key.invite(&server, &["--room", "kitchen", "--name", "Zoë"], "?autojoin=1").await;
    let page = chromium.open_at(&link, Camera::shows(Look(1))).await;
    page.shows(0, 2, Look(1)).await;
    page.until("document.querySelector('.own').textContent.startsWith('Zoë')").await;
    page.until("document.getElementById('name').readOnly && document.getElementById('name').value === 'Zoë'")
        .await;
    page.until("location.href === location.origin + '/r/kitchen?autojoin=1' && history.length < 3").await;
    let token = link.split_once("#token=").unwrap().1;
    for store in ["sessionStorage", "localStorage", "history.state"] {
        let kept = page.run(&format!("return JSON.stringify({store})")).await;
        assert!(!kept.to_string().contains(token), "{store}: {kept}");
    }
    page.click_on("#toolbar .invite").await;
    notice_says(&page, "a key of their own").await;
    assert_eq!(page.run(&format!("return {NOTICE}.includes('token')")).await, false);

    page.reload().await;
    page.state("failed").await;
    notice_says(&page, "it must be opened again").await;
    within_tab(&page, &link).await;
    page.shows(0, 2, Look(1)).await;
    page.close_without_complaint().await;
}

/// Opens another link to the page that is there already: the address differs in its fragment alone.
async fn within_tab(page: &Page, link: &str) {
    page.run(&format!("setTimeout(() => {{ location.href = {link:?}; }})")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewers_link_is_for_watching_and_asks_for_no_camera() {
    let key = Secret::new().await;
    let Some((_turn, server, chromium)) = stage(&["--key-file", key.file()]).await else { return };
    let guest = key.invite(&server, &["--name", "guest"], "?autojoin=1").await;
    let guest = chromium.open_at(&guest, Camera::shows(Look(1))).await;
    guest.shows(0, 2, Look(1)).await;
    let viewer = key.invite(&server, &["--role", "viewer"], "?lang=ko").await;
    let viewer = chromium.open_at(&viewer, Camera::Denied).await;
    viewer.until("document.getElementById('preview-note').textContent.includes('보기만')").await;
    viewer.until("document.getElementById('join').hidden && document.getElementById('notice').hidden").await;
    viewer.click("watch").await;
    viewer.shows(0, 2, Look(1)).await;
    viewer.until("document.getElementById('camera').hidden && !document.querySelector('.own')").await;
    viewer.click("leave").await;
    viewer.until("document.activeElement.id === 'watch'").await;
    viewer.close_without_complaint().await;
    guest.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_link_or_one_that_has_expired_is_told_so_and_nothing_is_tried_again() {
    let key = Secret::new().await;
    let Some((_turn, server, chromium)) = stage(&["--key-file", key.file()]).await else { return };
    let page = chromium.open(&server, "?autojoin=1", Camera::shows(Look(1))).await;
    page.state("failed").await;
    notice_says(&page, "for those who were invited").await;
    within_tab(&page, &key.invite(&server, &["--for", "10s"], "?autojoin=1").await).await;
    page.state("live").await;
    page.state("failed").await;
    notice_says(&page, "it has expired").await;
    let tries = "document.getElementById('status').dataset.state !== 'failed'";
    assert!(page.is_never(tries, Duration::from_secs(2)).await);
    within_tab(&page, &key.invite(&server, &["--room", "other"], "?autojoin=1").await).await;
    page.state("live").await;
    page.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_with_something_behind_it_is_refused_at_once() {
    let key = Secret::new().await;
    let Some((_turn, server, chromium)) = stage(&["--key-file", key.file()]).await else { return };
    let link = key.invite(&server, &[], "?autojoin=1").await;
    let page = chromium.open_at(&(link.clone() + "로"), Camera::shows(Look(1))).await;
    page.state("failed").await;
    notice_says(&page, "does not let you in").await;
    within_tab(&page, &link).await;
    page.state("live").await;
    page.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_personal_link_that_is_in_use_says_so_and_lets_in_when_the_other_has_left() {
    let key = Secret::new().await;
    let Some((_turn, server, chromium)) = stage(&["--key-file", key.file()]).await else { return };
    let link = key.invite(&server, &["--name", "Zoë"], "?autojoin=1").await;
    let first = chromium.open_at(&link, Camera::shows(Look(1))).await;
    first.shows(0, 2, Look(1)).await;
    let second = chromium.open_at(&link, Camera::shows(Look(2))).await;
    second.state("failed").await;
    notice_says(&second, "link is in use elsewhere").await;
    second.click_action(1).await;
    second.shows(0, 2, Look(1)).await;
    second.click("leave").await;
    second.click("join").await;
    second.state("failed").await;
    first.click("leave").await;
    first.state("left").await;
    second.click_action(0).await;
    second.state("live").await;
    second.shows(0, 2, Look(2)).await;
    first.close_without_complaint().await;
    second.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_leads_before_the_call_and_not_into_it() {
    let Some((_turn, server, chromium)) = stage(&["--host", ELSEWHERE]).await else { return };
    let address = format!("http://{ELSEWHERE}:{}/", server.address.port());
    let page = chromium.open_at(&address, Camera::shows(Look(1))).await;
    page.state("idle").await;
    let call = server.page("r/evil?autojoin=1&id=anna#kept");
    page.run(&format!(
        "const lure = document.createElement('a'); lure.id = 'lure'; lure.href = {call:?}; lure.append('win'); \
         lure.style.cssText = 'position: fixed; inset: 0; z-index: 9'; document.body.append(lure)"
    ))
    .await;
    page.click_on("#lure").await;
    page.state("idle").await;
    page.until("location.href === location.origin + '/r/evil?id=anna#kept'").await;
    page.until("document.getElementById('preview').srcObject").await;
    page.state("idle").await;
    page.click("join").await;
    page.shows(0, 2, Look(1)).await;
    page.close_without_complaint().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_whose_room_can_be_none_says_so_shows_it_nowhere_and_joins_no_other() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let long = "x".repeat(65);
    for (room, words) in
        [("%E2%80%AEgpj.exe", "202e"), (&long, "it has 65 bytes"), ("%E2%80%8D", "it shows nothing")]
    {
        let page = chromium.open(&server, &format!("?autojoin=1&room={room}"), Camera::Denied).await;
        notice_says(&page, words).await;
        page.until("document.title === 'Tessera' && document.getElementById('room').textContent === ''")
            .await;
        page.click_action(0).await;
        page.click("join").await;
        notice_says(&page, words).await;
        page.state("idle").await;
        page.close_without_complaint().await;
    }
}
