//! This server's certificate and key, and whose certificates clients have to show, where they have to.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::config::Tls;

pub fn load(tls: &Tls) -> Result<Arc<ServerConfig>> {
    let chain = certificates(&tls.certificate)?;
    let key =
        PrivateKeyDer::from_pem_file(&tls.key).with_context(|| format!("reading {}", tls.key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).with_context(|| format!("reading {}", path.display()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.with_context(|| format!("using {}", path.display()))?)
        }
    };
    let mut config =
        builder.with_single_cert(chain, key).context("the certificate and the key do not belong together")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = || format!("reading {}", path.display());
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).with_context(read)?.collect();
    let all = all.with_context(read)?;
    ensure!(!all.is_empty(), "{} holds no certificate", path.display());
    Ok(all)
}

/// When the files were last written; what is not there has no time.
pub fn changed_at(tls: &Tls) -> Vec<Option<SystemTime>> {
    let files = [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref()];
    files.into_iter().map(|file| file?.metadata().ok()?.modified().ok()).collect()
}
