//! A verifier that never ends a connection: it writes down why a certificate is not the host's, and the caller decides.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

/// The three functions that both sorts of verifier share: the peer must hold the key of the certificate it shows,
/// whatever that is worth. A macro, because the two traits have no trait in common.
macro_rules! signatures_as_always {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider.signature_verification_algorithms.supported_schemes()
        }
    };
}

/// Why a certificate did not verify, once the handshake is done; nothing if it did.
pub(super) type Verdict = Arc<Mutex<Option<String>>>;

/// Verifies by WebPKI, and lets everybody pass.
#[derive(Debug)]
pub(super) struct Recording {
    /// None where no authority is trusted at all.
    webpki: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    verdict: Verdict,
}

impl Recording {
    pub(super) fn new(roots: &Arc<RootCertStore>, provider: &Arc<CryptoProvider>, verdict: Verdict) -> Self {
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider)).build().ok();
        Self { webpki, provider: Arc::clone(provider), verdict }
    }
}

impl ServerCertVerifier for Recording {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let why = match &self.webpki {
            None => Some("no certification authority is trusted here".to_owned()),
            Some(webpki) => webpki.verify_server_cert(end_entity, intermediates, name, ocsp_response, now).err().map(in_words),
        };
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = why;
        Ok(ServerCertVerified::assertion())
    }

    signatures_as_always!();
}

/// Takes any certificate of a client, and none: what it names is written down, and proves nothing yet.
#[derive(Debug)]
pub(super) struct AnyClient {
    provider: Arc<CryptoProvider>,
}

impl AnyClient {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Self {
        Self { provider }
    }
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    signatures_as_always!();
}

fn in_words(error: Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => "the certificate's issuer is not trusted here".to_owned(),
        Error::InvalidCertificate(error) => format!("the certificate is not valid for the host: {error}"),
        other => other.to_string(),
    }
}
