//! `lm_client`: opened, borrowed for a call, freed.

use std::sync::Arc;

use super::error::{finish, lm_error, lm_result};
use super::guard::{Poison, guarded};
use super::log::Owned;
use super::options::{lm_options, read};
use super::pointers::{check_out, invalid};
use crate::client::Client;
use crate::error::Result;

/// § Types
/// One product's licenses on this machine, for one host application. Opaque.
///
/// Ownership: the host's, which frees it with lm_client_free.
/// Threads: any, any number at once; any number of clients in one process, also over the same
///     trusted storage. In a child made by fork() its calls answer LM_ERR_FORKED.
/// Since 0.1.
pub struct lm_client {
    client: Client,
    poison: Poison,
    // Dropped after the client: the host's functions are called no more.
    _owned: [Arc<Owned>; 2],
}

const _: () = {
    const fn shared_by_threads<T: Send + Sync>() {}
    shared_by_threads::<lm_client>();
};

impl lm_client {
    /// The host's client for one call, `None` for NULL. A client is only ever shared: nothing is
    /// changed through a pointer to it.
    ///
    /// # Safety
    /// `client` is NULL or a client that lives for `'a`.
    pub(crate) unsafe fn borrow<'a>(client: *const Self) -> Option<&'a Self> {
        // SAFETY: the caller's word.
        unsafe { client.as_ref() }
    }

    /// The client's insides, for a child of it that outlives it. From the host's own pointer: through
    /// a borrowed client only the client itself may be reached, not the count beside it.
    ///
    /// # Safety
    /// `client` is a client that lives.
    pub(super) unsafe fn share(client: *const Self) -> Arc<Self> {
        // SAFETY: made by `Arc::into_raw`, and the host's own count keeps it alive meanwhile.
        unsafe { Arc::increment_strong_count(client) };
        // SAFETY: the count that was just added is this one's.
        unsafe { Arc::from_raw(client) }
    }

    /// Runs one call on it, guarded and poisoned.
    pub(crate) fn run<T>(
        client: Option<&Self>,
        call: impl FnOnce(&Client) -> Result<T>,
    ) -> Result<T> {
        match client {
            Some(object) => object.poison.run(|| call(&object.client)),
            None => Err(invalid("client is NULL.".to_owned())),
        }
    }

    /// As [`Self::run`], of a call that asks the published table.
    pub(crate) fn check<T>(
        client: Option<&Self>,
        call: impl FnOnce(&Client) -> Result<T>,
    ) -> Result<T> {
        match client {
            Some(object) => object.poison.check(|| call(&object.client)),
            None => Err(invalid("client is NULL.".to_owned())),
        }
    }
}

/// Opens a client. Touches no network and makes no storage. A storage that is missing, damaged,
/// read-only or of a newer format is no failure: lm_status says which, and what to do.
///
/// options: filled in by lm_options_init, then by the host.
/// out_client: the client.
/// out_error: the failure; may be NULL.
/// Ownership: the client is the host's: lm_client_free. From now on the library owns what the
///     options' destroy functions free; where this call fails it stays the host's.
/// Threads: any.
/// Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_STRUCT_SIZE, LM_ERR_UNSUPPORTED for flags or fields of
///     a newer version, LM_ERR_TRUST_ROOT, and for a storage that may not be read
///     LM_ERR_PERMISSION, LM_ERR_STORAGE_UNSAFE, LM_ERR_STORAGE_REMOTE, LM_ERR_STORAGE_IO, and
///     LM_ERR_BUSY where other processes change it all the time: call again.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_client_open(
    options: *const lm_options,
    out_client: *mut *mut lm_client,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // A panic here has no client to poison.
    let result = Poison::default().run(|| {
        check_out(out_client.cast_const(), "out_client")?;
        // SAFETY: NULL, or options as the header describes them.
        let opening = unsafe { read(options) }?;
        let client = Client::open(opening.options)?;
        for owned in &opening.owned {
            owned.adopt();
        }
        let client = lm_client { client, poison: Poison::default(), _owned: opening.owned };
        // Shared with the seats that are checked out: the last of them ends it.
        let shared = Arc::into_raw(Arc::new(client)).cast_mut();
        // SAFETY: checked above, and the host's place for a client.
        unsafe { out_client.write(shared) };
        Ok(())
    });
    // SAFETY: NULL, or the host's place for an error.
    unsafe { finish(result, out_error) }
}

/// Closes a client and frees it. What is pending stays so and is finished another time. Waits for
/// nothing and writes nothing.
///
/// client: may be NULL.
/// Ownership: lists, seats and errors outlive it. Calls the destroy functions of the options, unless
///     a seat is still there: then freeing the last one does.
/// Threads: any, once, while no other thread is inside a call on this client, and not inside one
///     of its callbacks.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_client_free(client: *mut lm_client) {
    guarded((), || {
        if !client.is_null() {
            // SAFETY: made by `lm_client_open`, and freed once by the host's word.
            drop(unsafe { Arc::from_raw(client.cast_const()) });
        }
    });
}
