use std::fs;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::key::{KEY_FILE, Key};
use super::manifest;
use super::reader::{Piece, Reader};
use super::screen::Screen;
use super::{Sensitivity, settings};
use crate::config::{Privacy, Treatment};

const OPEN: Privacy =
    Privacy { query_text: true, identifiers: Treatment::Keep, client_addresses: Treatment::Keep };
const HASHED: Privacy =
    Privacy { query_text: true, identifiers: Treatment::Hash, client_addresses: Treatment::Hash };
const DROPPED: Privacy =
    Privacy { query_text: false, identifiers: Treatment::Drop, client_addresses: Treatment::Drop };
const NO_TEXTS: Privacy = Privacy { query_text: false, ..OPEN };
const NO_ADDRESSES: Privacy = Privacy { client_addresses: Treatment::Drop, ..OPEN };

fn key() -> Key {
    Key::from_bytes(&[7; 32])
}

fn screened(privacy: Privacy, item: &str) -> Value {
    let screen = Screen::of(privacy, || Ok(key())).unwrap().unwrap();
    serde_json::from_slice(&screen.item(item.as_bytes())).unwrap()
}

/// `type` comes first, as in every item.
fn item(kind: &str, fields: &Value) -> String {
    format!(
        r#"{{"type":"{kind}","timestamp":"2026-11-20T18:00:00.5Z","server":"main","database":"shop",{}"#,
        &fields.to_string()[1..]
    )
}

fn pg_stats() -> String {
    item(
        "pg_stats",
        &json!({
            "size_bytes": 1,
            "tables": [{"relid": 9, "schema": "shop", "name": "customer", "kind": "r", "last_vacuum": "2026-11-20T18:00:00Z"}],
            "zz_new_text": "anything",
            "parts": {"tables": {"outcome": "partial", "reason": "lock", "detail": "permission denied for customer",
                "rows": 1, "locked": ["shop.customer", "shop.\"Odd \"\"name\""]}},
        }),
    )
}

#[test]
fn where_nothing_is_hidden_nothing_is_looked_at_and_a_key_only_where_something_is_hashed() {
    let of = |privacy| Screen::of(privacy, || panic!("a key is looked for")).unwrap();
    assert!(of(OPEN).is_none() && of(NO_TEXTS).is_some() && of(NO_ADDRESSES).is_some());
}

#[test]
fn a_name_is_one_hash_wherever_it_stands() {
    let told = screened(HASHED, &pg_stats());
    let (shop, customer) = (key().name("shop"), key().name("customer"));
    assert!(shop.starts_with("id_") && shop.len() == 19 && shop != customer, "{shop}");
    assert_eq!((&told["database"], &told["tables"][0]["schema"]), (&json!(shop), &json!(shop)));
    assert_eq!(told["tables"][0]["name"], json!(customer));
    let odd = key().name("Odd \"name");
    assert_eq!(
        told["parts"]["tables"]["locked"],
        json!([format!("{shop}.{customer}"), format!("{shop}.{odd}")])
    );
    assert_eq!(key().sql("select A.b from SHOP.\"customer\" a where x='y' and z=5"), {
        let [a, b, x, z] = ["a", "b", "x", "z"].map(|name| key().name(name));
        format!("select {a}.{b} from {shop}.{customer} {a} where {x}='***' and {z}=0")
    });
    assert_ne!(Key::from_bytes(&[8; 32]).name("shop"), shop);
}

#[test]
fn figures_words_and_times_stay_and_what_nobody_classed_goes() {
    for privacy in [HASHED, DROPPED, NO_TEXTS, NO_ADDRESSES] {
        let told = screened(privacy, &pg_stats());
        assert_eq!((&told["size_bytes"], &told["tables"][0]["relid"]), (&json!(1), &json!(9)));
        assert_eq!(told["tables"][0]["last_vacuum"], "2026-11-20T18:00:00Z");
        assert_eq!((&told["tables"][0]["kind"], &told["server"]), (&json!("r"), &json!("main")));
        assert_eq!(told["parts"]["tables"]["outcome"], "partial");
        assert!(told.get("zz_new_text").is_none());
        let detail = told["parts"]["tables"].get("detail");
        assert_eq!(detail.is_some(), !privacy.hides(), "{detail:?}");
    }
}

#[test]
fn dropped_names_take_their_keys_with_them_but_for_what_tells_items_apart() {
    let told = screened(DROPPED, &pg_stats());
    assert_eq!(told["database"], json!(key().name("shop")));
    assert_eq!(
        told["tables"][0].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["kind", "last_vacuum", "relid"]
    );
    assert_eq!(told["parts"]["tables"]["locked"], json!([]));
}

#[test]
fn texts_and_definitions_go_with_query_text() {
    let texts =
        item("pg_query_stats", &json!({"queries": [{"hash": "5", "user": "me", "text": "select a"}]}));
    let schema = item(
        "pg_schema",
        &json!({"indexes": [{"name": "i", "definition": "create index i on t (a)"}],
        "columns": [{"name": "c", "type": "numeric(10,2)"}, {"name": "d", "type": "shop.money(3)"}]}),
    );
    let told = screened(NO_TEXTS, &texts);
    assert_eq!(told["queries"], json!([{"hash": "5", "user": "me"}]));
    assert_eq!(screened(NO_TEXTS, &schema)["indexes"], json!([{"name": "i"}]));
    let hashed = screened(HASHED, &schema);
    let [i, t, a] = ["i", "t", "a"].map(|name| key().name(name));
    assert_eq!(hashed["indexes"][0]["definition"], json!(format!("create index {i} on {t} ({a})")));
    assert_eq!(hashed["columns"][0]["type"], "numeric(10,2)");
    let own = format!("{}.money(3)", key().name("shop"));
    assert_eq!(hashed["columns"][1]["type"], json!(own));
    let dropped = screened(DROPPED, &schema);
    assert_eq!(dropped["columns"], json!([{"type": "numeric(10,2)"}, {}]));
}

#[test]
fn addresses_and_ports_go_alone() {
    let sessions = item(
        "pg_replication",
        &json!({"replication_status": [{"usename": "me", "client_addr": "10.1.2.3", "client_port": 5}],
            "wal_receiver": {"sender_host": "::1", "sender_port": 6, "slot_name": "s"}}),
    );
    let told = screened(NO_ADDRESSES, &sessions);
    assert_eq!(told["replication_status"], json!([{"usename": "me"}]));
    assert_eq!(told["wal_receiver"], json!({"slot_name": "s"}));
    let told = screened(HASHED, &sessions);
    assert_eq!(told["replication_status"][0]["client_addr"], json!(key().address("10.1.2.3")));
    assert!(told["replication_status"][0].get("client_port").is_none());
    let rules = item(
        "pg_security",
        &json!({"hba": [{"databases": "all,shop", "users": "replication", "address": "10.0.0.0", "netmask": "255.0.0.0"},
            {"address": "samenet"}]}),
    );
    let told = screened(HASHED, &rules);
    assert_eq!(told["hba"][0]["databases"], json!(format!("all,{}", key().name("shop"))));
    assert_eq!(told["hba"][0]["users"], "replication");
    assert_eq!(
        (&told["hba"][1]["address"], &told["hba"][0]["netmask"]),
        (&json!("samenet"), &json!("255.0.0.0"))
    );
    assert_eq!(told["hba"][0]["address"], json!(key().address("10.0.0.0")));
}

#[test]
fn a_place_keeps_the_word_that_says_what_it_is() {
    let places = item(
        "disk_usage",
        &json!({"places": [{"label": "wal", "path": "/shop"}, {"label": "tablespace:shop"}]}),
    );
    assert_eq!(screened(DROPPED, &places)["places"], json!([{"label": "wal"}, {}]));
    let (path, space) = (key().name("/shop"), format!("tablespace:{}", key().name("shop")));
    assert_eq!(
        screened(HASHED, &places)["places"],
        json!([{"label": "wal", "path": path}, {"label": space}])
    );
}

#[test]
fn what_the_operators_own_sql_returns_is_told_as_it_is() {
    let item = item(
        "custom",
        &json!({"orders": [{"name": "customer", "n": 1}], "parts": {"orders": {"detail": "x"}}}),
    );
    let told = screened(HASHED, &item);
    assert_eq!(told["orders"], json!([{"name": "customer", "n": 1}]));
    assert_eq!(told["parts"]["orders"], json!({}));
    assert_eq!(told["database"], json!(key().name("shop")));
}

#[test]
fn a_setting_that_may_name_something_is_a_name() {
    for (name, value, told) in [
        ("work_mem", "4096", Sensitivity::Value),
        ("checkpoint_timeout", "5min", Sensitivity::Value),
        ("fsync", "off", Sensitivity::Value),
        ("wal_level", "logical", Sensitivity::Value),
        ("seq_page_cost", "1.1", Sensitivity::Value),
        ("primary_conninfo", "host=10.1.1.1 user=shop", Sensitivity::Address),
        ("listen_addresses", "10.1.1.1", Sensitivity::Address),
        ("search_path", "shop", Sensitivity::Identifier),
        ("archive_command", "cp %p /shop/%f", Sensitivity::Identifier),
        ("shop.tenant", "acme", Sensitivity::Identifier),
        ("shop.tenant", "4711", Sensitivity::Identifier),
        ("shop.secret", "***", Sensitivity::Value),
        ("auto_explain.log_min_duration", "250ms", Sensitivity::Value),
        ("cluster_name", "5shops", Sensitivity::Identifier),
        ("cluster_name", "5acme", Sensitivity::Identifier),
        ("cluster_name", "-", Sensitivity::Identifier),
        ("cluster_name", "kB", Sensitivity::Identifier),
    ] {
        assert_eq!(settings::sensitivity(name, value), told, "{name} = {value}");
    }
    let item = item(
        "pg_settings",
        &json!({"settings": [{"name": "work_mem", "value": "4"}, {"name": "search_path", "value": "shop"}],
            "role_settings": [{"name": "shop.key", "value": "9", "role": "me"}],
            "pending_restarts": ["port", "auto_explain.x", "shop.x"]}),
    );
    let told = screened(DROPPED, &item);
    assert_eq!(told["settings"], json!([{"name": "work_mem", "value": "4"}, {"name": "search_path"}]));
    assert_eq!(told["role_settings"], json!([{}]));
    assert_eq!(told["pending_restarts"], json!(["port", "auto_explain.x"]));
}

#[test]
fn the_key_is_made_once_for_its_owner_alone_and_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (passing, kept) = Key::peek(folder.path()).unwrap();
    assert!(!kept && fs::read_dir(folder.path()).unwrap().next().is_none());
    let first = Key::of(folder.path()).unwrap().name("shop");
    assert_ne!(passing.name("shop"), first);
    let path = folder.path().join(KEY_FILE);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Key::of(folder.path()).unwrap().name("shop"), first);
    let (peeked, kept) = Key::peek(folder.path()).unwrap();
    assert!(kept && peeked.name("shop") == first);
    for broken in ["", "abc", &"x".repeat(64), &"a".repeat(63)] {
        fs::write(&path, broken).unwrap();
        let why = Key::of(folder.path()).err().unwrap().to_string();
        assert!(why.contains("64 hexadecimal digits"), "{why}");
        assert_eq!(fs::read_to_string(&path).unwrap(), broken);
    }
    assert!(Key::of(&folder.path().join("absent/deeper")).is_err());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| json!(f64::from(n) / 4.0)),
        "\\PC{0,8}".prop_map(Value::from),
        "[\\\\\"{}\\[\\],: a]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("(name|parts|x|[\\\\\"{}\\[\\],: a]{0,4})", inner, 0..6)
                .prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn every_byte_is_in_one_piece(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let bytes: usize = Reader::new(text.as_bytes()).map(|piece| piece.bytes()).sum();
        prop_assert_eq!(bytes, text.len());
        let leaves = Reader::new(text.as_bytes()).filter(|piece| matches!(piece, Piece::Leaf(_))).count();
        prop_assert_eq!(leaves, count(&value));
    }

    /// What the operator's own SQL returns, of whatever shape, comes through as it was.
    #[test]
    fn what_is_not_hidden_means_the_same_behind_the_screen(value in any_json()) {
        let item = json!({"type": "custom", "rows": value});
        let text = format!(r#"{{"type":"custom","rows":{}}}"#, serde_json::to_string_pretty(&item["rows"]).unwrap());
        let screen = Screen::of(DROPPED, || Ok(key())).unwrap().unwrap();
        prop_assert_eq!(serde_json::from_slice::<Value>(&screen.item(text.as_bytes())).unwrap(), item);
    }

    #[test]
    fn whatever_it_is_reading_comes_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        prop_assert_eq!(Reader::new(&bytes).map(|piece| piece.bytes()).sum::<usize>(), bytes.len());
    }

    #[test]
    fn no_name_survives_in_sql(names in prop::collection::vec("[qQ][qQ_]{0,9}", 1..6), quoted in any::<bool>()) {
        let quote = |name: &String| if quoted { format!("\"{name}.x\"") } else { name.clone() };
        let text = names.iter().map(|name| format!("select {}.{0} from", quote(name))).collect::<Vec<_>>().join(" ");
        for cut in 0..=text.len() {
            let told = key().sql(&text[..cut]);
            prop_assert!(!told.contains(['q', 'Q']), "{} -> {told}", &text[..cut]);
        }
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(all) => all.iter().map(count).sum(),
        Value::Object(all) => all.values().map(count).sum(),
        _ => 1,
    }
}

#[test]
fn the_manifest_accounts_for_every_byte() {
    let item = pg_stats();
    let text = format!(
        r#"{{"schema":1,"batch_id":"b","sequence":1,"collector_id":"c","hostname":"h","timestamp":"t","started_at":"s",
        "version":"v","interval_s":60,"metrics":[{item}, {item}],"metrics_count":2,
        "outcomes":{{"ok":0,"partial":0,"skipped":0,"failed":0}}}}"#
    );
    let manifest = manifest::read(text.as_bytes()).unwrap();
    let line = &manifest.types["pg_stats"];
    assert_eq!((line.items, line.bytes()), (2, 2 * item.len() as u64));
    assert_eq!(manifest.envelope + line.bytes(), text.len() as u64);
    // database, schema, name, the text that nobody classed, detail, two that are locked
    assert_eq!(line.of[&Sensitivity::Identifier].count, 14);
    assert!(!line.of.contains_key(&Sensitivity::Statement));
    let page = manifest::page(text.as_bytes(), OPEN).unwrap();
    let total = page.lines().rev().find(|line| line.trim_start().starts_with("total")).unwrap();
    assert_eq!(total.split_whitespace().last().unwrap(), text.len().to_string(), "{page}");
}
