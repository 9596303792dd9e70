use super::scene::Scene;
use crate::cycle::item::item;

/// A part that failed is named among the errors, with the server's own word for it, and the others are there.
pub(super) fn is_listed(scene: &Scene) {
    let mut holder = scene.primary.conn("postgres");
    holder.batch_execute("begin; lock table pg_catalog.pg_subscription in access exclusive mode").unwrap();
    scene.home.run(&["cron", "--force"]);
    holder.batch_execute("rollback").unwrap();
    let batch = scene.home.batches().pop().unwrap();
    let told = item(&batch, "pg_replication", None);
    let errors = told["collection_errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    let error = &errors[0];
    assert_eq!((&error["part"], &error["sqlstate"]), (&"logical_subscriptions".into(), &"55P03".into()));
    assert_eq!(error["reason"], told["parts"]["logical_subscriptions"]["reason"]);
    assert_eq!(error["detail"], told["parts"]["logical_subscriptions"]["detail"]);
    assert!(error["detail"].as_str().unwrap().contains("lock"), "{error}");
    assert!(told["logical_subscriptions"].is_null() && told["wraparound_risk"].is_array(), "{told:#}");
    // That it works again is mail too.
    scene.home.run(&["cron", "--force"]);
    let batch = scene.home.batches().pop().unwrap();
    assert_eq!(item(&batch, "pg_replication", None)["collection_errors"].as_array().unwrap().len(), 0);
}
