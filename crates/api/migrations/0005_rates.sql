-- Rates of cumulative counters, in one place: what a counter grew between two readings, with resets and gaps.
--
-- Every function takes its span of time, so that it reaches the partitions of that span, and of its own length or a day before,
-- where the first rate's other end is; none writes. A long span is read
-- at some of its moments only: what a cumulative counter did between two of them is exact all the same.
create index metrics_kind on metrics (collector_id, type, "timestamp");

-- What a counter grew. Counted `anew` since the reading before, all that it has now came since; nobody knows what came before
-- the reset.
create function grown(present float8, before float8, anew boolean) returns float8
language sql immutable parallel safe as $$
    select case when anew then present else present - before end
$$;

-- The moments at which a span is read: of each collector the last one of each step, or all, where a step is not longer than
-- three intervals of what is read. Of many collectors fewer moments each, `most` of all together; some before the span, as
-- the first rate in it needs two readings.
-- `patience`: over a longer distance than that there is no rate, as runs are missing. It is five intervals, the longer of the
-- collector's and that of what is read; between steps two and a half of them.
create function moments(
    kind text, since timestamptz, until timestamptz, step interval, collectors uuid[], every interval, most integer
) returns table (collector_id uuid, at timestamptz, patience interval)
language plpgsql stable rows 200 as $$
#variable_conflict use_column
declare
    apart constant interval := greatest(step, (until - since) * cardinality(collectors) / most);
begin
    if apart <= 3 * every then
        return query
        select distinct c.id, m."timestamp", c.patience
        from (
            select id, 5 * greatest(every, interval_s * interval '1 second') as patience
            from collectors c where id = any (moments.collectors)
        ) c
        join metrics m on m.collector_id = c.id
        where m.type = kind and m."timestamp" > since - c.patience and m."timestamp" <= until;
    else
        return query
        select c.id, m."timestamp", greatest(2.5 * apart, 5 * every, c.interval_s * interval '5 seconds')
        from collectors c
        cross join generate_series(0, ceil(extract(epoch from until - since) / extract(epoch from apart))::integer) n
        cross join lateral (
            select m."timestamp" from metrics m
            where m.collector_id = c.id and m.type = kind
                and m."timestamp" > until - (n + 1) * apart and m."timestamp" <= until - n * apart
            order by m."timestamp" desc limit 1
        ) m
        where c.id = any (moments.collectors);
    end if;
end
$$;

-- Items of those moments. Without servers or databases: of all; what belongs to no database is of each.
create function items(
    kind text, since timestamptz, until timestamptz, step interval, collectors uuid[]
  , servers text[] default null, databases text[] default null
  , every interval default '1 minute', most integer default 1500
) returns table (
    collector_id uuid, server text, database text, "timestamp" timestamptz, data jsonb, patience interval
)
language sql stable as $$
    select m.collector_id, m.server, m.database, m."timestamp", m.data, o.patience
    from moments(kind, since, until, step, collectors, every, most) o
    join metrics m on m.collector_id = o.collector_id and m.type = kind and m."timestamp" = o.at
    where m."timestamp" <= until and m."timestamp" > since - greatest(until - since, interval '1 day')
        and (servers is null or m.server = any (servers))
        and (databases is null or m.database is null or m.database = any (databases))
$$;

-- The newest item of each place, without looking at history.
create function newest(kind text, collectors uuid[], servers text[] default null, databases text[] default null)
returns table (collector_id uuid, server text, database text, "timestamp" timestamptz, id bigint, data jsonb)
language sql stable as $$
    select m.collector_id, m.server, m.database, m."timestamp", m.id, m.data
    from latest l
    join metrics m on m.collector_id = l.collector_id and m.type = kind and m."timestamp" = l."timestamp" and m.id = l.id
    where l.collector_id = any (collectors) and l.type = kind and (servers is null or l.server = any (servers))
        and (databases is null or l.database = '' or l.database = any (databases))
$$;

-- Any counters of any items: one row for each counter of each object that `path` leads to, told apart by the fields `keys`.
-- `resets` are fields that change when counting begins anew; a value that goes down tells the same.
create function item_rates(
    kind text, path jsonpath, keys text[], counters text[], resets text[]
  , since timestamptz, until timestamptz, step interval, collectors uuid[]
  , servers text[] default null, databases text[] default null
  , every interval default '1 minute', most integer default 500
) returns table (
    collector_id uuid, server text, database text, key text, name text, "timestamp" timestamptz
  , seconds float8, growth float8
)
language sql stable as $$
    select v.collector_id, v.server, v.database, v.key, v.name, v."timestamp", v.seconds
        , grown(v.present, v.before, v.present < v.before or v.reset is distinct from v.reset_before)
    from (
        select i.collector_id, i.server, i.database, r.key, c.name, i."timestamp", i.patience
            , extract(epoch from i."timestamp" - lag(i."timestamp") over w)::float8 as seconds
            , (r.object ->> c.name)::float8 as present
            , lag((r.object ->> c.name)::float8) over w as before
            , r.reset
            , lag(r.reset) over w as reset_before
        from items(kind, since, until, step, collectors, servers, databases, every, most) i
        cross join lateral (
            select o.object
                , (select string_agg(o.object ->> k.name, ' / ' order by k.place) from unnest(keys) with ordinality k(name, place)) as key
                , (select string_agg(o.object ->> k.name, ' ') from unnest(resets) k(name)) as reset
            from jsonb_path_query(i.data, path) o(object)
        ) r
        cross join lateral unnest(counters) c(name)
        where r.object ->> c.name is not null
        window w as (partition by i.collector_id, i.server, i.database, r.key, c.name order by i."timestamp")
    ) v
    where v."timestamp" > since and v.seconds <= extract(epoch from v.patience) and v.seconds > 0
$$;

-- Databases: pg_stats. A clean restart keeps what was counted; after a crash it is lower, or stats_reset is another.
create function database_rates(
    since timestamptz, until timestamptz, step interval, collectors uuid[]
  , servers text[] default null, databases text[] default null, most integer default 2000
) returns table (
    collector_id uuid, server text, database text, "timestamp" timestamptz, seconds float8, restarted boolean
  , transactions_committed float8, transactions_rolledback float8, tuples_returned float8
  , tuples_fetched float8, tuples_inserted float8, tuples_updated float8, tuples_deleted float8
  , blocks_read float8, blocks_hit float8, block_read_time_ms float8, block_write_time_ms float8
  , temp_files float8, temp_bytes float8, deadlocks float8, conflicts float8, checksum_failures float8
  , sessions float8
)
language sql stable as $$
    select v.collector_id, v.server, v.database, v."timestamp", v.seconds, v.restarted
        , grown(v.transactions_committed, v.transactions_committed_before, v.anew)
        , grown(v.transactions_rolledback, v.transactions_rolledback_before, v.anew)
        , grown(v.tuples_returned, v.tuples_returned_before, v.anew)
        , grown(v.tuples_fetched, v.tuples_fetched_before, v.anew)
        , grown(v.tuples_inserted, v.tuples_inserted_before, v.anew)
        , grown(v.tuples_updated, v.tuples_updated_before, v.anew)
        , grown(v.tuples_deleted, v.tuples_deleted_before, v.anew)
        , grown(v.blocks_read, v.blocks_read_before, v.anew)
        , grown(v.blocks_hit, v.blocks_hit_before, v.anew)
        , grown(v.block_read_time_ms, v.block_read_time_ms_before, v.anew)
        , grown(v.block_write_time_ms, v.block_write_time_ms_before, v.anew)
        , grown(v.temp_files, v.temp_files_before, v.anew)
        , grown(v.temp_bytes, v.temp_bytes_before, v.anew)
        , grown(v.deadlocks, v.deadlocks_before, v.anew)
        , grown(v.conflicts, v.conflicts_before, v.anew)
        , grown(v.checksum_failures, v.checksum_failures_before, v.anew)
        , grown(v.sessions, v.sessions_before, v.anew)
    from (
        select s.collector_id, s.server, s.database, s."timestamp", s.patience
            , extract(epoch from s."timestamp" - lag(s."timestamp") over w)::float8 as seconds
            , s.stats_reset is distinct from lag(s.stats_reset) over w or s.transactions_committed < lag(s.transactions_committed) over w as anew
            , s.server_started_at > lag(s.server_started_at) over w as restarted
            , s.transactions_committed, lag(s.transactions_committed) over w as transactions_committed_before
            , s.transactions_rolledback, lag(s.transactions_rolledback) over w as transactions_rolledback_before
            , s.tuples_returned, lag(s.tuples_returned) over w as tuples_returned_before
            , s.tuples_fetched, lag(s.tuples_fetched) over w as tuples_fetched_before
            , s.tuples_inserted, lag(s.tuples_inserted) over w as tuples_inserted_before
            , s.tuples_updated, lag(s.tuples_updated) over w as tuples_updated_before
            , s.tuples_deleted, lag(s.tuples_deleted) over w as tuples_deleted_before
            , s.blocks_read, lag(s.blocks_read) over w as blocks_read_before
            , s.blocks_hit, lag(s.blocks_hit) over w as blocks_hit_before
            , s.block_read_time_ms, lag(s.block_read_time_ms) over w as block_read_time_ms_before
            , s.block_write_time_ms, lag(s.block_write_time_ms) over w as block_write_time_ms_before
            , s.temp_files, lag(s.temp_files) over w as temp_files_before
            , s.temp_bytes, lag(s.temp_bytes) over w as temp_bytes_before
            , s.deadlocks, lag(s.deadlocks) over w as deadlocks_before
            , s.conflicts, lag(s.conflicts) over w as conflicts_before
            , s.checksum_failures, lag(s.checksum_failures) over w as checksum_failures_before
            , s.sessions, lag(s.sessions) over w as sessions_before
        from (
            select i.collector_id, i.server, i.database, i."timestamp", i.patience, d.*
            from items('pg_stats', since, until, step, collectors, servers, databases, most => most) i
            cross join lateral jsonb_to_record(i.data) d (
                stats_reset timestamptz, server_started_at timestamptz
              , transactions_committed float8, transactions_rolledback float8, tuples_returned float8
              , tuples_fetched float8, tuples_inserted float8, tuples_updated float8, tuples_deleted float8
              , blocks_read float8, blocks_hit float8, block_read_time_ms float8, block_write_time_ms float8
              , temp_files float8, temp_bytes float8, deadlocks float8, conflicts float8
              , checksum_failures float8, sessions float8
            )
        ) s
        window w as (partition by s.collector_id, s.server, s.database order by s."timestamp")
    ) v
    where v."timestamp" > since and v."timestamp" <= until and v.seconds <= extract(epoch from v.patience) and v.seconds > 0
$$;

-- Statements. One that was not told of within `patience`, new or evicted or out of the ranking, has no reading before it: what it
-- did since the last run, its collector tells, of calls and time. (A column of theirs is called `since`, too.)
create function query_rates(
    since timestamptz, until timestamptz, step interval, collectors uuid[]
  , servers text[] default null, databases text[] default null, most integer default 200
) returns table (
    collector_id uuid, server text, database text, hash bigint, userid bigint, "user" text, toplevel boolean, "timestamp" timestamptz, seconds float8
  , calls float8, total_time float8, plans float8, total_plan_time float8, rows float8, shared_blks_hit float8
  , shared_blks_read float8, shared_blks_dirtied float8, shared_blks_written float8, local_blks_hit float8
  , local_blks_read float8, temp_blks_read float8, temp_blks_written float8, blk_read_time float8
  , blk_write_time float8, wal_records float8, wal_fpi float8, wal_bytes float8, jit_functions float8
  , jit_generation_time float8
)
language sql stable as $$
    select v.collector_id, v.server, v.database, v.hash, v.userid, v."user", v.toplevel, v."timestamp", v.seconds
        , case when v.whole then grown(v.calls, v.calls_before, v.anew) else v.growth_calls end
        , case when v.whole then grown(v.total_time, v.total_time_before, v.anew) else v.growth_time end
        , case when v.whole then grown(v.plans, v.plans_before, v.anew) end
        , case when v.whole then grown(v.total_plan_time, v.total_plan_time_before, v.anew) end
        , case when v.whole then grown(v.rows, v.rows_before, v.anew) end
        , case when v.whole then grown(v.shared_blks_hit, v.shared_blks_hit_before, v.anew) end
        , case when v.whole then grown(v.shared_blks_read, v.shared_blks_read_before, v.anew) end
        , case when v.whole then grown(v.shared_blks_dirtied, v.shared_blks_dirtied_before, v.anew) end
        , case when v.whole then grown(v.shared_blks_written, v.shared_blks_written_before, v.anew) end
        , case when v.whole then grown(v.local_blks_hit, v.local_blks_hit_before, v.anew) end
        , case when v.whole then grown(v.local_blks_read, v.local_blks_read_before, v.anew) end
        , case when v.whole then grown(v.temp_blks_read, v.temp_blks_read_before, v.anew) end
        , case when v.whole then grown(v.temp_blks_written, v.temp_blks_written_before, v.anew) end
        , case when v.whole then grown(v.blk_read_time, v.blk_read_time_before, v.anew) end
        , case when v.whole then grown(v.blk_write_time, v.blk_write_time_before, v.anew) end
        , case when v.whole then grown(v.wal_records, v.wal_records_before, v.anew) end
        , case when v.whole then grown(v.wal_fpi, v.wal_fpi_before, v.anew) end
        , case when v.whole then grown(v.wal_bytes, v.wal_bytes_before, v.anew) end
        , case when v.whole then grown(v.jit_functions, v.jit_functions_before, v.anew) end
        , case when v.whole then grown(v.jit_generation_time, v.jit_generation_time_before, v.anew) end
    from (
        select w.*
            , case when w.apart <= extract(epoch from w.patience) then w.apart
                else extract(epoch from w."timestamp" - w.grown_since)::float8 end as seconds
            , coalesce(w.apart <= extract(epoch from w.patience), false) as whole
        from (
            select s.collector_id, s.server, s.database, s.hash, s.userid, s."user", s.toplevel, s."timestamp", s.patience
                , extract(epoch from s."timestamp" - lag(s."timestamp") over w)::float8 as apart
                , s.stats_since is distinct from lag(s.stats_since) over w or s.calls < lag(s.calls) over w as anew
                , s.growth_calls, s.growth_time, s.since as grown_since
                , s.calls, lag(s.calls) over w as calls_before
                , s.total_time, lag(s.total_time) over w as total_time_before
                , s.plans, lag(s.plans) over w as plans_before
                , s.total_plan_time, lag(s.total_plan_time) over w as total_plan_time_before
                , s.rows, lag(s.rows) over w as rows_before
                , s.shared_blks_hit, lag(s.shared_blks_hit) over w as shared_blks_hit_before
                , s.shared_blks_read, lag(s.shared_blks_read) over w as shared_blks_read_before
                , s.shared_blks_dirtied, lag(s.shared_blks_dirtied) over w as shared_blks_dirtied_before
                , s.shared_blks_written, lag(s.shared_blks_written) over w as shared_blks_written_before
                , s.local_blks_hit, lag(s.local_blks_hit) over w as local_blks_hit_before
                , s.local_blks_read, lag(s.local_blks_read) over w as local_blks_read_before
                , s.temp_blks_read, lag(s.temp_blks_read) over w as temp_blks_read_before
                , s.temp_blks_written, lag(s.temp_blks_written) over w as temp_blks_written_before
                , s.blk_read_time, lag(s.blk_read_time) over w as blk_read_time_before
                , s.blk_write_time, lag(s.blk_write_time) over w as blk_write_time_before
                , s.wal_records, lag(s.wal_records) over w as wal_records_before
                , s.wal_fpi, lag(s.wal_fpi) over w as wal_fpi_before
                , s.wal_bytes, lag(s.wal_bytes) over w as wal_bytes_before
                , s.jit_functions, lag(s.jit_functions) over w as jit_functions_before
                , s.jit_generation_time, lag(s.jit_generation_time) over w as jit_generation_time_before
            from (
                select r.*, o.patience
                from moments('pg_query_stats', since, until, step, collectors, '1 minute', most) o
                join query_stats r on r.collector_id = o.collector_id and r."timestamp" = o.at
                where r."timestamp" <= until and r."timestamp" > query_rates.since - greatest(until - query_rates.since, interval '1 day')
                    and (servers is null or r.server = any (servers))
                    and (databases is null or r.database = any (databases))
            ) s
            window w as (partition by s.collector_id, s.server, s.database, s.hash, s.userid, s."user", s.toplevel order by s."timestamp")
        ) w
    ) v
    where v."timestamp" > since and v."timestamp" <= until and v.seconds > 0 and (v.whole or v.growth_calls is not null)
$$;

-- Tables. Before 19 they have no time of reset of their own: that figures go down tells it.
create function table_rates(
    since timestamptz, until timestamptz, step interval, collectors uuid[]
  , servers text[] default null, databases text[] default null, most integer default 300
) returns table (
    collector_id uuid, server text, database text, relid bigint, schema text, name text, "timestamp" timestamptz, seconds float8
  , seq_scans float8, seq_tuples_read float8, index_scans float8, index_tuples_fetched float8
  , tuples_inserted float8, tuples_updated float8, tuples_deleted float8, tuples_hot_updated float8
  , vacuum_count float8, autovacuum_count float8, analyze_count float8, autoanalyze_count float8
)
language sql stable as $$
    select v.collector_id, v.server, v.database, v.relid, v.schema, v.name, v."timestamp", v.seconds
        , grown(v.seq_scans, v.seq_scans_before, v.anew)
        , grown(v.seq_tuples_read, v.seq_tuples_read_before, v.anew)
        , grown(v.index_scans, v.index_scans_before, v.anew)
        , grown(v.index_tuples_fetched, v.index_tuples_fetched_before, v.anew)
        , grown(v.tuples_inserted, v.tuples_inserted_before, v.anew)
        , grown(v.tuples_updated, v.tuples_updated_before, v.anew)
        , grown(v.tuples_deleted, v.tuples_deleted_before, v.anew)
        , grown(v.tuples_hot_updated, v.tuples_hot_updated_before, v.anew)
        , grown(v.vacuum_count, v.vacuum_count_before, v.anew)
        , grown(v.autovacuum_count, v.autovacuum_count_before, v.anew)
        , grown(v.analyze_count, v.analyze_count_before, v.anew)
        , grown(v.autoanalyze_count, v.autoanalyze_count_before, v.anew)
    from (
        select s.collector_id, s.server, s.database, s.relid, s.schema, s.name, s."timestamp", s.patience
            , extract(epoch from s."timestamp" - lag(s."timestamp") over w)::float8 as seconds
            , s.stats_reset is distinct from lag(s.stats_reset) over w or s.seq_scans < lag(s.seq_scans) over w or s.index_scans < lag(s.index_scans) over w
                or s.tuples_inserted < lag(s.tuples_inserted) over w or s.vacuum_count < lag(s.vacuum_count) over w as anew
            , s.seq_scans, lag(s.seq_scans) over w as seq_scans_before
            , s.seq_tuples_read, lag(s.seq_tuples_read) over w as seq_tuples_read_before
            , s.index_scans, lag(s.index_scans) over w as index_scans_before
            , s.index_tuples_fetched, lag(s.index_tuples_fetched) over w as index_tuples_fetched_before
            , s.tuples_inserted, lag(s.tuples_inserted) over w as tuples_inserted_before
            , s.tuples_updated, lag(s.tuples_updated) over w as tuples_updated_before
            , s.tuples_deleted, lag(s.tuples_deleted) over w as tuples_deleted_before
            , s.tuples_hot_updated, lag(s.tuples_hot_updated) over w as tuples_hot_updated_before
            , s.vacuum_count, lag(s.vacuum_count) over w as vacuum_count_before
            , s.autovacuum_count, lag(s.autovacuum_count) over w as autovacuum_count_before
            , s.analyze_count, lag(s.analyze_count) over w as analyze_count_before
            , s.autoanalyze_count, lag(s.autoanalyze_count) over w as autoanalyze_count_before
        from (
            select r.*, o.patience
            from moments('pg_stats', since, until, step, collectors, '1 minute', most) o
            join table_stats r on r.collector_id = o.collector_id and r."timestamp" = o.at
            where r."timestamp" <= until and r."timestamp" > since - greatest(until - since, interval '1 day')
                and (servers is null or r.server = any (servers))
                and (databases is null or r.database = any (databases))
        ) s
        window w as (partition by s.collector_id, s.server, s.database, s.relid, s.schema, s.name order by s."timestamp")
    ) v
    where v."timestamp" > since and v."timestamp" <= until and v.seconds <= extract(epoch from v.patience) and v.seconds > 0
$$;

-- Indexes, as tables.
create function index_rates(
    since timestamptz, until timestamptz, step interval, collectors uuid[]
  , servers text[] default null, databases text[] default null, most integer default 300
) returns table (
    collector_id uuid, server text, database text, relid bigint, schema text, "table" text, name text, "timestamp" timestamptz, seconds float8
  , scans float8, tuples_read float8, tuples_returned float8
)
language sql stable as $$
    select v.collector_id, v.server, v.database, v.relid, v.schema, v."table", v.name, v."timestamp", v.seconds
        , grown(v.scans, v.scans_before, v.anew)
        , grown(v.tuples_read, v.tuples_read_before, v.anew)
        , grown(v.tuples_returned, v.tuples_returned_before, v.anew)
    from (
        select s.collector_id, s.server, s.database, s.relid, s.schema, s."table", s.name, s."timestamp", s.patience
            , extract(epoch from s."timestamp" - lag(s."timestamp") over w)::float8 as seconds
            , s.stats_reset is distinct from lag(s.stats_reset) over w or s.scans < lag(s.scans) over w or s.tuples_read < lag(s.tuples_read) over w as anew
            , s.scans, lag(s.scans) over w as scans_before
            , s.tuples_read, lag(s.tuples_read) over w as tuples_read_before
            , s.tuples_returned, lag(s.tuples_returned) over w as tuples_returned_before
        from (
            select r.*, o.patience
            from moments('pg_stats', since, until, step, collectors, '1 minute', most) o
            join index_stats r on r.collector_id = o.collector_id and r."timestamp" = o.at
            where r."timestamp" <= until and r."timestamp" > since - greatest(until - since, interval '1 day')
                and (servers is null or r.server = any (servers))
                and (databases is null or r.database = any (databases))
        ) s
        window w as (partition by s.collector_id, s.server, s.database, s.relid, s.schema, s."table", s.name order by s."timestamp")
    ) v
    where v."timestamp" > since and v."timestamp" <= until and v.seconds <= extract(epoch from v.patience) and v.seconds > 0
$$;

-- Standbys: how far their positions moved. One that goes back is another history, of which nothing is told.
create function replication_rates(
    since timestamptz, until timestamptz, step interval, collectors uuid[]
  , servers text[] default null, most integer default 1500
) returns table (
    collector_id uuid, server text, application_name text, client_addr text, usename text, "timestamp" timestamptz, seconds float8
  , sent_bytes float8, write_bytes float8, flush_bytes float8, replay_bytes float8
)
language sql stable as $$
    select v.collector_id, v.server, v.application_name, v.client_addr, v.usename, v."timestamp", v.seconds
        , case when v.sent_bytes >= v.sent_bytes_before then (v.sent_bytes - v.sent_bytes_before)::float8 end
        , case when v.write_bytes >= v.write_bytes_before then (v.write_bytes - v.write_bytes_before)::float8 end
        , case when v.flush_bytes >= v.flush_bytes_before then (v.flush_bytes - v.flush_bytes_before)::float8 end
        , case when v.replay_bytes >= v.replay_bytes_before then (v.replay_bytes - v.replay_bytes_before)::float8 end
    from (
        select s.collector_id, s.server, s.application_name, s.client_addr, s.usename, s."timestamp", s.patience
            , extract(epoch from s."timestamp" - lag(s."timestamp") over w)::float8 as seconds
            , s.sent_bytes, lag(s.sent_bytes) over w as sent_bytes_before
            , s.write_bytes, lag(s.write_bytes) over w as write_bytes_before
            , s.flush_bytes, lag(s.flush_bytes) over w as flush_bytes_before
            , s.replay_bytes, lag(s.replay_bytes) over w as replay_bytes_before
        from (
            select r.collector_id, r.server, r.application_name, r.client_addr, r.usename, r."timestamp", o.patience
                , r.sent_lsn::pg_lsn - '0/0' as sent_bytes, r.write_lsn::pg_lsn - '0/0' as write_bytes
                , r.flush_lsn::pg_lsn - '0/0' as flush_bytes, r.replay_lsn::pg_lsn - '0/0' as replay_bytes
            from moments('pg_replication', since, until, step, collectors, '1 minute', most) o
            join replication_status r on r.collector_id = o.collector_id and r."timestamp" = o.at
            where r."timestamp" <= until and r."timestamp" > since - greatest(until - since, interval '1 day')
                and (servers is null or r.server = any (servers))
        ) s
        window w as (partition by s.collector_id, s.server, s.application_name, s.client_addr, s.usename order by s."timestamp")
    ) v
    where v."timestamp" > since and v."timestamp" <= until and v.seconds <= extract(epoch from v.patience) and v.seconds > 0
$$;
