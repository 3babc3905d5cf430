//! The page as a whole: every message goes to the one [`App`], in the order in which it came.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tessera_wire::{
    FrameRequest, FrameResponse, Layout, PushFrameResponse, Seat, TileInfo, WatchMosaicRequest,
};
use tonic::{Code, Status};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event as DomEvent, ImageBitmap, PageTransitionEvent};

use super::camera::{self, CameraError, Device, Feed, Source};
use super::dom::{self, Task, by_id, document, now, window};
use super::encoder::{Encoder, Shape};
use super::identity::{self, Address};
use super::screen::{Mosaic, Screen, blob};
use super::transport::{self, Client, MAX_FRAME_BYTES};
use super::view::{self, Notice, View};
use crate::call::{Call, Claim, Effect, Ending, Entry, Event, Failure, Now, Role, State};
use crate::fit;
use crate::news::{News, between};
use crate::outbox::Outbox;
use crate::pace::Pace;
use crate::stats::Stats;
use crate::texts::{self, Texts, fill};

/// The worker's clock, in milliseconds.
const TICK: u32 = 250;
/// Without frames, so often comes a sign of life.
const LIFE: Duration = Duration::from_secs(2);
/// A join that takes so long gets an explanation.
const SLOW: Duration = Duration::from_secs(3);
/// A camera's pictures come a little early or late; they are not skipped for that.
const EARLY: Duration = Duration::from_millis(8);
/// The panel's figures are renewed so often.
const FIGURES: Duration = Duration::from_millis(500);
/// The original's tile, until the server says otherwise.
const USUAL_TILE: (u32, u32) = (640, 480);

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Message {
    Press(Press),
    /// A button of the notice was pressed.
    Action(usize),
    CameraChosen(String),
    Feed(u32, Result<Feed, CameraError>),
    FeedEnded(u32),
    Devices(Vec<Device>),
    DevicesChanged,
    /// The feed of that number has a picture, taken at that time.
    Picture(u32, Duration),
    Encoded(Result<Bytes, String>),
    Response(Box<FrameResponse>),
    StreamEnded(Status),
    Pushed(u64, Result<PushFrameResponse, Status>),
    Decoded(Mosaic, Option<ImageBitmap>),
    Tick,
    Visibility,
    Online,
    Frozen,
    Thawed,
}

/// What a person pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Press {
    Join,
    Watch,
    /// Join under a new client id.
    JoinAnew,
    Leave,
    TryNow,
    Camera,
    Share,
    Choose,
    FullScreen,
    PictureInPicture,
    Save,
    Stats,
    Invite,
    Tile(u32),
    Escape,
    Dismiss,
}

thread_local! {
    static APP: RefCell<Option<App>> = const { RefCell::new(None) };
    /// What happens while something else is being done waits here.
    static WAITING: RefCell<VecDeque<Message>> = const { RefCell::new(VecDeque::new()) };
}

/// Tells the page what happened.
pub(crate) fn tell(message: Message) {
    WAITING.with_borrow_mut(|waiting| waiting.push_back(message));
    APP.with(|app| {
        let Ok(mut app) = app.try_borrow_mut() else { return };
        let Some(app) = app.as_mut() else { return };
        while let Some(message) = WAITING.with_borrow_mut(VecDeque::pop_front) {
            app.take(message);
        }
    });
}

/// Starts the page.
pub(crate) fn start(worker: &str) {
    let app = App::new(worker);
    APP.set(Some(app));
    listen();
    APP.with_borrow_mut(|app| {
        if let Some(app) = app {
            app.begin();
        }
    });
    tell(Message::Tick);
}

fn listen() {
    dom::on(&document(), "visibilitychange", |_: DomEvent| tell(Message::Visibility));
    dom::on(&window(), "online", |_: DomEvent| tell(Message::Online));
    dom::on(&window(), "pagehide", |_: PageTransitionEvent| tell(Message::Frozen));
    dom::on(&window(), "pageshow", |event: PageTransitionEvent| {
        if event.persisted() {
            tell(Message::Thawed);
        }
    });
    camera::watch_devices();
}

/// A push that is made ready: a frame, or a sign of life without one.
#[derive(Debug)]
struct Push {
    jpeg: Bytes,
    taken_at: Duration,
}

/// The page.
#[derive(Debug)]
struct App {
    texts: &'static Texts,
    address: Address,
    client: Client,
    call: Call,
    stream: Option<Task>,
    seat: Option<Seat>,
    outbox: Outbox<Push, Task>,
    pace: Pace,
    stats: Stats,
    encoder: Option<Encoder>,
    /// When the picture in work was taken.
    encoding: Duration,
    screen: Screen,
    view: View,
    feed: Option<Feed>,
    /// Asking for a camera or a screen; a later question has a higher number.
    asking: Option<Task>,
    feed_number: u32,
    listing: Option<Task>,
    devices: Vec<Device>,
    /// Whether this person wants to be seen.
    wants_camera: bool,
    camera_error: Option<CameraError>,
    /// What else went wrong, until it is dismissed.
    complaint: Option<String>,
    /// The newest frame of the own tile that was shown.
    own_shown: u64,
    next_picture: Duration,
    last_push: Duration,
    joining_since: Duration,
    figures_at: Duration,
}

impl App {
    fn new(worker: &str) -> Self {
        let address = Address::read();
        let wanted: Vec<String> =
            window().navigator().languages().iter().filter_map(|tag| tag.as_string()).collect();
        let tags = address.language.iter().chain(&wanted).map(String::as_str);
        let (language, texts) = texts::choose(tags);
        let origin = window().location().origin().unwrap_or_default();
        Self {
            texts,
            client: transport::client(origin.parse().unwrap_or_default()),
            call: Call::default(),
            stream: None,
            seat: None,
            outbox: Outbox::default(),
            pace: Pace::default(),
            stats: Stats::default(),
            encoder: Encoder::start(worker, TICK).ok(),
            encoding: Duration::ZERO,
            screen: Screen::new(by_id("mosaic")),
            view: View::new(language, texts),
            feed: None,
            asking: None,
            feed_number: 0,
            listing: None,
            devices: Vec::new(),
            wants_camera: true,
            camera_error: None,
            complaint: None,
            own_shown: 0,
            next_picture: Duration::ZERO,
            last_push: Duration::ZERO,
            joining_since: Duration::ZERO,
            figures_at: Duration::ZERO,
            address,
        }
    }

    fn begin(&mut self) {
        let name = self.address.name.clone().or_else(identity::name).unwrap_or_default();
        self.view.fill_in(&name, &self.address.room);
        if camera::is_secure() {
            self.open_camera(identity::camera());
        } else {
            self.camera_error = Some(CameraError::Insecure);
        }
        if self.address.autojoin {
            self.press(Press::Join);
        }
        self.render();
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Picture(number, taken_at) => return self.see(number, taken_at),
            Message::Encoded(jpeg) => return self.encoded(jpeg),
            Message::Pushed(number, answer) => return self.pushed(number, answer),
            Message::Decoded(mosaic, bitmap) => return self.show(mosaic, bitmap.as_ref()),
            Message::Response(response) => self.respond(*response),
            Message::StreamEnded(status) => {
                let ending = Ending { code: status.code(), message: status.message().to_owned() };
                self.happen(Event::Ended(ending));
            }
            Message::Tick => self.tick(),
            Message::Press(press) => self.press(press),
            Message::Action(index) => {
                if let Some(press) = self.view.action(index) {
                    self.press(press);
                }
            }
            Message::CameraChosen(device) => {
                identity::remember_camera(&device);
                self.open_camera(Some(device));
            }
            Message::Feed(number, feed) => self.fed(number, feed),
            Message::FeedEnded(number) => self.feed_ended(number),
            Message::Devices(devices) => self.list(devices),
            Message::DevicesChanged => self.devices_changed(),
            Message::Visibility => self.screen.go_on(is_seen()),
            Message::Online => self.happen(Event::TryNow),
            Message::Frozen => self.happen(Event::Frozen),
            Message::Thawed => self.happen(Event::Thawed),
        }
        self.render();
    }

    // --- the call

    fn happen(&mut self, event: Event) {
        let was_lost = *self.call.state() == State::Reconnecting;
        let effects = self.call.handle(event, Now { at: now(), chance: js_sys::Math::random() });
        for effect in effects {
            match effect {
                Effect::Open(entry, claim) => self.open_stream(&entry, claim.as_ref()),
                Effect::Close => self.close_stream(),
                Effect::Remember(claim) => identity::remember(Some(&claim)),
                Effect::Forget => identity::remember(None),
            }
        }
        if was_lost && *self.call.state() == State::Live {
            self.view.news(self.texts.reconnected);
        }
    }

    fn open_stream(&mut self, entry: &Entry, claim: Option<&Claim>) {
        let is_participant = entry.role == Role::Participant;
        let request = WatchMosaicRequest {
            client_id: if is_participant { entry.client_id.clone() } else { String::new() },
            room: entry.room.clone(),
            display_name: entry.name.clone(),
            session: claim.map(|claim| claim.session.clone()).unwrap_or_default(),
            preferred_slot: claim.map(|claim| claim.slot),
            max_fps: 0,
        };
        self.pace.reset();
        self.stream = Some(Task::spawn(watch(self.client.clone(), request)));
    }

    fn close_stream(&mut self) {
        self.stream = None;
        self.seat = None;
        self.outbox.clear();
        self.screen.clear();
    }

    fn respond(&mut self, response: FrameResponse) {
        let claim =
            response.seat.as_ref().map(|seat| Claim { session: seat.session.clone(), slot: seat.slot });
        if let Some(seat) = response.seat {
            self.seat = Some(seat);
            self.live_again();
        }
        self.happen(Event::Heard(claim));
        if response.frame_data.is_empty() {
            self.view.tiles(&response.tiles);
            return;
        }
        self.stats.down.note(response.frame_data.len(), now());
        let mosaic = Mosaic { jpeg: response.frame_data, layout: response.layout, tiles: response.tiles };
        self.stats.not_shown += u64::from(self.screen.put(mosaic, is_seen()));
    }

    /// A seat was taken or is another: the camera's state is told at once.
    fn live_again(&mut self) {
        self.own_shown = 0;
        self.last_push = Duration::ZERO;
        self.give_sign();
    }

    fn tick(&mut self) {
        self.happen(Event::Tick);
        self.outbox.expire(now());
        if self.is_hidden_but_seen() {
            self.see(self.feed_number, now());
        }
        self.give_sign();
        if now() >= self.figures_at {
            self.figures_at = now() + FIGURES;
            self.figures();
        }
    }

    // --- frames up

    /// A picture is there: a JPEG is made of it if it is time for one and the way is free.
    fn see(&mut self, number: u32, taken_at: Duration) {
        if number != self.feed_number || !self.is_sending() || now() + EARLY < self.next_picture {
            return;
        }
        let window = self.pace.window(most_in_flight());
        let Some(encoder) = &mut self.encoder else { return };
        if encoder.is_busy() || self.outbox.is_full(window) {
            return self.outbox.skip();
        }
        let (Some(feed), Some(seat)) = (&self.feed, &self.seat) else { return };
        let Some(size) = feed.size() else { return };
        let tile = (f64::from(seat.tile_width), f64::from(seat.tile_height));
        let shape = Shape {
            width: seat.tile_width,
            height: seat.tile_height,
            place: fit::place(size, tile, seat.fit()),
            quality: self.pace.quality(seat.quality),
        };
        if let Err(error) = encoder.encode(&feed.video, shape) {
            return self.complain(fill(self.texts.camera_failed, &format!("{error:?}")));
        }
        self.encoding = taken_at;
        let due = self.next_picture + self.pace.interval();
        // Whoever was late does not make up for it.
        self.next_picture = if due + self.pace.interval() < now() { now() } else { due };
    }

    fn encoded(&mut self, jpeg: Result<Bytes, String>) {
        if let Some(encoder) = &mut self.encoder {
            encoder.done();
        }
        match jpeg {
            Ok(jpeg) if jpeg.len() > MAX_FRAME_BYTES => self.outbox.skip(),
            Ok(jpeg) if self.is_sending() => {
                self.outbox.put(Push { jpeg, taken_at: self.encoding });
                self.send();
            }
            Ok(_) => {}
            Err(error) => self.complain(fill(self.texts.camera_failed, &error)),
        }
    }

    /// Says that somebody is here, when no frame has said it for a while.
    fn give_sign(&mut self) {
        if self.seat.is_some() && (now() >= self.last_push + LIFE || self.last_push.is_zero()) {
            self.outbox.put(Push { jpeg: Bytes::new(), taken_at: Duration::ZERO });
            self.send();
        }
    }

    /// Sends what is next, as long as the way has room.
    fn send(&mut self) {
        let (Some(seat), Some(entry)) = (&self.seat, self.call.entry()) else { return };
        while let Some((number, push)) = self.outbox.take(self.pace.window(most_in_flight())) {
            self.stats.up.note(push.jpeg.len(), now());
            self.last_push = now();
            let request = FrameRequest {
                video_off: push.jpeg.is_empty() && self.feed.is_none(),
                frame_data: push.jpeg,
                client_id: entry.client_id.clone(),
                room: entry.room.clone(),
                session: seat.session.clone(),
                sequence: number,
                captured_at_us: push.taken_at.as_micros() as u64,
                ..FrameRequest::default()
            };
            let mut client = self.client.clone();
            let task = Task::spawn(async move {
                let answer = client.push_frame(request).await.map(tonic::Response::into_inner);
                tell(Message::Pushed(number, answer));
            });
            self.outbox.sent(number, task, now());
        }
    }

    fn pushed(&mut self, number: u64, answer: Result<PushFrameResponse, Status>) {
        if let Some(round_trip) = self.outbox.answered(number, now())
            && answer.is_ok()
        {
            self.pace.answered(round_trip, now());
            self.stats.round_trips.note(round_trip);
        }
        // What else can go wrong with a push, the stream tells.
        if let Ok(PushFrameResponse { refusal: Some(refusal), .. }) = answer {
            self.complain(fill(self.texts.frames_refused, &refusal.message));
        }
        self.send();
    }

    fn is_sending(&self) -> bool {
        self.seat.is_some() && self.feed.is_some() && (is_seen() || self.is_hidden_but_seen())
    }

    /// Whoever shares another window has this page behind it.
    fn is_hidden_but_seen(&self) -> bool {
        document().hidden() && self.feed.as_ref().is_some_and(|feed| feed.source == Source::Screen)
    }

    // --- mosaics down

    fn show(&mut self, mosaic: Mosaic, bitmap: Option<&ImageBitmap>) {
        self.screen.draw(mosaic.jpeg, bitmap);
        if let Some(layout) = mosaic.layout {
            self.arrange(layout);
        }
        self.view.tiles(&mosaic.tiles);
        self.measure(&mosaic.tiles);
        self.screen.go_on(is_seen());
    }

    fn arrange(&mut self, layout: Layout) {
        let own = self.call.entry().map(|entry| entry.client_id.clone()).unwrap_or_default();
        let after = layout.clone();
        let before = self.view.layout(layout, &own);
        if before.version == 0 {
            return;
        }
        let words: Vec<String> = between(&before, &after, &own)
            .into_iter()
            .map(|news| match news {
                News::Came(name) => fill(self.texts.came, &name),
                News::Went(name) => fill(self.texts.went, &name),
            })
            .collect();
        if !words.is_empty() {
            self.view.news(&words.join(" "));
        }
    }

    /// How old the own frame is that is shown for the first time.
    fn measure(&mut self, tiles: &[TileInfo]) {
        let Some(seat) = &self.seat else { return };
        let own = tiles.iter().find(|tile| tile.slot == seat.slot);
        if let Some(own) = own.filter(|own| own.captured_at_us > 0 && own.sequence != self.own_shown) {
            self.own_shown = own.sequence;
            self.stats.latencies.note(now().saturating_sub(Duration::from_micros(own.captured_at_us)));
        }
    }

    fn figures(&mut self) {
        let (up, bytes_up) = self.stats.up.rates(now());
        let (down, bytes_down) = self.stats.down.rates(now());
        let times = |values: &crate::stats::Values| match (values.percentile(0.5), values.percentile(0.95)) {
            (Some(p50), Some(p95)) => format!("{} / {} ms", p50.as_millis(), p95.as_millis()),
            _ => "–".to_owned(),
        };
        let rate = |bytes: f64| format!("{:.1} Mbit/s", bytes * 8.0 / 1e6);
        let quality = self.seat.as_ref().map_or(0, |seat| self.pace.quality(seat.quality));
        let texts = self.texts;
        let skipped = self.outbox.skipped() + self.stats.not_shown;
        self.view.stats(&[
            ("frames-up", texts.frames_up, format!("{up:.0} /s")),
            ("frames-down", texts.frames_down, format!("{down:.0} /s")),
            ("round-trip", texts.round_trip, times(&self.stats.round_trips)),
            ("latency", texts.latency, times(&self.stats.latencies)),
            ("bytes-up", texts.bytes_up, rate(bytes_up)),
            ("bytes-down", texts.bytes_down, rate(bytes_down)),
            ("skipped", texts.skipped, skipped.to_string()),
            ("quality", texts.quality, format!("{:.0} /s · {quality}", self.pace.rate())),
        ]);
    }

    // --- what is pressed

    fn press(&mut self, press: Press) {
        match press {
            Press::Join => self.join(Role::Participant),
            Press::Watch => self.join(Role::Spectator),
            Press::JoinAnew => {
                self.address.id = Some(identity::renew());
                self.join(Role::Participant);
            }
            Press::Leave => self.happen(Event::Leave),
            Press::TryNow => self.happen(Event::TryNow),
            Press::Camera => self.toggle_camera(),
            Press::Share => self.toggle_share(),
            Press::Choose => self.view.open_chooser(),
            Press::FullScreen => full_screen(),
            Press::PictureInPicture => picture_in_picture(&self.screen),
            Press::Save => self.save(),
            Press::Stats => {
                self.view.toggle_stats();
                self.figures();
            }
            Press::Invite => {
                let link = identity::invite(&self.address.room);
                view::copy(&link);
                self.complaint = Some(fill(self.texts.invite_copied, &link));
            }
            Press::Tile(slot) => self.view.enlarge(Some(slot).filter(|_| self.view.large() != Some(slot))),
            Press::Escape => self.view.enlarge(None),
            Press::Dismiss => (self.complaint, self.camera_error) = (None, None),
        }
    }

    fn join(&mut self, role: Role) {
        let name = self.view.name();
        identity::remember_name(&name);
        let client_id = identity::client_id(&self.address);
        let entry = Entry { client_id, name, room: self.address.room.clone(), role };
        self.joining_since = now();
        self.complaint = None;
        self.happen(Event::Join(entry, identity::claim()));
    }

    fn save(&mut self) {
        let Some(jpeg) = self.screen.shown() else { return };
        if let Err(error) = blob(jpeg).and_then(|blob| view::save(&blob, "tessera.jpg")) {
            self.complain(format!("{error:?}"));
        }
    }

    /// Says what went wrong, at once: frames, which come and go all the time, do not renew the page.
    fn complain(&mut self, words: String) {
        self.complaint = Some(words);
        self.render();
    }

    // --- the camera

    fn open_camera(&mut self, device: Option<String>) {
        self.wants_camera = true;
        self.open_feed(Source::Camera, device);
    }

    fn open_feed(&mut self, source: Source, device: Option<String>) {
        self.feed_number += 1;
        self.camera_error = None;
        let size = self.seat.as_ref().map_or(USUAL_TILE, |seat| (seat.tile_width, seat.tile_height));
        if source == Source::Camera {
            // Many cameras give their pictures to one at a time.
            self.feed = None;
        }
        self.asking = Some(camera::open(source, device, size, self.feed_number));
    }

    fn fed(&mut self, number: u32, feed: Result<Feed, CameraError>) {
        if number != self.feed_number {
            return;
        }
        match feed {
            Ok(feed) => {
                self.feed = Some(feed);
                self.listing = camera::list();
            }
            // Whoever thinks better of sharing keeps the camera.
            Err(_) if self.feed.is_some() => {}
            Err(error) => {
                self.camera_error = Some(error);
                self.listing = camera::list();
            }
        }
        self.last_push = Duration::ZERO;
    }

    fn feed_ended(&mut self, number: u32) {
        if number != self.feed_number {
            return;
        }
        let was_screen = self.feed.take().is_some_and(|feed| feed.source == Source::Screen);
        self.last_push = Duration::ZERO;
        if was_screen && self.wants_camera {
            self.open_camera(identity::camera());
        } else if !was_screen {
            self.camera_error = Some(CameraError::Gone);
        }
    }

    fn devices_changed(&mut self) {
        self.listing = camera::list();
        if self.wants_camera && self.feed.is_none() && self.camera_error.is_some() {
            self.open_camera(identity::camera());
        }
    }

    fn list(&mut self, devices: Vec<Device>) {
        self.devices = devices;
        let chosen = self.feed.as_ref().and_then(Feed::device).or_else(identity::camera);
        self.view.cameras(&self.devices, chosen.as_deref());
    }

    fn toggle_camera(&mut self) {
        if self.feed.is_some() {
            self.wants_camera = false;
            self.feed_number += 1;
            (self.feed, self.asking) = (None, None);
            self.last_push = Duration::ZERO;
            self.give_sign();
        } else if camera::is_secure() {
            self.open_camera(identity::camera());
        } else {
            self.camera_error = Some(CameraError::Insecure);
        }
    }

    fn toggle_share(&mut self) {
        if self.feed.as_ref().is_some_and(|feed| feed.source == Source::Screen) {
            self.feed_ended(self.feed_number);
        } else {
            self.open_feed(Source::Screen, None);
        }
    }

    // --- what is seen

    fn render(&mut self) {
        let state = self.call.state();
        self.view.state(state.name(), &self.status_words(), state.is_call());
        let is_screen = self.feed.as_ref().is_some_and(|feed| feed.source == Source::Screen);
        let is_spectator = self.call.entry().is_some_and(|entry| entry.role == Role::Spectator);
        self.view.sending(self.feed.is_some(), is_screen, is_spectator);
        let words = match (&self.feed, &self.camera_error, self.wants_camera) {
            (Some(_), ..) => "",
            (None, None, true) => self.texts.preview_asking,
            _ => self.texts.preview_off,
        };
        self.view.preview(self.feed.as_ref().map(Feed::stream), words);
        let notice = self.notice();
        self.view.notice(notice);
    }

    fn status_words(&self) -> String {
        let words = match self.call.state() {
            State::Joining => self.texts.joining,
            State::Reconnecting => self.texts.reconnecting,
            State::Left => self.texts.left,
            State::Live if self.feed.as_ref().is_some_and(|feed| feed.source == Source::Screen) => {
                self.texts.sharing
            }
            State::Idle | State::Live | State::Failed(_) => "",
        };
        words.to_owned()
    }

    /// What a person should know now, the gravest first.
    fn notice(&self) -> Option<Notice> {
        let texts = self.texts;
        if let State::Failed(failure) = self.call.state() {
            return Some(self.failed(failure));
        }
        if *self.call.state() == State::Reconnecting {
            let text = if now() < self.joining_since + SLOW { texts.reconnecting } else { self.slow_words() };
            return Some(Notice {
                text: text.to_owned(),
                actions: vec![(texts.try_now, Press::TryNow), (texts.leave, Press::Leave)],
            });
        }
        if *self.call.state() == State::Joining && now() >= self.joining_since + SLOW {
            return Some(Notice { text: self.slow_words().to_owned(), actions: Vec::new() });
        }
        let dismiss = (texts.dismiss, Press::Dismiss);
        if let Some(complaint) = &self.complaint {
            return Some(Notice { text: complaint.clone(), actions: vec![dismiss] });
        }
        let error = self.camera_error.as_ref()?;
        let is_spectator = self.call.entry().is_some_and(|entry| entry.role == Role::Spectator);
        let text = match error {
            _ if is_spectator && self.call.state().is_call() => return None,
            CameraError::Insecure => texts.insecure.to_owned(),
            CameraError::Denied => texts.camera_denied.to_owned(),
            CameraError::Busy => texts.camera_busy.to_owned(),
            CameraError::Missing => texts.camera_missing.to_owned(),
            CameraError::Gone => texts.camera_gone.to_owned(),
            CameraError::Other(words) => fill(texts.camera_failed, words),
        };
        let again = (texts.try_again, Press::Camera);
        let actions = if *error == CameraError::Insecure { vec![dismiss] } else { vec![again, dismiss] };
        Some(Notice { text, actions })
    }

    /// Over HTTP/1.1 the likeliest reason for no answer is the browser's own limit.
    fn slow_words(&self) -> &'static str {
        let is_answered = self.view.large().is_some() || self.screen.shown().is_some();
        if is_http2() || is_answered { self.texts.reconnecting } else { self.texts.joining_slow }
    }

    fn failed(&self, failure: &Failure) -> Notice {
        let texts = self.texts;
        let again = (texts.try_again, Press::Join);
        let watch = (texts.watch_instead, Press::Watch);
        let (text, actions) = match failure {
            Failure::IdTaken => (texts.id_taken.to_owned(), vec![(texts.join_anew, Press::JoinAnew), watch]),
            Failure::Full => (texts.full.to_owned(), vec![again, watch]),
            Failure::TakenOver => {
                (texts.taken_over.to_owned(), vec![(texts.join_anew, Press::JoinAnew), watch])
            }
            Failure::NoSuchRoom => (texts.no_such_room.to_owned(), vec![again]),
            Failure::NotAllowed(words) => (fill(texts.not_allowed, words), vec![again]),
            Failure::Rejected(words) => (fill(texts.rejected, words), vec![again]),
        };
        Notice { text, actions }
    }
}

/// The stream of mosaics, told message by message.
async fn watch(mut client: Client, request: WatchMosaicRequest) {
    let mut stream = match client.watch_mosaic(request).await {
        Ok(response) => response.into_inner(),
        Err(status) => return tell(Message::StreamEnded(status)),
    };
    let status = loop {
        match stream.message().await {
            Ok(Some(response)) => tell(Message::Response(Box::new(response))),
            Ok(None) => break Status::new(Code::Unavailable, "the stream ended"),
            Err(status) => break status,
        }
    };
    tell(Message::StreamEnded(status));
}

/// Whether somebody can see the canvas: the page, or the small picture of it.
fn is_seen() -> bool {
    let in_picture = js_sys::Reflect::get(&document(), &"pictureInPictureElement".into());
    !document().hidden() || in_picture.is_ok_and(|element| element.is_truthy())
}

/// HTTP/1.1 gives a browser six connections to a server, for all its tabs.
fn most_in_flight() -> usize {
    if is_http2() { 4 } else { 2 }
}

/// Browsers speak HTTP/2 over TLS only.
fn is_http2() -> bool {
    window().location().protocol().is_ok_and(|protocol| protocol == "https:")
}

fn full_screen() {
    // A browser that does not want to says so itself.
    if document().fullscreen_element().is_some() {
        document().exit_fullscreen();
    } else {
        let _asked = by_id::<web_sys::Element>("call").request_fullscreen();
    }
}

/// Shows the canvas in a small window over all others, by way of a video of it.
fn picture_in_picture(screen: &Screen) {
    let call = |object: &JsValue, name: &str, argument: &JsValue| -> Option<JsValue> {
        let function = js_sys::Reflect::get(object, &name.into()).ok()?;
        function.dyn_into::<js_sys::Function>().ok()?.call1(object, argument).ok()
    };
    let Some(stream) = call(&screen.canvas, "captureStream", &30.into()) else { return };
    let Ok(video) = document().create_element("video") else { return };
    let video: web_sys::HtmlVideoElement = video.unchecked_into();
    video.set_muted(true);
    video.set_src_object(stream.dyn_ref());
    let asked = video.clone();
    dom::on(&video, "loadedmetadata", move |_: DomEvent| {
        let _asked = call(&asked, "requestPictureInPicture", &JsValue::UNDEFINED);
    });
    let _playing = video.play();
}
