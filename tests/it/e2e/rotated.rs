//! An admin ended all tokens of a collector: what it does then, and how it comes back.

use super::for_each_major;
use super::scene::{self, Scene, kept};
use super::stored::each_once;
use crate::support::cluster::shared;
use crate::support::poll::{LONG, eventually};

#[test]
fn a_collector_whose_tokens_were_ended_keeps_its_batches_and_registers_anew() {
    for_each_major(|major| {
        let server = shared(major);
        let scene = Scene::start(server, &scene::cheap(server, &[&server.fresh_database("watched")]));
        scene.cron(0);
        let former = scene.token();
        let rotated = scene.api.command(&["admin", "rotate-tokens", "orders"]).output().unwrap();
        assert!(rotated.status.success(), "{rotated:?}");
        // The backend remembers a collector for some seconds.
        eventually(LONG, || match scene.api.get("/api/v1/metrics", Some(&former)).status {
            401 => Ok(()),
            other => Err(other),
        });
        for waiting in 1..=2 {
            let run = scene.cron(1);
            assert_eq!(scene.home.spool_files().len(), waiting, "{major}: {run:?}");
            if waiting == 1 {
                assert!(run.stderr.contains("run pganalytics register"), "{major}: {run:?}");
            }
        }
        assert_eq!(scene.token(), former, "{major}: it could not be exchanged");
        assert!(scene.home.log().contains("(401)"), "{major}: {}", scene.home.log());

        scene.run(&["register"], 0);
        assert_eq!(kept(&scene.home, "collector.id"), scene.id, "{major}: it is who it was");
        assert_ne!(scene.token(), former);
        scene.time_passes();
        scene.cron(0);
        each_once(server, &scene, 4);
        assert_eq!(scene.api.get("/api/v1/metrics", Some(&former)).status, 401, "{major}: and stay ended");
        // Once: who copied the secret cannot do the same.
        let taken = scene.api.post(
            "/api/v1/collectors/register",
            &[("X-Registration-Secret", crate::support::api::REGISTRATION_SECRET)],
            br#"{"name": "orders", "hostname": "h"}"#,
        );
        assert_eq!(taken.status, 409, "{major}: {taken:?}");
    });
}
