//! Connections to the database: a pool for requests, single ones for what runs beside them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use deadpool_postgres::{Hook, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Client;

use super::failure::Failure;
use super::tls;

/// Longer than this nobody waits for a connection: the collector comes again.
const WAIT: Duration = Duration::from_secs(3);

#[derive(Clone)]
pub struct Db {
    pool: Pool,
    /// Connections made so far. What is remembered of a database is good no longer than the connections to it: after a
    /// restart or a restore from a backup all of them are new.
    made: Arc<AtomicU64>,
}

impl Db {
    /// Connects when first asked.
    pub fn new(url: &SecretString, size: usize) -> Result<Db> {
        let (mut config, tls) = tls::configure(url.expose_secret()).context("reading DATABASE_URL")?;
        settle(&mut config);
        let made = Arc::new(AtomicU64::new(0));
        let count = made.clone();
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, tls, recycling))
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .recycle_timeout(Some(WAIT))
            .post_create(Hook::sync_fn(move |_, _| {
                count.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }))
            .build()
            .context("making the connection pool")?;
        Ok(Db { pool, made })
    }

    pub async fn get(&self) -> Result<Object, Failure> {
        Ok(self.pool.get().await?)
    }

    pub fn generation(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Connections open, and in use.
    pub fn connections(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.size.saturating_sub(status.available))
    }
}

/// One connection of its own, which ends with the client.
pub async fn single(url: &SecretString) -> Result<Client> {
    let (mut config, tls) = tls::configure(url.expose_secret()).context("reading DIRECT_DATABASE_URL")?;
    settle(&mut config);
    let (client, connection) = config.connect(tls).await.context("connecting to the database")?;
    tokio::spawn(async move {
        if let Err(e) = connection.await {
            tracing::debug!("a connection ended: {e}");
        }
    });
    Ok(client)
}

fn settle(config: &mut tokio_postgres::Config) {
    if config.get_application_name().is_none() {
        config.application_name("pganalytics-api");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(WAIT);
    }
    config.keepalives_idle(Duration::from_secs(30));
    config.tcp_user_timeout(Duration::from_secs(30));
}
