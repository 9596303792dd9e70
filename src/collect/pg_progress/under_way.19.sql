-- Which commands are under way. Cost: a look at each session's state for each; nearly none. Needs: nothing. REPACK is
-- what CLUSTER and VACUUM FULL became in 19.
select w.command::text as command
from (
    select 'vacuum' as command
    from pg_catalog.pg_stat_get_progress_info('VACUUM') i
    union all
    select 'analyze' as command
    from pg_catalog.pg_stat_get_progress_info('ANALYZE') i
    union all
    select 'create_index' as command
    from pg_catalog.pg_stat_get_progress_info('CREATE INDEX') i
    union all
    select 'basebackup' as command
    from pg_catalog.pg_stat_get_progress_info('BASEBACKUP') i
    union all
    select 'copy' as command
    from pg_catalog.pg_stat_get_progress_info('COPY') i
    union all
    select 'repack'
    from pg_catalog.pg_stat_progress_repack r
) w
group by w.command
