//! What a C program can't show: a panic inside a call, and a structure of another version.

use std::ffi::{CStr, CString, c_void};
use std::mem::size_of;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use lm_protocol::{Bytes32, SigningKey, TrustRoot};

use super::constants::{RESULTS, STATES};
use super::guard::guarded;
use super::sized::{Out, Rest, Versioned, take};
use super::*;
use crate::error::Code;
use crate::policy::State;

/// Runs `body` without std's line about a panic that is meant.
fn quietly<T>(body: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let answer = body();
    std::panic::set_hook(hook);
    answer
}

fn open(dir: &std::path::Path, destroyed: &AtomicU32) -> *mut lm_client {
    unsafe extern "C" fn count(user_data: *mut c_void) {
        // SAFETY: the counter of the test, which outlives its clients.
        unsafe { &*user_data.cast::<AtomicU32>() }.fetch_add(1, Relaxed);
    }
    let root = TrustRoot {
        vendor: "Terra".to_owned(),
        keys: vec![SigningKey::from_seed([1; 32]).unwrap().public()],
        salt: Bytes32([2; 32]),
    };
    let root = CString::new(root.to_string()).unwrap();
    let dir = CString::new(dir.to_str().unwrap()).unwrap();
    let mut client = null_mut();
    let mut options = std::mem::MaybeUninit::<lm_options>::uninit();
    // SAFETY: as large as it says.
    let initialized = unsafe { lm_options_init(options.as_mut_ptr(), size_of::<lm_options>()) };
    assert_eq!(initialized, LM_OK);
    // SAFETY: `lm_options_init` has written all of it.
    let mut options = unsafe { options.assume_init() };
    options.product = c"terra-studio".as_ptr();
    options.trust_root = root.as_ptr();
    options.storage_dir = dir.as_ptr();
    options.host_identity = c"a test".as_ptr();
    options.log_user_data = std::ptr::from_ref(destroyed).cast_mut().cast();
    options.log_destroy = Some(count);
    // SAFETY: all that the options point to is above; no error is asked for.
    assert_eq!(unsafe { lm_client_open(&raw const options, &raw mut client, null_mut()) }, LM_OK);
    client
}

#[test]
fn r83_no_panic_crosses() {
    assert_eq!(quietly(|| guarded(7, || panic!("planted"))), 7);

    let dir = tempfile::tempdir().unwrap();
    let destroyed = AtomicU32::new(0);
    let store = dir.path().join("store");
    let (poisoned, other) = (open(&store, &destroyed), open(&store, &destroyed));

    // SAFETY: just opened.
    let borrowed = unsafe { lm_client::borrow(poisoned) };
    let result =
        quietly(|| lm_client::run(borrowed, |_| -> crate::Result<()> { panic!("planted") }));
    assert_eq!(result.unwrap_err().code(), Code::Internal);

    let status = |client| {
        // SAFETY: all of it may be zero.
        let mut info = unsafe { std::mem::zeroed::<lm_status_info>() };
        info.struct_size = size_of::<lm_status_info>();
        // SAFETY: a client that lives and a structure that has its size.
        unsafe { lm_status(client, null(), &raw mut info) }
    };
    assert_eq!(status(poisoned), LM_ERR_INTERNAL, "nobody knows what the panic left behind");
    // SAFETY: a client that lives; no error is asked for.
    assert_eq!(unsafe { lm_resume(poisoned, null_mut()) }, LM_ERR_INTERNAL);
    // SAFETY: a client that lives.
    assert_eq!(unsafe { lm_change_count(poisoned) }, 0);
    assert_eq!(status(other), LM_OK, "another client over the same store is none the worse");

    // SAFETY: opened above, and freed once.
    unsafe { lm_client_free(poisoned) };
    assert_eq!(destroyed.load(Relaxed), 1, "free still frees");
    // SAFETY: opened above, and freed once.
    unsafe { lm_client_free(other) };
    assert_eq!(destroyed.load(Relaxed), 2);
}

/// A structure that has grown since version 0.1, as the host's side and the library's side know it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
struct Grown {
    struct_size: usize,
    first: u32,
    second: u32,
    later: u64,
}

// SAFETY: `#[repr(C)]`, its size first, numbers only, no padding.
unsafe impl Versioned for Grown {
    const FIRST: usize = std::mem::offset_of!(Grown, later);
}

#[test]
fn a_structure_of_another_version_is_written_as_far_as_both_sides_know_it() {
    let answer = Grown { struct_size: 0, first: 1, second: 2, later: 3 };
    let untouched = 0xAA_u8;
    let (old, today, newer) = (Grown::FIRST, size_of::<Grown>(), size_of::<Grown>() + 8);
    for size in [old, today, newer] {
        let mut host = [0x5A5A_5A5A_5A5A_5A5A_u64; 8];
        let bytes = host.as_mut_ptr().cast::<u8>();
        // SAFETY: all within the 64 bytes.
        unsafe { bytes.write_bytes(untouched, 64) };
        // SAFETY: as above.
        unsafe { bytes.cast::<usize>().write(size) };
        // SAFETY: has as many bytes as it says.
        let out = unsafe { Out::<Grown>::new(bytes.cast(), "out") }.unwrap();
        out.write(answer);
        let words: Vec<u64> = host.to_vec();
        assert_eq!(words[0], size as u64, "the host's size stays");
        assert_eq!(words[1], 2 << 32 | 1);
        let (later, beyond) = (words[2], words[3]);
        assert_eq!(later, if size >= today { 3 } else { u64::from_ne_bytes([untouched; 8]) });
        assert_eq!(beyond, if size >= newer { 0 } else { u64::from_ne_bytes([untouched; 8]) });
    }
    for size in [0, old - 1, 4097, usize::MAX] {
        let host = Grown { struct_size: size, ..answer };
        // SAFETY: nothing but the size is read.
        let taken = unsafe { take(&raw const host, "host", Rest::Any) };
        assert_eq!(taken.unwrap_err().code(), Code::StructSize);
    }
}

#[test]
fn what_a_newer_host_asks_for_is_refused_and_not_passed_over() {
    #[repr(C)]
    struct Newer {
        known: Grown,
        wish: u64,
    }
    let known = Grown { struct_size: size_of::<Newer>(), first: 1, second: 2, later: 3 };
    for (wish, rest, refused) in
        [(0, Rest::Zero, false), (1, Rest::Zero, true), (1, Rest::Any, false)]
    {
        let host = Newer { known, wish };
        // SAFETY: has as many bytes as it says.
        let taken = unsafe { take(std::ptr::from_ref(&host).cast::<Grown>(), "host", rest) };
        match taken {
            Ok(taken) => assert_eq!((taken, refused), (known, false)),
            Err(error) => assert_eq!((error.code(), refused), (Code::Unsupported, true)),
        }
    }
}

#[test]
fn the_header_names_every_code_and_state_as_the_library_does() {
    let text = |pointer| {
        // SAFETY: the library's own text.
        unsafe { CStr::from_ptr(pointer) }.to_str().unwrap()
    };
    assert_eq!((RESULTS.len(), STATES.len()), (Code::ALL.len(), State::ALL.len()));
    for code in Code::ALL {
        assert_eq!(text(lm_result_name(code.number())), code.name());
    }
    for state in State::ALL {
        assert_eq!(text(lm_state_name(state as u32)), state.name());
    }
    assert_eq!((text(lm_result_name(LM_OK)), text(lm_result_name(-1))), ("LM_OK", "?"));
    assert_eq!(text(lm_state_name(u32::MAX)), "?");
}
