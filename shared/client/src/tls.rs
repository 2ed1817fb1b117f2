//! TLS to a daemon: whose certificate is believed. One whose fingerprint is known has to be that very one, whoever signed it; any
//! other has to be signed by an authority that this machine trusts, for the name that was asked for.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};

/// What a fingerprint begins with when it is written.
const PREFIX: &str = "sha256:";

/// SHA-256 of a certificate, as it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// That of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is sha256: and 64 hexadecimal digits, as jobtopd says it when it starts")]
pub struct BadFingerprint;

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    /// In any case, with or without colons between the bytes and with or without the prefix: as people copy them.
    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let text = text.trim().to_ascii_lowercase();
        let digits: Vec<u8> = text
            .strip_prefix(PREFIX)
            .unwrap_or(&text)
            .bytes()
            .filter(|b| *b != b':')
            .collect();
        let mut bytes = [0_u8; 32];
        if digits.len() != 2 * bytes.len() {
            return Err(BadFingerprint);
        }
        let digit = |b: u8| char::from(b).to_digit(16).ok_or(BadFingerprint);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(Self(bytes))
    }
}

/// Which certificate is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// One that an authority of this machine's has signed for that name.
    Authorities,
    /// That very one.
    Pinned(Fingerprint),
}

/// Why a certificate is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// No authority vouches for it, and it is not known.
    #[error("its certificate is not known here: {shown}")]
    Unknown {
        /// What was shown.
        shown: Fingerprint,
    },
    /// It is another than the one that is known.
    #[error("its certificate is {shown}, and {known} is the one that is known")]
    Changed {
        /// What was shown.
        shown: Fingerprint,
        /// What is known.
        known: Fingerprint,
    },
}

impl Doubt {
    /// The doubt that made a handshake fail, if it was one.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<Self> {
        let inner = error.get_ref()?.downcast_ref::<Error>()?;
        match inner {
            Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
                other.downcast_ref::<Self>().copied()
            }
            _ => None,
        }
    }
}

/// What speaks TLS with those whose certificates are believed. Where authorities are asked it reads their files.
pub fn connector(trust: Trust) -> io::Result<TlsConnector> {
    let config = config(trust).map_err(io::Error::other)?;
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Speaks TLS on a connection to that host.
pub async fn over<S>(connector: &TlsConnector, stream: S, host: &str) -> io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(host.to_owned()).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "a certificate can't be made out to that name",
        )
    })?;
    connector.connect(name, stream).await
}

fn config(trust: Trust) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let judge = Judge {
        trust,
        authorities: match trust {
            Trust::Pinned(_) => None,
            Trust::Authorities => authorities(&provider),
        },
        provider: Arc::clone(&provider),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(judge))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Those that this machine trusts; `None` where it knows none.
fn authorities(provider: &Arc<CryptoProvider>) -> Option<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .ok()
}

#[derive(Debug)]
struct Judge {
    trust: Trust,
    authorities: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Fingerprint::of(end_entity);
        let doubt = match self.trust {
            Trust::Pinned(known) if known == shown => return Ok(ServerCertVerified::assertion()),
            Trust::Pinned(known) => Doubt::Changed { shown, known },
            Trust::Authorities => {
                let vouched = self.authorities.as_ref().map(|authorities| {
                    authorities.verify_server_cert(end_entity, intermediates, name, ocsp, now)
                });
                match vouched {
                    Some(Ok(verified)) => return Ok(verified),
                    _ => Doubt::Unknown { shown },
                }
            }
        };
        Err(Error::InvalidCertificate(CertificateError::Other(
            OtherError(Arc::new(doubt)),
        )))
    }

    // That the other end has the key of the certificate is checked in every case.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tokio_rustls::rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tokio_rustls::rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_people_copy_them() {
        let fingerprint = Fingerprint::of(b"abc");
        let text = fingerprint.to_string();
        assert_eq!(
            text,
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let bare = &text[PREFIX.len()..];
        let colons = bare
            .as_bytes()
            .chunks(2)
            .map(|pair| String::from_utf8_lossy(pair).to_uppercase())
            .collect::<Vec<_>>()
            .join(":");
        for given in [&text, bare, &format!(" {text}\n"), &colons] {
            assert_eq!(given.parse(), Ok(fingerprint), "{given}");
        }
        for wrong in [
            "",
            "sha256:",
            &text[..70],
            "md5:00",
            &text.replace('b', "g"),
        ] {
            assert_eq!(wrong.parse::<Fingerprint>(), Err(BadFingerprint), "{wrong}");
        }
    }
}
