//! The page as a whole: every message goes to the one [`App`], in the order in which it came.

mod feeding;
mod ruling;
mod sending;
mod showing;
mod stream;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tessera_wire::{FrameResponse, PushFrameResponse, Seat};
use web_sys::{Event as DomEvent, ImageBitmap, PageTransitionEvent, Worker};

use super::camera::{self, Device, Feed, Source};
use super::dom::{self, Task, by_id, document, now, window};
use super::encoder::Encoder;
use super::identity::{self, Address, Invitation};
use super::labels::Labels;
use super::large::{SmallWindow, full_screen, is_picture_in_picture};
use super::lines::Line;
use super::screen::{Mosaic, Screen, blob};
use super::transport::{Client, is_http2};
use super::view::{self, View};
use crate::call::{Call, Ending, Entry, Event, Role, State};
use crate::notice::{CameraError, Press, Situation, notice};
use crate::outbox::Outbox;
use crate::pace::Pace;
use crate::stats::Stats;
use crate::texts::{self, Texts, fill};

/// The worker's clock, in milliseconds.
const TICK: u32 = 250;
/// The same where it must stand in for the pictures that a hidden page is not told of.
const QUICK_TICK: u32 = 66;
/// So long a hint is shown that nobody closes.
const HINT: Duration = Duration::from_secs(10);
/// The panel's figures are renewed so often.
const FIGURES: Duration = Duration::from_millis(500);

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
    StreamEnded(Ending),
    /// This tab may have its stream.
    Line(Line),
    /// The other tabs have all connections.
    Crowded,
    /// The push of that number, with so many bytes of JPEG, was answered.
    Pushed {
        number: u64,
        bytes: usize,
        answer: Result<PushFrameResponse, Ending>,
    },
    Decoded(Mosaic, Option<ImageBitmap>),
    /// The link was copied, or can be read only.
    Invited {
        link: String,
        is_copied: bool,
    },
    /// What a host wanted was done, or was not.
    Ruled(Result<(), Ending>),
    Tick,
    Visibility,
    Online,
    Frozen,
    Thawed,
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
pub(crate) fn start(worker: Worker, invitation: Invitation) {
    let app = App::new(worker, invitation);
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

/// The page.
#[derive(Debug)]
struct App {
    texts: &'static Texts,
    address: Address,
    /// Without its token, which the client has.
    invitation: Invitation,
    client: Client,
    call: Call,
    stream: Option<Task>,
    /// Held for as long as the call goes on, through every attempt.
    line: Option<Line>,
    seat: Option<Seat>,
    outbox: Outbox<sending::Push, Task>,
    pace: Pace,
    stats: Stats,
    encoder: Encoder,
    /// When the picture in work was taken.
    encoding: Duration,
    screen: Screen,
    small: SmallWindow,
    view: View,
    labels: Labels,
    feed: Option<Feed>,
    /// What is asked for; a later question has a higher number.
    asking: Option<Source>,
    last_asked: u32,
    listing: Option<Task>,
    inviting: Option<Task>,
    /// The client id of whom a host is asked about.
    removing: Option<String>,
    ruling: Option<Task>,
    devices: Vec<Device>,
    /// Whether this person wants to be seen.
    wants_camera: bool,
    camera_error: Option<CameraError>,
    is_camera_error_read: bool,
    /// What else went wrong, until it is dismissed.
    complaint: Option<String>,
    /// What somebody asked for, and until when it is shown.
    hint: Option<(String, Duration)>,
    /// The newest frame of the own tile that was shown.
    own_shown: u64,
    /// Whether a mosaic was drawn since the page was opened.
    has_drawn: bool,
    next_picture: Duration,
    last_push: Duration,
    last_picture: Duration,
    /// Pushes that failed, since the last that did not.
    unanswered: u32,
    figures_at: Duration,
}

impl App {
    fn new(worker: Worker, mut invitation: Invitation) -> Self {
        let address = Address::read();
        let wanted: Vec<String> =
            window().navigator().languages().iter().filter_map(|tag| tag.as_string()).collect();
        let tags = address.language.iter().chain(&wanted).map(String::as_str);
        let (language, texts) = texts::choose(tags);
        Self {
            texts,
            client: Client::new(invitation.token.take()),
            call: Call::default(),
            stream: None,
            line: None,
            seat: None,
            outbox: Outbox::default(),
            pace: Pace::default(),
            stats: Stats::default(),
            encoder: Encoder::new(worker, TICK),
            encoding: Duration::ZERO,
            screen: Screen::new(by_id("mosaic")),
            small: SmallWindow::new(),
            view: View::new(language, texts),
            labels: Labels::new(texts),
            feed: None,
            asking: None,
            last_asked: 0,
            listing: None,
            inviting: None,
            removing: None,
            ruling: None,
            devices: Vec::new(),
            wants_camera: true,
            camera_error: None,
            is_camera_error_read: false,
            complaint: None,
            hint: None,
            own_shown: 0,
            has_drawn: false,
            next_picture: Duration::ZERO,
            last_push: Duration::ZERO,
            last_picture: Duration::ZERO,
            unanswered: 0,
            figures_at: Duration::ZERO,
            address,
            invitation,
        }
    }

    fn begin(&mut self) {
        let given = self.invitation.name.clone();
        let name = given.or_else(|| self.address.name.clone()).or_else(identity::name).unwrap_or_default();
        let room = self.named_room().unwrap_or_default();
        self.view.fill_in(&name, &room);
        self.view.bind(self.invitation.name.is_some(), self.invitation.only_watches);
        if self.invitation.only_watches {
            self.wants_camera = false;
        } else if camera::is_secure() {
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
            Message::Picture(number, taken_at) if self.is_feed(number) => return self.picture(taken_at),
            Message::Picture(..) => return,
            Message::Encoded(jpeg) => return self.encoded(jpeg),
            Message::Pushed { number, bytes, answer } => return self.pushed(number, bytes, answer),
            Message::Decoded(mosaic, bitmap) => return self.show(mosaic, bitmap.as_ref()),
            Message::Response(response) if self.stream.is_some() => self.respond(*response),
            Message::Response(_) => {}
            Message::StreamEnded(ending) => self.happen(Event::Ended(ending)),
            Message::Tick => self.tick(),
            Message::Line(line) => self.line = self.stream.is_some().then_some(line),
            Message::Crowded => self.happen(Event::Crowded),
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
            Message::FeedEnded(number) if self.is_feed(number) => self.feed_ended(),
            Message::FeedEnded(_) => {}
            Message::Devices(devices) => self.list(devices),
            Message::DevicesChanged => self.devices_changed(),
            Message::Invited { link, is_copied } => self.invited(&link, is_copied),
            Message::Ruled(Ok(())) => {}
            Message::Ruled(Err(ending)) => self.complaint = Some(fill(self.texts.rejected, &ending.message)),
            Message::Visibility => self.screen.go_on(is_seen()),
            Message::Online => self.happen(Event::TryNow),
            Message::Frozen => self.happen(Event::Frozen),
            Message::Thawed => self.happen(Event::Thawed),
        }
        self.render();
    }

    fn tick(&mut self) {
        let is_hidden_but_seen = self.is_hidden_but_seen();
        self.happen(Event::Tick);
        self.hint.take_if(|(_, until)| now() >= *until);
        self.encoder.tick_every(if is_hidden_but_seen { QUICK_TICK } else { TICK });
        self.look_for_picture();
        self.give_sign();
        if now() >= self.figures_at {
            self.figures_at = now() + FIGURES;
            self.figures();
        }
    }

    fn press(&mut self, press: Press) {
        match press {
            Press::Join if self.invitation.only_watches => self.join(Role::Spectator),
            Press::Join => self.join(Role::Participant),
            Press::Watch => self.join(Role::Spectator),
            Press::JoinAnew => {
                self.address.id = Some(identity::renew());
                self.join(Role::Participant);
            }
            Press::Leave => {
                self.happen(Event::Leave);
                self.want_feed();
            }
            Press::TryNow => self.happen(Event::TryNow),
            Press::Camera => self.toggle_camera(),
            Press::Share => self.toggle_share(),
            Press::Choose => self.view.open_chooser(),
            Press::FullScreen => full_screen(),
            Press::PictureInPicture => self.small.toggle(&self.screen),
            Press::Save => self.save(),
            Press::Stats => {
                self.view.toggle_stats();
                self.figures();
            }
            Press::Invite => {
                let Some(room) = self.named_room() else { return };
                let link = identity::link(&room);
                self.inviting = Some(Task::spawn(async move {
                    let is_copied = identity::copy(&link).await;
                    tell(Message::Invited { link, is_copied });
                }));
            }
            Press::Tile(slot) => self.labels.toggle(slot),
            Press::AskRemoval(slot) => self.ask_removal(slot),
            Press::Remove => self.remove(),
            Press::Lock => self.lock(),
            Press::Escape => self.labels.enlarge(None),
            Press::Dismiss if self.complaint.is_some() => self.complaint = None,
            Press::Dismiss if self.hint.is_some() => self.hint = None,
            Press::Dismiss => self.is_camera_error_read = true,
        }
    }

    /// Tells of the link. Whoever must copy it by hand gets the time for that.
    fn invited(&mut self, link: &str, is_copied: bool) {
        let texts = self.texts;
        let (words, until) =
            if is_copied { (texts.invite_copied, now() + HINT) } else { (texts.invite_link, Duration::MAX) };
        let mut words = fill(words, link);
        for (is_so, warning) in
            [(self.client.has_token(), texts.invite_private), (identity::is_local(), texts.invite_local)]
        {
            if is_so {
                words = format!("{words}\n{warning}");
            }
        }
        self.hint = Some((words, until));
    }

    /// The room that the address names. If no room can be called so, that is said: another one is not what was meant.
    fn named_room(&mut self) -> Option<String> {
        match &self.address.room {
            Ok(room) => Some(room.clone()),
            Err(error) => {
                self.complaint = Some(fill(self.texts.no_room, &error.to_string()));
                None
            }
        }
    }

    fn join(&mut self, role: Role) {
        let Some(room) = self.named_room() else { return };
        match role {
            Role::Participant => self.want_feed(),
            Role::Spectator => self.drop_feed(),
        }
        let mut name = self.view.name();
        if self.invitation.name.is_none() {
            identity::remember_name(&name);
        }
        let invited = self.invitation.id.clone();
        let client_id = invited.unwrap_or_else(|| identity::client_id(&self.address));
        if name.is_empty() && identity::is_random(&client_id) {
            // Others would see the id instead.
            self.texts.guest.clone_into(&mut name);
        }
        let entry = Entry { client_id, name, room, role };
        (self.complaint, self.hint) = (None, None);
        self.stats = Stats::default();
        self.happen(Event::Join(entry, identity::claim()));
    }

    fn save(&mut self) {
        let Some(jpeg) = self.screen.shown() else { return };
        if let Err(error) =
            blob(jpeg).and_then(|blob| view::save(&blob, &format!("Tessera {}.jpg", view::moment())))
        {
            self.complain(dom::words(&error));
        }
    }

    /// Says what went wrong, at once: frames, which come and go all the time, do not renew the page.
    fn complain(&mut self, words: String) {
        self.complaint = Some(words);
        self.render();
    }

    fn render(&mut self) {
        let state = self.call.state();
        self.view.state(state.name(), &self.status_words(), state.is_call());
        let is_screen = self.is_screen();
        let is_spectator = self.call.entry().is_some_and(|entry| entry.role == Role::Spectator);
        self.show_rule();
        self.view.sending(self.feed.is_some(), is_screen, is_spectator);
        let words = match (&self.feed, &self.camera_error, self.wants_camera) {
            (Some(_), ..) => "",
            _ if self.invitation.only_watches => self.texts.preview_watching,
            (None, None, true) => self.texts.preview_asking,
            _ => self.texts.preview_off,
        };
        self.view.preview(self.feed.as_ref().map(Feed::stream), words);
        let situation = Situation {
            state,
            role: self.call.entry().map(|entry| entry.role),
            camera: self.camera_error.as_ref().filter(|_| !self.is_camera_error_read),
            complaint: self.complaint.as_deref(),
            hint: self.hint.as_ref().map(|(words, _)| words.as_str()),
            waiting: self.call.waiting(now()),
            was_live: self.call.was_live(),
            is_invited: self.client.has_token(),
            is_bound: self.invitation.id.is_some(),
            may_lack_connections: !is_http2(),
        };
        self.view.notice(notice(&situation, self.texts));
    }

    fn status_words(&self) -> String {
        let words = match self.call.state() {
            State::Joining => self.texts.joining,
            State::Reconnecting => self.texts.reconnecting,
            State::Left => self.texts.left,
            State::Live if self.is_screen() => self.texts.sharing,
            State::Idle | State::Live | State::Failed(_) => "",
        };
        words.to_owned()
    }
}

/// Whether somebody can see the canvas: the page, or the small picture of it.
fn is_seen() -> bool {
    !document().hidden() || is_picture_in_picture()
}
