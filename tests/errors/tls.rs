//! TLS against the portal's own program, with a certificate authority of one's own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use lm_portal::admin::entitlements::NewEntitlement;
use lm_portal::{Kind, Portal, PortalOptions};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};

use crate::common::machine::{Machine, PRODUCT};
use crate::common::programs;
use crate::page::{Row, compare};

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Which certificate a portal shows.
struct Certificate<'a> {
    issuer: &'a Issuer,
    name: &'a str,
    years: (i32, i32),
}

impl Certificate<'_> {
    /// Writes chain and key, and gives their paths.
    fn write(&self, dir: &Path) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new(vec![self.name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(self.years.0, 1, 1);
        params.not_after = date_time_ymd(self.years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, self.issuer).unwrap();
        let paths = (dir.join("chain.pem"), dir.join("key.pem"));
        std::fs::write(&paths.0, certificate.pem()).unwrap();
        std::fs::write(&paths.1, key.serialize_pem()).unwrap();
        paths
    }
}

/// `lm-portal serve --tls-cert …`, as an administrator starts it.
struct Serving {
    child: Child,
    url: String,
    _certificates: tempfile::TempDir,
}

impl Serving {
    fn start(data: &Path, certificate: &Certificate<'_>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (chain, key) = certificate.write(dir.path());
        let mut command = Command::new(programs::portal().unwrap());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.arg("--tls-cert").arg(chain).arg("--tls-key").arg(key);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.strip_prefix("listening on ").expect(&line).trim_end().to_owned();
        assert!(url.starts_with("https://127.0.0.1:"), "{url}");
        Self { child, url, _certificates: dir }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A license of a portal that several servers serve, each with a certificate of its own.
struct Site {
    dir: tempfile::TempDir,
    portal: Portal,
    id: String,
    known: Issuer,
    machine: Machine,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let portal = Portal::open(PortalOptions::in_directory(&dir.path().join("portal"))).unwrap();
        let new = NewEntitlement::new(PRODUCT, &[("ortho", None)], 1);
        let entitlement = portal.create_entitlement(&new).unwrap();
        let id = portal.generate(&entitlement, Kind::Nl, 1, 1).unwrap()[0].activation_id.clone();
        let known = authority("the site's own authority");
        std::fs::write(dir.path().join("ca.pem"), known.pem()).unwrap();
        let machine = Machine::new(&portal.trust_root(), None, "field-1");
        Self { dir, portal, id, known, machine }
    }

    fn serve(&self, certificate: &Certificate<'_>) -> Serving {
        Serving::start(&self.dir.path().join("portal"), certificate)
    }

    fn good(&self) -> Certificate<'_> {
        Certificate { issuer: &self.known, name: "127.0.0.1", years: (2020, 2040) }
    }

    /// The machine, told of that server and of the site's authority.
    fn machine(&self, url: &str, ca_file: &str) -> Machine {
        self.machine.with(|settings| {
            settings.portal_url = Some(url.to_owned());
            settings.ca_file = Some(self.dir.path().join(ca_file));
        })
    }

    /// Asks that server, which must not get through.
    fn row(&self, input: &str, url: &str, ca_file: &str) -> Row {
        let machine = self.machine(url, ca_file);
        let outcome = machine.activate(&self.id, 1);
        let authority = url.split_once("://").unwrap().1;
        let dir = self.dir.path().to_str().unwrap();
        let row = Row::new(input, outcome, &machine.state(&self.id));
        row.without(&[(authority, "PORTAL"), (dir, "DIR")])
    }
}

#[test]
fn u05_failures_of_tls_are_told_apart_and_a_private_authority_is_accepted() {
    let site = Site::new();
    let stranger = authority("nobody's");
    let good = site.serve(&site.good());
    let strange = site.serve(&Certificate { issuer: &stranger, ..site.good() });
    let expired = site.serve(&Certificate { years: (2020, 2021), ..site.good() });
    let early = site.serve(&Certificate { years: (2090, 2091), ..site.good() });
    let other = site.serve(&Certificate { name: "licenses.example.com", ..site.good() });
    let plain = site.portal.serve().unwrap();
    std::fs::write(site.dir.path().join("empty.pem"), "").unwrap();
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(site.dir.path().join("damaged.pem"), damaged).unwrap();
    let swapped = |url: &str, from, to| url.replacen(from, to, 1);
    let rows = [
        site.row("the certificate's authority is unknown", &strange.url, "ca.pem"),
        site.row("the certificate has expired", &expired.url, "ca.pem"),
        site.row("the certificate isn't valid yet", &early.url, "ca.pem"),
        site.row("the certificate is made out to another name", &other.url, "ca.pem"),
        site.row(
            "`https://` to a portal without TLS",
            &swapped(plain.url(), "http", "https"),
            "ca.pem",
        ),
        site.row("`http://` to a portal with TLS", &swapped(&good.url, "https", "http"), "ca.pem"),
        site.row("`ca_file` isn't there", &good.url, "absent.pem"),
        site.row("`ca_file` is empty", &good.url, "empty.pem"),
        site.row("`ca_file` is damaged", &good.url, "damaged.pem"),
    ];
    let intro = "An activation over TLS, against `lm-portal serve --tls-cert`. The activation is pending; with the right \
                 certificate the same one is granted.";
    compare("TLS", intro, &rows);
    let machine = site.machine(&good.url, "ca.pem");
    machine.resume().unwrap();
    assert_eq!(machine.state(&site.id), "ACTIVE", "a private authority by ca_file");
    let shown = site.portal.show(&site.id).unwrap();
    assert_eq!((shown.fulfilled, shown.available), (1, 0), "nine tries took one seat");
    machine.return_(&site.id, 0).unwrap();
}
