//! What a host may do, and what the others see of it.

use std::time::Duration;

use fantoccini::key::Key;

use crate::chromium::{Camera, Page};
use crate::picture::Look;
use crate::server::Secret;
use crate::stage;

async fn is_locked(page: &Page, is_locked: bool) {
    page.until(&format!("document.getElementById('locked').hidden === {}", !is_locked)).await;
}

/// Asks for the end of somebody's seat: the button is over the tile that the mouse is on.
async fn ask_removal(page: &Page, id: &str) {
    page.click_on(&format!("[data-client-id={id}]")).await;
    page.click_on(&format!("[data-client-id={id}] + .remove")).await;
    page.until(&format!("document.getElementById('removal').open && document.getElementById('removal').innerText.includes('{id}')"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_locks_the_room_and_removes_whom_it_must() {
    let key = Secret::new().await;
    let Some((_turn, server, chromium)) = stage(&["--key-file", key.file()]).await else { return };
    let link = |flags: &'static [&str]| key.invite(&server, flags, "?autojoin=1");
    let host =
        chromium.open_at(&link(&["--role", "host", "--name", "hana"]).await, Camera::shows(Look(1))).await;
    host.shows(0, 2, Look(1)).await;
    let guests = chromium.open_at(&link(&["--name", "gil"]).await, Camera::shows(Look(2))).await;
    guests.shows(1, 2, Look(2)).await;
    guests.until("document.getElementById('lock').hidden && !document.querySelector('.remove')").await;
    host.until("document.querySelectorAll('.remove').length === 1").await;

    // By the keyboard, as by the button.
    host.press("#call", 'k').await;
    is_locked(&host, true).await;
    is_locked(&guests, true).await;
    guests.until("document.getElementById('news').textContent.includes('is locked')").await;
    let newcomer = guests.open_tab(&link(&["--name", "neo"]).await).await;
    guests.switch_to(&newcomer).await;
    guests.state("failed").await;
    guests.until("document.getElementById('notice').innerText.includes('the room is locked')").await;
    host.click_on("#lock").await;
    is_locked(&host, false).await;
    guests.click_action(0).await;
    guests.state("live").await;

    ask_removal(&host, "neo").await;
    host.type_into("#removal [autofocus]", Key::Escape).await;
    host.until("!document.getElementById('removal').open").await;
    let is_gone = "!document.querySelector('[data-client-id=neo]')";
    assert!(host.is_never(is_gone, Duration::from_secs(1)).await, "it was not meant");
    host.click_on("[data-client-id=neo] + .remove").await;
    host.click_on("#removal [value=remove]").await;
    host.until(is_gone).await;
    guests.state("failed").await;
    guests.until("document.getElementById('notice').innerText.includes('has ended your seat')").await;
    // Who was removed stays out.
    guests.click_action(0).await;
    guests.until("document.getElementById('notice').innerText.includes('a host of the room ended')").await;
    host.close_without_complaint().await;
    guests.close_without_complaint().await;
}
