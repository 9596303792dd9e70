#!/bin/sh
# Once the backend has made its tables: what dashboards may read, as grafana/role.sql has it. A grant that meets a partition being
# made is refused: then once more.
set -eu
for _ in 1 2 3 4 5 6 7 8 9 10; do
    if grep '^grant ' "${ROLE_SQL:-/role.sql}" | psql -v ON_ERROR_STOP=1 "$DATABASE_URL"; then exit 0; fi
    sleep 2
done
exit 1
