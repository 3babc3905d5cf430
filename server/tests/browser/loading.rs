//! What the page says when it does not come whole.

use crate::chromium::{Camera, Page};
use crate::server::Secret;
use crate::{is_of_no_server, stage};

/// Whether the words are seen that say what may be the matter.
const SAYS_SO: &str = "(() => { const words = document.getElementById('unsupported'); \
                       return words && words.checkVisibility({ visibilityProperty: true }); })()";

async fn says_nothing(page: &Page) {
    assert_eq!(page.run(&format!("return {SAYS_SO}")).await, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_not_load_is_said_and_the_token_is_out_of_the_address() {
    let key = Secret::new().await;
    let Some((_turn, server, chromium)) = stage(&["--key-file", key.file()]).await else { return };
    let link = key.invite(&server, &[], "?lang=en").await;
    let page = chromium.open(&server, "", Camera::Denied).await;
    page.state("idle").await;
    says_nothing(&page).await;
    for file in ["tessera_web.js", "tessera_web_bg.wasm"] {
        page.block(file).await;
        page.go_to("about:blank").await;
        page.go_to(&link).await;
        page.until(SAYS_SO).await;
        page.until("location.hash === '' && location.search === '?lang=en'").await;
    }
    page.close_with_errors(|error| is_of_no_server(error) || error.contains("start.js")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_first_script_does_not_come_says_so_by_itself() {
    let Some((_turn, server, chromium)) = stage(&[]).await else { return };
    let page = chromium.open(&server, "", Camera::Denied).await;
    page.block("start.js").await;
    page.go_to("about:blank").await;
    page.go_to(&server.page("")).await;
    says_nothing(&page).await;
    page.until(SAYS_SO).await;
    page.close_with_errors(is_of_no_server).await;
}
