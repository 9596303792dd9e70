//! Bloat is estimated from statistics; here stands the truth beside it: pgstattuple's count of every byte, and what a
//! rewrite really gives back. Run with `--nocapture` to see the errors.

use postgres::Client;
use serde_json::Value;

use crate::cycle::item::{cycle, item, rows, watching};
use crate::support::cluster::Cluster;
use crate::support::majors;

/// Of the waste, where there is any to speak of.
const TOLERATED: f64 = 0.2;
/// From this share of the relation on.
const CONSIDERABLE: f64 = 0.2;
/// Of the relation, where there is none to speak of: how rows of differing widths are aligned is not known.
const NEGLIGIBLE: f64 = 0.08;

const TABLES: &str = "
    create extension pgstattuple;
    create table ints (id int not null);
    insert into ints select g from generate_series(1, 100000) g;
    delete from ints where id % 2 = 0;
    create table texts (id int, note text, price numeric);
    insert into texts select g, 'note number ' || g, g * 1.5 from generate_series(1, 60000) g;
    delete from texts where id % 2 = 0;
    create table nulls (a bigint, b text, c int, d timestamptz, e bool, f text, g text, h int, i int);
    insert into nulls select g, case when g % 5 > 1 then md5(g::text) end, case when g % 7 > 2 then g end, now(),
        true, null, repeat('v', (g * 7919 % 60)::int), null, g from generate_series(1, 60000) g;
    delete from nulls where a % 3 > 0;
    create table churned (id int, state text, at timestamptz);
    insert into churned select g, 'new', now() from generate_series(1, 40000) g;
    update churned set state = 'under way';
    update churned set state = 'finished';
    create table mixed (id uuid, doc jsonb, flag bool, amount numeric(12, 2));
    insert into mixed select md5(g::text)::uuid, jsonb_build_object('n', g, 'name', repeat('x', (g * 31 % 90)::int)),
        g % 2 = 0, g / 7.0 from generate_series(1, 50000) g;
    delete from mixed where id::text < '6';
    create table long_rows (id int, a text, b text);
    alter table long_rows alter a set storage plain;
    alter table long_rows alter b set storage plain;
    insert into long_rows select g, repeat('a', (300 + g * 7919 % 400)::int), repeat('b', (g * 31 % 300)::int)
        from generate_series(1, 12000) g;
    delete from long_rows where id % 5 < 3;
    create table sparse (id int, note text) with (fillfactor = 70);
    insert into sparse select g, 'sparse ' || g from generate_series(1, 60000) g;
    create table sparse_deleted (id int, note text) with (fillfactor = 70);
    insert into sparse_deleted select g, 'sparse ' || g from generate_series(1, 60000) g;
    delete from sparse_deleted where id % 2 = 0;
    create table fresh (id int, note text, at timestamptz);
    insert into fresh select g, md5(g::text), now() from generate_series(1, 60000) g;
    create table toasted (id int, body text);
    alter table toasted alter body set storage external;
    insert into toasted select g, repeat('z', (2100 + g * 131 % 6000)::int) from generate_series(1, 4000) g;
    delete from toasted where id % 4 > 0;
    create unlogged table unlogged (id bigint, note text);
    insert into unlogged select g, 'unlogged ' || g from generate_series(1, 40000) g;
    delete from unlogged where id % 4 > 0;
    create table parted (id int, note text) partition by range (id);
    create table parted_1 partition of parted for values from (0) to (30001);
    insert into parted select g, 'parted ' || g from generate_series(1, 30000) g;
    delete from parted where id % 3 = 0;
    vacuum analyze;
    create table dead (id int, note text);
    insert into dead select g, 'dead or alive ' || g from generate_series(1, 50000) g;
    delete from dead where id % 2 = 0;
    analyze dead;
    create table deleted_since (id int, note text);
    insert into deleted_since select g, 'was there ' || g from generate_series(1, 50000) g;
    vacuum analyze deleted_since;
    delete from deleted_since where id % 2 = 0";

const INDEXES: &str = "
    create table keyed (id int not null, code text, part int, low int, price numeric, five int, gap int, at timestamptz);
    create unique index keyed_random on keyed (code);
    insert into keyed select g, md5(g::text), g % 200, g % 20, (g % 1000) * 1.25, g / 5,
        case when g % 10 = 0 then g end, timestamptz '2026-01-01' + g * interval '1 minute'
        from generate_series(1, 100000) g;
    create unique index keyed_deleted on keyed (id);
    create unique index keyed_sparse on keyed (id) with (fillfactor = 60);
    create index keyed_multi on keyed (part, code);
    create index keyed_low on keyed (low);
    create index keyed_low_plain on keyed (low) with (deduplicate_items = off);
    create index keyed_price on keyed (price);
    create index keyed_five on keyed (five);
    create index keyed_gap on keyed (gap);
    create index keyed_lower on keyed (lower(code));
    create index keyed_with on keyed (id) include (at);
    create unique index keyed_some on keyed (id) where part < 100;
    delete from keyed where id % 2 = 0;
    create table ranged (id bigint primary key);
    insert into ranged select g from generate_series(1, 100000) g;
    delete from ranged where id between 10000 and 80000;
    create table new (id int primary key, note text not null);
    insert into new select g, 'text of ' || g from generate_series(1, 60000) g;
    create index new_note on new (note);
    create table shuffled (id int);
    create index shuffled_id on shuffled (id);
    insert into shuffled select (g::bigint * 7919 % 100003)::int from generate_series(1, 100000) g;
    create table filling (low int);
    create index filling_low on filling (low);
    insert into filling select g % 50 from generate_series(1, 100000) g;
    vacuum analyze";

/// What the estimate says, and what is true.
struct Measured {
    name: String,
    size: f64,
    estimated: f64,
    /// By pgstattuple, beyond what it says of the rewritten relation where that keeps a reserve.
    counted: f64,
    /// By the rewrite.
    given_back: f64,
    reliable: bool,
}

#[test]
fn waste_is_what_pgstattuple_counts_and_a_rewrite_gives_back() {
    for major in majors() {
        // A snapshot of anybody's would keep vacuum from clearing up.
        let server = &Cluster::start(major, &[("autovacuum", "off")]);
        let database = server.fresh_database("bloat");
        let mut conn = server.conn(&database);
        for text in TABLES.split(';').chain(INDEXES.split(';')) {
            conn.batch_execute(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        }
        let found = measured(server, &database, &mut conn, major);
        let errors: Vec<String> = found.iter().filter_map(Measured::wrong).collect();
        assert!(errors.is_empty(), "PostgreSQL {major}:\n{}", errors.join("\n"));
    }
}

fn measured(server: &Cluster, database: &str, conn: &mut Client, major: u32) -> Vec<Measured> {
    let home = watching(server, database, "");
    let batch = cycle(&home, &["--force"]);
    let found = item(&batch, "pg_bloat", Some(database));
    // A table's rewrite makes its indexes anew: they come first.
    let indexes = rows(found, "index_bloat").iter().map(|row| (row, Kind::Index));
    let tables = rows(found, "table_bloat").iter().map(|row| (row, Kind::Table));
    indexes.chain(tables).map(|(row, kind)| kind.measure(conn, row)).inspect(|m| m.show(major)).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Table,
    Index,
}

impl Kind {
    fn measure(self, conn: &mut Client, row: &Value) -> Measured {
        let oid = row["relid"].as_u64().unwrap() as u32;
        let name = row["name"].as_str().unwrap().to_owned();
        let estimated = row["wasted_bytes"].as_f64().unwrap_or_else(|| panic!("no estimate: {row:#}"));
        let (size, free) = self.count(conn, oid);
        assert_eq!(row["size_bytes"].as_f64(), Some(size), "{row:#}");
        let rewrite = if self == Kind::Table { "vacuum full" } else { "reindex index" };
        conn.batch_execute(&format!("{rewrite} {name}")).unwrap();
        let (small, reserve) = self.count(conn, oid);
        let full = self == Kind::Table && !name.starts_with("sparse");
        Measured {
            name,
            size,
            estimated,
            counted: if full { free } else { free - reserve },
            given_back: size - small,
            reliable: row["reliable"].as_bool().unwrap(),
        }
    }

    /// Size, and bytes that are free or dead.
    fn count(self, conn: &mut Client, oid: u32) -> (f64, f64) {
        let free = match self {
            Kind::Table => "select free_space + dead_tuple_len from pgstattuple($1::oid)",
            Kind::Index => {
                "select leaf_pages * 8152 * (1 - case when leaf_pages > 0 then avg_leaf_density else 0 end / 100)
                 + (empty_pages + deleted_pages) * 8192 from pgstatindex($1::oid::regclass)"
            }
        };
        let text = format!("select pg_relation_size($1::oid)::float8, ({free})::float8");
        let row = conn.query_one(&text, &[&oid]).unwrap();
        (row.get(0), row.get(1))
    }
}

impl Measured {
    fn error(&self, truth: f64) -> f64 {
        (self.estimated - truth) / truth
    }

    fn wrong(&self) -> Option<String> {
        let within = |truth: f64| match truth >= CONSIDERABLE * self.size {
            true => self.error(truth).abs() <= TOLERATED,
            false => (self.estimated - truth).abs() <= NEGLIGIBLE * self.size + 2.0 * 8192.0,
        };
        (self.reliable && !(within(self.counted) && within(self.given_back))).then(|| self.line())
    }

    fn line(&self) -> String {
        format!(
            "{:16} size {:8} estimated {:8} counted {:8.0} ({:+6.1}%) given back {:8} ({:+6.1}%) reliable {}",
            self.name,
            self.size,
            self.estimated,
            self.counted,
            self.error(self.counted) * 100.0,
            self.given_back,
            self.error(self.given_back) * 100.0,
            self.reliable
        )
    }

    #[expect(clippy::print_stderr, reason = "for whoever asks with --nocapture")]
    fn show(&self, major: u32) {
        eprintln!("{major} {}", self.line());
    }
}
