#!/bin/sh
# Run once by the image of the backend's database: who owns it, and who only looks. What Grafana may read is granted by the
# service `grafana-role`, when the tables are there.
set -eu
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v api="$API_PASSWORD" -v grafana="$GRAFANA_PASSWORD" <<'SQL'
create role pganalytics_api login password :'api';
create role grafana login password :'grafana';
select format('alter database %I owner to pganalytics_api', current_database()) \gexec
SQL
