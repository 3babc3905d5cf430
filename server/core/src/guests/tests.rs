use super::*;
use crate::counters::Held;
use crate::usage::Account;

/// Of an untrusted network (RFC 5737).
const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));
const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 10));
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Five connections, two of each address, and 100 bytes, 60 of each address.
fn small(limit_loopback: bool) -> Guests {
    let mut limits = Limits::default();
    let connections = &mut limits.connections;
    (connections.max_connections, connections.max_connections_per_ip) = (5, 2);
    connections.limit_loopback = limit_loopback;
    (limits.calls.max_held_bytes, limits.calls.max_held_bytes_per_ip) = (100, 60);
    Guests::new(&limits, Counters::default())
}

#[test]
fn connections_are_bounded_for_each_address_and_in_all_and_free_when_they_end() {
    let guests = small(false);
    let first = guests.connect(ONE, false).unwrap();
    let second = guests.connect(ONE, false).unwrap();
    assert_eq!(guests.connect(ONE, false).unwrap_err(), Full::ForAddress);
    drop(first);
    let third = guests.connect(ONE, false).unwrap();
    let others = [guests.connect(OTHER, false).unwrap(), guests.connect(OTHER, false).unwrap()];
    let here = guests.connect(HERE, false).unwrap();
    assert_eq!(guests.connect(HERE, false).unwrap_err(), Full::InAll);
    assert_eq!(guests.0.counters.held(), Held { connections: 5, ..Held::default() });
    drop((second, third, others, here));
    assert_eq!(guests.0.counters.held(), Held::default());
    assert!(guests.lock().guests.is_empty(), "who has nothing here is forgotten");
}

#[test]
fn what_an_address_uses_is_not_forgotten_when_it_comes_anew() {
    let guests = small(false);
    let usage = guests.connect(ONE, false).unwrap().usage();
    assert!(guests.lock().guests.is_empty(), "it has used nothing");
    let visit = guests.connect(ONE, false).unwrap();
    let (account, begun) = (Account::new(visit.usage()), Instant::now());
    account.begin(begun);
    drop(visit);
    assert_eq!(Account::new(guests.connect(ONE, false).unwrap().usage()).workers(), 1);
    assert_eq!(Account::new(usage).workers(), 0);
    account.end(begun, begun);
    for n in 0..2 * MANY as u32 {
        drop(guests.connect(std::net::Ipv4Addr::from_bits(n + (10 << 24)).into(), false).unwrap());
    }
    assert!(guests.lock().guests.len() <= 1);
}

#[test]
fn this_machine_and_proxies_are_spared_but_not_who_comes_through_them() {
    let guests = small(false);
    let spared: Vec<_> = (0..2).map(|_| guests.connect(HERE, false).unwrap()).collect();
    let proxied: Vec<_> = (0..3).map(|_| guests.connect(ONE, true).unwrap()).collect();
    let requests = [guests.hand_on(OTHER).unwrap(), guests.hand_on(OTHER).unwrap()];
    assert_eq!(guests.hand_on(OTHER).unwrap_err(), Full::ForAddress);
    assert_eq!(guests.0.counters.held().connections, 5, "a request is no connection");
    let _by_itself = [guests.hand_on(ONE).unwrap(), guests.hand_on(ONE).unwrap()];
    assert_eq!(guests.hand_on(ONE).unwrap_err(), Full::ForAddress);
    drop((spared, proxied, requests));
    let of_a_proxy_that_does_not_say = [guests.hand_on(HERE).unwrap(), guests.hand_on(HERE).unwrap()];
    assert_eq!(guests.hand_on(HERE).unwrap_err(), Full::ForAddress);
    drop(of_a_proxy_that_does_not_say);
    let limited = small(true);
    let _two = [limited.connect(HERE, false).unwrap(), limited.connect(HERE, false).unwrap()];
    assert_eq!(limited.connect(HERE, false).unwrap_err(), Full::ForAddress);
}

#[test]
fn joins_from_this_machine_are_not_counted_unless_they_came_through_a_proxy() {
    let mut limits = Limits::default();
    limits.calls.joins_per_minute = 1;
    let guests = Guests::new(&limits, Counters::default());
    let here = guests.connect(HERE, false).unwrap();
    assert!((0..9).all(|_| here.join().is_ok()));
    let forwarded = guests.hand_on(HERE).unwrap();
    assert!(forwarded.join().is_ok() && forwarded.join().is_err());
    limits.connections.limit_loopback = true;
    let here = Guests::new(&limits, Counters::default()).connect(HERE, false).unwrap();
    assert!(here.join().is_ok() && here.join().is_err());
}

#[test]
fn bytes_are_bounded_for_each_address_and_in_all_and_given_back() {
    let guests = small(false);
    let holding = |address| Arc::new(guests.connect(address, false).unwrap()).hold();
    let (mut one, mut again, mut other) = (holding(ONE), holding(ONE), holding(OTHER));
    assert_eq!(one.set(40), Ok(()));
    assert_eq!(again.set(21), Err(TooMuch::ForAddress));
    assert_eq!(again.set(20), Ok(()));
    assert_eq!(other.set(41), Err(TooMuch::InAll));
    assert_eq!(other.set(40), Ok(()));
    assert_eq!(guests.0.counters.held().bytes, 100);
    assert_eq!(one.set(30), Ok(()));
    assert_eq!(other.set(50), Ok(()));
    drop((one, again, other));
    assert_eq!((guests.0.counters.held(), guests.0.bytes.load(Ordering::Acquire)), (Held::default(), 0));
    assert!(guests.lock().guests.is_empty());
}

#[test]
fn rooms_and_places_of_an_address_are_counted_although_it_leaves_and_comes_anew() {
    let mut limits = Limits::default();
    (limits.rooms.max_rooms_per_ip, limits.rooms.max_places_per_ip) = (1, 2);
    let guests = Guests::new(&limits, Counters::default());
    let come = |address| guests.connect(address, false).unwrap();
    let room = come(ONE).enter_room().unwrap();
    assert_eq!(come(ONE).enter_room().unwrap_err(), InTooManyRooms(1));
    assert!(come(OTHER).enter_room().is_ok());
    let (first, second) = (come(ONE).take_place().unwrap(), come(ONE).take_place().unwrap());
    assert_eq!(come(ONE).take_place().unwrap_err(), TooManyPlaces(2));
    drop(first);
    assert!(come(ONE).take_place().is_ok());
    drop((room, second));
    assert!(come(ONE).enter_room().is_ok());
    let spared: Vec<_> = (0..9).map(|_| come(HERE).enter_room()).collect();
    assert!(spared.iter().all(Result::is_ok));
}

#[test]
fn seats_and_wrong_tokens_have_a_rate_for_each_address() {
    let mut limits = Limits::default();
    (limits.calls.joins_per_minute, limits.calls.wrong_tokens_per_minute) = (2, 1);
    let guests = Guests::new(&limits, Counters::default());
    let [one, again, other, here] =
        [ONE, ONE, OTHER, HERE].map(|address| guests.connect(address, false).unwrap());
    assert!(one.join().is_ok() && again.join().is_ok() && one.join().is_err() && other.join().is_ok());
    assert!(one.join_by_wish().is_ok() && again.join_by_wish().is_ok() && one.join_by_wish().is_err());
    assert!(one.present_wrong_token().is_ok() && again.present_wrong_token().is_err());
    assert!((0..9).all(|_| here.join().is_ok()));
}

#[test]
fn frames_that_are_kept_are_counted_for_their_address_and_in_all_as_long_as_they_are_anywhere() {
    let guests = small(false);
    let visits = [ONE, ONE, OTHER].map(|address| guests.connect(address, false).unwrap());
    let [one, again, other] = visits.each_ref().map(Visit::keeper);
    let first = one.keep(&[7; 40], 0).unwrap();
    assert_eq!(first, [7; 40][..]);
    assert_eq!(again.keep(&[0; 21], 0), Err(NoRoom::ForAddress));
    drop(one.keep(&[0; 21], 40).expect("it comes in place of another"));
    assert_eq!(one.keep(&[0; 61], 40), Err(NoRoom::ForAddress), "which leaves more than before");
    let part = first.slice(..1);
    drop(first);
    let third = other.keep(&[0; 60], 0).unwrap();
    assert_eq!(one.keep(&[0; 1], 0), Err(NoRoom::InAll), "a part keeps all of it");
    drop(part);
    drop(again.keep(&[0; 40], 0).unwrap());
    let here = guests.connect(HERE, false).unwrap().keeper();
    drop(third);
    let _much = here.keep(&[0; 100], 0).expect("this machine has no bound of its own");
    assert_eq!(here.keep(&[0; 1], 0), Err(NoRoom::InAll));
}

#[test]
fn who_asks_too_often_is_not_read_for_a_while_and_neither_proxies_nor_neighbours_wait_for_it() {
    let guests = small(false);
    let [greedy, fair] = [(); 2].map(|()| guests.connect(ONE, false).unwrap());
    let now = Instant::now();
    fair.ask(1, now);
    greedy.ask(599, now);
    assert!(matches!(greedy.pace(now), Pace::Quiet(_)));
    assert_eq!(fair.pace(now), Pace::Sparing);
    let other = guests.connect(OTHER, false).unwrap();
    assert_eq!(other.pace(now), Pace::Free);
    greedy.earn(100 << 10);
    assert_eq!(greedy.pace(now), Pace::Free, "what it sent is worth 100 of them");
    drop(other);
    for spared in [guests.connect(HERE, false).unwrap(), guests.connect(OTHER, true).unwrap()] {
        spared.ask(1 << 20, now);
        assert_eq!(spared.pace(now), Pace::Free);
    }
}

#[test]
fn who_asks_too_often_gains_nothing_by_coming_anew() {
    let mut limits = Limits::default();
    // One request in two seconds of each connection.
    (limits.connections.max_connections_per_ip, limits.connections.requests_per_second) = (2, 1);
    let guests = Guests::new(&limits, Counters::default());
    let now = Instant::now();
    let connect = || guests.connect(ONE, false).unwrap();
    let (first, second) = (connect(), connect());
    first.ask(u64::from(OPENING) - 1, now);
    second.ask(10_000, now);
    drop(first);
    let again = connect();
    assert_eq!(again.pace(now), Pace::Sparing);
    again.ask(2, now);
    assert!(matches!(again.pace(now), Pace::Quiet(_)), "it goes on where the first left");
    drop((second, again));
    for _ in 0..10 {
        let (one, other) = (connect(), connect());
        assert!(matches!((one.pace(now), other.pace(now)), (Pace::Quiet(_), Pace::Quiet(_))));
        let hand_on = guests.hand_on(ONE);
        assert!(hand_on.is_err(), "two are here");
    }
    let left = guests.lock().guests[&Source::of(ONE)].left.len();
    assert_eq!(left, 2, "and no more is kept than connections may be");
}

#[test]
fn a_connection_that_asked_more_than_its_share_for_hours_goes_unread_for_seconds() {
    let guests = small(false);
    let [chatty, flood] = [(); 2].map(|()| guests.connect(ONE, false).unwrap());
    let begun = Instant::now();
    let mut now = begun;
    // Twice its share, which is half of all.
    while now < begun + Duration::from_secs(100) {
        now += Duration::from_millis(1);
        chatty.ask(2, now);
        assert_eq!(chatty.pace(now), Pace::Free);
    }
    flood.ask(1 << 20, now);
    assert!(matches!(chatty.pace(now), Pace::Quiet(until) if until <= now + OWED));
}
