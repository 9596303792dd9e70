//! Who asks too often is told to wait, and nobody else is; and what every answer has in its head.

use bed::api::{Answer, Api, REGISTRATION_SECRET};
use bed::poll::{LONG, eventually};
use serde_json::json;

use crate::batch::batch;
use crate::persons::{PASSWORD, create, login, made_and_in, newest, try_login};

const HEALTH: &str = "/api/v1/health";
const LOGIN_WRONG: &str = "a wrong horse battery";

/// With the numbers that the program has of its own.
fn start(settings: &[(&str, &str)]) -> (String, Api) {
    let database = newest().fresh_database("limits");
    let mut all = vec![("RATE_LIMITS", "anonymous=100")];
    all.extend(settings);
    let mut api = Api::prepare(&bed::api::url(newest().port(), &database), &all);
    api.launch();
    // Not by its health: each look at that counts.
    eventually(LONG, || match api.log() {
        log if log.contains("the schema is at version") => Ok(()),
        log => Err(log),
    });
    (database, api)
}

fn number(answer: &Answer, header: &str) -> u64 {
    answer.header(header).unwrap_or_else(|| panic!("no {header} in {answer:?}")).parse().unwrap()
}

/// The limit that refused it, not one that had room.
#[track_caller]
fn tells_of(limit: u64, refused: &Answer) {
    let wait = number(refused, "Retry-After");
    assert!((1..=60).contains(&wait), "{refused:?}");
    let told = ["Limit", "Remaining", "Reset"].map(|name| number(refused, &format!("X-RateLimit-{name}")));
    assert_eq!(told, [limit, 0, wait], "{refused:?}");
    let heads = refused.headers.iter().filter(|(name, _)| name.starts_with("x-ratelimit-"));
    assert_eq!(heads.count(), 3, "each once: {refused:?}");
}

fn from(api: &Api, forwarded: &str) -> u16 {
    api.ask_with("GET", "/version", &[("X-Forwarded-For", forwarded)], b"").status
}

#[test]
fn the_hundred_and_first_within_a_minute_is_told_when_to_come_again() {
    let (_, api) = start(&[]);
    for n in 1..=100 {
        let answer = api.get(HEALTH, None);
        assert_eq!(answer.status, 200, "{n}: {answer:?}");
        assert_eq!(
            (number(&answer, "X-RateLimit-Limit"), number(&answer, "X-RateLimit-Remaining")),
            (100, 100 - n)
        );
    }
    let refused = api.get(HEALTH, None);
    assert_eq!((refused.status, &refused.json()["code"]), (429, &json!("too_many_requests")), "{refused:?}");
    assert!((1..=61).contains(&number(&refused, "Retry-After")), "{refused:?}");
    assert_eq!(number(&refused, "X-RateLimit-Remaining"), 0);
    assert_eq!(number(&refused, "X-RateLimit-Reset"), number(&refused, "Retry-After"));
    for _ in 0..150 {
        assert_eq!(api.get("/healthz", None).status, 200, "probes are never told to wait");
    }
}

/// Whoever has a token is counted by it, wherever and by whichever of their tokens they ask.
#[test]
fn users_and_collectors_have_limits_of_their_own() {
    let limits = ("RATE_LIMITS", "anonymous=100,push=150");
    let (_, api) = start(&[("TRUSTED_PROXIES", "127.0.0.1"), limits]);
    let (ada, bob) = (made_and_in(&api, "ada", "admin"), made_and_in(&api, "bob", "viewer"));
    let again = login(&api, "ada");
    let (_, collector) = api.register("one");
    let ask = |token: &str, address: &str| {
        let bearer = format!("Bearer {token}");
        api.ask_with("GET", "/version", &[("Authorization", &bearer), ("X-Forwarded-For", address)], b"")
    };
    for (tokens, limit) in [([&ada.token, &again.token], 100), ([&collector, &collector], 150)] {
        for n in 0..limit {
            let answer = ask(tokens[n as usize % 2], &format!("198.51.100.{}", n % 200));
            assert_eq!(
                (answer.status, number(&answer, "X-RateLimit-Remaining")),
                (200, limit - 1 - n),
                "{n}"
            );
        }
        let refused = ask(tokens[0], "203.0.113.1");
        assert_eq!((refused.status, number(&refused, "X-RateLimit-Limit")), (429, limit), "{refused:?}");
        assert!((1..=61).contains(&number(&refused, "Retry-After")), "{refused:?}");
    }
    assert_eq!(ask(&bob.token, "203.0.113.1").status, 200, "others are not concerned");
    assert_eq!(from(&api, "203.0.113.1"), 200, "nor is who asks from there without a token");
}

#[test]
fn a_fleet_behind_one_address_is_served_while_a_flood_from_there_is_not() {
    let (database, api) = start(&[("RATE_LIMITS", "anonymous=100,registration=60000")]);
    let keys =
        pganalytics_api::token::Keys::new(&"a-key-of-the-tests-that-is-long-enough".to_owned().into(), &[]);
    let (first, token) = api.register("first");
    let now = jiff::Timestamp::now();
    let epoch = keys.read(&token, now, jiff::SignedDuration::ZERO).unwrap().epoch;
    let fleet = "insert into collectors (id, name, hostname, token_epoch) \
                 select gen_random_uuid(), 'c' || n, 'h', $ from generate_series(1, 200) n";
    newest().sql(&database, &fleet.replace('$', &epoch.to_string()));
    let ids = newest()
        .one::<String>(&database, "select string_agg(id::text, ',') from collectors where name <> 'first'");
    let mut refused = 0;
    for id in ids.split(',') {
        refused += usize::from(api.get(HEALTH, None).status == 429);
        let (token, _) = keys.issue(id.parse().unwrap(), epoch, now).unwrap();
        let answer = api.push(&token, &batch(id, &[]));
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(number(&answer, "X-RateLimit-Limit"), 600);
    }
    assert!(refused >= 99, "the flood was refused {refused} times");
    assert_eq!(api.push(&token, &batch(&first, &[])).status, 200);
    // A token that is none of ours buys nothing.
    assert_eq!(api.get(HEALTH, Some("x.y.z")).status, 429);
    let figures = api.get("/metrics", Some(&token)).text;
    let counted = figures.lines().find(|line| line.starts_with("pganalytics_http_429_total ")).unwrap();
    assert_eq!(counted, format!("pganalytics_http_429_total {}", refused + 1));
}

#[test]
fn who_forwarded_is_believed_from_proxies_of_ours_alone() {
    let (_, direct) = start(&[("RATE_LIMITS", "anonymous=5")]);
    let statuses: Vec<u16> = (0..6).map(|n| from(&direct, &format!("198.51.100.{n}"))).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429], "all are one client");
    let (_, behind) = start(&[("RATE_LIMITS", "anonymous=5"), ("TRUSTED_PROXIES", "127.0.0.0/8")]);
    for n in 0..6 {
        assert_eq!(from(&behind, &format!("198.51.100.{n}")), 200);
    }
    let forged: Vec<u16> = (0..6).map(|n| from(&behind, &format!("203.0.113.{n}, 192.0.2.1"))).collect();
    assert_eq!(forged, [200, 200, 200, 200, 200, 429], "what came before the client itself");
    let network: Vec<u16> = (0..6).map(|n| from(&behind, &format!("2001:db8::{n}"))).collect();
    assert_eq!(network, [200, 200, 200, 200, 200, 429], "a network of IPv6 is one client");
}

#[test]
fn logins_are_counted_by_all_replicas_together() {
    let (database, one) = start(&[("TRUSTED_PROXIES", "127.0.0.1")]);
    let other = Api::start(
        newest(),
        &database,
        &[("RATE_LIMITS", "anonymous=6000"), ("TRUSTED_PROXIES", "127.0.0.1")],
    );
    create(&one, "ada", "user");
    for n in 0..10 {
        assert_eq!(try_login([&one, &other][n % 2], "ada", LOGIN_WRONG).status, 401, "{n}");
    }
    for api in [&one, &other] {
        let refused = try_login(api, "ada", PASSWORD);
        assert_eq!(refused.status, 429, "{refused:?}");
        tells_of(10, &refused);
    }
    let body = json!({ "username": "ada", "password": PASSWORD }).to_string();
    let at = |address: &str| {
        let headers = [("X-Forwarded-For", address)];
        one.ask_with("POST", "/api/v1/auth/login", &headers, body.as_bytes()).status
    };
    assert_eq!(at("198.51.100.1"), 200, "others are not concerned");
    let network: Vec<u16> = (0..11).map(|n| at(&format!("2001:db8::{n}"))).collect();
    assert_eq!((network[9], network[10]), (200, 429), "a network of IPv6 is one client: {network:?}");
}

#[test]
fn registrations_are_counted_by_all_replicas_together() {
    let (database, one) = start(&[]);
    let other = Api::start(newest(), &database, &[("RATE_LIMITS", "anonymous=6000")]);
    let register = |n: usize, secret: &str| {
        let body = json!({ "name": format!("c{n}"), "hostname": "h" }).to_string();
        let headers = [("X-Registration-Secret", secret)];
        [&one, &other][n % 2].post("/api/v1/collectors/register", &headers, body.as_bytes())
    };
    for n in 0..10 {
        let (secret, expected) = if n < 5 { ("guessed", 401) } else { (REGISTRATION_SECRET, 201) };
        assert_eq!(register(n, secret).status, expected, "{n}");
    }
    for n in 10..12 {
        let refused = register(n, REGISTRATION_SECRET);
        assert_eq!(refused.status, 429, "{refused:?}");
        tells_of(10, &refused);
    }
}

#[test]
fn every_answer_has_the_heads_that_browsers_heed() {
    let (_, api) = start(&[("RATE_LIMITS", "anonymous=8")]);
    let paths =
        ["/healthz", HEALTH, "/version", "/metrics", "/nothing", "/api/v1/users", "/api/v1/auth/login"];
    let mut answers: Vec<_> = paths.map(|path| api.get(path, None)).into();
    answers.extend((0..4).map(|_| api.get(HEALTH, None)));
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses[4..7], [404, 401, 405]);
    assert_eq!(statuses[10], 429);
    for answer in &answers {
        for (name, value) in [
            ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
            ("X-Frame-Options", "DENY"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}: {answer:?}");
        }
        assert!(answer.header("X-Request-Id").is_some(), "{answer:?}");
        assert!(answer.header("Server").is_none() && answer.header("X-Powered-By").is_none(), "{answer:?}");
    }
}

#[test]
fn browsers_may_ask_from_the_origins_that_are_named() {
    const OURS: &str = "https://grafana.example";
    let ask = |api: &Api, method: &str, origin: &str| {
        let headers = [
            ("Origin", origin),
            ("Access-Control-Request-Method", "PUT"),
            ("Access-Control-Request-Headers", "authorization"),
        ];
        api.ask_with(method, "/version", &headers[..if method == "OPTIONS" { 3 } else { 1 }], b"")
    };
    let allowed = |answer: &Answer| answer.header("Access-Control-Allow-Origin").map(str::to_owned);
    let (_, off) = start(&[]);
    let (_, on) = start(&[("CORS_ORIGINS", OURS)]);
    for method in ["OPTIONS", "GET"] {
        assert_eq!(allowed(&ask(&off, method, OURS)), None, "off unless named");
        assert_eq!(allowed(&ask(&on, method, OURS)).as_deref(), Some(OURS));
        for other in ["https://grafana.example.evil", "http://grafana.example", "null"] {
            assert_eq!(allowed(&ask(&on, method, other)), None, "{other}");
        }
        assert_eq!(ask(&on, method, OURS).header("Access-Control-Allow-Credentials"), None);
    }
    let preflight = ask(&on, "OPTIONS", OURS);
    assert_eq!(preflight.status, 200);
    assert!(preflight.header("Access-Control-Allow-Methods").unwrap().contains("PUT"), "{preflight:?}");
    assert!(
        preflight.header("Access-Control-Allow-Headers").unwrap().contains("authorization"),
        "{preflight:?}"
    );
}
