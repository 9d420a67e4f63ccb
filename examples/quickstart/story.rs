//! The story, step by step.

use std::path::Path;

use lm_portal::admin::entitlements::NewEntitlement;
use lm_portal::{Kind, Portal};

use crate::cc;
use crate::machine::Machine;

pub(crate) fn tell(portal: &Portal, url: &str, folder: &Path) -> Result<(), String> {
    let ids = sell(portal)?;
    let host = build_host(portal, folder)?;
    let machine = |name| Machine::new(name, &host, url, folder, &portal.trust_root());
    let (first, second) = (machine("workstation-1"), machine("workstation-2"));
    node_locked(portal, &ids.node_locked, &first, &second)?;
    concurrent(portal, &ids, &first)?;
    println!("\n== The end. Every step ended as the story says.");
    Ok(())
}

struct Ids {
    entitlement: String,
    node_locked: String,
    concurrent: String,
}

fn sell(portal: &Portal) -> Result<Ids, String> {
    println!("\n== What was bought: six seats of ortho-studio");
    let new = NewEntitlement::new("ortho-studio", &[("ortho", None), ("raster", Some(4))], 6);
    let entitlement = portal.create_entitlement(&new).map_err(|error| error.to_string())?;
    println!("   entitlement {entitlement}: features ortho, raster=4");
    let generate = |kind, seats| -> Result<String, String> {
        let made =
            portal.generate(&entitlement, kind, seats, 1).map_err(|error| error.to_string())?;
        made.into_iter()
            .next()
            .map(|id| id.activation_id)
            .ok_or_else(|| "no ID was made".to_owned())
    };
    let (node_locked, concurrent) = (generate(Kind::Nl, 1)?, generate(Kind::Cc, 5)?);
    println!("   activation ID {node_locked}: NL (node-locked), 1 seat");
    println!("   activation ID {concurrent}: CC (concurrent), 5 seats");
    Ok(Ids { entitlement, node_locked, concurrent })
}

fn build_host(portal: &Portal, folder: &Path) -> Result<std::path::PathBuf, String> {
    println!("\n== The C host, compiled with the portal's trust root built in");
    cc::install_library(folder)?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/host.c");
    let trust_root = format!("-DAPP_TRUST_ROOT=\"{}\"", portal.trust_root());
    let host = cc::build(&source, folder, &["-std=c11", &trust_root])?;
    println!("   cc -std=c11 -DAPP_TRUST_ROOT=\"…\" examples/host.c -llm -o host");
    Ok(host)
}

fn node_locked(portal: &Portal, id: &str, first: &Machine, second: &Machine) -> Result<(), String> {
    println!("\n== Node-locked: one machine at a time, and only that machine gives it back");
    first.run(&["activate", id])?.expect("ACTIVE", 0)?;
    because(
        "ACTIVE: the portal signed a record for this machine, which keeps it in trusted storage.",
    );
    first.run(&["work"])?.expect("orthorectifying strip 3 of 3", 0)?;
    because("The check asked nobody: it read a table in the host's own process.");
    first.run(&["return", id])?.expect("done", 0)?;
    seats(portal, id, (0, 1))?;
    because("Client return: use stopped here, durably; then the portal credited the seat, once.");
    first.run(&["status", id])?.expect("ABSENT", 3)?;
    first.run(&["activate", id])?.expect("ACTIVE", 0)?;
    because("ACTIVE again: a returned activation ID stays valid, here or on another machine.");
    second.run(&["activate", id])?.expect("LM_ERR_NO_SEATS", 1)?;
    because(
        "LM_ERR_NO_SEATS: its one seat is on workstation-1; nothing changed on either machine.",
    );
    let refused = portal.portal_return(id).err().ok_or("the portal returned an NL ID")?;
    println!("   [portal] Return {id}: refused. {refused}");
    because(
        "The portal cannot reach the machine, which would go on working: only it gives NL back.",
    );
    seats(portal, id, (1, 0))
}

fn concurrent(portal: &Portal, ids: &Ids, machine: &Machine) -> Result<(), String> {
    let id = &ids.concurrent;
    println!("\n== Concurrent: the portal may take it back, to share it out anew");
    machine.run(&["activate", id, "3"])?.expect("ACTIVE", 0)?;
    seats(portal, id, (3, 2))?;
    portal.portal_return(id).map_err(|error| error.to_string())?;
    let shown = portal.show(id).map_err(|error| error.to_string())?;
    if shown.status != "inactive" {
        return Err(format!("{id} is {}", shown.status));
    }
    println!("   [portal] Return {id}: Inactive");
    because("Inactive: retired for good; its seats are the entitlement's again.");
    machine.run(&["status", id])?.expect("ACTIVE", 0)?;
    because(
        "Still ACTIVE: the portal cannot reach the machine; its lease bounds how long that lasts.",
    );
    machine.run(&["refresh", id])?.expect("LM_ERR_OBSOLETE: The license was given back", 1)?;
    machine.run(&["status", id])?.expect("ORPHANED", 3)?;
    because("ORPHANED: on its next contact the machine was told; the copy has no rights any more.");
    machine.run(&["remove", id])?.expect("done", 0)?;
    machine.run(&["status", id])?.expect("ABSENT", 3)?;
    because("ABSENT: removed here, without the network; there was no seat to credit.");
    machine.run(&["activate", id])?.expect("LM_ERR_ID_INACTIVE", 1)?;
    because("LM_ERR_ID_INACTIVE: Inactive is final.");
    let made =
        portal.generate(&ids.entitlement, Kind::Cc, 2, 2).map_err(|error| error.to_string())?;
    for new in &made {
        println!("   [portal] new activation ID {}: CC, {} seats", new.activation_id, new.seats);
    }
    because("The five seats are shared out in another quantity: two IDs of two, one seat is left.");
    let new = made.first().ok_or("no ID was made")?;
    machine.run(&["activate", &new.activation_id, "2"])?.expect("ACTIVE", 0)
}

fn because(sentence: &str) {
    println!("   → {sentence}");
}

fn seats(portal: &Portal, id: &str, wanted: (i64, i64)) -> Result<(), String> {
    let shown = portal.show(id).map_err(|error| error.to_string())?;
    println!("   [portal] {id}: {} fulfilled, {} available", shown.fulfilled, shown.available);
    if (shown.fulfilled, shown.available) == wanted {
        Ok(())
    } else {
        Err(format!("expected {wanted:?} seats fulfilled and available"))
    }
}
