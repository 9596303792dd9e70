-- Where WAL stands, and what pg_wal holds. current_wal_size_mb is what was written, on a standby received, since the last
-- checkpoint's redo point: what recovery would replay now. wal_directory_size_mb is every file in pg_wal, among them
-- total_segments segments, of which recycled_segments lie ahead, empty, for later use. position_bytes grows with
-- each byte of WAL. Cost: 1 ms, and a stat for each file of pg_wal. Needs: pg_monitor, for pg_ls_waldir().
with here as materialized (
    select
        pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')) as segment
        , pg_catalog.pg_is_in_recovery() as in_recovery
        , case
            when pg_catalog.pg_is_in_recovery()
                then greatest(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
            else pg_catalog.pg_current_wal_lsn()
        end as lsn
), place as materialized (
    select
        h.segment
        , h.in_recovery
        , h.lsn
        , (h.lsn - '0/0'::pg_lsn)::int8 as bytes
        , c.redo_lsn
        , (c.redo_lsn - '0/0'::pg_lsn)::int8 as redo_bytes
        , c.checkpoint_lsn
        , c.checkpoint_time
        , case
            when h.in_recovery then c.timeline_id
            else ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(h.lsn), 1, 8))::bit(32)::int4
        end as timeline
    from here h
    cross join pg_catalog.pg_control_checkpoint() c
)
select
    p.timeline
    , p.lsn::text as current_lsn
    , p.bytes as position_bytes
    , p.segment as segment_bytes
    , p.checkpoint_lsn::text as checkpoint_lsn
    , p.redo_lsn::text as redo_lsn
    , p.checkpoint_time as checkpoint_at
    , p.bytes / p.segment - p.redo_bytes / p.segment as segments_since_checkpoint
    , (p.bytes - p.redo_bytes) / 1048576.0::float8 as current_wal_size_mb
    , d.total_segments
    , d.recycled_segments
    , d.bytes / 1048576.0::float8 as wal_directory_size_mb
    , p.in_recovery as _in_recovery
    , (extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::int8 as _now_us
from place p
cross join lateral (
    select
        pg_catalog.lpad(pg_catalog.upper(pg_catalog.to_hex(n.segment / n.per_id)), 8, '0')
        || pg_catalog.lpad(pg_catalog.upper(pg_catalog.to_hex(n.segment % n.per_id)), 8, '0') as name
    from (
        select
            greatest(p.bytes - 1, 0) / p.segment as segment
            , 4294967296 / p.segment as per_id
    ) n
) current
cross join lateral (
    select
        count(*) filter (where f.name ~ '^[0-9A-F]{24}$') as total_segments
        , count(*) filter (
            where f.name ~ '^[0-9A-F]{24}$' and pg_catalog.substr(f.name, 9) ~>~ current.name
        ) as recycled_segments
        , pg_catalog.sum(f.size)::int8 as bytes
    from pg_catalog.pg_ls_waldir() f
) d
