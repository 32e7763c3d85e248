//! A listener with TLS, over real sockets: who gets in, what a probe may do, and how certificates are changed.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use onhand_http::{
    connections::Connections,
    outgoing::{Outgoing, causes},
    pem::PemFault,
    serve::{Drain, Limits, Listener, Tls, accept},
    setting::{ClientConfig as ClientSetting, HttpConfig, TlsConfig},
    tls::{Acceptor, TlsFault},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Handle,
};
use tokio_rustls::TlsConnector;

const CALL: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Issuer {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key, in PEM.
struct Pair {
    cert: String,
    key: KeyPair,
}

fn pair(by: &Issuer, change: impl FnOnce(&mut CertificateParams)) -> Pair {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    Pair { cert: params.signed_by(&key, by).unwrap().pem(), key }
}

struct Served {
    address: SocketAddr,
    config: TlsConfig,
    folder: tempfile::TempDir,
    _drain: Drain,
}

impl Served {
    async fn start(pair: &Pair, client_ca: Option<&Issuer>, plain_on_loopback: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| -> String {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let config = TlsConfig {
            cert_file: file("cert.pem", &pair.cert),
            key_file: file("key.pem", &pair.key.serialize_pem()),
            client_ca_file: client_ca.map(|ca| file("ca.pem", &ca.pem())).unwrap_or_default(),
            insecure: false,
        };
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let acceptor = Acceptor::start(&config).unwrap().unwrap();
        let listener = Listener {
            tcp,
            limits: Limits::of(&HttpConfig::default()),
            connections: Connections::new(100, 0, |_| {}),
            tls: Some(Tls { acceptor, plain_on_loopback }),
        };
        let (drain, stop) = Drain::new();
        let answer = |_, request: http::Request<_>| async move {
            let mut answer = Response::new(Full::new(Bytes::from_static(b"hello")));
            if request.uri().path() == "/elsewhere" {
                *answer.status_mut() = http::StatusCode::FOUND;
                answer.headers_mut().insert("location", http::HeaderValue::from_static("/"));
            }
            answer
        };
        tokio::spawn(accept(listener, Handle::current, stop, answer));
        Self { address, config, folder, _drain: drain }
    }

    fn write(&self, cert: Option<&str>, key: Option<&KeyPair>) {
        if let Some(cert) = cert {
            std::fs::write(&self.config.cert_file, cert).unwrap();
        }
        if let Some(key) = key {
            std::fs::write(&self.config.key_file, key.serialize_pem()).unwrap();
        }
    }
}

/// An answer, or why there is none.
async fn call(to: SocketAddr, ca: &Issuer, own: Option<&Pair>) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots);
    let client = match own {
        None => client.with_no_client_auth(),
        Some(own) => {
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.key.serialize_der()));
            let chain = vec![rustls::pki_types::pem::PemObject::from_pem_slice(own.cert.as_bytes()).unwrap()];
            client.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let stream = TcpStream::connect(to).await.map_err(|error| error.to_string())?;
    let name = ServerName::try_from("localhost").unwrap();
    let connected = TlsConnector::from(Arc::new(client)).connect(name, stream).await;
    let mut stream = connected.map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.write_all(CALL).await.map_err(|error| error.to_string())?;
    stream.read_to_string(&mut answer).await.map_err(|error| error.to_string())?;
    Ok(answer)
}

async fn plain(to: SocketAddr) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let mut answer = Vec::new();
    let _may_be_cut = stream.write_all(CALL).await;
    let _may_be_cut = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn only_tls_is_spoken_but_to_probes_of_this_machine() {
    let ca = authority();
    let (public, management) =
        (Served::start(&pair(&ca, |_| {}), None, false).await, Served::start(&pair(&ca, |_| {}), None, true).await);
    for served in [&public, &management] {
        assert!(call(served.address, &ca, None).await.unwrap().ends_with("hello"));
        let stranger = call(served.address, &authority(), None).await.unwrap_err();
        assert!(stranger.contains("invalid peer certificate"), "{stranger}");
    }
    assert!(!plain(public.address).await.contains("hello"));
    assert!(plain(management.address).await.ends_with("hello"));
}

#[tokio::test]
async fn with_a_client_ca_every_caller_needs_a_certificate_of_it() {
    let (ca, clients) = (authority(), authority());
    let served = Served::start(&pair(&ca, |_| {}), Some(&clients), true).await;
    assert!(call(served.address, &ca, Some(&pair(&clients, |_| {}))).await.unwrap().ends_with("hello"));
    assert!(call(served.address, &ca, None).await.unwrap_err().contains("CertificateRequired"));
    assert!(call(served.address, &ca, Some(&pair(&authority(), |_| {}))).await.is_err());
    let old = pair(&clients, |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    assert!(call(served.address, &ca, Some(&old)).await.unwrap_err().contains("CertificateExpired"));
    assert!(plain(served.address).await.ends_with("hello"), "probes of this machine need neither");
}

/// Calls with a client made from `[http.client]`; returns the status, or why there is none.
async fn go_out(served: &Served, config: &ClientSetting, path: &str) -> Result<u16, String> {
    let client = Outgoing::new(config).unwrap().client(Duration::from_secs(5)).unwrap();
    let url = format!("https://localhost:{}{path}", served.address.port());
    client.get(url).send().await.map(|answer| answer.status().as_u16()).map_err(|error| causes(&error))
}

#[tokio::test]
async fn an_outgoing_call_believes_its_own_roots_proves_itself_and_follows_nobody() {
    let (ca, clients, folder) = (authority(), authority(), tempfile::tempdir().unwrap());
    let file = |name: &str, text: &str| -> String {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let served = Served::start(&pair(&ca, |_| {}), Some(&clients), false).await;
    let own = pair(&clients, |_| {});
    let config = ClientSetting {
        ca_file: file("ca.pem", &ca.pem()),
        cert_file: file("cert.pem", &own.cert),
        key_file: file("key.pem", &own.key.serialize_pem()),
    };
    assert_eq!(go_out(&served, &config, "/").await, Ok(200));
    assert_eq!(go_out(&served, &config, "/elsewhere").await, Ok(302), "a redirect is an answer");
    let bare = ClientSetting { cert_file: String::new(), key_file: String::new(), ..config.clone() };
    assert!(go_out(&served, &bare, "/").await.is_err(), "the server asks for a certificate");
    let strange = ClientSetting { ca_file: file("strange.pem", &authority().pem()), ..config.clone() };
    let fault = go_out(&served, &strange, "/").await.unwrap_err();
    assert!(fault.contains("invalid peer certificate"), "{fault}");
    for (pair, why) in [
        (pair(&ca, |params| params.subject_alt_names.clear()), "not valid for name"),
        (pair(&ca, |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1)), "expired"),
    ] {
        let fault = go_out(&Served::start(&pair, None, false).await, &config, "/").await.unwrap_err();
        assert!(fault.contains(why), "{why}: {fault}");
    }
    let lost = ClientSetting { ca_file: "/nowhere/ca.pem".to_owned(), ..config };
    assert!(Outgoing::new(&lost).unwrap_err().to_string().starts_with("http.client.ca_file: /nowhere/ca.pem"));
}

#[tokio::test]
async fn a_certificate_and_its_key_change_together() {
    let (before, after) = (authority(), authority());
    let served = Served::start(&pair(&before, |_| {}), None, false).await;
    let new = pair(&after, |_| {});
    served.write(Some(&new.cert), None); // beside the old key
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(call(served.address, &before, None).await.is_ok(), "half a pair changes nothing");
    served.write(None, Some(&new.key));
    until("the new pair", async || call(served.address, &after, None).await.is_ok()).await;
    assert!(call(served.address, &before, None).await.is_err());
    std::fs::remove_file(&served.config.cert_file).unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(call(served.address, &after, None).await.is_ok(), "a lost file changes nothing");
    assert!(served.folder.path().exists());
}

#[tokio::test]
async fn what_is_wrong_with_the_files_is_said() {
    let (ca, folder) = (authority(), tempfile::tempdir().unwrap());
    let (one, other) = (pair(&ca, |_| {}), pair(&ca, |_| {}));
    let config = TlsConfig {
        cert_file: folder.path().join("cert.pem").display().to_string(),
        key_file: folder.path().join("key.pem").display().to_string(),
        ..TlsConfig::default()
    };
    let fault = || Acceptor::start(&config).err().unwrap();
    assert!(matches!(fault(), TlsFault::File(PemFault::Unreadable { setting: "http.tls.cert_file", .. })));
    std::fs::write(&config.cert_file, "not a certificate").unwrap();
    std::fs::write(&config.key_file, "not a key").unwrap();
    assert!(matches!(fault(), TlsFault::File(PemFault::Nothing { setting: "http.tls.cert_file", .. })));
    std::fs::write(&config.cert_file, &one.cert).unwrap();
    assert!(matches!(fault(), TlsFault::File(PemFault::Nothing { setting: "http.tls.key_file", .. })));
    std::fs::write(&config.key_file, other.key.serialize_pem()).unwrap();
    assert!(matches!(fault(), TlsFault::Pair(_)));
    std::fs::write(&config.key_file, one.key.serialize_pem()).unwrap();
    assert!(Acceptor::start(&config).is_ok());
}
