-- WAL archiving: how often it went well and failed, when last, and whether it fails now. archiver_set: there is a command
-- or a library (15) to archive with. Cost: a row from shared memory. Needs: nothing.
select
    m.mode as archive_mode
    , m.archiving
    , m.archiving and m.means as archiver_set
    , m.archiving and coalesce(s.last_failed_time > s.last_archived_time, s.last_failed_time is not null) as failing
    , s.archived_count
    , s.last_archived_wal
    , s.last_archived_time as last_archived_at
    , extract(epoch from pg_catalog.clock_timestamp() - s.last_archived_time)::float8 as last_archived_age_s
    , s.failed_count
    , s.last_failed_wal
    , s.last_failed_time as last_failed_at
    , extract(epoch from pg_catalog.clock_timestamp() - s.last_failed_time)::float8 as last_failed_age_s
    , s.stats_reset
from pg_catalog.pg_stat_archiver s
cross join (
    select
        c.mode
        , c.mode = 'always' or c.mode = 'on' and not pg_catalog.pg_is_in_recovery() as archiving
        , c.command not in ('', '(disabled)') or c.library <> '' as means
    from (
        select
            pg_catalog.current_setting('archive_mode') as mode
            , pg_catalog.current_setting('archive_command') as command
            , coalesce(pg_catalog.current_setting('archive_library', true), '') as library
    ) c
) m
