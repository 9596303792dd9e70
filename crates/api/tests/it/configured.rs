//! What collectors are told: checked by their own rules before it is kept, in versions, for whom it concerns alone.

use bed::api::{Answer, Api};
use serde_json::json;

use crate::batch::batch;
use crate::persons::{Session, made_and_in, newest};

struct Scene {
    database: String,
    api: Api,
    admin: Session,
    id: String,
    token: String,
}

impl Scene {
    fn start() -> Scene {
        let database = newest().fresh_database("configured");
        let api = Api::start(newest(), &database, &[]);
        let admin = made_and_in(&api, "root", "admin");
        let (id, token) = api.register("one");
        Scene { database, api, admin, id, token }
    }

    fn path(&self) -> String {
        format!("/api/v1/config/{}", self.id)
    }

    fn put(&self, text: &str) -> Answer {
        self.api.ask("PUT", &self.path(), Some(&self.admin.token), text.as_bytes())
    }

    fn get_unless(&self, tag: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        self.api.ask_with("GET", &self.path(), &[("Authorization", &bearer), ("If-None-Match", tag)], b"")
    }

    fn told_at_push(&self) -> serde_json::Value {
        let answer = self.api.push(&self.token, &batch(&self.id, &[]));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["next_config_version"].clone()
    }
}

#[test]
fn versions_count_up_and_the_newest_is_told() {
    const ONE: &str = "[collector]\ninterval = 120\n";
    const TWO: &str = "# less\n[postgresql]\nquery_stats_limit = 500\n";
    let scene = Scene::start();
    assert_eq!(scene.api.get(&scene.path(), Some(&scene.token)).status, 404, "there is none yet");
    assert_eq!(scene.told_at_push(), json!(null));
    for (n, text) in [(1, ONE), (2, TWO)] {
        let put = scene.put(text);
        assert_eq!((put.status, &put.json()["version"]), (200, &json!(n)), "{put:?}");
        let got = scene.api.get(&scene.path(), Some(&scene.token));
        assert_eq!((got.status, got.text.as_str()), (200, text));
        assert_eq!(got.header("X-Config-Version"), Some(n.to_string().as_str()));
        assert_eq!(got.header("ETag"), put.json()["etag"].as_str());
        assert_eq!(got.header("Content-Type"), Some("application/toml"));
        assert_eq!(scene.told_at_push(), json!(n));
    }
    let tag = scene.put(TWO).json()["etag"].as_str().unwrap().to_owned();
    for known in [tag.clone(), format!("\"other\", {tag}")] {
        let same = scene.get_unless(&known);
        assert_eq!((same.status, same.text.as_str()), (304, ""), "{same:?}");
        assert_eq!((same.header("ETag"), same.header("X-Config-Version")), (Some(tag.as_str()), Some("3")));
    }
    assert_eq!(scene.get_unless("\"other\"").status, 200);
    let kept = "select string_agg(version || created_by, ',' order by version) from configs";
    assert_eq!(newest().one::<String>(&scene.database, kept), "1root,2root,3root", "all of them");
    let trail = "select count(*) from audit where action = 'change configuration' and actor = 'root'";
    assert_eq!(newest().one::<i64>(&scene.database, trail), 3);
}

#[test]
fn what_a_collector_would_refuse_is_refused_with_the_line() {
    let scene = Scene::start();
    assert_eq!(scene.put("[collector]\ninterval = 120\n").status, 200);
    for (text, line, reason) in [
        ("# a\n[postgres]\nhost = \"elsewhere\"\n", 3, "[postgres] host is not for a backend to change"),
        ("[backend]\nurl = \"https://elsewhere\"\n", 2, "[backend] url is not for a backend to change"),
        ("[[custom]]\nname = \"x\"\nsql = \"select 1\"\n", 1, "[[custom]] is not for a backend to change"),
        ("[privacy]\nquery_text = \"normalized\"\n", 2, "query_text is not for a backend to change"),
        ("[collector]\nintervall = 60\n", 2, "unknown key"),
        ("[pg_blot]\ninterval = 60\n", 1, "unknown section"),
        ("[collector]\ninterval = 0\n", 2, "must be a whole number from 1"),
        ("[collector]\ninterval = \"60\"\n", 2, "without quotes"),
        ("[collector\n", 1, ""),
        ("# good so far\n{\"json\": true}\n", 2, ""),
    ] {
        let answer = scene.put(text);
        assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("invalid")), "{text}: {answer:?}");
        let why = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(why.contains(&format!("remote.toml:{line}:")) && why.contains(reason), "{text}: {why}");
    }
    assert_eq!(scene.api.ask("PUT", &scene.path(), Some(&scene.admin.token), b"\xff").status, 422);
    let got = scene.api.get(&scene.path(), Some(&scene.token));
    assert_eq!(
        (got.header("X-Config-Version"), got.text.as_str()),
        (Some("1"), "[collector]\ninterval = 120\n")
    );
}

#[test]
fn it_is_for_admins_and_the_collector_whose_it_is() {
    let scene = Scene::start();
    assert_eq!(scene.put("").status, 200);
    let viewer = made_and_in(&scene.api, "eve", "viewer");
    let (_, other) = scene.api.register("other");
    for (who, expected) in
        [(&scene.token, 200), (&scene.admin.token, 200), (&viewer.token, 403), (&other, 403)]
    {
        assert_eq!(scene.api.get(&scene.path(), Some(who)).status, expected);
    }
    for who in [&scene.token, &viewer.token, &other] {
        assert_eq!(
            scene.api.ask("PUT", &scene.path(), Some(who), b"[collector]\ninterval = 60\n").status,
            403
        );
    }
    let unknown = format!("/api/v1/config/{}", uuid::Uuid::now_v7());
    assert_eq!(scene.api.get(&unknown, Some(&scene.admin.token)).status, 404);
    assert_eq!(
        scene.api.ask("PUT", &unknown, Some(&scene.admin.token), b"[collector]\ninterval = 60\n").status,
        404
    );
    assert_eq!(scene.api.get(&unknown, Some(&scene.token)).status, 403, "nor may it learn who exists");
}
