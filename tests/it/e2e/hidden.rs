//! What leaves with its names hashed, or without them, is stored as any other: no row is refused, none is set aside.

use super::for_each_major;
use super::scene::Scene;
use super::stored::{all_of, each_once};
use crate::matrix::stage;
use crate::support::cluster::shared;

#[test]
fn items_without_their_names_are_stored_as_they_were_sent() {
    for_each_major(|major| {
        let server = stage::server_with(major, &[("autovacuum", "off")]);
        for treatment in ["hash", "drop"] {
            let watched = format!(
                "[postgres]\nname = \"main\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"mon\"\nsslmode = \"disable\"\n\
                 databases = \"postgres, app\"\n[pg_schema]\nenabled = true\n[pg_security]\nenabled = true\n\
                 [privacy]\nidentifiers = \"{treatment}\"\nclient_addresses = \"{treatment}\"\n",
                server.port()
            );
            let mut scene = Scene::start(shared(major), &watched);
            scene.api.kill9();
            scene.run(&["cron", "--force"], 1);
            let sent = scene.sealed();
            let name = sent[0].to_string().contains("\"customer\"");
            assert!(sent.len() == 1 && !name, "{}", sent[0]);
            scene.api.launch();
            scene.api.healthy();
            scene.run(&["spool", "flush"], 0);
            each_once(shared(major), &scene, 1);
            all_of(shared(major), &scene, &sent);
        }
    });
}
