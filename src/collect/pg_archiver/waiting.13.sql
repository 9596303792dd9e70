-- WAL files that wait to be archived, and since when the oldest does; no row where archive_mode is off. Cost: looks at
-- every file in pg_wal/archive_status, one or two for each WAL segment kept. Needs: execute on
-- pg_ls_archive_statusdir(), as pg_monitor has it.
select
    count(*) as ready_files
    , min(f.modification) as oldest_ready_at
    , extract(epoch from pg_catalog.clock_timestamp() - min(f.modification))::float8 as oldest_ready_age_s
from pg_catalog.pg_ls_archive_statusdir() f
where f.name like '%.ready'
having pg_catalog.current_setting('archive_mode') <> 'off'
