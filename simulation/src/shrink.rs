//! The events that matter: each that can be left out, and the same promise breaks all the same, is.

use std::sync::Arc;

use lm_portal::Result;

use crate::plan::Order;
use crate::portal::Portal;
use crate::seed::run;
use crate::world::Broken;

/// Leaves out what isn't needed, in pieces of half the rest, a quarter, and so on. Gives an order
/// that breaks the same check.
pub fn shrunk(order: &Order, broken: &Broken, portal: &Arc<Portal>) -> Result<Order> {
    let mut order = Order { told: false, ..order.clone() };
    if broken.event <= order.events {
        order.events = broken.event;
    }
    let mut left: Vec<u64> = (1..=order.events).filter(|e| !order.without.contains(e)).collect();
    let mut size = left.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < left.len() {
            let end = (at + size).min(left.len());
            let mut tried = order.clone();
            tried.without.extend(left.get(at..end).into_iter().flatten());
            let same = run(tried.clone(), portal)?.broken;
            if same.is_some_and(|same| same.check == broken.check) {
                left.drain(at..end);
                order = tried;
            } else {
                at = end;
            }
        }
        size /= 2;
    }
    order.without.sort_unstable();
    Ok(order)
}
