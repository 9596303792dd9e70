-- People, their sessions, and what administrators did.
create table users (
    id uuid primary key
  , username text not null
    -- argon2id, in the PHC format.
  , password text not null
  , role text not null check (role in ('admin', 'user', 'viewer'))
  , created_at timestamptz not null default now()
  , last_login_at timestamptz
);
create unique index users_username on users (lower(username));

-- A login, until it is ended or over. Access tokens name it; the refresh token is kept as its digest alone.
create table sessions (
    id uuid primary key
  , user_id uuid not null references users on delete cascade
  , refresh bytea not null
    -- The refresh token before the present one: shown once more, somebody has copied it.
  , previous bytea
  , created_at timestamptz not null default now()
  , expires_at timestamptz not null
);
create index sessions_refresh on sessions (refresh);
create index sessions_previous on sessions (previous);
create index sessions_user_id on sessions (user_id);

-- One trail of administrative acts. `actor` is a user's name, or the program's where it was told on its host.
create table audit (
    id bigint generated always as identity primary key
  , at timestamptz not null default now()
  , actor text not null
  , action text not null
  , subject text not null
  , details jsonb
  , request_id text
);

-- Attempts to log in or to register, by client, counted by all replicas together. Older than the window they go.
create table attempts (
    action text not null
  , client text not null
  , at timestamptz not null default now()
);
create index attempts_client on attempts (action, client, at);

-- What a collector promises between two batches: by that it is healthy, late, or down.
alter table collectors add interval_s bigint;

-- What collectors are told: every version that was ever stored. The newest counts.
create table configs (
    collector_id uuid not null
  , version bigint not null
  , body text not null
  , etag text not null
  , created_at timestamptz not null default now()
  , created_by text not null
  , primary key (collector_id, version)
);
alter table collectors add config_version bigint;
