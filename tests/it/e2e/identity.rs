//! Who a collector is: registered by the real command at the real backend, its token renewed in time or late, its name its
//! own; and what is secret stays between the two.

use std::fs;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::for_each_major;
use super::scene::{self, Scene, configure, kept};
use super::stored::each_once;
use crate::doctor::marked;
use crate::support::api::{KEY, REGISTRATION_SECRET};
use crate::support::cluster::shared;
use crate::support::home::{Home, Run};

const DAY: i64 = 86_400;

fn scene(major: u32) -> Scene {
    let server = shared(major);
    Scene::start(server, &scene::cheap(server, &[&server.fresh_database("watched")]))
}

#[test]
fn a_name_belongs_to_who_registered_it_first() {
    for_each_major(|major| {
        let scene = scene(major);
        let first = scene.token();
        scene.cron(0);

        let other = Home::new().env("REGISTRATION_SECRET", REGISTRATION_SECRET);
        let named = |name: &str| configure(&other, name, &scene.api.url(), "");
        named("orders");
        let refused = other.run(&["register"]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(
            refused.stderr.contains("answered 409") && refused.stderr.contains("is taken"),
            "{refused:?}"
        );
        assert!(!other.state_dir().join("collector.id").exists());
        named("billing");
        assert_eq!(other.run(&["register"]).code, Some(0));
        let own = (kept(&other, "collector.id"), kept(&other, "collector.token"));
        named("orders");
        let refused_again = other.run(&["register"]);
        assert_eq!(refused_again.code, Some(1), "a token of its own does not help it to another's name");
        assert_eq!((kept(&other, "collector.id"), kept(&other, "collector.token")), own);

        scene.run(&["register"], 0);
        assert_eq!(kept(&scene.home, "collector.id"), scene.id, "by its token it is who it was");
        scene.cron(0);
        each_once(shared(major), &scene, 2);
        let known = "select array_agg(name order by name) from collectors where token_epoch = 1";
        assert_eq!(shared(major).one::<Vec<String>>(&scene.database, known), ["billing", "orders"]);
        is_secret(&scene, &other, &[refused, refused_again], &[&first, &scene.token(), &own.1]);
    });
}

#[test]
fn an_old_token_is_renewed_as_long_as_it_may_be() {
    for_each_major(|major| {
        let scene = scene(major);
        let mut tokens = vec![scene.token()];
        let mut runs = Vec::new();
        // Past half of its life; ended, as after an outage of weeks.
        for age in [20, 40, 59] {
            let old = aged(&tokens[0], age);
            fs::write(scene.home.state_dir().join("collector.token"), &old).unwrap();
            runs.push(scene.cron(0));
            assert!(issued(&scene.token()) > issued(&old) + (age - 1) * DAY, "{major}: {age} days");
            tokens.extend([old, scene.token()]);
        }
        assert_eq!(scene.home.log().matches("Token refreshed successfully").count(), 3);
        assert!(!scene.home.log().contains("(401)"), "{}", scene.home.log());

        // Where it is not for us to replace, the refusal comes first.
        let given = aged(&tokens[0], 41);
        let from_environment = Home::new().env("BACKEND_TOKEN", &given).env("COLLECTOR_ID", &scene.id);
        let text = fs::read_to_string(scene.home.config_path()).unwrap();
        let (mine, its) = (scene.home.state_dir(), from_environment.state_dir());
        let text = text.replace(&mine.display().to_string(), &its.display().to_string());
        from_environment.config(&text);
        let run = from_environment.cron();
        assert_eq!(run.code, Some(0), "{}{}", run.stderr, scene.home.log());
        assert!(scene.home.log().contains("Auth token rejected (401), refreshing"), "{}", scene.home.log());
        runs.push(run);

        // Too late: the batch waits for an admin.
        let lost = aged(&tokens[0], 61);
        fs::write(scene.home.state_dir().join("collector.token"), &lost).unwrap();
        runs.push(scene.cron(1));
        assert_eq!(scene.home.spool_files().len(), 1);
        assert!(runs.last().unwrap().stderr.contains("run pganalytics register"), "{:?}", runs.last());
        runs.push(scene.run(&["register"], 1));
        let allowed = scene.api.command(&["admin", "allow-registration", "orders"]).output().unwrap();
        assert!(allowed.status.success(), "{allowed:?}");
        runs.push(scene.run(&["register"], 0));
        assert_eq!(kept(&scene.home, "collector.id"), scene.id);
        runs.push(scene.cron(0));
        let stored = "select count(*) from batches";
        assert_eq!(shared(major).one::<i64>(&scene.database, stored), 3 + 1 + 2, "{major}");
        assert!(scene.home.spool_files().is_empty());
        let former = scene.api.get("/api/v1/metrics", Some(&tokens[0]));
        assert_eq!(former.status, 401, "what an admin allowed ends the tokens from before: {former:?}");
        tokens.extend([given, lost, scene.token()]);
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        is_secret(&scene, &from_environment, &runs, &tokens);
    });
}

#[test]
fn check_tells_how_it_stands_with_the_backend() {
    for_each_major(|major| {
        let mut scene = scene(major);
        let well = scene.run(&["check"], 0);
        marked(&well, "ok", "reachable, and well");
        marked(&well, "ok", "collector.token: valid");
        marked(&well, "ok", "the token expires in ");
        marked(&well, "ok", "its clock");

        let token = scene.token();
        let forged = format!("{}x", &token[..token.len() - 1]);
        fs::write(scene.home.state_dir().join("collector.token"), &forged).unwrap();
        marked(&scene.run(&["check"], 1), "x ", "refused (401)");
        fs::write(scene.home.state_dir().join("collector.token"), &token).unwrap();
        let id = scene.home.state_dir().join("collector.id");
        fs::write(&id, "0199f2c4-0000-7000-8000-000000000000\n").unwrap();
        marked(&scene.run(&["check"], 1), "x ", "not that of 0199f2c4-0000-7000-8000-000000000000 (403)");
        fs::write(&id, "collector-001\n").unwrap();
        marked(&scene.run(&["check"], 1), "x ", "collector-001 is no id that the backend gives (422)");
        fs::write(&id, &scene.id).unwrap();
        scene.api.kill9();
        marked(&scene.run(&["check"], 1), "x ", "refused");
        assert!(scene.home.spool_files().is_empty(), "nothing was sent or kept");
    });
}

/// No token, no secret, nor what signs tokens, in any log of either side, nor in what was printed.
#[track_caller]
fn is_secret(scene: &Scene, other: &Home, runs: &[Run], tokens: &[&str]) {
    let mut texts =
        vec![("backend", scene.api.log()), ("collector", scene.home.log()), ("other", other.log())];
    for home in [&scene.home, other] {
        texts.push((
            "status",
            fs::read_to_string(home.log_path().with_file_name("status.json")).unwrap_or_default(),
        ));
        texts.push(("ledger", fs::read_to_string(home.state_dir().join("ledger.json")).unwrap_or_default()));
    }
    texts.extend(runs.iter().map(|run| ("output", format!("{}{}", run.stdout, run.stderr))));
    assert!(texts[0].1.contains("\"level\":\"DEBUG\""), "{texts:?}");
    assert!(texts[0].1.contains("Batch inserted") && texts[1].1.contains("Pushing"), "{texts:?}");
    for secret in tokens.iter().copied().chain([REGISTRATION_SECRET, KEY]) {
        // A token's signature is what makes it one.
        let part = secret.rsplit('.').next().unwrap();
        let found = texts.iter().find(|(_, text)| text.contains(part));
        assert!(found.is_none(), "{part} is in {found:?}");
    }
}

/// The token as the backend would have signed it so many days ago.
fn aged(token: &str, days: i64) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims = claims(token);
    for name in ["iat", "exp"] {
        claims[name] = (claims[name].as_i64().unwrap() - days * DAY).into();
    }
    let signed = format!("{}.{}", parts[0], BASE64.encode(claims.to_string()));
    let signature = BASE64.encode(hmac(KEY.as_bytes(), signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn claims(token: &str) -> Value {
    serde_json::from_slice(&BASE64.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn issued(token: &str) -> i64 {
    claims(token)["iat"].as_i64().unwrap()
}

/// HMAC-SHA-256, of a key that is no longer than a block.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let pad =
        |with: u8| -> Vec<u8> { (0..64).map(|n| key.get(n).copied().unwrap_or_default() ^ with).collect() };
    let inner = Sha256::digest([&pad(0x36), message].concat());
    Sha256::digest([&pad(0x5c)[..], &inner].concat()).to_vec()
}
