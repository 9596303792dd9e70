-- Settings that the figures depend on, as far as the role may see them. Cost: lists all settings once.
-- Needs: pg_read_all_settings for shared_preload_libraries.
select
    s.name::text as name
    , s.setting::text as setting
    , s.source::text as source
from pg_catalog.pg_settings s
where s.name = any ($1::text[])
