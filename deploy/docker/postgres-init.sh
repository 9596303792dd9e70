#!/bin/sh
# Run once by the image of the watched server: the collector's role, and what it reads statements from.
set -eu
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres -v password="$COLLECTOR_PASSWORD" <<'SQL'
create role pganalytics login password :'password';
grant pg_monitor to pganalytics;
create extension if not exists pg_stat_statements;
SQL
