use super::*;

const TEXT: &str = "Query Text: select * from t where a = 'secret'
-- a line like a plan's  (cost=secret)
and b = 5
Query Parameters: $1 = 'secret'
Hash Join  (cost=1.09..2.20 rows=4 width=16) (actual time=0.021..0.024 rows=4 loops=1)
  Output: t.a, 'secret'::text
  Hash Cond: (t.a = u.a)
  Buffers: shared hit=2
  ->  Seq Scan on public.t  (cost=0.00..1.05 rows=5 width=8)
        Filter: ((t.b > 4711) AND (t.a = 'secret'::text))
        Rows Removed by Filter: 17
  ->  Index Scan using \"Odd\" on t u  (cost=0.13..8.15 rows=1 width=4) (never executed)
        Index Cond: (a = 'sec''ret'::text)
Query Identifier: -123";

#[test]
fn of_a_text_the_figures_and_names_stay() {
    let masked = masked(TEXT);
    assert_eq!(
        masked.plan.unwrap(),
        "Hash Join  (cost=1.09..2.20 rows=4 width=16) (actual time=0.021..0.024 rows=4 loops=1)
  Output: t.a, '***'::text
  Hash Cond: (t.a = u.a)
  Buffers: shared hit=2
  ->  Seq Scan on public.t  (cost=0.00..1.05 rows=5 width=8)
        Filter: ((t.b > 0) AND (t.a = '***'::text))
        Rows Removed by Filter: 17
  ->  Index Scan using \"Odd\" on t u  (cost=0.13..8.15 rows=1 width=4) (never executed)
        Index Cond: (a = '***'::text)"
    );
    assert_eq!(masked.queryid.unwrap(), "-123");
    assert!(masked.statement.starts_with("select * from t") && masked.statement.ends_with("and b = 5"));
}

#[test]
fn of_json_too() {
    let masked = masked(
        r#"{"Query Text": "select 'secret'", "Query Parameters": "$1 = 'secret'", "Query Identifier": 77, "Plan": {"Node Type":
        "Seq Scan", "Relation Name": "t", "Total Cost": 1.05, "Filter": "(a = 'secret'::text)", "Output": ["a", "'secret'"],
        "New": "secret 'secret'"}}"#,
    );
    let plan = masked.plan.unwrap();
    assert!(plan.contains(r#""Node Type":"Seq Scan""#) && plan.contains("1.05"), "{plan}");
    assert!(plan.contains(r#""Filter":"(a = '***'::text)""#), "{plan}");
    assert!(!plan.contains("'secret'"), "{plan}");
    assert_eq!((masked.queryid.as_deref(), masked.statement.as_str()), (Some("77"), "select 'secret'"));
}

#[test]
fn other_forms_are_not_told() {
    for body in [
        "<explain>secret</explain>",
        "Query Text: \"select 'secret'\"\nPlan: \n  Node Type: x",
        "",
        "{torn",
        "Query Text: select",
    ] {
        assert_eq!(masked(body).plan, None, "{body}");
    }
}
