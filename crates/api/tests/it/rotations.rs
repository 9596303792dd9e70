//! What an administrator ends: a collector's tokens, and the key that signs all of them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use bed::api::{Answer, Api, KEY, REGISTRATION_SECRET};
use bed::poll::eventually;
use serde_json::json;

use crate::batch::batch;
use crate::persons::{made_and_in, newest};

/// Longer than a replica may believe what has ended.
const FORGOTTEN: std::time::Duration = std::time::Duration::from_secs(12);

fn refresh(api: &Api, token: &str) -> Answer {
    api.ask("POST", "/api/v1/collectors/refresh-token", Some(token), b"{}")
}

fn register(api: &Api, name: &str, token: Option<&str>) -> Answer {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("X-Registration-Secret", REGISTRATION_SECRET)];
    headers.extend(bearer.iter().map(|value| ("Authorization", value.as_str())));
    let body = json!({ "name": name, "hostname": "h.example" }).to_string();
    api.post("/api/v1/collectors/register", &headers, body.as_bytes())
}

fn text(answer: &Answer, field: &str) -> String {
    answer.json()[field].as_str().unwrap_or_else(|| panic!("no {field} in {answer:?}")).to_owned()
}

#[test]
fn rotated_tokens_end_at_every_replica_and_their_collector_registers_anew() {
    let database = newest().fresh_database("rotations");
    let replicas = [(); 2].map(|()| Api::start(newest(), &database, &[]));
    let api = &replicas[0];
    let (id, first) = api.register("one");
    let second = text(&refresh(api, &first), "token");
    let (other_id, other) = api.register("other");
    for replica in &replicas {
        for token in [&first, &second] {
            assert_eq!(replica.push(token, &batch(&id, &[])).status, 200);
        }
    }
    let rotate = |name: &str| api.command(&["admin", "rotate-tokens", name]).output().unwrap();
    let unknown = rotate("nobody");
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("\"nobody\""), "{unknown:?}");
    let done = rotate("one");
    assert!(done.status.success(), "{done:?}");
    let said = String::from_utf8(done.stdout).unwrap();
    assert_eq!(said, "the tokens of one have ended; it may register once more within the hour\n");

    for replica in &replicas {
        for token in [&first, &second] {
            eventually(FORGOTTEN, || match replica.push(token, &batch(&id, &[])) {
                answer if answer.status == 401 => Ok(()),
                other => Err(other),
            });
            assert_eq!(refresh(replica, token).status, 401, "nor is it exchanged");
            assert_eq!(replica.get("/api/v1/metrics", Some(token)).status, 401);
        }
        assert_eq!(replica.push(&other, &batch(&other_id, &[])).status, 200, "others are not concerned");
    }

    // As the collector does it: with the token that it has still.
    let again = register(&replicas[1], "one", Some(&first));
    assert_eq!((again.status, text(&again, "collector_id")), (201, id.clone()), "it is who it was");
    let new = text(&again, "token");
    for replica in &replicas {
        eventually(FORGOTTEN, || match replica.push(&new, &batch(&id, &[])) {
            answer if answer.status == 200 => Ok(()),
            other => Err(other),
        });
        assert_eq!(replica.push(&first, &batch(&id, &[])).status, 401, "and the former stay ended");
    }
    assert_eq!(register(api, "one", None).status, 409, "once");
    assert_eq!(register(api, "one", Some(&new)).status, 201, "by its own token as before");
}

#[test]
fn a_rotated_key_logs_nobody_out_until_the_former_one_is_taken_out() {
    let database = newest().fresh_database("rotations");
    let mut api = Api::prepare(&bed::api::url(newest().port(), &database), &[]);
    let file = api.dir().join("config.toml");
    let text = format!("# ours\njwt_secret_key = \"{KEY}\"\nlog_level = \"trace\"\n");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    for (name, value) in [("CONFIG_FILE", file.to_str().unwrap()), ("JWT_SECRET_KEY", "")] {
        api.set(name, value);
    }
    restart(&mut api);
    let (id, token) = api.register("one");
    let root = made_and_in(&api, "root", "admin");

    let rotate = |api: &Api| {
        let done =
            api.command(&["admin", "rotate-jwt-key", "--file", file.to_str().unwrap()]).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        let said = String::from_utf8(done.stdout).unwrap();
        assert!(said.contains("restart every replica"), "{said}");
        (fs::read_to_string(&file).unwrap(), said)
    };
    let before = fs::metadata(&file).unwrap();
    let (first, said) = rotate(&api);
    let key = key_of(&first);
    assert!(key.len() >= 64 && key != KEY && !said.contains(&key) && !said.contains(KEY), "{first}");
    assert!(
        first.starts_with("# ours\n") && first.contains(&format!("jwt_previous_keys = \"{KEY}\"\n")),
        "{first}"
    );
    let after = fs::metadata(&file).unwrap();
    let kept = |meta: &fs::Metadata| (meta.permissions().mode() & 0o777, meta.uid(), meta.gid());
    assert_eq!(kept(&after), kept(&before));
    assert_eq!(fs::read_dir(api.dir()).unwrap().filter(is_new).count(), 0);

    restart(&mut api);
    assert_eq!(api.push(&token, &batch(&id, &[])).status, 200, "the former is believed");
    assert_eq!(api.get("/api/v1/users", Some(&root.token)).status, 200);
    let exchanged = refresh(&api, &token);
    let new = exchanged.json()["token"].as_str().unwrap().to_owned();
    let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    assert_ne!(kid(&new), kid(&token), "and signs nothing any more");

    let (second, _) = rotate(&api);
    assert!(second.contains(&format!("jwt_previous_keys = \"{key},{KEY}\"\n")), "{second}");
    let without = second.replace(&format!("{key},{KEY}"), &key);
    fs::write(&file, without).unwrap();
    restart(&mut api);
    for (token, expected) in [(&token, 401), (&new, 200)] {
        assert_eq!(api.push(token, &batch(&id, &[])).status, expected);
    }
    assert_eq!(api.get("/api/v1/users", Some(&root.token)).status, 401);
    assert_eq!(refresh(&api, &token).status, 401, "nor is it exchanged");
    for secret in [KEY, &key, &key_of(&second)] {
        assert!(!api.log().contains(secret), "{}", api.log());
    }
}

#[test]
fn a_key_that_is_not_in_the_file_is_left_alone() {
    let database = newest().fresh_database("rotations");
    let api = Api::start(newest(), &database, &[]);
    let file = api.dir().join("config.toml");
    for (text, why) in [
        ("log_level = \"info\"\n", "the key may be in the environment"),
        ("jwt_secret_key = \"not closed\n", "line 1 is no TOML"),
        ("jwt_secret_key = 7\n", "no jwt_secret_key to rotate"),
    ] {
        fs::write(&file, text).unwrap();
        let done =
            api.command(&["admin", "rotate-jwt-key", "--file", file.to_str().unwrap()]).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.code() == Some(1) && said.contains(why), "{said}");
        assert!(!said.contains("not closed"), "a key may stand there: {said}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

fn restart(api: &mut Api) {
    if api.log().contains("listening") {
        api.kill9();
    }
    api.launch();
    api.healthy();
}

fn key_of(text: &str) -> String {
    let line = text.lines().find(|line| line.starts_with("jwt_secret_key")).unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}

fn is_new(entry: &std::io::Result<fs::DirEntry>) -> bool {
    entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "new")
}
