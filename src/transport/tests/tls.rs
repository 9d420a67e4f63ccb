//! Whom TLS trusts.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// Signs certificates.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server for these names, good from 2020 to 2030, for one connection.
    fn server(&self, names: &[&str]) -> SocketAddr {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2030, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        serve(move |stream| {
            let connection = ServerConnection::new(Arc::new(config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            // A client that doesn't trust this server says so and goes.
            if stream.conn.complete_io(&mut stream.sock).is_ok() {
                read_request(&mut stream);
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret").unwrap();
            }
        })
    }
}

/// Posts over TLS, trusting what is in `pem` through the host's own file.
fn post_trusting(pem: &str, wall: i64, url: &str) -> Result<HttpResponse> {
    HttpsTransport::new(TransportOptions {
        ca_file: Some(CA_FILE.into()),
        files: Arc::new(TestFiles::default().with(CA_FILE, pem)),
        clock: TestClock::new(wall),
        ..options()
    })?
    .post(&request(url))
}

#[test]
fn an_authority_of_the_hosts_file_is_trusted() {
    let authority = Authority::new("one");
    for (names, host) in [(["localhost"], "localhost"), (["127.0.0.1"], "127.0.0.1")] {
        let port = authority.server(&names).port();
        let answer = post_trusting(&authority.pem(), TODAY, &format!("https://{host}:{port}/"));
        assert_eq!(answer.unwrap().body, b"secret");
    }
}

/// As Unix systems keep them.
#[cfg(not(windows))]
#[test]
fn an_authority_of_the_system_is_trusted_beside_the_hosts() {
    let (systems, hosts) = (Authority::new("one"), Authority::new("two"));
    let files = TestFiles::default()
        .with("/etc/ssl/certs/ca-certificates.crt", "no certificate")
        .with("/etc/ssl/cert.pem", systems.pem())
        .with(CA_FILE, hosts.pem());
    let transport = HttpsTransport::new(TransportOptions {
        ca_file: Some(CA_FILE.into()),
        files: Arc::new(files),
        ..options()
    })
    .unwrap();
    for authority in [&systems, &hosts, &systems] {
        let address = authority.server(&["127.0.0.1"]);
        assert_eq!(transport.post(&request(&format!("https://{address}/"))).unwrap().status, 200);
    }
}

#[test]
fn failures_of_tls_say_which() {
    let (authority, stranger) = (Authority::new("one"), Authority::new("two"));
    let speaks_no_tls = serve(|mut stream| {
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        stream.write_all(b"HTTP/1.1 400 What?\r\n\r\n").unwrap();
    });
    let year_2040 = 2_208_988_800;
    let year_2010 = 1_262_304_000;
    for (server, wall, reason) in [
        (stranger.server(&["127.0.0.1"]), TODAY, "signed by nobody whom"),
        (authority.server(&["localhost"]), TODAY, "another name"),
        (authority.server(&["127.0.0.1"]), year_2040, "has expired"),
        (authority.server(&["127.0.0.1"]), year_2010, "not valid yet"),
        (speaks_no_tls, TODAY, "does not speak TLS"),
    ] {
        let answer = post_trusting(&authority.pem(), wall, &format!("https://{server}/"));
        let error = answer.unwrap_err();
        assert_eq!(error.code(), Code::Tls, "{error}");
        assert!(error.message().contains(reason), "{error}");
    }
}

#[test]
fn certificates_that_cannot_be_used_are_told_by_the_file() {
    let address = nobody();
    let url = format!("https://{address}/");
    for (pem, reason) in [
        ("", "no certificate in it"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is wrong"),
        ("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "damaged"),
    ] {
        let error = post_trusting(pem, TODAY, &url).unwrap_err();
        assert_eq!(error.code(), Code::Tls);
        assert!(error.message().contains(CA_FILE) && error.message().contains(reason), "{error}");
    }
    let missing = TransportOptions { ca_file: Some(CA_FILE.into()), ..options() };
    let error = HttpsTransport::new(missing).unwrap().post(&request(&url)).unwrap_err();
    assert!(error.message().contains(CA_FILE), "{error}");
}

/// Such as a slim container.
#[cfg(not(windows))]
#[test]
fn a_machine_without_any_certificates_is_told_how_to_help_itself() {
    let error = post(&format!("https://{}/", nobody())).unwrap_err();
    assert_eq!(error.code(), Code::Tls);
    assert!(error.hint().contains("ca_file"), "{error}");
}

#[test]
fn tls_goes_through_a_proxys_tunnel() {
    let authority = Authority::new("one");
    let portal = authority.server(&["127.0.0.1"]);
    let proxy = serve(move |mut stream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 Yes\r\n\r\n").unwrap();
        let mut far = TcpStream::connect(portal).unwrap();
        let (mut near_in, mut far_out) = (stream.try_clone().unwrap(), far.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut near_in, &mut far_out));
        let _ = std::io::copy(&mut far, &mut stream);
    });
    let transport = HttpsTransport::new(TransportOptions {
        proxy: Proxy::Url(format!("http://{proxy}")),
        ca_file: Some(CA_FILE.into()),
        files: Arc::new(TestFiles::default().with(CA_FILE, authority.pem())),
        ..options()
    });
    let answer = transport.unwrap().post(&request(&format!("https://{portal}/"))).unwrap();
    assert_eq!(answer.body, b"secret");
}

#[test]
fn a_handshake_that_never_ends_is_held_to_the_deadline() {
    let authority = Authority::new("one");
    // Waits for a message of TLS that is announced and never comes.
    let server = serve(|mut stream| {
        stream.write_all(&[22, 3, 3, 0x3F, 0xFF]).unwrap();
        drip(&mut stream, &[0]);
    });
    let transport = HttpsTransport::new(TransportOptions {
        ca_file: Some(CA_FILE.into()),
        files: Arc::new(TestFiles::default().with(CA_FILE, authority.pem())),
        ..options()
    });
    let url = format!("https://{server}/");
    let answer = transport.unwrap().post(&HttpRequest { timeout: SHORT, ..request(&url) });
    assert_eq!(code_of(answer), Code::Timeout);
}
