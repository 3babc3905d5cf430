//! What a person is told when something is not as it should be, and what can be done about it.

use std::time::Duration;

use crate::call::{Failure, Role, State};
use crate::texts::{Texts, fill};

/// A join or a return that takes so long gets an explanation.
const SLOW: Duration = Duration::from_secs(3);

/// Why a camera or a screen gives no pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameraError {
    /// The page is not secure: there is no camera to ask for.
    Insecure,
    /// The person, or the browser's settings, said no.
    Denied,
    /// Another program has it.
    Busy,
    /// There is none.
    Missing,
    /// It was there and is no more.
    Gone,
    /// The browser's words.
    Other(String),
}

/// What a person presses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// Join with a seat.
    Join,
    /// Watch without one.
    Watch,
    /// Join under a new client id.
    JoinAnew,
    /// Leave the call.
    Leave,
    /// Do not wait for the next attempt.
    TryNow,
    /// The camera on or off.
    Camera,
    /// The screen instead of the camera, or the camera again.
    Share,
    /// The choice of cameras and the list of shortcuts.
    Choose,
    /// Full screen on or off.
    FullScreen,
    /// The mosaic in a small window.
    PictureInPicture,
    /// The mosaic as a file.
    Save,
    /// The panel of figures.
    Stats,
    /// The link for others.
    Invite,
    /// The tile of that slot, large or as it was.
    Tile(u32),
    /// Everybody again.
    Escape,
    /// A host wants whoever has that slot to go, and is asked again.
    AskRemoval(u32),
    /// And is sure.
    Remove,
    /// Nobody else comes in, or everybody again.
    Lock,
    /// The notice was read.
    Dismiss,
}

/// A message that stays until it is answered, has been read or does not hold any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What is the matter.
    pub text: String,
    /// What can be done: the word and the press.
    pub actions: Vec<(&'static str, Press)>,
}

/// Everything that decides what is told.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// Where the call is.
    pub state: &'a State,
    /// As what this person is in it, or was last.
    pub role: Option<Role>,
    /// Why the camera gives nothing.
    pub camera: Option<&'a CameraError>,
    /// What else went wrong, in words.
    pub complaint: Option<&'a str>,
    /// What somebody wanted to know, and nothing is wrong.
    pub hint: Option<&'a str>,
    /// Since the join or the loss of the stream.
    pub waiting: Duration,
    /// Whether there was a mosaic since the join.
    pub was_live: bool,
    /// Whether the link that opened the page brought a token.
    pub is_invited: bool,
    /// Whether that token is for one client id, which no other can stand in for.
    pub is_bound: bool,
    /// Whether the browser has few connections to one server, for all its tabs: HTTP/1.1 is spoken. Then that is the
    /// likeliest reason why a join is not answered.
    pub may_lack_connections: bool,
}

/// What a person should know now, the gravest first.
pub fn notice(situation: &Situation<'_>, texts: &'static Texts) -> Option<Notice> {
    let is_slow = situation.waiting >= SLOW;
    let dismiss = (texts.dismiss, Press::Dismiss);
    match situation.state {
        State::Failed(failure) => return Some(failed(failure, situation, texts)),
        State::Reconnecting => {
            let text = if situation.was_live { texts.reconnecting } else { texts.unreachable };
            let actions = vec![(texts.try_now, Press::TryNow), (texts.leave, Press::Leave)];
            return Some(Notice { text: text.to_owned(), actions });
        }
        State::Joining if is_slow => {
            let text = if situation.may_lack_connections { texts.joining_slow } else { texts.joining_long };
            return Some(Notice { text: text.to_owned(), actions: vec![(texts.leave, Press::Leave)] });
        }
        State::Idle | State::Joining | State::Live | State::Left => {}
    }
    if let Some(words) = situation.complaint.or(situation.hint) {
        return Some(Notice { text: words.to_owned(), actions: vec![dismiss] });
    }
    let only_watches = situation.state.is_call() && situation.role == Some(Role::Spectator);
    let error = situation.camera.filter(|_| !only_watches)?;
    let actions = match error {
        CameraError::Insecure if situation.state.is_call() => vec![dismiss],
        CameraError::Insecure => vec![(texts.watch_instead, Press::Watch), dismiss],
        _ => vec![(texts.try_again, Press::Camera), dismiss],
    };
    Some(Notice { text: camera(error, texts), actions })
}

fn camera(error: &CameraError, texts: &Texts) -> String {
    match error {
        CameraError::Insecure => texts.insecure.to_owned(),
        CameraError::Denied => texts.camera_denied.to_owned(),
        CameraError::Busy => texts.camera_busy.to_owned(),
        CameraError::Missing => texts.camera_missing.to_owned(),
        CameraError::Gone => texts.camera_gone.to_owned(),
        CameraError::Other(words) => fill(texts.camera_failed, words),
    }
}

fn failed(failure: &Failure, situation: &Situation<'_>, texts: &Texts) -> Notice {
    let again = match situation.role {
        Some(Role::Spectator) => (texts.try_again, Press::Watch),
        Some(Role::Participant) | None => (texts.try_again, Press::Join),
    };
    // As somebody new, where the link does not say who its bearer is.
    let anew = if situation.is_bound { again } else { (texts.join_anew, Press::JoinAnew) };
    let watch = (texts.watch_instead, Press::Watch);
    let (text, actions) = match failure {
        Failure::IdTaken if situation.is_bound => (texts.link_in_use.to_owned(), vec![again, watch]),
        Failure::IdTaken => (texts.id_taken.to_owned(), vec![anew, watch]),
        Failure::Full(words) => (fill(texts.full, words), vec![again, watch]),
        Failure::TakenOver => (texts.taken_over.to_owned(), vec![anew, watch]),
        Failure::TooManyTabs => (texts.too_many_tabs.to_owned(), vec![again]),
        Failure::Removed => (texts.removed.to_owned(), vec![again]),
        Failure::Stranger(words) if situation.is_invited => (fill(texts.link_refused, words), vec![again]),
        Failure::Stranger(_) => (texts.link_needed.to_owned(), vec![again]),
        Failure::NotAllowed(words) => (fill(texts.not_allowed, words), vec![again]),
        Failure::Rejected(words) if situation.is_bound => (fill(texts.rejected, words), vec![again]),
        Failure::Rejected(words) => (fill(texts.rejected, words), vec![again, anew]),
    };
    Notice { text, actions }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::LANGUAGES;

    fn told(situation: Situation<'_>) -> Option<Notice> {
        notice(&situation, LANGUAGES[0].1)
    }

    fn in_state(state: &State) -> Situation<'_> {
        Situation {
            state,
            role: None,
            camera: None,
            complaint: None,
            hint: None,
            waiting: Duration::ZERO,
            was_live: false,
            is_invited: false,
            is_bound: false,
            may_lack_connections: false,
        }
    }

    fn presses(notice: Option<Notice>) -> Vec<Press> {
        notice.into_iter().flat_map(|notice| notice.actions).map(|(_, press)| press).collect()
    }

    #[test]
    fn a_call_that_goes_well_is_no_news() {
        for state in [State::Idle, State::Joining, State::Live, State::Left] {
            assert_eq!(told(in_state(&state)), None);
        }
    }

    #[test]
    fn every_failure_and_every_loss_can_be_answered() {
        for failure in [
            Failure::IdTaken,
            Failure::Full("no".into()),
            Failure::TakenOver,
            Failure::TooManyTabs,
            Failure::Removed,
            Failure::Stranger("no".into()),
            Failure::NotAllowed("no".into()),
            Failure::Rejected("no".into()),
        ] {
            assert!(!presses(told(in_state(&State::Failed(failure)))).is_empty());
        }
        assert_eq!(presses(told(in_state(&State::Reconnecting))), [Press::TryNow, Press::Leave]);
    }

    #[test]
    fn a_lost_call_is_graver_than_a_camera_and_a_complaint_comes_before_a_camera() {
        let state = State::Reconnecting;
        let both = Situation {
            camera: Some(&CameraError::Denied),
            complaint: Some("a frame was refused"),
            was_live: true,
            ..in_state(&state)
        };
        assert!(told(both).unwrap().text.contains("connection is lost"));
        let live = Situation { state: &State::Live, ..both };
        assert_eq!(told(live).unwrap().text, "a frame was refused");
        let camera = Situation { complaint: None, ..live };
        assert_eq!(presses(told(camera)), [Press::Camera, Press::Dismiss]);
    }

    #[test]
    fn whoever_was_never_in_is_not_told_of_coming_back() {
        let state = State::Reconnecting;
        assert!(told(in_state(&state)).unwrap().text.contains("does not answer"));
        let back = Situation { was_live: true, ..in_state(&state) };
        assert!(told(back).unwrap().text.contains("your place"));
    }

    #[test]
    fn a_stranger_is_told_of_the_link_and_whoever_has_one_what_is_wrong_with_it() {
        let state = State::Failed(Failure::Stranger("it has expired".into()));
        assert!(!told(in_state(&state)).unwrap().text.contains("expired"));
        assert!(told(Situation { is_invited: true, ..in_state(&state) }).unwrap().text.contains("expired"));
    }

    #[test]
    fn a_link_that_is_for_one_person_offers_nobody_to_join_as_somebody_new() {
        for failure in [Failure::IdTaken, Failure::TakenOver, Failure::Rejected("no".into())] {
            let state = State::Failed(failure);
            let free = Situation { is_invited: true, ..in_state(&state) };
            assert!(presses(told(free)).contains(&Press::JoinAnew), "{state:?}");
            let bound = Situation { is_bound: true, ..free };
            let offered = presses(told(bound));
            assert!(offered.contains(&Press::Join) && !offered.contains(&Press::JoinAnew), "{state:?}");
        }
        let state = State::Failed(Failure::IdTaken);
        let bound = Situation { is_bound: true, ..in_state(&state) };
        assert!(told(bound).unwrap().text.contains("link is in use"));
        assert_eq!(presses(told(bound)), [Press::Join, Press::Watch]);
    }

    #[test]
    fn trying_again_is_what_was_tried() {
        let state = State::Failed(Failure::TooManyTabs);
        for (role, press) in [(Role::Spectator, Press::Watch), (Role::Participant, Press::Join)] {
            assert_eq!(presses(told(Situation { role: Some(role), ..in_state(&state) })), [press]);
        }
    }

    #[test]
    fn a_page_that_is_not_secure_is_told_what_to_do_and_offered_to_watch() {
        let insecure = Situation { camera: Some(&CameraError::Insecure), ..in_state(&State::Idle) };
        let notice = told(insecure).unwrap();
        assert!(notice.text.contains("https://"));
        assert_eq!(presses(Some(notice)), [Press::Watch, Press::Dismiss]);
        assert_eq!(presses(told(Situation { state: &State::Live, ..insecure })), [Press::Dismiss]);
    }

    #[test]
    fn whoever_only_watches_hears_nothing_of_a_camera() {
        let watching = Situation {
            role: Some(Role::Spectator),
            camera: Some(&CameraError::Missing),
            ..in_state(&State::Live)
        };
        assert_eq!(told(watching), None);
        assert!(told(Situation { state: &State::Left, ..watching }).is_some());
    }

    #[test]
    fn no_answer_for_three_seconds_is_explained_by_tabs_where_they_may_be_the_reason() {
        let joining = Situation { waiting: SLOW, ..in_state(&State::Joining) };
        assert!(!told(joining).unwrap().text.contains("tabs"));
        let crowded = Situation { may_lack_connections: true, ..joining };
        assert!(told(crowded).unwrap().text.contains("tabs"));
        assert_eq!(told(Situation { waiting: Duration::ZERO, ..crowded }), None);
    }
}
