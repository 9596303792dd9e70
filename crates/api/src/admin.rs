//! What an administrator decides on the host itself, past the API: the first user above all. Each is in the audit trail.

use std::fs;
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::Subcommand;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::SecretString;
use serde_json::json;

use crate::config::{self, Config};
use crate::store::users::{self, Role};
use crate::store::{audit, collectors, pool};
use crate::{body, password};

#[derive(Subcommand)]
pub enum Act {
    /// Make a user; the password is the first line of standard input, or of a file
    CreateUser {
        username: String,
        #[arg(long, default_value = "admin")]
        role: Role,
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Let a known name register once more within the hour; its earlier tokens end with that
    AllowRegistration { name: String },
    /// End all tokens of a collector: it has to register again
    RotateTokens { name: String },
    /// Write a new signing key into a configuration file; the old one is believed until you take it out
    RotateJwtKey {
        #[arg(long, default_value = config::FILE)]
        file: PathBuf,
    },
    /// The audit trail, the newest first
    Audit {
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
    },
}

/// What there is to say about it.
pub async fn act(config: &Config, act: Act) -> Result<Vec<String>> {
    let line = match act {
        Act::RotateJwtKey { file } => {
            let mut client = pool::single(&config.direct).await?;
            let tx = client.transaction().await?;
            audit::record(&tx, audit::HOST, "rotate signing key", &file.display().to_string(), None).await?;
            // What the trail cannot take is not done.
            let told = rotate_key(&file)?;
            tx.commit().await.with_context(|| format!("{told}; the audit trail does not tell of it"))?;
            told
        }
        Act::CreateUser { username, role, password_file } => {
            create_user(config, &username, role, password_file.as_deref()).await?
        }
        Act::AllowRegistration { name } => {
            let mut client = pool::single(&config.direct).await?;
            let tx = client.transaction().await?;
            ensure!(collectors::allow_again(&tx, &name).await?, "no collector is registered as {name:?}");
            audit::record(&tx, audit::HOST, "allow registration", &name, None).await?;
            tx.commit().await?;
            format!("{name} may register once more within the hour")
        }
        Act::RotateTokens { name } => {
            let mut client = pool::single(&config.direct).await?;
            let tx = client.transaction().await?;
            ensure!(collectors::end_tokens(&tx, &name).await?, "no collector is registered as {name:?}");
            collectors::allow_again(&tx, &name).await?;
            audit::record(&tx, audit::HOST, "rotate tokens", &name, None).await?;
            tx.commit().await?;
            format!("the tokens of {name} have ended; it may register once more within the hour")
        }
        Act::Audit { limit } => return Ok(audit::lines(&pool::single(&config.direct).await?, limit).await?),
    };
    Ok(vec![line])
}

async fn create_user(config: &Config, name: &str, role: Role, file: Option<&Path>) -> Result<String> {
    body::fit_name("username", name).map_err(|fault| anyhow::anyhow!("the username {}", fault.why))?;
    let password = read_password(file)?;
    password::fit(&password).map_err(|fault| anyhow::anyhow!("the password {}", fault.why))?;
    let hash = password::hash(&password)?;
    let mut client = pool::single(&config.direct).await?;
    let tx = client.transaction().await?;
    let created = users::create(&tx, name, &hash, role).await?;
    ensure!(created.is_some(), "there is a user {name:?} already");
    audit::record(&tx, audit::HOST, "create user", name, Some(json!({ "role": role }))).await?;
    tx.commit().await?;
    Ok(format!("{name} may log in as {role}"))
}

fn read_password(file: Option<&Path>) -> Result<SecretString> {
    let text = match file {
        Some(path) => fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?,
        None => {
            if std::io::stdin().is_terminal() {
                writeln!(
                    std::io::stderr(),
                    "Password, and Enter (it is shown as you type; --password-file hides it):"
                )?;
                let mut line = String::new();
                std::io::stdin().read_line(&mut line).context("reading the password")?;
                line
            } else {
                let mut text = String::new();
                std::io::stdin().take(64 << 10).read_to_string(&mut text).context("reading the password")?;
                text
            }
        }
    };
    let line = text.lines().next().unwrap_or_default();
    ensure!(
        !line.is_empty(),
        "there is no password: give it as the first line of standard input, or of --password-file"
    );
    Ok(line.to_owned().into())
}

/// The file keeps its other lines, and is replaced in one step: a crash leaves the old one or the new one.
fn rotate_key(path: &Path) -> Result<String> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("reading {shown}"))?;
    let mut bytes = [0; 48];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        bail!("the system has no random numbers");
    }
    let rotated =
        rotated(&text, &BASE64.encode(bytes)).with_context(|| format!("rotating the key in {shown}"))?;
    let beside = path.with_extension("new");
    let mut file = fs::File::options();
    let mut file = file.write(true).create_new(true).mode(0o600).open(&beside);
    let file = file.as_mut().map_err(|e| anyhow::anyhow!("writing {}: {e}", beside.display()))?;
    file.write_all(rotated.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("writing {}", beside.display()))?;
    let metadata = fs::metadata(path).with_context(|| format!("looking at {shown}"))?;
    fs::set_permissions(&beside, metadata.permissions())?;
    std::os::unix::fs::chown(
        &beside,
        Some(std::os::unix::fs::MetadataExt::uid(&metadata)),
        Some(std::os::unix::fs::MetadataExt::gid(&metadata)),
    )?;
    fs::rename(&beside, path).with_context(|| format!("replacing {shown}"))?;
    Ok(format!(
        "{shown} has a new key: restart every replica with it, and take the old one out of jwt_previous_keys after 60 days"
    ))
}

/// The new key in the place of the old one, which goes to those before.
fn rotated(text: &str, new: &str) -> Result<String> {
    let table = config::table(text)?;
    let word = |name: &str| table.get(name).and_then(toml::Value::as_str);
    let name = if table.contains_key("jwt_secret_key") { "jwt_secret_key" } else { "jwt_secret" };
    let old = word(name)
        .with_context(|| "it has no jwt_secret_key to rotate: the key may be in the environment")?;
    let before = word("jwt_previous_keys").filter(|keys| !keys.is_empty());
    let previous = before.map_or_else(|| old.to_owned(), |keys| format!("{old},{keys}"));
    let is = |line: &str, name: &str| line.split_once('=').is_some_and(|(key, _)| key.trim() == name);
    let mut lines: Vec<String> =
        text.lines().filter(|line| !is(line, "jwt_previous_keys")).map(str::to_owned).collect();
    let at = lines.iter().position(|line| is(line, name)).context("jwt_secret_key has no line of its own")?;
    lines[at] = format!("{name} = \"{new}\"");
    lines.insert(at + 1, format!("jwt_previous_keys = \"{previous}\""));
    let rotated = lines.join("\n") + "\n";
    config::table(&rotated).context("the result would be no TOML")?;
    Ok(rotated)
}

#[cfg(test)]
mod tests {
    use super::rotated;

    #[test]
    fn the_old_key_goes_to_those_before() {
        let text = "# ours\ndatabase_url = \"x\"\njwt_secret_key = \"old\"\nlisten = \"y\"\n";
        let once = rotated(text, "new").unwrap();
        assert_eq!(
            once,
            "# ours\ndatabase_url = \"x\"\njwt_secret_key = \"new\"\njwt_previous_keys = \"old\"\nlisten = \"y\"\n"
        );
        assert!(rotated(&once, "newer").unwrap().contains("jwt_previous_keys = \"new,old\"\n"));
        assert!(rotated("listen = \"y\"\n", "new").is_err());
    }
}
