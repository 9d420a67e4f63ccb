//! HTTP itself, without TLS, as a portal on this machine speaks it.

use super::*;
use std::sync::mpsc;

#[test]
fn a_request_goes_out_and_an_answer_comes_back() {
    let (sender, received) = mpsc::channel();
    let address = serve(move |mut stream| {
        sender.send(read_request(&mut stream)).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nthe answer").unwrap();
    });
    let answer = post(&format!("http://{address}/lm/v1")).unwrap();
    let expected = HttpResponse { status: 200, body: b"the answer".to_vec(), retry_after: None };
    assert_eq!(answer, expected);
    let (head, body) = received.recv().unwrap();
    let head = head.to_lowercase();
    assert!(head.starts_with("post /lm/v1 http/1.1\r\n"), "{head}");
    for line in
        [&format!("host: {address}"), "content-type: application/json", "accept-encoding: identity"]
    {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
    }
    assert_eq!(body, b"the request");
}

#[test]
fn a_name_for_this_machine_needs_no_lookup() {
    let address = answer_with("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(post(&format!("http://localhost:{}/", address.port())).unwrap().status, 204);
}

#[test]
fn any_status_is_an_answer_and_says_when_to_come_again() {
    for (head, status, retry_after) in [
        ("503 Busy\r\nRetry-After: 120", 503, Some(120)),
        ("429 Slowly\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT", 429, None),
        ("404 Not Found", 404, None),
        ("500 Oh", 500, None),
    ] {
        let address = answer_with(format!("HTTP/1.1 {head}\r\nContent-Length: 2\r\n\r\nno"));
        let answer = post(&format!("http://{address}/")).unwrap();
        assert_eq!((answer.status, answer.retry_after), (status, retry_after));
        assert_eq!(answer.body, b"no");
    }
}

#[test]
fn a_redirect_is_an_answer_and_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = elsewhere.local_addr().unwrap();
    for status in [301, 302, 307, 308] {
        let address = answer_with(format!(
            "HTTP/1.1 {status} Away\r\nLocation: http://{target}/\r\nContent-Length: 0\r\n\r\n"
        ));
        assert_eq!(post(&format!("http://{address}/")).unwrap().status, status);
    }
    elsewhere.set_nonblocking(true).unwrap();
    assert_eq!(elsewhere.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_portal_that_is_not_there_is_a_network_failure() {
    let error = post(&format!("http://{}/", nobody())).unwrap_err();
    assert_eq!(error.code(), Code::Network);
    assert!(error.message().contains("refuses"), "{error}");
}

#[test]
fn a_connection_that_breaks_is_a_network_failure() {
    for (answer, when) in [
        ("", "before the answer"),
        ("HTTP/1.1 200 OK\r\nConte", "in the head"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe begin", "in the body"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nthe\r\n", "between chunks"),
    ] {
        let address = answer_with(answer);
        assert_eq!(code_of(post(&format!("http://{address}/"))), Code::Network, "{when}");
    }
}

#[test]
fn the_deadline_is_of_the_whole_call_however_slowly_it_goes_on() {
    for (begin, again) in [
        ("", ""),
        ("HTTP/1.1 200 OK\r\n", "X-Wait: 1\r\n"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", "."),
    ] {
        let address = serve(move |mut stream| {
            read_request(&mut stream);
            stream.write_all(begin.as_bytes()).unwrap();
            drip(&mut stream, again.as_bytes());
        });
        let answer = post_in_short(&format!("http://{address}/"));
        assert_eq!(code_of(answer), Code::Timeout, "{begin:?}");
    }
}

#[test]
fn a_body_is_bounded() {
    let exact = "x".repeat(1000);
    let more = "x".repeat(1001);
    let plain = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let chunked = |body: &str| {
        format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
    };
    for rest in [plain(&exact), chunked(&exact), format!("\r\n{exact}")] {
        let address = answer_with(format!("HTTP/1.1 200 OK\r\n{rest}"));
        assert_eq!(post(&format!("http://{address}/")).unwrap().body.len(), 1000, "{rest}");
    }
    for rest in [plain(&more), chunked(&more), format!("\r\n{more}")] {
        let address = answer_with(format!("HTTP/1.1 200 OK\r\n{rest}"));
        assert_eq!(code_of(post(&format!("http://{address}/"))), Code::TooLarge, "{rest}");
    }
    // One that never ends is cut off as well.
    let address = serve(|mut stream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    assert_eq!(code_of(post(&format!("http://{address}/"))), Code::TooLarge);
}

#[test]
fn what_is_no_http_is_not_the_portals_answer() {
    let long_head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(2 * HEAD_MAX));
    for answer in ["SSH-2.0-OpenSSH_9.2\r\n", "\x15\x03\x01\x00\x02\x02\x0a", &long_head] {
        let address = answer_with(answer);
        let error = post(&format!("http://{address}/")).unwrap_err();
        assert_eq!(error.code(), Code::Http, "{error}");
    }
}

#[test]
fn a_name_that_does_not_exist_is_told_apart() {
    // No certificates are needed to get that far, but some must be there.
    let files = TestFiles::default().with("/etc/ssl/cert.pem", tls::Authority::new("one").pem());
    let transport = HttpsTransport::new(TransportOptions { files: Arc::new(files), ..options() });
    let error = transport.unwrap().post(&request("https://nonexistent.invalid/")).unwrap_err();
    assert_eq!(error.code(), Code::Dns, "{error}");
    assert!(error.message().contains("nonexistent.invalid"));
}

#[test]
fn plain_http_goes_to_this_machine_only() {
    let error = post("http://licenses.example.com/").unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("this machine only"));
}
