//! Through a proxy.

use super::*;

fn through(proxy: &str, url: &str) -> Result<HttpResponse> {
    HttpsTransport::new(TransportOptions { proxy: Proxy::Url(proxy.to_owned()), ..options() })?
        .post(&request(url))
}

#[test]
fn a_tunnel_carries_the_request_and_the_proxy_its_password() {
    let proxy = serve(|mut stream| {
        let (head, _) = read_request(&mut stream);
        assert!(
            head.starts_with("CONNECT 127.0.0.1:9 HTTP/1.1\r\nHost: 127.0.0.1:9\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\nProxy-Authorization: Basic YW5uOnAgdw==\r\n"), "{head}");
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
        // From here on the stream is the portal's.
        let (head, body) = read_request(&mut stream);
        assert!(!head.to_lowercase().contains("proxy"), "{head}");
        assert_eq!(body, b"the request");
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
    });
    let answer = through(&format!("http://ann:p%20w@{proxy}"), "http://127.0.0.1:9/").unwrap();
    assert_eq!(answer.body, b"ok");
}

#[test]
fn a_proxy_that_refuses_is_told_apart_from_the_portal() {
    for (answer, reason) in [
        (
            "HTTP/1.1 407 Who are you?\r\nProxy-Authenticate: Basic\r\n\r\n",
            "user name and password",
        ),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "HTTP 403"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "HTTP 502"),
        ("220 mail.example.com ESMTP\r\n\r\n", "not answer as an HTTP proxy"),
        ("", "closed the connection"),
    ] {
        let proxy = answer_with(answer);
        let error = through(&format!("http://{proxy}"), "http://127.0.0.1:9/").unwrap_err();
        assert_eq!(error.code(), Code::Proxy, "{error}");
        assert!(error.message().contains(reason), "{error}");
    }
}

#[test]
fn a_proxy_that_is_not_there_is_told_apart_from_the_portal() {
    let error = through(&format!("http://{}", nobody()), "http://127.0.0.1:9/").unwrap_err();
    assert_eq!(error.code(), Code::Proxy);
    // Certificates are looked at before anybody is called. (Windows has some of its own.)
    #[cfg(not(windows))]
    assert_eq!(
        code_of(through("http://nonexistent.invalid:3128", "https://127.0.0.1:9/")),
        Code::Tls
    );
    let files = TestFiles::default().with(CA_FILE, tls::Authority::new("one").pem());
    let transport = HttpsTransport::new(TransportOptions {
        proxy: Proxy::Url("http://nonexistent.invalid:3128".to_owned()),
        ca_file: Some(CA_FILE.into()),
        files: Arc::new(files),
        ..options()
    });
    let error = transport.unwrap().post(&request("https://127.0.0.1:9/"));
    assert_eq!(code_of(error), Code::Proxy);
}

#[test]
fn a_proxy_on_the_way_that_nobody_named_is_a_proxy_too() {
    let address = answer_with("HTTP/1.1 407 Sign in\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(code_of(post(&format!("http://{address}/"))), Code::Proxy);
}

#[test]
fn a_slow_proxy_is_held_to_the_deadline() {
    for again in ["", "x"] {
        let proxy = serve(move |mut stream| {
            read_request(&mut stream);
            drip(&mut stream, again.as_bytes());
        });
        let url = format!("http://{proxy}");
        let transport =
            HttpsTransport::new(TransportOptions { proxy: Proxy::Url(url), ..options() }).unwrap();
        let answer =
            transport.post(&HttpRequest { timeout: SHORT, ..request("http://127.0.0.1:9/") });
        assert_eq!(code_of(answer), Code::Timeout);
    }
}

#[test]
fn an_endless_head_of_a_proxy_is_cut_off() {
    let proxy = serve(|mut stream| {
        read_request(&mut stream);
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let error = through(&format!("http://{proxy}"), "http://127.0.0.1:9/");
    assert_eq!(code_of(error), Code::Proxy);
}

#[test]
fn a_wrong_url_is_refused_when_the_client_is_opened() {
    let wrong = TransportOptions { proxy: Proxy::Url("socks5://p".to_owned()), ..options() };
    assert_eq!(HttpsTransport::new(wrong).err().map(|e| e.code()), Some(Code::InvalidArgument));
}
