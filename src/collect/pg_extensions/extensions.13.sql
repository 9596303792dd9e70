-- Extensions of the database, what the server has installed for them on disk, and whether a script leads there. Cost: the
-- control files of all extensions, once; the list of scripts only for those that are behind. Needs: nothing.
select
    e.extname::text as name
    , e.extversion::text as version
    , a.default_version::text as default_version
    , case
        when a.name is null then null
        when a.default_version = e.extversion then false
        else exists (
            select 1
            from pg_catalog.pg_extension_update_paths(e.extname) p
            where p.source = e.extversion
                and p.target = a.default_version
                and p.path is not null
        )
    end as update_available
    , n.nspname::text as schema
    , e.extrelocatable as relocatable
    , r.rolname::text as owner
    , count(*) over () as _total
from pg_catalog.pg_extension e
join pg_catalog.pg_namespace n on n.oid = e.extnamespace
left join pg_catalog.pg_roles r on r.oid = e.extowner
left join pg_catalog.pg_available_extensions() a on a.name = e.extname
order by e.extname
limit 1000
