//! Structures that begin with their size and only ever grow at their end.

use std::mem::{MaybeUninit, size_of};

use super::pointers::{check_out, invalid};
use crate::error::{Code, Error, Result};

/// More than any version of a structure will have: a larger size was never set.
pub(crate) const STRUCT_MAX: usize = 4096;

/// A structure of the ABI.
///
/// # Safety
/// It is `#[repr(C)]`, begins with `struct_size: usize`, and all its bytes may be zero.
pub(crate) unsafe trait Versioned: Copy {
    /// Its size in version 0.1.
    const FIRST: usize;
}

/// How many bytes the host's structure has, by its own word.
#[inline(always)]
pub(crate) fn check_size<T: Versioned>(size: usize) -> Result<usize> {
    if (T::FIRST..=STRUCT_MAX).contains(&size) {
        Ok(size)
    } else {
        Err(Error::from_code(Code::StructSize))
    }
}

/// # Safety
/// `pointer` is NULL, not aligned, or begins with a size that may be read.
#[inline(always)]
unsafe fn read_size<T: Versioned>(pointer: *const T, name: &str) -> Result<usize> {
    check_out(pointer, name)?;
    // SAFETY: not NULL, aligned; the host has set the size that it begins with.
    check_size::<T>(unsafe { pointer.cast::<usize>().read() })
}

/// The host's structure that waits for an answer.
pub(crate) struct Out<T> {
    pointer: *mut T,
    size: usize,
}

impl<T: Versioned> Out<T> {
    /// Checks it; writes nothing.
    ///
    /// # Safety
    /// `pointer` is NULL or begins with its size in bytes, and so many may be written until
    /// [`Out::write`].
    pub(crate) unsafe fn new(pointer: *mut T, name: &str) -> Result<Self> {
        // SAFETY: the caller's word.
        let size = unsafe { read_size(pointer.cast_const(), name) }?;
        Ok(Self { pointer, size })
    }

    /// Writes what the host has room for and zeroes what this version doesn't know. The size stays
    /// as the host has set it, so that the structure can be used again.
    pub(crate) fn write(self, value: T) {
        let known = self.size.min(size_of::<T>());
        let bytes = self.pointer.cast::<u8>();
        if self.size == size_of::<T>() {
            // SAFETY: checked by `new`: aligned, and as large as a `T`.
            unsafe { self.pointer.write(value) };
        } else {
            let from = (&raw const value).cast::<u8>();
            // SAFETY: `known` is at most the size of either.
            unsafe { std::ptr::copy_nonoverlapping(from, bytes, known) };
            // SAFETY: the host's structure has `size` bytes, and `known` is at most that.
            let rest = unsafe { bytes.add(known) };
            // SAFETY: as above.
            unsafe { rest.write_bytes(0, self.size - known) };
        }
        // SAFETY: a `T` begins with its size; checked by `new`.
        unsafe { self.pointer.cast::<usize>().write(self.size) };
    }
}

/// What may follow the part of a structure that this version knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing but zeros: it would ask for what this version can't do.
    Zero,
    /// Anything: it is an answer that this version once gave.
    Any,
}

/// The host's structure: what it has of it, the rest of ours zero.
///
/// Errors: [`Code::InvalidArgument`] for NULL, [`Code::StructSize`], [`Code::Unsupported`] for a
/// rest that is not as it must be.
///
/// # Safety
/// `pointer` is NULL or begins with its size in bytes, and so many may be read.
pub(crate) unsafe fn take<T: Versioned>(pointer: *const T, name: &str, rest: Rest) -> Result<T> {
    // SAFETY: the caller's word.
    let size = unsafe { read_size(pointer, name) }?;
    let known = size.min(size_of::<T>());
    // SAFETY: the host's structure has `size` bytes, initialized as C initializes them.
    let bytes = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), size) };
    let unknown = bytes.get(known..).unwrap_or_default();
    if rest == Rest::Zero && unknown.iter().any(|byte| *byte != 0) {
        return Err(Error::from_code(Code::Unsupported));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    let to = value.as_mut_ptr().cast::<u8>();
    // SAFETY: `known` is at most the size of either, and they don't overlap.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, known) };
    // SAFETY: all its bytes may be zero, and those that aren't are the host's own.
    Ok(unsafe { value.assume_init() })
}

/// Fills the host's new structure with zeros and its size.
///
/// # Safety
/// `pointer` is NULL or `size` bytes that may be written.
pub(crate) unsafe fn clear<T: Versioned>(pointer: *mut T, name: &str, size: usize) -> Result<()> {
    check_out(pointer.cast_const(), name)?;
    check_size::<T>(size)?;
    // SAFETY: checked, and the caller's word for its length.
    unsafe { pointer.cast::<u8>().write_bytes(0, size) };
    // SAFETY: a `T` begins with its size.
    unsafe { pointer.cast::<usize>().write(size) };
    Ok(())
}

/// A number that stands for a choice, checked.
pub(crate) fn choice<T>(number: u32, name: &str, known: Option<T>) -> Result<T> {
    known.ok_or_else(|| invalid(format!("{name} can't be {number}.")))
}
