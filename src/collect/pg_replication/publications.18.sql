-- Publications of this database, and how many tables and schemas each lists: none by name, where it is for all tables.
-- Cost: 0.4 ms. Needs: nothing.
select
    p.pubname::text as name
    , pg_catalog.pg_get_userbyid(p.pubowner)::text as owner
    , p.puballtables as all_tables
    , p.pubinsert as inserts
    , p.pubupdate as updates
    , p.pubdelete as deletes
    , p.pubtruncate as truncates
    , p.pubviaroot as via_root
    , case p.pubgencols when 's' then 'stored' else 'none' end as generated_columns
    , case when not p.puballtables then (select count(*) from pg_catalog.pg_publication_rel r where r.prpubid = p.oid) end as tables
    , case when not p.puballtables then (select count(*) from pg_catalog.pg_publication_namespace n where n.pnpubid = p.oid) end as schemas
    , count(*) over () as _total
from pg_catalog.pg_publication p
order by p.pubname
limit 1000
