-- Which commands are under way. Cost: a look at each session's state for each; nearly none. Needs: nothing.
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
    select 'cluster' as command
    from pg_catalog.pg_stat_get_progress_info('CLUSTER') i
    union all
    select 'basebackup' as command
    from pg_catalog.pg_stat_get_progress_info('BASEBACKUP') i
    union all
    select 'copy' as command
    from pg_catalog.pg_stat_get_progress_info('COPY') i
) w
group by w.command
