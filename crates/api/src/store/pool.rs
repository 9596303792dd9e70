//! Connections to the database: a pool for requests, single ones for what runs beside them.
//!
//! Whoever borrows a connection says for how long at most: a server, or a network, that accepts and never answers holds
//! nobody for longer. Then the server is told to end what is under way: one that is only slow says that it did, one that is
//! away says nothing. A connection that was not given back in time, or whose borrower went away in the middle, is closed:
//! what is under way on it is nobody's any more, and whom else the order to end would meet nobody knows.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use deadpool_postgres::{Hook, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::{CancelToken, Client, IsolationLevel, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure::Failure;
use super::origin::Origin;
use super::tls;

/// Longer than this nobody waits for a connection: the collector comes again.
pub(super) const WAIT: Duration = Duration::from_secs(3);
/// For what looks up a row or two.
pub const SHORT: Duration = Duration::from_secs(5);
/// For a whole batch, or a page of them. The limits that transactions set at the server are for each of their statements.
/// A collector waits 30 s for its answer unless it is told to wait otherwise.
pub const LONG: Duration = Duration::from_secs(25);

#[derive(Clone)]
pub struct Db {
    pool: Pool,
    tls: MakeRustlsConnect,
    origin: Arc<Origin>,
}

impl Db {
    /// Connects when first asked.
    pub fn new(url: &SecretString, size: usize) -> Result<Db> {
        let (mut config, tls) = tls::configure(url.expose_secret()).context("reading DATABASE_URL")?;
        settle(&mut config);
        let origin = Arc::new(Origin::default());
        let known = origin.clone();
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, tls.clone(), recycling))
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .recycle_timeout(Some(WAIT))
            .post_create(Hook::async_fn(move |client, _| {
                let known = known.clone();
                Box::pin(async move { known.look(client).await })
            }))
            .build()
            .context("making the connection pool")?;
        Ok(Db { pool, tls, origin })
    }

    /// Does this with a connection, within a time.
    pub async fn with<T>(
        &self,
        within: Duration,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut lent = Lent(Some(self.pool.get().await?));
        let token = lent.client().cancel_token();
        let result = {
            let mut work = pin!(work(lent.client()));
            match tokio::time::timeout(within, &mut work).await {
                Ok(result) => result,
                Err(_) => return self.end(token, work, within).await,
            }
        };
        lent.give_back();
        result
    }

    /// It may have come to its own end meanwhile.
    async fn end<T>(
        &self,
        token: CancelToken,
        work: Pin<&mut impl Future<Output = Result<T, Failure>>>,
        within: Duration,
    ) -> Result<T, Failure> {
        let ended = async {
            drop(token.cancel_query(self.tls.clone()).await);
            work.await
        };
        let ended = tokio::time::timeout(WAIT, ended).await;
        ended.unwrap_or_else(|_| Err(Failure::Away(format!("no answer within {} s", within.as_secs()))))
    }

    /// Another one as soon as a connection leads to another database than those before it.
    pub fn generation(&self) -> u64 {
        self.origin.changes()
    }

    /// Connections open, and in use.
    pub fn connections(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.size.saturating_sub(status.available))
    }
}

/// Whatever the server's default is, each statement sees what others did while it waited for them.
pub async fn begin(client: &mut Client) -> Result<Transaction<'_>, tokio_postgres::Error> {
    client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await
}

/// A connection that is closed unless it is given back.
struct Lent(Option<Object>);

impl Lent {
    fn client(&mut self) -> &mut Client {
        self.0.as_mut().expect("it is here until it is given back")
    }

    fn give_back(&mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

/// Whether it can be understood: for who asks before it is needed.
pub fn check(url: &SecretString) -> Result<()> {
    tls::configure(url.expose_secret()).map(drop)
}

/// One connection of its own, which ends with the client.
pub async fn single(url: &SecretString) -> Result<Client> {
    let (mut config, tls) = tls::configure(url.expose_secret()).context("reading DIRECT_DATABASE_URL")?;
    settle(&mut config);
    let connected = tokio::time::timeout(WAIT, config.connect(tls)).await;
    let (client, connection) = connected
        .context("connecting to the database took too long")?
        .context("connecting to the database")?;
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
