//! Guests who claim to be somebody, beside bystanders who must not notice, and who bring tokens where the server wants
//! them.
//!
//! | row | test |
//! | --- | --- |
//! | no, wrong, 1 MB token | `no_token_a_wrong_one_and_a_huge_one_are_unauthenticated` |
//! | JWT with alg none, swapped algorithm, expired, not yet valid, for another room | `forged_tokens_are_unauthenticated` |
//! | a missing grant, a spectator's token that pushes | `a_viewers_token_takes_no_seat_and_pushes_nothing` |
//! | an id in use | `an_id_in_use_is_refused_and_its_owner_keeps_the_tile` |
//! | the same id with its session | `a_session_takes_its_seat_over_and_a_guess_does_not` |
//! | names with NUL, newline, overrides, markup | `hostile_names_are_refused_or_harmless` |
//! | 1,000 wrong tokens a minute | `wrong_tokens_without_end_are_resource_exhausted` |
//! | a forged X-Forwarded-For | `a_forged_forwarded_address_is_ignored` |

use std::path::Path;
use std::sync::LazyLock;

use tessera_hostile::attack::token::{self, Claims, Secret};
use tessera_hostile::bystanders::{SEATS, Tokens};
use tessera_hostile::guest::{self, Guest};
use tessera_hostile::pictures;
use tessera_hostile::stage::{Stage, TILE};
use tessera_hostile::target::{Target, within};
use tessera_hostile::web::{self, Version};
use tessera_hostile::witness::Witness;
use tessera_wire::{FrameRequest, WatchMosaicRequest};
use tokio::sync::OnceCell;
use tonic::Code;

const SERVER: &str = env!("CARGO_BIN_EXE_plain-server");

static STAGE: LazyLock<Stage> = LazyLock::new(|| Stage::start(&[]));

#[tokio::test]
async fn an_id_in_use_is_refused_and_its_owner_keeps_the_tile() {
    STAGE
        .row(async |stage| {
            let guest = Guest::connect(stage.target()).await.unwrap();
            for id in SEATS {
                let joined = within(guest.join(guest::hello(id))).await;
                assert_eq!(joined.unwrap_err().code(), Code::AlreadyExists);
                let watched = within(guest.watch(guest::seated(id))).await;
                assert_eq!(watched.unwrap_err().code(), Code::AlreadyExists);
                let frame = pictures::frame(TILE.0, TILE.1, 1);
                let push = FrameRequest { client_id: id.to_owned(), frame_data: frame, ..Default::default() };
                assert_eq!(within(guest.push(push)).await.unwrap_err().code(), Code::Unauthenticated);
            }
        })
        .await;
}

#[tokio::test]
async fn a_session_takes_its_seat_over_and_a_guess_does_not() {
    STAGE
        .row(async |stage| {
            let owner = Guest::connect(stage.target()).await.unwrap();
            let (mut frames, welcome) = within(owner.join(guest::hello("owner"))).await.unwrap();
            let session = welcome.seat.unwrap().session;
            stage.witness().keep_secret(&session);
            let thief = Guest::connect(stage.target()).await.unwrap();
            let with = |session: &str| FrameRequest { session: session.to_owned(), ..guest::hello("owner") };
            for guess in
                ["0".repeat(32), session[..31].to_owned(), session.to_uppercase() + "0", "'; --".to_owned()]
            {
                let status = within(thief.join(with(&guess))).await.unwrap_err();
                assert_eq!(status.code(), Code::AlreadyExists, "{guess}");
            }
            let (_again, _) = within(owner.join(with(&session))).await.unwrap();
            assert_eq!(within(frames.next()).await.unwrap_err().code(), Code::Aborted);
        })
        .await;
}

/// Names that are more than letters.
const REFUSED: [&str; 5] =
    ["nul\0", "two\nlines", "\u{202E}reversed", "\u{2066}apart", "line\u{2028}separator"];
const HARMLESS: [&str; 3] = ["<script>alert(1)</script>", "'; drop table rooms; --", "🦔"];

#[tokio::test]
async fn hostile_names_are_refused_or_harmless() {
    STAGE
        .row(async |stage| {
            let guest = Guest::connect(stage.target()).await.unwrap();
            let long = "x".repeat(65);
            for name in REFUSED.into_iter().chain([long.as_str()]) {
                let named = FrameRequest { display_name: name.to_owned(), ..guest::hello("somebody") };
                let housed = FrameRequest { room: name.to_owned(), ..guest::hello("somebody") };
                for hello in [guest::hello(name), named, housed] {
                    let status = within(guest.join(hello)).await.unwrap_err();
                    assert_eq!(status.code(), Code::InvalidArgument, "{name:?}");
                }
            }
            for name in HARMLESS {
                let hello = FrameRequest { display_name: name.to_owned(), ..guest::hello(name) };
                let (_frames, welcome) = within(guest.join(hello)).await.unwrap();
                let places = welcome.layout.unwrap().places;
                assert!(places.iter().any(|place| place.display_name == name), "{name}");
            }
            let log = stage.witness().last_lines();
            assert!(
                !log.lines().any(|line| line.starts_with("lines")),
                "a name made a line of its own: {log}"
            );
        })
        .await;
}

/// Connections of one address that ask by HTTP/1 in the name of others.
#[tokio::test]
async fn a_forged_forwarded_address_is_ignored() {
    let stage = &*STAGE;
    stage
        .row(async |stage| {
            let target = stage.target();
            let origin = format!("http://{}", stage.address());
            let mut refused = 0;
            // More joins than one address may have in a minute, each in the name of another one.
            for n in 0..140 {
                let forwarded = format!("198.51.100.{n}");
                let page = web::page_headers(&origin, "application/grpc-web+proto");
                let disguise = [("x-forwarded-for", forwarded), ("forwarded", "for=198.51.100.9".to_owned())];
                let headers = [&page[..], &disguise].concat();
                let body = tessera_hostile::attack::h2::grpc(&guest::seated(&format!("disguised {n}")));
                let request = web::post("WatchMosaic", &headers, body);
                let answering = within(web::send(target, Version::Http1, request)).await.unwrap();
                refused += usize::from(answering.failed_with() == Some(Code::ResourceExhausted));
            }
            // Two a second are forgiven meanwhile.
            assert!(refused > 0, "none of 140 joins was refused");
        })
        .await;
}

/// A stage whose server wants tokens, from the bystanders too, and its secret.
struct Private {
    stage: Stage,
    secret: Secret,
    key: String,
}

/// One for all rows, started by the first: `invite` is a program that is waited for.
static PRIVATE: OnceCell<Private> = OnceCell::const_new();

impl Private {
    async fn start() -> Self {
        const SECRET: &str = "a secret that is long enough for HMAC with SHA-256, and no longer";
        // Where it may stay: the server reads it again for as long as it runs.
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("identity.key");
        std::fs::write(&file, SECRET).unwrap();
        let key = format!("--key-file={}", file.display());
        let guest = async |id| invite(&key, "main", "guest", id).await;
        let guests = [guest(SEATS[0]).await, guest(SEATS[1]).await];
        let viewer = invite(&key, "main", "viewer", "somebody").await;
        let witness = Witness::of_this_process();
        for secret in guests.iter().chain([&viewer]).map(String::as_str).chain([SECRET]) {
            witness.keep_secret(secret);
        }
        let stage = Stage::start_private(&[&key], Tokens { guests, viewer });
        Self { stage, secret: Secret::of_file(SECRET.as_bytes()), key }
    }

    /// Runs one row beside bystanders who have tokens.
    async fn row(attack: impl AsyncFnOnce(&Self)) {
        let private = PRIVATE.get_or_init(Self::start).await;
        private.stage.row(async |_| attack(private).await).await;
    }

    async fn invite(&self, room: &str, role: &str) -> String {
        invite(&self.key, room, role, "somebody").await
    }

    fn target(&self) -> Target {
        self.stage.target()
    }

    /// How a call with this token fails, if it does. A token must not be in the log, be it good or forged; a few letters
    /// that are none may be in any line.
    async fn refusal(&self, token: &str) -> Option<Code> {
        if Claims::of_token(token).is_some() {
            self.stage.witness().keep_secret(token);
        }
        let guest = Guest::connect(self.target()).await.unwrap().with_token(token);
        within(guest.join(guest::hello("somebody"))).await.err().map(|status| status.code())
    }
}

/// A token for whoever is called `id`, as the server's own `invite` writes it.
async fn invite(key: &str, room: &str, role: &str, id: &str) -> String {
    let mut invite = tokio::process::Command::new(SERVER);
    invite.args(["invite", key, "--room", room, "--role", role, "--for", "2h", "--name", id]);
    let output = within(invite.kill_on_drop(true).output()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    token::find(&said).unwrap_or_else(|| panic!("no token in {said:?}: {output:?}")).to_owned()
}

#[tokio::test]
async fn no_token_a_wrong_one_and_a_huge_one_are_unauthenticated() {
    Private::row(async |private| {
        let guest = Guest::connect(private.target()).await.unwrap();
        let none = within(guest.join(guest::hello("somebody"))).await.unwrap_err();
        assert_eq!(none.code(), Code::Unauthenticated);
        let wrong = Claims::invented("main").signed(&Secret::nobodys());
        for token in ["x", "a.b.c", "..", &wrong] {
            assert_eq!(private.refusal(token).await, Some(Code::Unauthenticated), "{token}");
        }
        // Far more than a header may be: that it is no way in is enough.
        assert!(private.refusal(&"x".repeat(1 << 20)).await.is_some());
        let good = private.invite("main", "guest").await;
        let stranger = Claims::of_token(&good).unwrap().signed(&Secret::nobodys());
        assert_eq!(private.refusal(&stranger).await, Some(Code::Unauthenticated));
        assert_eq!(private.refusal(&good).await, None);
    })
    .await;
}

#[tokio::test]
async fn forged_tokens_are_unauthenticated() {
    Private::row(async |private| {
        let secret = &private.secret;
        let good = private.invite("main", "guest").await;
        let guest = Claims::of_token(&good).unwrap();
        // That our own signature is the server's is what makes the others mean anything.
        assert_eq!(private.refusal(&guest.signed(secret)).await, None);
        let (text, _) = good.rsplit_once('.').unwrap();
        for (name, token) in [
            ("alg none", guest.of_no_algorithm()),
            ("alg none, signed", guest.of_another_algorithm(secret, "none")),
            ("RS256", guest.of_another_algorithm(secret, "RS256")),
            ("HS512 over HS256", guest.of_another_algorithm(secret, "HS512")),
            ("no signature", format!("{text}.")),
            ("half a signature", good[..good.len() - 10].to_owned()),
            ("expired", guest.clone().expired().signed(secret)),
            ("not yet valid", guest.clone().not_yet().signed(secret)),
            ("for another room", private.invite("attic", "guest").await),
        ] {
            assert_eq!(private.refusal(&token).await, Some(Code::Unauthenticated), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_viewers_token_takes_no_seat_and_pushes_nothing() {
    Private::row(async |private| {
        let token = private.invite("main", "viewer").await;
        assert_eq!(private.refusal(&token).await, Some(Code::PermissionDenied));
        let viewer = Guest::connect(private.target()).await.unwrap().with_token(&token);
        let watched = within(viewer.watch(guest::seated("somebody"))).await;
        assert_eq!(watched.unwrap_err().code(), Code::PermissionDenied);
        let pushed = within(viewer.push(guest::hello("somebody"))).await;
        assert_eq!(pushed.unwrap_err().code(), Code::PermissionDenied);
        let mut mosaics = within(viewer.watch(WatchMosaicRequest::default())).await.unwrap();
        within(guest::first(&mut mosaics)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn wrong_tokens_without_end_are_resource_exhausted() {
    Private::row(async |private| {
        let token = Claims::invented("main").signed(&Secret::nobodys());
        let guest = Guest::connect(private.target()).await.unwrap().with_token(&token);
        let mut codes = Vec::new();
        for _ in 0..100 {
            codes.push(within(guest.watch(WatchMosaicRequest::default())).await.unwrap_err().code());
        }
        assert_eq!(codes[0], Code::Unauthenticated);
        assert_eq!(codes[99], Code::ResourceExhausted);
    })
    .await;
}
