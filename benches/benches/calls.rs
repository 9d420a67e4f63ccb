//! `cargo bench -p lm-benches`: the calls of a host, by criterion.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use lm::ports::Ports;
use lm::storage::{Commit, Place, Scope, Storage, SystemFiles};
use lm_benches::{PRODUCT, Site};

/// A check. The C ABI's own cost beside it: `lm-figures`, which calls the release library.
fn status(criterion: &mut Criterion) {
    let site = Site::new().unwrap();
    let id = site.active.as_str();
    criterion
        .bench_function("status, by ID", |b| b.iter(|| site.client.status(Some(black_box(id)))));
    criterion.bench_function("status, best record", |b| b.iter(|| site.client.status(None)));
    criterion.bench_function("feature_status", |b| b.iter(|| site.client.feature_status("ortho")));
}

fn open(criterion: &mut Criterion) {
    let site = Site::new().unwrap();
    criterion.bench_function("open with one record", |b| b.iter(|| site.open().unwrap()));
}

/// A seat and back, with no other in use. With many others: `lm-figures`.
fn checkout(criterion: &mut Criterion) {
    let site = Site::new().unwrap();
    criterion.bench_function("checkout and checkin", |b| {
        b.iter(|| {
            let seat = site.client.checkout("ortho", 1).unwrap();
            site.client.checkin(seat).unwrap();
        });
    });
}

fn commit(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place {
        vendor: "bench".to_owned(),
        product: PRODUCT.to_owned(),
        scope: Scope::User,
        dir: Some(folder.path().join("store")),
    };
    let ports = Ports {
        clock: Arc::new(lm::machine::SystemClock),
        random: Arc::new(lm::machine::SystemRandom::new()),
        files: Arc::new(SystemFiles),
    };
    let storage = Storage::new(&place, &ports).unwrap();
    let wait = Duration::from_secs(1);
    criterion.bench_function("one commit", |b| {
        b.iter(|| {
            storage
                .change(wait, |_, contents| {
                    contents.set(1, vec![7; 4096]);
                    Ok(((), Commit::Write))
                })
                .unwrap();
        });
    });
    criterion.bench_function("one look", |b| b.iter(|| storage.look().unwrap()));
    criterion.bench_function("one reading", |b| b.iter(|| storage.read().unwrap()));
    if let Some(anchor) = storage.anchor_path() {
        std::fs::remove_file(anchor).unwrap();
    }
}

fn portal(criterion: &mut Criterion) {
    let site = Site::new().unwrap();
    let mut group = criterion.benchmark_group("loopback portal");
    group.sample_size(20);
    group.bench_function("activate and return", |b| {
        b.iter(|| {
            site.client.activate(&site.spare, 1).unwrap();
            site.client.return_(&site.spare, 0).unwrap();
        });
    });
    group
        .bench_function("refresh", |b| b.iter(|| site.client.refresh(Some(&site.active)).unwrap()));
    group.finish();
}

criterion_group!(calls, status, open, checkout, commit, portal);
criterion_main!(calls);
