use std::fs;
use std::path::PathBuf;

use rcgen::{CertificateParams, KeyPair};

use super::*;

/// What comes out for a mode and a root file: nothing, or whom it trusts, or what the error says.
#[track_caller]
fn check(mode: SslMode, root_cert: Option<PathBuf>, expected: Result<&str, &str>) {
    let ssl = Ssl { mode, root_cert, client: None };
    let found = whom(&ssl).map(|trust| match trust {
        Trust::Anyone => "anyone",
        Trust::Chain(_) => "chain",
        Trust::ChainAndName(_) => "chain and name",
    });
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{ssl:?}"),
        (Err(why), Err(part)) => assert!(format!("{why:#}").contains(part), "{why:#} lacks {part:?}"),
        (found, expected) => panic!("{ssl:?} gave {found:?}, not {expected:?}"),
    }
}

#[test]
fn modes_mean_what_they_mean_to_libpq() {
    use SslMode::{Prefer, Require, VerifyCa, VerifyFull};
    let dir = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let root = dir.path().join("root.crt");
    fs::write(&root, CertificateParams::new(["ca".into()]).unwrap().self_signed(&key).unwrap().pem())
        .unwrap();
    let (root, absent) = (|| Some(root.clone()), || Some(dir.path().join("absent.crt")));
    let empty = dir.path().join("empty.crt");
    fs::write(&empty, "").unwrap();

    check(Prefer, None, Ok("anyone"));
    check(Prefer, root(), Ok("anyone"));
    check(Require, None, Ok("anyone"));
    check(Require, absent(), Ok("anyone"));
    check(Require, root(), Ok("chain"));
    check(VerifyCa, root(), Ok("chain"));
    check(VerifyFull, root(), Ok("chain and name"));
    check(VerifyCa, None, Err("set sslrootcert to the file"));
    check(VerifyFull, None, Err("or to \"system\""));
    check(VerifyCa, absent(), Err("absent.crt does not exist"));
    check(VerifyFull, absent(), Err("absent.crt does not exist"));
    check(VerifyFull, Some(empty.clone()), Err("holds no PEM certificate"));
    check(Require, Some(empty), Err("holds no PEM certificate"));
}

#[test]
fn the_hosts_own_roots_go_with_full_verification_alone() {
    let system = || Some(PathBuf::from("system"));
    for mode in [SslMode::Prefer, SslMode::Require, SslMode::VerifyCa] {
        check(mode, system(), Err("set sslmode = \"verify-full\""));
    }
    match trust::native() {
        Ok(_) => check(SslMode::VerifyFull, system(), Ok("chain and name")),
        Err(_) => check(SslMode::VerifyFull, system(), Err("ca-certificates")),
    }
}

#[test]
fn disable_reads_no_file() {
    let absent = || PathBuf::from("/nonexistent");
    let ssl = Ssl { mode: SslMode::Disable, root_cert: Some(absent()), client: Some((absent(), absent())) };
    assert!(Connector::default().get(&ssl).unwrap().is_none());
    assert!(
        Connector::default().get(&Ssl { mode: SslMode::Prefer, ..ssl.clone() }).is_err(),
        "the client's files are absent"
    );
}
