//! R42 without any tracing: the disk is full from the moment on at which the portal has answered.
//! (The real calls of a real host fail in `kills`.)

use std::sync::Arc;

use lm::ports::{HttpRequest, HttpResponse, Transport};
use lm::storage::SystemFiles;
use lm::transport::{HttpsTransport, Proxy, TransportOptions};
use lm::{Client, Code};

use crate::common::books::disagreements;
use crate::common::disk::{Disk, Trouble};
use crate::common::machine::Machine;
use crate::common::operations::Shown;
use crate::common::world::World;

#[test]
fn r42_granted_and_not_saved_a_retry_recovers_the_same_activation() {
    let world = World::new();
    for again in [retry, resume] {
        let (machine, id) = (world.machine("field-1"), world.cc(5));
        let failed = open(&machine).activate(&id, 3).unwrap_err();
        assert_eq!(failed.code(), Code::StorageFull, "{failed}");
        assert_eq!(world.seats(&id), (3, 2), "granted");
        let granted = world.show(&id).fulfillments[0].clone();
        let restarted = machine.again();
        assert_eq!(Shown::on(&restarted, &id), Shown::ACTIVATING);
        again(&restarted, &id);
        assert_eq!(Shown::on(&restarted, &id), Shown::active(3));
        let recovered = world.show(&id).fulfillments[0].clone();
        assert_eq!(
            (recovered.fulfillment_id, recovered.generation),
            (granted.fulfillment_id, granted.generation)
        );
        assert_eq!(disagreements(&restarted, &id, &world.show(&id)), Vec::<String>::new());
        restarted.return_(&id, 0).unwrap();
        assert_eq!(world.seats(&id), (0, 5));
    }
}

fn retry(machine: &Machine, id: &str) {
    machine.activate(id, 3).unwrap();
}

fn resume(machine: &Machine, _: &str) {
    machine.resume().unwrap();
}

/// A client whose disk is full once it has been answered.
fn open(machine: &Machine) -> Client {
    let disk = Disk::default();
    let wire = HttpsTransport::new(TransportOptions {
        proxy: Proxy::None,
        ca_file: None,
        files: Arc::new(SystemFiles),
        clock: Arc::new(lm::machine::SystemClock),
    });
    let mut options = machine.settings.options();
    options.transport = Some(Arc::new(FullOnceAnswered(wire.unwrap(), disk.clone())));
    Client::open_with(options, disk.with(Trouble::None)).unwrap()
}

struct FullOnceAnswered(HttpsTransport, Disk);

impl Transport for FullOnceAnswered {
    fn post(&self, request: &HttpRequest<'_>) -> lm::Result<HttpResponse> {
        let response = self.0.post(request)?;
        self.1.set(Trouble::Full);
        Ok(response)
    }
}
