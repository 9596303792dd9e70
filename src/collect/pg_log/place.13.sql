-- Where the server logs to, how its lines begin, and whether its files may be read by SQL. Cost: none.
-- Needs: pg_read_all_settings, or the folders are hidden.
select
    pg_catalog.current_setting('logging_collector', true) as logging_collector
    , pg_catalog.current_setting('log_destination', true) as log_destination
    , pg_catalog.current_setting('log_line_prefix', true) as log_line_prefix
    , pg_catalog.current_setting('log_timezone', true) as log_timezone
    , pg_catalog.current_setting('log_error_verbosity', true) as log_error_verbosity
    , pg_catalog.date_part(
        'epoch'
        , pg_catalog.timezone(pg_catalog.current_setting('log_timezone'), pg_catalog.now())
            - pg_catalog.timezone('utc', pg_catalog.now())
    )::int4 as offset_s
    , case
        when pg_catalog.pg_has_role('pg_read_all_settings', 'usage')
            then pg_catalog.current_setting('data_directory', true)
    end as data_directory
    , case
        when pg_catalog.pg_has_role('pg_read_all_settings', 'usage')
            then pg_catalog.current_setting('log_directory', true)
    end as log_directory
    , pg_catalog.has_function_privilege('pg_catalog.pg_ls_logdir()', 'execute') as may_list
    , pg_catalog.has_function_privilege('pg_catalog.pg_read_binary_file(text,bigint,bigint,boolean)', 'execute')
        as may_read
