//! TLS for ports that others can reach: a certificate that was given, or one of our own that is made at the first start and
//! kept, so that whoever has pinned it finds it again.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use jobtop_client::tls::Fingerprint;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Certificate;
use crate::disk;
use crate::exit::Failure;

/// Where our own certificate lies in the data directory.
const FOLDER: &str = "tls";

/// The certificate that is shown, which may be exchanged while the daemon serves.
#[derive(Debug)]
pub(crate) struct Tls {
    source: Source,
    shown: RwLock<Arc<Shown>>,
}

/// Where it comes from.
#[derive(Debug)]
enum Source {
    Given(Certificate),
    Own,
}

/// What is shown, ready for handshakes.
#[derive(Debug)]
pub(crate) struct Shown {
    config: Arc<ServerConfig>,
    /// What clients know it by.
    pub(crate) fingerprint: Fingerprint,
    /// The names that it is made out to, in lower case.
    pub(crate) names: Vec<String>,
}

impl Tls {
    /// With the certificate that was given, or our own of that data directory, made out to those names.
    pub(crate) fn open(
        given: Option<&Certificate>,
        data: &Path,
        names: Vec<String>,
    ) -> Result<Self, Failure> {
        let (source, shown) = match given {
            Some(given) => (Source::Given(given.clone()), load(given)?),
            None => (Source::Own, own(data, names)?),
        };
        Ok(Self {
            source,
            shown: RwLock::new(Arc::new(shown)),
        })
    }

    /// Reads a certificate that was given anew; handshakes from now on show it. What can't be used changes nothing.
    pub(crate) fn reload(&self) -> Result<(), Failure> {
        if let Source::Given(given) = &self.source {
            let shown = Arc::new(load(given)?);
            *self.shown.write().unwrap_or_else(PoisonError::into_inner) = shown;
        }
        Ok(())
    }

    /// What is shown now.
    pub(crate) fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// For a handshake.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.shown().config))
    }
}

/// Reads what was given.
fn load(given: &Certificate) -> Result<Shown, Failure> {
    let chain = CertificateDer::pem_file_iter(&given.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(&given.cert, &error.to_string()))?;
    if chain.is_empty() {
        return Err(unusable(&given.cert, "there is no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(&given.key)
        .map_err(|error| unusable(&given.key, &error.to_string()))?;
    shown(chain, key).map_err(|error| unusable(&given.cert, &error))
}

/// Our own, made where there is none.
fn own(data: &Path, names: Vec<String>) -> Result<Shown, Failure> {
    let folder = data.join(FOLDER);
    let own = Certificate {
        cert: folder.join("cert.pem"),
        key: folder.join("key.pem"),
    };
    if !own.cert.exists() {
        make(&folder, &own, names).map_err(|error| unusable(&own.cert, &error.to_string()))?;
        tracing::info!("made a certificate of our own");
    }
    load(&own)
}

fn make(folder: &Path, own: &Certificate, names: Vec<String>) -> io::Result<()> {
    let key = rcgen::KeyPair::generate().map_err(io::Error::other)?;
    let mut params = rcgen::CertificateParams::new(names).map_err(io::Error::other)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "jobtopd");
    let cert = params.self_signed(&key).map_err(io::Error::other)?;
    disk::make_dir(folder)?;
    // The certificate comes last: where there is one, there is its key.
    disk::replace(&own.key, key.serialize_pem().as_bytes())?;
    disk::replace(&own.cert, cert.pem().as_bytes()).map(drop)
}

fn shown(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Shown, String> {
    let leaf = chain.first().ok_or("there is no certificate in it")?;
    let fingerprint = Fingerprint::of(leaf);
    let names = webpki::EndEntityCert::try_from(leaf)
        .map_err(|error| error.to_string())?
        .valid_dns_names()
        .map(str::to_ascii_lowercase)
        .collect();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| error.to_string())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Shown {
        config: Arc::new(config),
        fingerprint,
        names,
    })
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::Certificate {
        path: path.to_owned(),
        why: jobtop_core::text::clean_within(why, 200).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn our_own_is_made_once_and_closed() {
        let dir = tempfile::tempdir().unwrap();
        let first = Tls::open(None, dir.path(), names(&["etl1", "10.0.0.1"])).unwrap();
        let again = Tls::open(None, dir.path(), names(&["other"])).unwrap();
        assert_eq!(first.shown().fingerprint, again.shown().fingerprint);
        assert_eq!(again.shown().names, ["etl1"]);
        for name in ["tls/cert.pem", "tls/key.pem"] {
            let mode = fs::metadata(dir.path().join(name)).unwrap().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn what_was_given_is_read_anew_and_kept_while_it_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("1"), dir.path().join("2"));
        let first = Tls::open(None, &one, names(&["a.example"])).unwrap();
        let second = Tls::open(None, &two, names(&["b.example"])).unwrap();
        let given = Certificate {
            cert: dir.path().join("cert.pem"),
            key: dir.path().join("key.pem"),
        };
        let give = |from: &Path| {
            fs::copy(from.join("tls/cert.pem"), &given.cert).unwrap();
            fs::copy(from.join("tls/key.pem"), &given.key).unwrap();
        };
        give(&one);
        let tls = Tls::open(Some(&given), dir.path(), Vec::new()).unwrap();
        assert_eq!(tls.shown().fingerprint, first.shown().fingerprint);
        fs::copy(two.join("tls/key.pem"), &given.key).unwrap();
        assert!(tls.reload().is_err(), "a key of another certificate");
        assert_eq!(tls.shown().fingerprint, first.shown().fingerprint);
        give(&two);
        tls.reload().unwrap();
        assert_eq!(tls.shown().fingerprint, second.shown().fingerprint);
        assert_eq!(tls.shown().names, ["b.example"]);
        for wrong in [
            "",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            fs::write(&given.cert, wrong).unwrap();
            let said = tls.reload().unwrap_err().to_string();
            assert!(said.contains("cert.pem"), "{said}");
        }
    }
}
