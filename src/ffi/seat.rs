//! `lm_seat`: concurrent seats of this machine, checked out by its processes.

use std::ffi::c_char;
use std::sync::Arc;

use lm_protocol::limits::NAME_MAX;

use super::client::lm_client;
use super::error::{finish, lm_error, lm_result};
use super::guard::{Poison, guarded};
use super::pointers::{check_out, invalid, required_text};
use crate::client::Seat;
use crate::mutex::Mutex;

/// One checkout: seats of a concurrent license that this process uses. Opaque.
///
/// Ownership: the host's, which frees it with lm_seat_free. It outlives its client, whose own
///     functions (log, transport) are destroyed only when the client and its last seat are freed.
/// Threads: any; one frees it, while no other thread is inside a call on it.
/// Since 0.1.
pub struct lm_seat {
    /// `None` once it is checked in.
    seat: Mutex<Option<Seat>>,
    // Dropped after the seat.
    client: Arc<lm_client>,
}

const _: () = {
    const fn shared_by_threads<T: Send + Sync>() {}
    shared_by_threads::<lm_seat>();
};

/// § Concurrent seats
/// Takes seats of a concurrent (CC) license for this process, out of those that this machine holds:
/// all its processes share them. They come from the best usable record that has the feature and so
/// many free seats; several at once from one record, all or none. No network, no write to trusted
/// storage; whoever may read it may check out. Never waits for a seat to become free.
///
/// A seat is in use until it is checked in or freed, or the process ends, however it ends: the
/// system sees to it. A child made by fork() without exec keeps its parent's seats in use until it
/// ends or execs, also after the parent has died. Each checkout keeps one file descriptor open; who
/// closes descriptors that it did not open gives up its seats without knowing.
///
/// While seats are in use, lm_return refuses to give them back. A seat is no right by itself: what
/// lm_status says of the license still holds, and it may end while a seat is in use. lm_status
/// counts the seats in use at its looks, more rarely where there are very many; a list counts them
/// anew.
///
/// feature: its name, without a limit.
/// seats: how many.
/// out_seat: the checkout.
/// out_error: the failure; may be NULL.
/// Ownership: the seat is the host's: lm_seat_free.
/// Threads: any. Takes microseconds, or some milliseconds where others take seats at the same time;
///     waits only for a process that is just changing the storage (LM_ERR_BUSY).
/// Errors: LM_ERR_NO_FREE_SEAT (lm_error_detail says who uses them: {"seats_in_use", "holders":
///     [{"seats", "pid", "program"}]}, pid and program where known), LM_ERR_FEATURE where no record
///     has it, LM_ERR_WRONG_KIND where only node-locked ones have it, the cause of its status where
///     none of them is usable, LM_ERR_NOT_ALLOWED where all seats are on their way back,
///     LM_ERR_INVALID_ARGUMENT (seats 0), LM_ERR_UNSUPPORTED where the system has no such locks,
///     those of trusted storage (40 to 48).
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_checkout(
    client: *mut lm_client,
    feature: *const c_char,
    seats: u32,
    out_seat: *mut *mut lm_seat,
    out_error: *mut *mut lm_error,
) -> lm_result {
    let shared = client;
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| {
        check_out(out_seat.cast_const(), "out_seat")?;
        // SAFETY: NULL, or text that ends in NUL.
        let name = unsafe { required_text(feature, "feature", NAME_MAX) }?;
        let seat = Mutex::new(Some(client.checkout(name, seats)?));
        // SAFETY: not NULL, since it runs, and a client that lives.
        let client = unsafe { lm_client::share(shared) };
        // SAFETY: checked, and the host's place for a seat.
        unsafe { out_seat.write(Box::into_raw(Box::new(lm_seat { seat, client }))) };
        Ok(())
    });
    // SAFETY: NULL, or the host's place for an error.
    unsafe { finish(result, out_error) }
}

/// Ends the use: the seats are free for other processes. The object still has to be freed. One that
/// is checked in already stays so: LM_OK.
///
/// seat: as lm_checkout gave it.
/// out_error: the failure; may be NULL.
/// Ownership: nothing is kept.
/// Threads: any.
/// Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_FORKED: a child can't end its parent's use.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_checkin(
    seat: *mut lm_seat,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // What panics in the client's own call poisons it.
    let result = Poison::default().run(|| {
        // SAFETY: NULL, or a seat that lives.
        let object = unsafe { seat.as_ref() };
        let object = object.ok_or_else(|| invalid("seat is NULL.".to_owned()))?;
        lm_client::run(Some(&object.client), |client| {
            // Before the lock, which another thread of the parent may have held at the fork.
            client.check_fork()?;
            let taken = object.seat.lock().take();
            taken.map_or(Ok(()), |seat| client.checkin(seat))
        })
    });
    // SAFETY: NULL, or the host's place for an error.
    unsafe { finish(result, out_error) }
}

/// Frees a seat, and checks it in where it isn't. In a child made by fork() it only frees: the
/// parent's use goes on.
///
/// seat: may be NULL.
/// Ownership: where it is the last of a client that is freed, calls the destroy functions of the
///     options.
/// Threads: any, once, while no other thread is inside a call on it.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_seat_free(seat: *mut lm_seat) {
    guarded((), || {
        if seat.is_null() {
            return;
        }
        // SAFETY: made by `lm_checkout`, and freed once by the host's word.
        let object = unsafe { Box::from_raw(seat) };
        let lm_seat { seat, client } = *object;
        // Nobody else is inside a call: a lock that is held was held at a fork, and stays so.
        let taken = seat.try_lock().and_then(|mut seat| seat.take());
        if let Some(seat) = taken {
            // A client that is no good any more doesn't keep the seat: it is dropped with the call.
            let _ = lm_client::run(Some(&client), |client| client.checkin(seat));
        }
    });
}
