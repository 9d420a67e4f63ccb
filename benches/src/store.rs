//! What trusted storage costs: opening it, checking it from the disk, changing it.
#![allow(clippy::print_stdout, reason = "it prints figures")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use lm::machine::{SystemClock, SystemRandom};
use lm::ports::Ports;
use lm::storage::{Commit, Place, Storage, SystemFiles};
use lm_benches::{PRODUCT, Site};
use lm_protocol::envelope::sign;
use lm_protocol::{Keyset, KeysetKey, KeysetStatus, SigningKey, Unverified};

use crate::clocks::{monotonic, thread_cpu};
use crate::shown;

pub(crate) fn measure(site: &Site) -> Result<(), String> {
    let verification = verification()?;
    println!("one message of 1.5 KiB verified: {:.0} us of CPU", us(verification));
    for count in [1, 10, 100] {
        let store = site.filled(count).map_err(|error| error.to_string())?;
        let open = cpu_of(200, || store.open().map_err(|error| error.to_string()))?;
        // The keyset and each record.
        let beyond = open.saturating_sub(verification * (count + 1));
        println!(
            "open and check {count} record(s) from disk: {:.0} us of CPU, {:.0} us beyond its {} \
             verifications",
            us(open),
            us(beyond),
            count + 1
        );
    }
    let check = full_check(site)?;
    println!(
        "full check of one record from disk, by a client that is open: {:.0} us of CPU, {:.0} us \
         beyond its verification",
        us(check),
        us(check.saturating_sub(verification))
    );
    println!("commit, p50 / p99: {} us", shown(commits()?));
    let host = cpu_of(200, || {
        lm::machine::evidence(&SystemFiles, &[7; 32], None).map_err(|error| error.to_string())
    })?;
    println!("this machine's host identity: {:.0} us of CPU", us(host));
    Ok(())
}

fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// CPU of one call.
fn cpu_of<T>(times: u32, call: impl Fn() -> Result<T, String>) -> Result<Duration, String> {
    black_box(call()?);
    let before = thread_cpu();
    for _ in 0..times {
        black_box(call()?);
    }
    Ok((thread_cpu() - before) / times)
}

/// CPU of seeing what another client has changed: the store is read, the new record verified and
/// published. The keyset was verified before, and the host's factors at open.
fn full_check(site: &Site) -> Result<Duration, String> {
    const TIMES: u32 = 50;
    let text = |error: lm::Error| error.to_string();
    let store = site.filled(1)?;
    let reader = store.open().map_err(text)?;
    let mut spent = Duration::ZERO;
    for _ in 0..TIMES {
        store.client.refresh(None).map_err(text)?;
        let before = thread_cpu();
        black_box(reader.list().map_err(text)?);
        let seen = thread_cpu();
        black_box(reader.list().map_err(text)?);
        // What a list costs that finds nothing new.
        spent += (seen - before).saturating_sub(thread_cpu() - seen);
    }
    Ok(spent / TIMES)
}

/// What verifying a message of a record's length costs: base64, SHA-512, Ed25519 and JSON.
fn verification() -> Result<Duration, String> {
    let key = SigningKey::from_seed([5; 32]).map_err(|error| error.to_string())?;
    let one = KeysetKey {
        key: key.public(),
        status: KeysetStatus::Active,
        valid_from: 0,
        valid_until: i64::from(u32::MAX),
    };
    let vendor = "vendor".to_owned();
    let message = Keyset { vendor, version: 1, issued_at: 1, keys: vec![one; 10] };
    let text = sign(&message, &[&key]).map_err(|error| error.to_string())?;
    let keys = [key.public()];
    cpu_of(500, || {
        let message = Unverified::<Keyset>::parse(&text);
        message.and_then(|message| message.verify(&keys)).map_err(|error| error.to_string())
    })
}

/// Microseconds of a change that is committed, two synced images and an anchor.
fn commits() -> Result<Vec<f64>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let ports = Ports {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom::new()),
        files: Arc::new(SystemFiles),
    };
    let place = Place {
        vendor: "figures".to_owned(),
        product: PRODUCT.to_owned(),
        scope: lm::Scope::User,
        dir: Some(folder.path().join("store")),
    };
    let storage = Storage::new(&place, &ports).map_err(|error| error.to_string())?;
    let mut spent = Vec::new();
    for round in 0..500u32 {
        let begun = monotonic();
        storage
            .change(Duration::from_secs(1), |_, contents| {
                contents.set(1, round.to_le_bytes().to_vec());
                Ok(((), Commit::Write))
            })
            .map_err(|error| error.to_string())?;
        spent.push(us(monotonic() - begun));
    }
    if let Some(anchor) = storage.anchor_path() {
        let _ = std::fs::remove_file(anchor);
    }
    Ok(spent)
}
