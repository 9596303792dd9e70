use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;

/// One key under three labels: what follows the label is not looked at until rustls uses it.
fn key_text(label: &str) -> String {
    KeyPair::generate().unwrap().serialize_pem().replace("PRIVATE KEY", label)
}

fn certificate_text() -> String {
    let key = KeyPair::generate().unwrap();
    CertificateParams::new(["localhost".into()]).unwrap().self_signed(&key).unwrap().pem()
}

fn file(dir: &TempDir, text: &str, mode: u32) -> PathBuf {
    let path = dir.path().join("file.pem");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

#[track_caller]
fn says<T>(result: Result<T>, part: &str) {
    let message = format!("{:#}", result.err().expect("an error"));
    assert!(message.contains(part), "{message:?} lacks {part:?}");
}

#[test]
fn keys_of_every_form_are_read() {
    let dir = TempDir::new().unwrap();
    let read = |label| private_key(&file(&dir, &key_text(label), 0o600)).unwrap();
    assert!(matches!(read("PRIVATE KEY"), PrivateKeyDer::Pkcs8(_)));
    assert!(matches!(read("RSA PRIVATE KEY"), PrivateKeyDer::Pkcs1(_)));
    assert!(matches!(read("EC PRIVATE KEY"), PrivateKeyDer::Sec1(_)));
}

#[test]
fn keys_that_cannot_be_used_say_what_to_do() {
    let dir = TempDir::new().unwrap();
    says(private_key(&file(&dir, &key_text("ENCRYPTED PRIVATE KEY"), 0o600)), "openssl pkey");
    says(private_key(&file(&dir, &certificate_text(), 0o600)), "holds no private key");
    says(private_key(&dir.path().join("absent")), "No such file");
    says(private_key(dir.path()), "not a regular file");
    says(private_key(&file(&dir, &key_text("PRIVATE KEY"), 0o604)), "0600");
}

#[test]
fn others_may_not_read_a_key_and_a_group_only_roots() {
    fn check(owner: u32, mode: u32, expected: bool) {
        assert_eq!(private_enough(owner, mode), expected, "owner {owner}, mode {mode:o}");
    }
    check(1000, 0o100_600, true);
    check(1000, 0o100_400, true);
    check(1000, 0o100_640, false);
    check(1000, 0o100_604, false);
    check(0, 0o100_600, true);
    check(0, 0o100_640, true);
    check(0, 0o100_660, false);
    check(0, 0o100_644, false);
}

#[test]
fn every_certificate_of_a_file_is_read_and_an_empty_one_refused() {
    let dir = TempDir::new().unwrap();
    let two = format!("a comment\n{}\n{}", certificate_text(), certificate_text());
    assert_eq!(certificates(&file(&dir, &two, 0o644)).unwrap().len(), 2);
    says(certificates(&file(&dir, "", 0o644)), "BEGIN CERTIFICATE");
    says(certificates(&file(&dir, &key_text("PRIVATE KEY"), 0o644)), "BEGIN CERTIFICATE");
    says(certificates(&file(&dir, "-----BEGIN CERTIFICATE-----\n?\n", 0o644)), "file.pem");
    says(certificates(&dir.path().join("absent")), "No such file");
}

#[test]
fn a_certificate_with_another_ones_key_is_refused() {
    let dir = TempDir::new().unwrap();
    let certificate = dir.path().join("client.crt");
    fs::write(&certificate, certificate_text()).unwrap();
    let key = file(&dir, &key_text("PRIVATE KEY"), 0o600);
    says(client_config(Trust::Anyone, Some(&(certificate, key))), "client.crt");
}

#[test]
fn roots_that_are_no_certificates_are_refused() {
    let nonsense = CertificateDer::from(vec![1, 2, 3]);
    says(client_config(Trust::Chain(vec![nonsense]), None), "none of the 1 root certificates");
}

#[test]
fn a_public_key_is_found_in_its_certificate() {
    let key = KeyPair::generate().unwrap();
    for name in ["a".to_owned(), "b".repeat(200)] {
        let certificate = CertificateParams::new([name]).unwrap().self_signed(&key).unwrap();
        let expected = rcgen::PublicKeyData::subject_public_key_info(&key);
        assert_eq!(verify::public_key(certificate.der()), Some(expected.as_slice()));
    }
}

proptest! {
    #[test]
    fn no_bytes_break_the_search_for_a_public_key(bytes: Vec<u8>, cut in 0usize..400, flip in 0usize..400) {
        let key = KeyPair::generate().unwrap();
        let mut certificate =
            CertificateParams::new(["localhost".into()]).unwrap().self_signed(&key).unwrap().der().to_vec();
        verify::public_key(&bytes);
        let at = flip % certificate.len();
        certificate[at] ^= 0xff;
        certificate.truncate(certificate.len() - cut.min(certificate.len()));
        verify::public_key(&certificate);
    }
}
