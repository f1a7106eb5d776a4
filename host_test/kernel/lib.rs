// SPDX-License-Identifier: GPL-2.0

//! The parts of the `kernel` crate that the core of setns(2) uses, for the host.
//!
//! A module without a body here is the kernel's own file. The rest of the crate does not compile
//! here, and is reduced to what these files and the core need. [`mocks`] defines the C functions
//! that they and `kernel/nsproxy.c` call. The mocks work on a [`world`].

// The files refer to the crate by this name.
extern crate self as kernel;

#[macro_use]
mod impl_flags;

pub mod cred;
pub mod mocks;
pub mod ns_common;
pub mod nsproxy;
pub mod pid;
pub mod pid_namespace;
pub mod task;
pub mod user_namespace;
pub mod world;

pub use bindings;
pub use core::fmt;

/// Reference counting and RCU.
pub mod sync {
    pub mod aref;
    pub mod rcu;

    /// Atomic loads. The core makes one, of the count of the caller's set.
    pub mod atomic {
        use crate::world;
        use core::ffi::c_int;

        /// An ordering of a load.
        pub trait Ordering {
            /// Do the accesses after the load stay after it?
            const ACQUIRES: bool;
        }

        /// The ordering that the core's load needs.
        pub struct Acquire;

        impl Ordering for Acquire {
            const ACQUIRES: bool = true;
        }

        /// An ordering that is too weak.
        pub struct Relaxed;

        impl Ordering for Relaxed {
            const ACQUIRES: bool = false;
        }

        /// Returns the number of references that a count stands for.
        ///
        /// # Safety
        ///
        /// The mock takes any pointer.
        pub unsafe fn atomic_load<O: Ordering>(count: *mut c_int, _: O) -> c_int {
            world::with(|world| world.count(count, O::ACQUIRES))
        }
    }
}

/// Files.
pub mod fs {
    pub mod file;
    pub use file::LocalFile;
}

/// Memory maps. No code looks into them.
pub mod mm {
    use crate::{
        bindings,
        types::Opaque, //
    };

    /// Wraps `struct mm_struct`.
    #[repr(transparent)]
    pub struct MmWithUser(Opaque<bindings::mm_struct>);

    impl MmWithUser {
        /// Makes a reference from a pointer.
        ///
        /// # Safety
        ///
        /// The pointer is valid for `'a`.
        pub unsafe fn from_raw<'a>(ptr: *const bindings::mm_struct) -> &'a Self {
            // SAFETY: The caller guarantees that it is valid. The type is transparent.
            unsafe { &*ptr.cast() }
        }
    }
}

/// The names that every module of the core imports.
pub mod prelude {
    pub use crate::{
        current,
        error::{
            code::*,
            Error,
            Result, //
        },
        module,
        static_assert,
        ThisModule, //
    };
    pub use core::ffi::{
        c_int,
        c_long,
        c_uint,
        c_void, //
    };
    pub use macros::export;
}

/// Error numbers.
pub mod error {
    use core::ffi::c_int;

    /// A negative errno.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Error(c_int);

    /// The kernel's result.
    pub type Result<T = (), E = Error> = core::result::Result<T, E>;

    /// The error numbers, by name, that the core and its documentation use.
    pub mod code {
        use super::Error;

        macro_rules! errno {
            ($($name:ident = $value:literal)+) => {
                $(#[doc = concat!("Error number ", $value, ".")]
                pub const $name: Error = Error(-$value);)+
            };
        }

        errno!(EPERM = 1 ESRCH = 3 EBADF = 9 ENOMEM = 12 EINVAL = 22);
    }

    impl Error {
        /// Makes one of a negative number.
        pub fn from_errno(errno: c_int) -> Self {
            Self(errno)
        }

        /// Returns the negative number.
        pub fn to_errno(self) -> c_int {
            self.0
        }
    }

    /// Converts a number that a C function returned.
    pub fn to_result(err: c_int) -> Result {
        if err < 0 {
            Err(Error(err))
        } else {
            Ok(())
        }
    }

    /// Converts a pointer that a C function returned, which may be an error.
    pub fn from_err_ptr<T>(ptr: *mut T) -> Result<*mut T> {
        match ptr.addr() as isize {
            err @ -4095..=-1 => Err(Error(err as c_int)),
            _ => Ok(ptr),
        }
    }
}

/// Owners and cells.
pub mod types {
    use core::{
        cell::UnsafeCell,
        ffi::c_void,
        marker::PhantomData,
        mem::MaybeUninit, //
    };

    /// Keeps a type with such a member in its thread.
    pub type NotThreadSafe = PhantomData<*mut ()>;

    /// A value of this type.
    #[expect(non_upper_case_globals)]
    pub const NotThreadSafe: NotThreadSafe = PhantomData;

    /// An object of C. Rust assumes nothing about it.
    #[repr(transparent)]
    pub struct Opaque<T>(UnsafeCell<MaybeUninit<T>>);

    impl<T> Opaque<T> {
        /// Returns one without a value.
        pub const fn uninit() -> Self {
            Self(UnsafeCell::new(MaybeUninit::uninit()))
        }

        /// Returns its address.
        pub const fn get(&self) -> *mut T {
            UnsafeCell::get(&self.0).cast()
        }
    }

    /// [`ARef`](crate::sync::aref::ARef) implements it. No code here uses it.
    ///
    /// # Safety
    ///
    /// See the kernel's crate.
    #[expect(missing_docs, clippy::missing_safety_doc)]
    pub unsafe trait ForeignOwnable: Sized {
        const FOREIGN_ALIGN: usize;
        type Borrowed<'a>
        where
            Self: 'a;
        type BorrowedMut<'a>
        where
            Self: 'a;
        fn into_foreign(self) -> *mut c_void;
        unsafe fn from_foreign(ptr: *mut c_void) -> Self;
        unsafe fn borrow<'a>(ptr: *mut c_void) -> Self::Borrowed<'a>;
        unsafe fn borrow_mut<'a>(ptr: *mut c_void) -> Self::BorrowedMut<'a>;
    }
}

/// The file of a place in the code. No code here looks at it.
pub struct File(());

impl File {
    /// Returns its name.
    pub fn as_char_ptr(&self) -> *const core::ffi::c_char {
        c"".as_ptr()
    }
}

/// Returns the file of a place in the code.
pub fn file_from_location(_location: &core::panic::Location<'_>) -> File {
    File(())
}

/// Asserts a condition about constants.
#[macro_export]
macro_rules! static_assert {
    ($condition:expr) => {
        const _: () = ::core::assert!($condition);
    };
}

/// The module that is loaded.
pub struct ThisModule;

/// A type that can be loaded.
pub trait Module: Sized {
    /// Loads it.
    fn init(module: &'static ThisModule) -> error::Result<Self>;
}

/// Declares a module. Here this defines a function that initializes it.
#[macro_export]
macro_rules! module {
    (type: $type:ident, $($rest:tt)*) => {
        /// Initializes the module.
        pub fn load() -> $crate::error::Result<impl Sized> {
            <$type as $crate::Module>::init(&$crate::ThisModule)
        }
    };
}
