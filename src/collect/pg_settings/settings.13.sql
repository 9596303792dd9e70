-- Settings off their default as the server has them, facts of its build and start among them, and what waits for a
-- restart; at most 1000. What our own transaction sets is told as it is without us (reset_val, with no source); what the
-- database or the role of this connection overrides is among role_settings. Cost: every setting once.
-- Needs: pg_read_all_settings, or some are hidden.
select
    s.name
    , case s.source when 'session' then s.reset_val else s.setting end as value
    , s.unit
    , s.boot_val as boot_value
    , s.reset_val as reset_value
    , nullif(s.source, 'session') as source
    , s.sourcefile as source_file
    , s.sourceline as source_line
    , s.context
    , s.pending_restart
    , count(*) over () as _total
from pg_catalog.pg_settings s
where s.pending_restart
    or (s.source <> 'default' or s.context = 'internal')
    and s.source not in ('client', 'global', 'database', 'user', 'database user')
    and case s.source when 'session' then s.reset_val else s.setting end is distinct from coalesce(s.boot_val, '')
    and s.name not in (
        'application_name', 'client_encoding', 'data_directory_mode', 'in_hot_standby', 'is_superuser', 'lc_collate'
        , 'lc_ctype', 'role', 'server_encoding', 'session_authorization'
    )
    and not (
        s.source = 'session'
        and exists (
            select 1
            from pg_catalog.pg_db_role_setting r
            cross join lateral pg_catalog.unnest(r.setconfig) c(assignment)
            where pg_catalog.split_part(c.assignment, '=', 1) = s.name
                and r.setdatabase in (
                    0
                    , (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
                )
                and r.setrole in (0, (select a.oid from pg_catalog.pg_roles a where a.rolname = session_user))
        )
    )
order by s.name
limit 1000
