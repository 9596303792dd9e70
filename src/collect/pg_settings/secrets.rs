//! What of a setting's value must not leave: passwords in connection strings, and every value that by its name or its
//! looks may hold a secret.
//!
//! Rather too much than too little: a command that only mentions a password file is masked too.

use super::conninfo;

pub(super) const MASK: &str = "***";

/// Words that name a secret, in names of settings and in values.
const SECRET: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "credential",
    "apikey",
    "api_key",
    "access_key",
    "private_key",
    "authorization",
];
/// More of them that only count in names.
const SECRET_NAME: [&str; 2] = ["jwt", "salt"];
const SECRET_ENDINGS: [&str; 5] = ["_key", ".key", "_pass", ".pass", "_auth"];
/// Says in what form passwords are kept, and is none.
const HARMLESS_NAMES: [&str; 1] = ["password_encryption"];
/// Where a secret lies, not what it is.
const PLACES: [&str; 4] = ["_file", "keyfile", "_dir", "_path"];
/// More of them that give a command away: `sshpass -p`, `--cipher-pass`, `curl -u`.
const SECRET_IN_COMMAND: [&str; 4] = ["pass", "key=", "bearer", " -u"];

/// The value without its secrets; `None`: it holds none.
pub(super) fn masked(name: &str, value: &str) -> Option<String> {
    let (name, lower) = (name.to_ascii_lowercase(), value.to_ascii_lowercase());
    if value.is_empty() {
        return None;
    }
    if name.ends_with("conninfo") {
        return conninfo::masked(value);
    }
    let command = name.ends_with("_command");
    let in_command = command && SECRET_IN_COMMAND.iter().chain(&SECRET).any(|word| lower.contains(word));
    let hidden = in_command || names_secret(&name) && !is_switch(&lower) || holds_secret(&lower);
    hidden.then(|| MASK.to_owned())
}

fn names_secret(name: &str) -> bool {
    let harmless = HARMLESS_NAMES.contains(&name) || PLACES.iter().any(|end| name.ends_with(end));
    let secret = SECRET.iter().chain(&SECRET_NAME).any(|word| name.contains(word))
        || SECRET_ENDINGS.iter().any(|end| name.ends_with(end));
    secret && !harmless
}

fn is_switch(value: &str) -> bool {
    matches!(value, "on" | "off" | "true" | "false" | "yes" | "no")
}

/// A secret's word with something assigned to it, or a URL with a password.
fn holds_secret(lower: &str) -> bool {
    let assigned = |word: &&str| {
        lower.match_indices(*word).any(|(at, _)| {
            let rest = lower[at + word.len()..]
                .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_-\"' ".contains(c));
            rest.starts_with([':', '='])
        })
    };
    SECRET.iter().any(assigned) || conninfo::url_with_password(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go() {
        for (name, value) in [
            ("ssl_passphrase_command", "echo hunter2"),
            ("archive_command", "AWS_SECRET_ACCESS_KEY=hunter2 wal-g wal-push %p"),
            ("archive_command", "sshpass -p hunter2 scp %p host:%f"),
            ("restore_command", "curl -u me:hunter2 https://host/%f -o %p"),
            ("restore_command", "pgbackrest --repo1-cipher-pass=hunter2 archive-get %f %p"),
            ("archive_cleanup_command", "curl -H 'Authorization: Bearer hunter2' host"),
            ("app.jwt_secret", "hunter2"),
            ("app.settings.service_key", "hunter2"),
            ("pgsodium.API_KEY", "hunter2"),
            ("some.option", "url=https://me:hunter2@host/"),
            ("some.option", "{\"Password\" : \"hunter2\"}"),
            ("some.option", "x_token=hunter2"),
        ] {
            assert_eq!(masked(name, value).as_deref(), Some(MASK), "{name} {value}");
        }
    }

    #[test]
    fn the_rest_stays() {
        for (name, value) in [
            ("password_encryption", "scram-sha-256"),
            ("ssl_key_file", "server.key"),
            ("ssl_passphrase_command_supports_reload", "off"),
            ("ssl_passphrase_command", ""),
            ("archive_command", "cp %p /archive/%f"),
            ("archive_command", "pgbackrest --stanza=main archive-push %p"),
            ("log_line_prefix", "%m [%p] user=%u,db=%d "),
            ("shared_preload_libraries", "passwordcheck, pg_stat_statements"),
            ("search_path", "\"$user\", public"),
            ("work_mem", "4096"),
            ("some.option", "https://host/path?x=1@2"),
        ] {
            assert_eq!(masked(name, value), None, "{name} {value}");
        }
    }
}
