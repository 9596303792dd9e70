//! What all requests share, and the only list of routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use secrecy::SecretString;

use crate::breaker::Breaker;
use crate::cache::Caches;
use crate::config::{Config, Secrets};
use crate::figures::Figures;
use crate::ingest::body::Room;
use crate::pieces::Pieces;
use crate::problem::Problem;
use crate::request;
use crate::routes::{health, push, read, refresh, register, scrape};
use crate::store::pool::{self, Db};
use crate::token::Keys;

pub type Shared = Arc<App>;

pub struct App {
    pub config: Config,
    pub db: Db,
    pub keys: Keys,
    pub registration: SecretString,
    pub scrape: Option<SecretString>,
    pub caches: Caches,
    pub pieces: Pieces,
    pub breaker: Breaker,
    pub figures: Figures,
    pub room: Room,
    pub started: Instant,
    /// Whether the schema is there.
    pub ready: AtomicBool,
}

/// Enough for what is no push.
const BODY_BYTES: usize = 64 << 10;

impl App {
    pub fn new(config: Config, secrets: &Secrets) -> Result<Shared> {
        pool::check(&config.direct)?;
        Ok(Arc::new(App {
            db: Db::new(&config.database, config.pool_size)?,
            keys: Keys::new(&secrets.signing, &secrets.previous),
            registration: secrets.registration.clone(),
            scrape: secrets.scrape.clone(),
            caches: Caches::default(),
            pieces: Pieces::default(),
            breaker: Breaker::default(),
            figures: Figures::default(),
            room: Room::new(config.memory_bytes),
            started: Instant::now(),
            ready: AtomicBool::new(false),
            config,
        }))
    }

    /// Whether the database may be asked at all.
    pub fn open(&self) -> Result<(), Problem> {
        if !self.ready.load(Ordering::Relaxed) {
            return Err(Problem::Away("the schema is not there yet"));
        }
        if !self.breaker.allows(Instant::now()) {
            return Err(Problem::Away("the database was away a moment ago"));
        }
        self.caches.as_of(self.db.generation());
        Ok(())
    }

    /// Tells the breaker and the figures how an answer of the database went.
    pub fn learn<T>(
        &self,
        result: Result<T, crate::store::failure::Failure>,
    ) -> Result<T, crate::store::failure::Failure> {
        match &result {
            Err(crate::store::failure::Failure::Away(_)) => {
                self.breaker.failed(Instant::now());
                self.figures.db_errors.inc();
            }
            _ => self.breaker.worked(),
        }
        result
    }
}

pub fn router(app: Shared) -> Router {
    let v1 = Router::new()
        .route("/health", get(health::health))
        .route("/version", get(health::version))
        .route("/collectors/register", post(register::register))
        .route("/collectors/refresh-token", post(refresh::refresh))
        .route("/metrics/push", post(push::push).layer(DefaultBodyLimit::disable()))
        .route("/metrics", get(read::metrics));
    Router::new()
        .nest("/api/v1", v1)
        .route("/healthz", get(health::alive))
        .route("/version", get(health::version))
        .route("/metrics", get(scrape::scrape))
        .route("/metrics/prometheus", get(scrape::scrape))
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(async || Problem::WrongMethod)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(app.clone(), request::observe))
        .with_state(app)
}

/// The longest that a body may take to come.
pub const BODY_WITHIN: Duration = Duration::from_secs(30);
