//! The page: what browsers get, how long they may keep it, and what it may do there.

mod support;

use axum::http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, LOCATION, VARY,
};
use axum::http::{HeaderName, Method, StatusCode, Version};
use support::http::{Connection, Whole};
use support::{TestServer, config};
use tessera_server_core::{File, Page};

const INDEX: &str = "<!doctype html><script type=\"module\" src=\"/assets/b1/start.js\"></script>";

/// Compressed forms are told from plain ones by their bytes; that they are Brotli is the build script's matter.
const FILES: [File; 6] = [
    File { name: "index.html", plain: INDEX.as_bytes(), brotli: b"small index" },
    File { name: "start.js", plain: b"import './x.js';", brotli: b"small js" },
    File { name: "style.css", plain: b"body { margin: 0 }", brotli: b"small css" },
    File { name: "x_bg.wasm", plain: b"\0asm\x01\0\0\0", brotli: b"small wasm" },
    File { name: "icon.svg", plain: b"<svg/>", brotli: b"small svg" },
    File { name: "app.webmanifest", plain: b"{}", brotli: b"small manifest" },
];

const KEEP: &str = "public, max-age=31536000, immutable";

async fn embedded() -> (TestServer, Connection) {
    serve(Page::embedded("b1", &FILES)).await
}

async fn serve(page: Page) -> (TestServer, Connection) {
    let server = TestServer::with_page(&config(), page).await;
    let connection = Connection::open(server.address, Version::HTTP_11).await;
    (server, connection)
}

fn assert_careful(response: &Whole) {
    let policy = response.header("content-security-policy");
    let rules: Vec<&str> = policy.split("; ").collect();
    for rule in ["default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "style-src 'self'"] {
        assert!(rules.contains(&rule), "{rule} is missing: {policy}");
    }
    for rule in ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "connect-src 'self'"] {
        assert!(rules.contains(&rule), "{rule} is missing: {policy}");
    }
    assert!(!policy.contains("unsafe-inline") && !policy.contains('*'), "{policy}");
    let permissions = response.header("permissions-policy");
    for permission in ["camera=(self)", "display-capture=(self)", "microphone=()"] {
        assert!(permissions.contains(permission), "{permission} is missing: {permissions}");
    }
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(response.header(name), value, "{name}");
    }
}

#[tokio::test]
async fn a_browser_asks_for_the_index_each_time_and_keeps_the_assets_for_ever() {
    let (_server, mut browser) = embedded().await;
    let index = browser.get("/", &[]).await;
    assert_eq!((index.status, index.text()), (StatusCode::OK, INDEX));
    assert_eq!(index.header(CACHE_CONTROL), "no-cache");
    assert_eq!(browser.get("/?room=main&name=a", &[]).await.text(), INDEX);
    for file in &FILES[1..] {
        let asset = browser.get(&format!("/assets/b1/{}", file.name), &[]).await;
        assert_eq!((asset.status, asset.header(CACHE_CONTROL)), (StatusCode::OK, KEEP), "{}", file.name);
        assert_eq!(asset.body, file.plain, "{}", file.name);
    }
}

#[tokio::test]
async fn every_kind_of_file_has_its_type() {
    let (_server, mut browser) = embedded().await;
    for (name, media_type) in [
        ("start.js", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("x_bg.wasm", "application/wasm"),
        ("icon.svg", "image/svg+xml"),
        ("app.webmanifest", "application/manifest+json"),
    ] {
        let asset = browser.get(&format!("/assets/b1/{name}"), &[]).await;
        assert_eq!(asset.header(CONTENT_TYPE), media_type, "{name}");
    }
    assert_eq!(browser.get("/", &[]).await.header(CONTENT_TYPE), "text/html; charset=utf-8");
    let icon = browser.get("/favicon.ico", &[]).await;
    assert_eq!((icon.status, icon.header(CONTENT_TYPE)), (StatusCode::OK, "image/svg+xml"));
}

#[tokio::test]
async fn whoever_takes_brotli_gets_it_and_nobody_else() {
    let (_server, mut browser) = embedded().await;
    for path in ["/", "/r/kitchen", "/assets/b1/start.js", "/favicon.ico"] {
        let plain = browser.get(path, &[]).await;
        assert_eq!(plain.header(CONTENT_ENCODING), "", "{path}");
        for takes in ["br", "gzip, deflate, br, zstd", "gzip;q=0.5, br;q=0.9"] {
            let packed = browser.get(path, &[(ACCEPT_ENCODING, takes)]).await;
            assert_eq!(packed.header(CONTENT_ENCODING), "br", "{path}: {takes}");
            assert!(packed.body.starts_with(b"small "), "{path}: {takes}");
            assert_eq!(packed.header(VARY), "accept-encoding", "{path}");
            assert_eq!(packed.header(CONTENT_TYPE), plain.header(CONTENT_TYPE), "{path}");
            assert_ne!(packed.header(ETAG), plain.header(ETAG), "{path}: each form has its tag");
        }
        for takes in ["identity", "gzip, br;q=0", "br; q=0.000", "brotli"] {
            let refused = browser.get(path, &[(ACCEPT_ENCODING, takes)]).await;
            assert_eq!(refused.body, plain.body, "{path}: {takes}");
            assert_eq!(refused.header(VARY), "accept-encoding", "{path}");
        }
    }
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again() {
    let (_server, mut browser) = embedded().await;
    for takes in ["identity", "br"] {
        let first = browser.get("/", &[(ACCEPT_ENCODING, takes)]).await;
        let tag = first.header(ETAG);
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "a strong tag: {tag}");
        for has in [tag, &format!("\"old\", {tag}"), &format!("W/{tag}"), "*"] {
            let second = browser.get("/", &[(ACCEPT_ENCODING, takes), (IF_NONE_MATCH, has)]).await;
            assert_eq!(second.status, StatusCode::NOT_MODIFIED, "{has}");
            assert!(second.body.is_empty());
            assert_eq!((second.header(ETAG), second.header(CACHE_CONTROL)), (tag, "no-cache"));
            assert_eq!(second.header(VARY), "accept-encoding");
        }
        let other = browser.get("/", &[(ACCEPT_ENCODING, takes), (IF_NONE_MATCH, "\"old\"")]).await;
        assert_eq!((other.status, &other.body), (StatusCode::OK, &first.body));
    }
    let plain = browser.get("/", &[]).await;
    let crossed = [(ACCEPT_ENCODING, "br"), (IF_NONE_MATCH, plain.header(ETAG))];
    assert_eq!(browser.get("/", &crossed).await.status, StatusCode::OK, "the tag of the other form");
}

#[tokio::test]
async fn a_new_build_is_seen_at_once() {
    const NEW: [File; 1] = [File { name: "index.html", plain: b"new", brotli: b"new" }];
    let (_old, mut old) = embedded().await;
    let (_new, mut new) = serve(Page::embedded("b2", &NEW)).await;
    let tag = old.get("/", &[]).await.header(ETAG).to_owned();
    let index = new.get("/", &[(IF_NONE_MATCH, &tag)]).await;
    assert_eq!((index.status, index.text()), (StatusCode::OK, "new"));
    let asset = new.get("/assets/b1/start.js", &[]).await;
    assert_eq!(asset.status, StatusCode::NOT_FOUND);
    assert!(asset.text().contains("another build"), "{asset:?}");
    assert_eq!(asset.header(CACHE_CONTROL), "no-store");
}

#[tokio::test]
async fn head_says_what_get_says_without_the_body() {
    let (_server, mut browser) = embedded().await;
    for path in ["/", "/assets/b1/x_bg.wasm", "/favicon.ico", "/healthz", "/nothing"] {
        for takes in ["identity", "br"] {
            let mut get = browser.get(path, &[(ACCEPT_ENCODING, takes)]).await;
            let mut head = browser.ask(Method::HEAD, path, &[(ACCEPT_ENCODING, takes)]).await;
            assert!(head.body.is_empty(), "{path}");
            assert_eq!(head.header(CONTENT_LENGTH), get.body.len().to_string(), "{path}");
            for response in [&mut get, &mut head] {
                response.headers.remove("date");
            }
            assert_eq!((head.status, head.headers), (get.status, get.headers), "{path}");
        }
    }
}

#[tokio::test]
async fn everything_but_grpc_makes_the_browser_careful() {
    let (server, mut browser) = embedded().await;
    for path in ["/", "/assets/b1/start.js", "/assets/b0/start.js", "/favicon.ico", "/healthz", "/nothing"] {
        assert_careful(&browser.get(path, &[]).await);
    }
    let tag = browser.get("/", &[]).await.header(ETAG).to_owned();
    assert_careful(&browser.get("/", &[(IF_NONE_MATCH, &tag)]).await);
    let mut second = Connection::open(server.address, Version::HTTP_2).await;
    assert_careful(&second.get("/", &[]).await);
}

#[tokio::test]
async fn a_wrong_turn_is_answered_in_words_and_not_kept() {
    let (_server, mut browser) = embedded().await;
    for path in ["/nothing", "/index.html", "/assets/b1/nothing.js", "/assets/b1/../b1/x", "/assets/", "//"] {
        let missing = browser.get(path, &[]).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND, "{path}");
        assert!(missing.text().contains("the page is at /"), "{path}: {missing:?}");
        assert_eq!(missing.header(CACHE_CONTROL), "no-store", "{path}");
        assert_eq!(missing.header(CONTENT_TYPE), "text/plain; charset=utf-8", "{path}");
    }
    let post = browser.ask(Method::POST, "/", &[]).await;
    assert_eq!((post.status, post.header(ALLOW)), (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD"));
    assert_careful(&post);
}

#[tokio::test]
async fn a_room_has_the_page_at_its_own_address_if_a_room_can_be_called_so() {
    let (_server, mut browser) = embedded().await;
    for path in ["/r/main", "/r/kitchen%20table", "/r/%EA%B0%80%2Fb", "/r/%3Cb%3E"] {
        let page = browser.get(path, &[]).await;
        assert_eq!((page.status, page.text()), (StatusCode::OK, INDEX), "{path}");
        assert_careful(&page);
    }
    let too_long = format!("/r/{}", "x".repeat(65));
    for (path, why) in [(too_long.as_str(), "it has 65 bytes"), ("/r/a%0Ab", "it has the character '\\n'")] {
        let answer = browser.get(path, &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text().contains(why), "{path}: {answer:?}");
        assert_careful(&answer);
    }
    assert_eq!(browser.get("/r/%FF", &[]).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_page_of_another_site_sends_nobody_into_a_call_without_a_press() {
    let (_server, mut browser) = embedded().await;
    let site = HeaderName::from_static("sec-fetch-site");
    for (path, led_to) in [
        ("/?autojoin=1", "/"),
        ("/r/evil?autojoin=1", "/r/evil"),
        ("/r/evil?lang=ko&%61utojoin=1&name=a", "/r/evil?lang=ko&name=a"),
    ] {
        for from in ["cross-site", "same-site"] {
            let answer = browser.get(path, &[(site.clone(), from)]).await;
            assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT, "{path} from {from}");
            assert_eq!(answer.header(LOCATION), led_to, "{path} from {from}");
            assert_eq!(answer.header(CACHE_CONTROL), "no-store");
            assert_careful(&answer);
            let page = browser.get(led_to, &[(site.clone(), from)]).await;
            assert_eq!((page.status, page.text()), (StatusCode::OK, INDEX), "{led_to} from {from}");
            // What a browser has of it is asked about first.
            let tag = page.header(ETAG);
            let again = browser.get(path, &[(site.clone(), from), (IF_NONE_MATCH, tag)]).await;
            assert_eq!(again.status, StatusCode::TEMPORARY_REDIRECT, "{path} from {from}");
        }
        for own in [&[][..], &[(site.clone(), "none")], &[(site.clone(), "same-origin")]] {
            let page = browser.get(path, own).await;
            assert_eq!((page.status, page.text()), (StatusCode::OK, INDEX), "{path}: {own:?}");
        }
    }
}

#[tokio::test]
async fn a_page_on_disk_is_read_anew_each_time_and_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let (page, glue) = (folder.path().join("static"), folder.path().join("glue"));
    for (path, text) in [
        (page.join("index.html"), "<link href=\"/assets/style.css\">"),
        (page.join("style.css"), "first"),
        (page.join(".hidden"), "no"),
        (glue.join("x.js"), "glue"),
        (folder.path().join("secret"), "no"),
    ] {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let (_server, mut browser) =
        serve(Page::on_disk(&[page.to_str().unwrap(), glue.to_str().unwrap()])).await;

    let index = browser.get("/", &[]).await;
    let address = index.text().split('"').nth(1).unwrap().to_owned();
    let (assets, style) = address.rsplit_once('/').unwrap();
    assert_eq!(style, "style.css");
    let first = browser.get(&address, &[]).await;
    assert_eq!((first.text(), first.header(CACHE_CONTROL)), ("first", "no-cache"));
    std::fs::write(page.join("style.css"), "second").unwrap();
    let has = [(IF_NONE_MATCH, first.header(ETAG))];
    assert_eq!(browser.get(&address, &has[..]).await.text(), "second");
    assert_eq!(browser.get(&format!("{assets}/x.js"), &[]).await.text(), "glue");

    for name in [".hidden", "..%2fsecret", "..", "%2e%2e%2fsecret", "x.js%00", "nothing"] {
        let response = browser.get(&format!("{assets}/{name}"), &[]).await;
        assert_eq!(response.status, StatusCode::NOT_FOUND, "{name}: {response:?}");
    }
}

#[tokio::test]
async fn a_server_without_its_page_says_why() {
    let (server, mut browser) = serve(Page::absent("built without it")).await;
    let index = browser.get("/", &[]).await;
    assert_eq!(index.status, StatusCode::NOT_FOUND);
    assert!(index.text().contains("built without it"), "{index:?}");
    assert!(!server.look().await.frame_data.is_empty(), "programs join all the same");
}
