//! A machine with a host application on it that uses the C ABI, as C would, from Rust.
//!
//! Every call goes through the exported functions; nothing of the library's Rust API is used but
//! where its files are, to clean up.

use std::ffi::{CStr, CString, c_char};
use std::path::{Path, PathBuf};
use std::ptr;

use lm::ffi::*;

/// One machine: an identity of its own, a store of its own, one open client.
pub struct Machine {
    pub(super) client: *mut lm_client,
    pub settings: Settings,
    _storage: Option<tempfile::TempDir>,
}

/// How the host application opens its client.
#[derive(Clone)]
pub struct Settings {
    pub trust_root: String,
    pub portal_url: Option<String>,
    pub storage: PathBuf,
    pub identity: String,
    pub product: String,
    /// Of a whole call, in milliseconds; 0: the library's own.
    pub timeout: u32,
    pub proxy: Option<String>,
    pub ca_file: Option<PathBuf>,
}

/// What a call that failed said.
#[derive(Debug, Clone)]
pub struct Failure {
    pub code: lm_result,
    pub message: String,
    pub hint: String,
    pub detail: String,
}

pub type Outcome = Result<(), Failure>;

pub const PRODUCT: &str = "ortho-studio";

// SAFETY: a client is for any thread, as its header says; this is the host that shares it.
unsafe impl Send for Machine {}
// SAFETY: as above.
unsafe impl Sync for Machine {}

impl Machine {
    /// A new machine with an empty store.
    pub fn new(trust_root: &str, portal_url: Option<&str>, identity: &str) -> Self {
        let storage = tempfile::tempdir().expect("a folder for the store");
        let settings = Settings {
            trust_root: trust_root.to_owned(),
            portal_url: portal_url.map(str::to_owned),
            storage: storage.path().join("store"),
            identity: identity.to_owned(),
            product: PRODUCT.to_owned(),
            timeout: 0,
            proxy: None,
            ca_file: None,
        };
        let client = settings.open().expect("a client");
        Self { client, settings, _storage: Some(storage) }
    }

    /// One over a store that belongs to somebody else.
    pub fn open(settings: Settings) -> Result<Self, Failure> {
        let client = settings.open()?;
        Ok(Self { client, settings, _storage: None })
    }

    /// Another process or a restart of the host over the same store.
    pub fn again(&self) -> Self {
        self.with(|_| ())
    }

    /// The same with other settings.
    pub fn with(&self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.settings.clone();
        change(&mut settings);
        Self::open(settings).expect("a client")
    }

    pub fn client(&self) -> *const lm_client {
        self.client
    }

    pub fn activate(&self, id: &str, seats: u32) -> Outcome {
        let id = c_text(id);
        // SAFETY: a client that lives, text that ends in NUL, a place for the error.
        outcome(|error| unsafe { lm_activate(self.client, id.as_ptr(), seats, error) })
    }

    pub fn return_(&self, id: &str, seats: u32) -> Outcome {
        let id = c_text(id);
        // SAFETY: as above.
        outcome(|error| unsafe { lm_return(self.client, id.as_ptr(), seats, error) })
    }

    pub fn refresh(&self, id: Option<&str>) -> Outcome {
        let id = id.map(c_text);
        let id = id.as_ref().map_or(ptr::null(), |id| id.as_ptr());
        // SAFETY: as above; NULL means all.
        outcome(|error| unsafe { lm_refresh(self.client, id, error) })
    }

    pub fn remove(&self, id: &str) -> Outcome {
        let id = c_text(id);
        // SAFETY: as above.
        outcome(|error| unsafe { lm_remove(self.client, id.as_ptr(), error) })
    }

    pub fn repair(&self, id: &str) -> Outcome {
        let id = c_text(id);
        // SAFETY: as above.
        outcome(|error| unsafe { lm_repair(self.client, id.as_ptr(), error) })
    }

    pub fn cancel(&self) {
        // SAFETY: a client that lives.
        assert_eq!(unsafe { lm_cancel(self.client) }, LM_OK);
    }

    pub fn request_activation(&self, id: &str, seats: u32) -> Result<Vec<u8>, Failure> {
        let id = c_text(id);
        let mut buffer = ptr::null_mut();
        // SAFETY: a client that lives, text that ends in NUL, places for the results.
        let done = outcome(|error| unsafe {
            lm_request_activation(self.client, id.as_ptr(), seats, &raw mut buffer, error)
        });
        done.map(|()| taken(buffer))
    }

    pub fn request_return(&self, id: &str, seats: u32) -> Result<Vec<u8>, Failure> {
        let id = c_text(id);
        let mut buffer = ptr::null_mut();
        // SAFETY: as above.
        let done = outcome(|error| unsafe {
            lm_request_return(self.client, id.as_ptr(), seats, &raw mut buffer, error)
        });
        done.map(|()| taken(buffer))
    }

    pub fn request_repair(&self, id: &str) -> Result<Vec<u8>, Failure> {
        let id = c_text(id);
        let mut buffer = ptr::null_mut();
        // SAFETY: as above.
        let done = outcome(|error| unsafe {
            lm_request_repair(self.client, id.as_ptr(), &raw mut buffer, error)
        });
        done.map(|()| taken(buffer))
    }

    pub fn apply(&self, response: &[u8]) -> Outcome {
        // SAFETY: a client that lives, bytes and their length, a place for the error.
        outcome(|error| unsafe {
            lm_apply_response(self.client, response.as_ptr(), response.len(), error)
        })
    }

    pub fn resume(&self) -> Outcome {
        // SAFETY: as above.
        outcome(|error| unsafe { lm_resume(self.client, error) })
    }

    /// Seats of the best concurrent record that has the feature, until they are dropped.
    pub fn checkout(&self, feature: &str, seats: u32) -> Result<Seat, Failure> {
        let feature = c_text(feature);
        let mut seat = ptr::null_mut();
        // SAFETY: as above, and a place for the seat.
        outcome(|error| unsafe {
            lm_checkout(self.client, feature.as_ptr(), seats, &raw mut seat, error)
        })?;
        Ok(Seat(seat))
    }

    /// The status of an ID, or of the best record.
    pub fn status(&self, id: Option<&str>) -> lm_status_info {
        self.try_status(id).expect("a status")
    }

    pub fn try_status(&self, id: Option<&str>) -> Result<lm_status_info, lm_result> {
        let id = id.map(c_text);
        let id = id.as_ref().map_or(ptr::null(), |id| id.as_ptr());
        let mut status = empty_status();
        // SAFETY: a client that lives, NULL or text, a struct with its size set.
        let code = unsafe { lm_status(self.client, id, &raw mut status) };
        if code == LM_OK { Ok(status) } else { Err(code) }
    }

    pub fn feature_status(&self, feature: &str) -> Result<lm_status_info, lm_result> {
        let feature = c_text(feature);
        let mut status = empty_status();
        // SAFETY: as above.
        let code = unsafe { lm_feature_status(self.client, feature.as_ptr(), &raw mut status) };
        if code == LM_OK { Ok(status) } else { Err(code) }
    }

    /// Its state, by name.
    pub fn state(&self, id: &str) -> String {
        let status = self.status(Some(id));
        text(lm_state_name(status.state))
    }

    /// The sentence that a person reads.
    pub fn sentence(&self, id: &str) -> String {
        let status = self.status(Some(id));
        let mut buffer = [0 as c_char; 512];
        let mut length = 0;
        // SAFETY: a struct with its size set, a buffer with its length.
        let code = unsafe {
            lm_status_text(&raw const status, buffer.as_mut_ptr(), buffer.len(), &raw mut length)
        };
        assert_eq!(code, LM_OK);
        text(buffer.as_ptr())
    }

    /// Writes both images back as they were, in place.
    pub fn put_back(&self, images: &[Option<Vec<u8>>]) {
        for (name, bytes) in ["a", "b"].iter().zip(images) {
            std::fs::write(self.settings.storage.join(name), bytes.as_ref().unwrap()).unwrap();
        }
    }

    /// State and cause by name, as `docs/errors.md` shows them.
    pub fn told(&self, id: &str) -> String {
        let status = self.status(Some(id));
        let state = self.state(id);
        match status.cause {
            LM_OK => state,
            cause => format!("{state}, cause {}", text(lm_result_name(cause))),
        }
    }

    /// The bytes of both images: what a call that changes nothing leaves as they are.
    pub fn images(&self) -> Vec<Option<Vec<u8>>> {
        ["a", "b"].iter().map(|name| std::fs::read(self.settings.storage.join(name)).ok()).collect()
    }
}

/// Seats that are checked out.
pub struct Seat(*mut lm_seat);

// SAFETY: a seat is for any thread, as its header says.
unsafe impl Send for Seat {}

impl Seat {
    pub fn checkin(&self) -> Outcome {
        // SAFETY: a seat that lives.
        outcome(|error| unsafe { lm_checkin(self.0, error) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // SAFETY: freed once; nobody is inside a call.
        unsafe { lm_seat_free(self.0) };
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // SAFETY: freed once; nobody is inside a call.
        unsafe { lm_client_free(self.client) };
        if self._storage.is_some() {
            self.settings.remove_anchor();
        }
    }
}

impl Settings {
    /// Opens a client with these settings.
    pub fn open(&self) -> Result<*mut lm_client, Failure> {
        let mut client = ptr::null_mut();
        self.with_options(|options| {
            // SAFETY: options that live, places for the client and the error.
            outcome(|error| unsafe { lm_client_open(options, &raw mut client, error) })
        })?;
        Ok(client)
    }

    /// What [`Self::from_words`] reads again in another process; without what is rarely set.
    pub fn to_words(&self) -> Vec<String> {
        vec![
            self.trust_root.clone(),
            self.portal_url.clone().unwrap_or_default(),
            self.storage.display().to_string(),
            self.identity.clone(),
            self.product.clone(),
        ]
    }

    pub fn from_words(words: &mut impl Iterator<Item = String>) -> Self {
        let mut next = || words.next().expect("a setting");
        Self {
            trust_root: next(),
            portal_url: Some(next()).filter(|url| !url.is_empty()),
            storage: PathBuf::from(next()),
            identity: next(),
            product: next(),
            timeout: 0,
            proxy: None,
            ca_file: None,
        }
    }

    /// These settings as C has them, while `body` runs.
    pub fn with_options<T>(&self, body: impl FnOnce(&mut lm_options) -> T) -> T {
        let path = |path: &Path| c_text(&path.to_string_lossy());
        let [product, trust_root, identity] =
            [&self.product, &self.trust_root, &self.identity].map(|text| c_text(text));
        let storage = path(&self.storage);
        let [portal_url, proxy] =
            [&self.portal_url, &self.proxy].map(|url| url.as_deref().map(c_text));
        let ca_file = self.ca_file.as_deref().map(path);
        let or_null =
            |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        // SAFETY: all zero is a struct of numbers and NULL pointers.
        let mut options: lm_options = unsafe { std::mem::zeroed() };
        // SAFETY: a struct of that size.
        let code = unsafe { lm_options_init(&raw mut options, size_of::<lm_options>()) };
        assert_eq!(code, LM_OK);
        options.product = product.as_ptr();
        options.trust_root = trust_root.as_ptr();
        options.portal_url = or_null(&portal_url);
        options.storage_dir = storage.as_ptr();
        options.host_identity = identity.as_ptr();
        options.host_label = identity.as_ptr();
        options.proxy = or_null(&proxy);
        options.ca_file = or_null(&ca_file);
        options.timeout_ms = self.timeout;
        body(&mut options)
    }

    /// The same for the library's Rust interface, where a test replaces a port.
    pub fn options(&self) -> lm::Options {
        let mut options = lm::Options::new(self.product.as_str(), self.trust_root.as_str());
        options.portal_url = self.portal_url.clone();
        options.storage_dir = Some(self.storage.clone());
        options.host_identity = Some(self.identity.clone());
        options
    }

    /// The anchor file that the library keeps outside of the store.
    pub fn anchor(&self) -> Option<PathBuf> {
        anchor_of(&self.storage, &self.trust_root, &self.product)
    }

    /// Takes away what the library keeps outside of the store.
    pub fn remove_anchor(&self) {
        if let Some(anchor) = self.anchor() {
            let _ = std::fs::remove_file(anchor);
        }
    }
}

/// The anchor file of a store in user scope.
pub fn anchor_of(storage: &Path, trust_root: &str, product: &str) -> Option<PathBuf> {
    let mut options = lm::Options::new(product, trust_root);
    options.storage_dir = Some(storage.to_owned());
    options.host_identity = Some("whoever cleans up".to_owned());
    lm::Client::open(options).ok()?.anchor_path().map(Path::to_owned)
}

/// An activation ID that is well formed, and nobody's.
pub fn nobodys_id() -> String {
    lm_protocol::ActivationId::from_random([42; 10]).to_string()
}

pub fn empty_status() -> lm_status_info {
    // SAFETY: all zero is a struct of numbers.
    let mut status: lm_status_info = unsafe { std::mem::zeroed() };
    status.struct_size = size_of::<lm_status_info>();
    status
}

pub fn outcome(call: impl FnOnce(*mut *mut lm_error) -> lm_result) -> Outcome {
    let mut error = ptr::null_mut();
    let code = call(&raw mut error);
    if code == LM_OK {
        assert!(error.is_null(), "an error was written on success");
        return Ok(());
    }
    assert!(!error.is_null(), "no error was written for {code}");
    // SAFETY: an error that lives; its text is copied before it is freed.
    let message = text(unsafe { lm_error_message(error) });
    // SAFETY: as above.
    let hint = text(unsafe { lm_error_hint(error) });
    // SAFETY: as above.
    let detail = text(unsafe { lm_error_detail(error) });
    let failure = Failure { code, message, hint, detail };
    // SAFETY: an error that lives.
    assert_eq!(unsafe { lm_error_code(error) }, code);
    // SAFETY: freed once.
    unsafe { lm_error_free(error) };
    Err(failure)
}

/// Copies a buffer's bytes, and frees it.
fn taken(buffer: *mut lm_buffer) -> Vec<u8> {
    // SAFETY: a buffer that lives.
    let data = unsafe { lm_buffer_data(buffer) };
    // SAFETY: as above.
    let len = unsafe { lm_buffer_len(buffer) };
    // SAFETY: the buffer's bytes, and the NUL behind them.
    let bytes = unsafe { std::slice::from_raw_parts(data, len + 1) };
    assert_eq!(bytes.last(), Some(&0), "C may print it");
    let bytes = bytes[..len].to_vec();
    // SAFETY: freed once.
    unsafe { lm_buffer_free(buffer) };
    bytes
}

pub fn c_text(text: &str) -> CString {
    CString::new(text).expect("text without NUL")
}

pub(super) fn text(pointer: *const c_char) -> String {
    assert!(!pointer.is_null(), "texts are never NULL");
    // SAFETY: a text of the library's that lives, or the caller's buffer.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}
