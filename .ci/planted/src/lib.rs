//! One fault a function, as a library of unsafe Rust could have it. `main.c` calls them.
// Wrong on purpose, all of it.
#![allow(clippy::all)]

use std::alloc::Layout;

/// Reads memory that was given back.
#[unsafe(no_mangle)]
pub extern "C" fn planted_use_after_free() -> i32 {
    let pointer = Box::into_raw(Box::new(41));
    // SAFETY: none.
    unsafe { drop(Box::from_raw(pointer)) };
    // SAFETY: none.
    unsafe { pointer.read_volatile() }
}

/// Reads beyond the end, in a function of std that was compiled with it.
#[unsafe(no_mangle)]
pub extern "C" fn planted_in_std() -> i32 {
    let digits = vec![b'1'; 16];
    // SAFETY: none.
    let longer = unsafe { std::slice::from_raw_parts(digits.as_ptr(), 17) };
    i32::from(std::str::from_utf8(longer).is_ok())
}

/// Forgets what it has allocated.
#[unsafe(no_mangle)]
pub extern "C" fn planted_leak() -> i32 {
    std::mem::forget(std::hint::black_box(vec![7_u64; 100]));
    0
}

/// Decides by what was never written.
#[unsafe(no_mangle)]
pub extern "C" fn planted_uninitialized() -> i32 {
    let layout = Layout::new::<u64>();
    // SAFETY: none.
    let word = unsafe { std::alloc::alloc(layout) }.cast::<u64>();
    // SAFETY: none.
    let answer = if unsafe { word.read_volatile() } > 1000 { 1 } else { 0 };
    // SAFETY: none.
    unsafe { std::alloc::dealloc(word.cast(), layout) };
    answer
}

static mut SHARED: u64 = 0;

/// Counts without any order, called by two threads.
#[unsafe(no_mangle)]
pub extern "C" fn planted_race() -> i32 {
    for _ in 0..1000 {
        // SAFETY: none.
        unsafe { (&raw mut SHARED).write_volatile((&raw const SHARED).read_volatile() + 1) };
    }
    0
}

/// The same with the order that a lock gives: nothing to find.
#[unsafe(no_mangle)]
pub extern "C" fn planted_nothing() -> i32 {
    static COUNT: std::sync::Mutex<u64> = std::sync::Mutex::new(0);
    for _ in 0..1000 {
        *COUNT.lock().unwrap() += 1;
    }
    0
}

#[cfg(test)]
mod tests {
    #[test]
    fn use_after_free() {
        super::planted_use_after_free();
    }

    #[test]
    fn nothing() {
        super::planted_nothing();
    }
}
