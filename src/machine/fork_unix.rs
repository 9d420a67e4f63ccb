//! Tells a forked child from the process that opened the client.

/// A mark that doesn't survive `fork()`.
///
/// On Linux a word in a page of its own that the kernel wipes in a child, so that asking costs one
/// load; elsewhere, and on kernels that can't do it, the number of the process. Clones are the same
/// mark; dropping the last gives the page back, in a child too. Threads: any.
#[derive(Clone, Debug)]
pub struct ForkMark(Mark);

#[derive(Clone, Debug)]
enum Mark {
    #[cfg(target_os = "linux")]
    Page(page::Page),
    Process(u32),
}

impl ForkMark {
    /// Marks this process.
    #[must_use]
    pub fn new() -> Self {
        #[cfg(target_os = "linux")]
        if let Some(page) = page::Page::new() {
            page.mark();
            return Self(Mark::Page(page));
        }
        Self(Mark::Process(std::process::id()))
    }

    /// Whether this is a child, by `fork()`, of the process that made the mark.
    #[must_use]
    pub fn is_child(&self) -> bool {
        match &self.0 {
            #[cfg(target_os = "linux")]
            Mark::Page(page) => !page.is_marked(),
            Mark::Process(marked) => *marked != std::process::id(),
        }
    }
}

impl Default for ForkMark {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(target_os = "linux")]
mod page {
    use std::ptr::NonNull;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::Relaxed;

    const HERE: u32 = 1;

    /// One page of memory, which a child finds full of zeros. Its address stands here too, so that
    /// asking goes one way and not two.
    #[derive(Clone, Debug)]
    pub(super) struct Page {
        start: NonNull<AtomicU32>,
        _mapping: Arc<Mapping>,
    }

    // SAFETY: the page lives as long as its mapping and is reached only as an atomic word.
    unsafe impl Send for Page {}
    // SAFETY: as above.
    unsafe impl Sync for Page {}

    #[derive(Debug)]
    struct Mapping {
        start: NonNull<AtomicU32>,
        len: usize,
    }

    // SAFETY: as above.
    unsafe impl Send for Mapping {}
    // SAFETY: as above.
    unsafe impl Sync for Mapping {}

    impl Page {
        /// `None` where the kernel can't wipe a page in a child, or has none left.
        pub(super) fn new() -> Option<Self> {
            // SAFETY: takes a number, touches no memory.
            let len = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
            // SAFETY: asks for fresh memory at an address of the kernel's choice.
            let start = unsafe {
                libc::mmap(
                    std::ptr::null_mut(),
                    len,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                    -1,
                    0,
                )
            };
            if start == libc::MAP_FAILED {
                return None;
            }
            // From here on the page is given back on every path.
            let first = NonNull::new(start)?.cast();
            let mapping = Arc::new(Mapping { start: first, len });
            let page = Self { start: first, _mapping: mapping };
            // SAFETY: the page that was just mapped, whole; its contents stay.
            let wiped = unsafe { libc::madvise(start, len, libc::MADV_WIPEONFORK) };
            (wiped == 0).then_some(page)
        }

        pub(super) fn mark(&self) {
            self.word().store(HERE, Relaxed);
        }

        #[inline(always)]
        pub(super) fn is_marked(&self) -> bool {
            self.word().load(Relaxed) == HERE
        }

        #[inline(always)]
        fn word(&self) -> &AtomicU32 {
            // SAFETY: mapped, zeroed, aligned to a page, and unmapped only with the last clone.
            unsafe { self.start.as_ref() }
        }
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            // SAFETY: mapped by `new` with this length; nothing borrows from it any more.
            unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a forked child says of the mark.
    fn asked_in_a_child(mark: &ForkMark) -> bool {
        // SAFETY: the child loads a word and ends; it takes no lock and allocates nothing.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let answer = i32::from(mark.is_child());
            // SAFETY: ends the process without running anything of this one's.
            unsafe { libc::_exit(answer) };
        }
        assert!(child > 0);
        let mut status = 0;
        // SAFETY: waits for the child made above; the pointer is to a local.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert!(libc::WIFEXITED(status));
        libc::WEXITSTATUS(status) == 1
    }

    #[test]
    fn a_child_knows_that_it_is_one_and_its_parent_stays_itself() {
        for mark in [ForkMark::new(), ForkMark(Mark::Process(std::process::id()))] {
            assert!(!mark.is_child());
            assert!(asked_in_a_child(&mark), "{mark:?}");
            assert!(!mark.is_child(), "{mark:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_needs_no_system_call_to_tell() {
        assert!(matches!(ForkMark::new().0, Mark::Page(_)));
    }
}
