use super::scene::{Items, assert_code, home, postgres, row, watched};

/// Bytes that are no UTF-8 in names of tables, schemas and databases; control characters; quotes.
#[test]
fn strange_names_stay_json() {
    for major in [13, 18] {
        let cluster = watched(major, &[]);
        cluster.sql(
            "postgres",
            "create database raw encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0",
        );
        cluster.sql("postgres", "create database \"quo\"\"ted 'name' \\ {}\"");
        // Sent as they are: the database believes any bytes.
        cluster.sql(
            "raw",
            r#"do $$ begin
                execute convert_from('\x637265617465207461626c652022636166e9222028612074657874206e6f74206e756c6c29'::bytea, 'SQL_ASCII');
                execute convert_from('\x63726561746520736368656d612022fffe22'::bytea, 'SQL_ASCII');
                execute convert_from('\x637265617465207461626c652022fffe222e742028612074657874206e6f74206e756c6c29'::bytea, 'SQL_ASCII');
                execute 'create table "tab' || chr(9) || chr(1) || '" (a int primary key)';
            end $$"#,
        );
        let home = home("", &postgres(cluster.port(), "\"*\"", ""));
        assert_code(&home, &home.cron(), 0);
        let items = Items::last(&home);
        items.assert_complete("raw");
        items.assert_complete("quo\"ted 'name' \\ {}");
        let raw = items.stats("raw");
        row(raw, "tables", "caf\u{fffd}");
        row(raw, "tables", "tab\t\u{1}");
        assert_eq!(row(raw, "tables", "t")["schema"], "\u{fffd}\u{fffd}");
    }
}

/// Such a database cannot be connected to from here; that is said of it, and costs nobody else.
#[test]
fn a_database_whose_name_is_not_utf8() {
    for major in [13, 18] {
        let cluster = watched(major, &[]);
        cluster.sql(
            "postgres",
            "create database raw encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0",
        );
        cluster.sql("postgres", "create database latin");
        // Names of databases are shared: renamed from a database that believes any bytes.
        cluster.sql("raw", r"do $$ begin execute convert_from('\x616c746572206461746162617365206c6174696e2072656e616d6520746f20226c6174e96e22'::bytea, 'SQL_ASCII'); end $$");
        let home = home("", &postgres(cluster.port(), "\"*\"", ""));
        let run = home.cron();
        let items = Items::last(&home);
        items.assert_complete("postgres");
        items.assert_complete("raw");
        let part = items.part("lat\u{fffd}n", "tables");
        assert_eq!(part["reason"], "not_applicable", "{part}");
        assert!(part["detail"].as_str().unwrap().contains("UTF-8"), "{part}");
        assert_code(&home, &run, 0);
    }
}
