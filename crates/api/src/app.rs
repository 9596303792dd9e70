//! What all requests share, and the only list of routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use secrecy::SecretString;
use tower_http::cors::CorsLayer;

use crate::breaker::Breaker;
use crate::cache::Caches;
use crate::client::Client;
use crate::config::{Config, Secrets};
use crate::figures::Figures;
use crate::guard;
use crate::ingest::body::Room;
use crate::limit::{Limited, Limiter, Standing, one_client};
use crate::openapi::Operation;
use crate::password::Passwords;
use crate::pieces::Pieces;
use crate::problem::Problem;
use crate::request;
use crate::routes::openapi::{OPENAPI, openapi};
use crate::routes::{
    collectors, configs, fleet, health, login, page, push, read, refresh, register, scrape, servers, users,
};
use crate::store::attempts;
use crate::store::pool::{self, Db};
use crate::token::Keys;
use crate::unread;

pub type Shared = Arc<App>;

pub struct App {
    pub config: Config,
    pub db: Db,
    pub keys: Keys,
    pub registration: SecretString,
    pub scrape: Option<SecretString>,
    pub passwords: Passwords,
    pub caches: Caches,
    pub pieces: Pieces,
    pub limiter: Limiter,
    pub breaker: Breaker,
    pub figures: Figures,
    pub room: Room,
    pub started: Instant,
    /// Whether the schema is there.
    pub ready: AtomicBool,
}

/// Enough for what is no push.
pub const BODY_BYTES: usize = 64 << 10;

impl App {
    pub fn new(config: Config, secrets: &Secrets) -> Result<Shared> {
        Ok(Arc::new(App {
            db: Db::new(&config.database, config.pool_size)?,
            keys: Keys::new(&secrets.signing, &secrets.previous),
            registration: secrets.registration.clone(),
            scrape: secrets.scrape.clone(),
            passwords: Passwords::default(),
            caches: Caches::default(),
            pieces: Pieces::default(),
            limiter: Limiter::new(config.limits.clone()),
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

    /// Counts an attempt of this client with those at other replicas.
    pub async fn attempt(&self, limited: Limited, client: Client) -> Result<(), Problem> {
        let (address, limit) = (one_client(client.0), self.limiter.limit(limited));
        let counted = self.db.with(pool::SHORT, async |client| {
            let tx = pool::begin(client).await?;
            let counted = attempts::count(&tx, limited.name(), &address.to_string(), limit.into()).await?;
            tx.commit().await?;
            Ok(counted)
        });
        match self.learn(counted.await)? {
            Ok(_) => Ok(()),
            Err(wait_s) => Err(Problem::TooMany(Standing::exhausted(limit, wait_s))),
        }
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
            // Neither away nor well.
            Err(crate::store::failure::Failure::Slow(_)) => {}
            _ => self.breaker.worked(),
        }
        result
    }
}

pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub operation: &'static Operation,
    answers: MethodRouter<Shared>,
}

fn route(
    method: &'static str,
    path: &'static str,
    operation: &'static Operation,
    answers: MethodRouter<Shared>,
) -> Route {
    Route { method, path, operation, answers }
}

/// Method, path, what is said of it, and who answers: what is not here is not served.
pub fn routes() -> Vec<Route> {
    let unbounded = DefaultBodyLimit::disable;
    vec![
        route("GET", "/api/v1/health", &health::HEALTH, get(health::health)),
        route("GET", "/api/v1/version", &health::VERSION, get(health::version)),
        route("POST", "/api/v1/collectors/register", &register::REGISTER, post(register::register)),
        route("POST", "/api/v1/collectors/refresh-token", &refresh::REFRESH, post(refresh::refresh)),
        route("GET", "/api/v1/collectors", &collectors::LIST, get(collectors::list)),
        route("GET", "/api/v1/collectors/{id}", &collectors::SHOW, get(collectors::show)),
        route("DELETE", "/api/v1/collectors/{id}", &collectors::REMOVE, delete(collectors::remove)),
        route("GET", "/api/v1/config/{collector_id}", &configs::GET, get(configs::get)),
        route("PUT", "/api/v1/config/{collector_id}", &configs::PUT, put(configs::put)),
        route("POST", "/api/v1/auth/login", &login::LOGIN, post(login::login)),
        route("POST", "/api/v1/auth/refresh", &login::REFRESH, post(login::refresh)),
        route("POST", "/api/v1/auth/logout", &login::LOGOUT, post(login::logout)),
        route("GET", "/api/v1/users", &users::LIST, get(users::list)),
        route("POST", "/api/v1/users", &users::CREATE, post(users::create)),
        route("PATCH", "/api/v1/users/{id}", &users::CHANGE, patch(users::change)),
        route("DELETE", "/api/v1/users/{id}", &users::REMOVE, delete(users::remove)),
        route(
            "POST",
            "/api/v1/users/{id}/reset-password",
            &users::RESET_PASSWORD,
            post(users::reset_password),
        ),
        route("POST", "/api/v1/metrics/push", &push::PUSH, post(push::push).layer(unbounded())),
        route("GET", "/api/v1/metrics", &read::METRICS, get(read::metrics)),
        route("GET", "/api/v1/fleet", &fleet::FLEET, get(fleet::fleet)),
        route("GET", "/api/v1/servers/{collector_id}", &servers::SERVER, get(servers::server)),
        route("GET", "/api/v1/openapi.json", &OPENAPI, get(openapi)),
        route("GET", "/openapi.json", &OPENAPI, get(openapi)),
        route("GET", "/", &page::INDEX, get(page::index)),
        route("GET", "/page/{edition}/{file}", &page::FILE, get(page::file)),
        route("GET", "/healthz", &health::ALIVE, get(health::alive)),
        route("GET", "/version", &health::VERSION, get(health::version)),
        route("GET", "/metrics", &scrape::SCRAPE, get(scrape::scrape)),
        route("GET", "/metrics/prometheus", &scrape::SCRAPE, get(scrape::scrape)),
    ]
}

pub fn router(app: Shared) -> Router {
    routes()
        .into_iter()
        .fold(Router::new(), |router, route| router.route(route.path, route.answers))
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(async || Problem::WrongMethod)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(cors(&app.config.origins))
        .layer(from_fn_with_state(app.clone(), guard::limit))
        .layer(from_fn(guard::headers))
        .layer(from_fn(unread::discard))
        .layer(from_fn_with_state(app.clone(), request::observe))
        .with_state(app)
}

/// Off unless origins are named; never with cookies, which there are none of.
fn cors(origins: &[HeaderValue]) -> CorsLayer {
    if origins.is_empty() {
        return CorsLayer::new();
    }
    CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
}

/// The longest that a body may take to come.
pub const BODY_WITHIN: Duration = Duration::from_secs(30);
