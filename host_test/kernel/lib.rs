// SPDX-License-Identifier: GPL-2.0

//! As much of the `kernel` crate as the core of setns(2) uses, for the host.
//!
//! `impl_flags`, `pid_namespace`, `sync::aref` and `sync::rcu` are the kernel's own files. The rest
//! of the crate does not compile here and is cut down to what the core needs of it. [`bindings`]
//! has mocks of the C functions, and [`world`] what the mocks work on.

#[macro_use]
mod impl_flags;

pub mod bindings;
pub mod pid_namespace;
pub mod world;

/// Reference counting and RCU.
pub mod sync {
    pub mod aref;
    pub mod rcu;
}

/// What every module of the core imports.
pub mod prelude {
    pub use crate::{
        error::{
            code::*,
            Error,
            Result, //
        },
        module,
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

    /// The error numbers by name, those that the core and its documentation use.
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
        /// The negative number.
        pub fn to_errno(self) -> c_int {
            self.0
        }
    }

    /// The result that a C function returns as a number.
    pub fn to_result(err: c_int) -> Result {
        if err < 0 {
            Err(Error(err))
        } else {
            Ok(())
        }
    }

    /// The result that a C function returns as a pointer.
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
        mem::MaybeUninit,
        ops::{
            Deref,
            DerefMut, //
        },
    };

    /// Keeps the type that has it in its thread.
    pub type NotThreadSafe = PhantomData<*mut ()>;

    /// A value of this type.
    #[expect(non_upper_case_globals)]
    pub const NotThreadSafe: NotThreadSafe = PhantomData;

    /// Something of C's, of which Rust assumes nothing.
    #[repr(transparent)]
    pub struct Opaque<T>(UnsafeCell<MaybeUninit<T>>);

    impl<T> Opaque<T> {
        /// Where it is.
        pub const fn get(&self) -> *mut T {
            UnsafeCell::get(&self.0).cast()
        }
    }

    /// Runs a cleanup when it is dropped, unless it is dismissed.
    pub struct ScopeGuard<T, F: FnOnce(T)>(Option<(T, F)>);

    impl<T, F: FnOnce(T)> ScopeGuard<T, F> {
        /// A guard that holds `data`.
        pub fn new_with_data(data: T, cleanup: F) -> Self {
            Self(Some((data, cleanup)))
        }

        /// Gives the data back, and does not clean up.
        pub fn dismiss(mut self) -> T {
            self.0.take().unwrap().0
        }
    }

    impl<T, F: FnOnce(T)> Deref for ScopeGuard<T, F> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0.as_ref().unwrap().0
        }
    }

    impl<T, F: FnOnce(T)> DerefMut for ScopeGuard<T, F> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.0.as_mut().unwrap().0
        }
    }

    impl<T, F: FnOnce(T)> Drop for ScopeGuard<T, F> {
        fn drop(&mut self) {
            if let Some((data, cleanup)) = self.0.take() {
                cleanup(data)
            }
        }
    }

    /// As [`ARef`](crate::sync::aref::ARef) implements it. Not used here.
    ///
    /// # Safety
    ///
    /// See the kernel's.
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

/// Tasks.
pub mod task {
    use crate::{
        bindings,
        pid_namespace::PidNamespace,
        sync::aref::ARef,
        types::Opaque,
        world, //
    };
    use core::ptr::NonNull;

    /// Wraps `struct task_struct`.
    #[repr(transparent)]
    pub struct Task(Opaque<bindings::task_struct>);

    impl Task {
        /// The current one.
        pub fn current_raw() -> *mut bindings::task_struct {
            world::current()
        }

        /// Where it is.
        pub fn as_ptr(&self) -> *mut bindings::task_struct {
            self.0.get()
        }

        /// The pid namespace that the task lives in.
        pub fn get_pid_ns(&self) -> Option<ARef<PidNamespace>> {
            // SAFETY: A `&Task` is valid.
            let ns = unsafe { bindings::task_get_pid_ns(self.as_ptr()) };
            // SAFETY: The call above took a reference, and the type is transparent.
            NonNull::new(ns).map(|ns| unsafe { ARef::from_raw(ns.cast()) })
        }
    }

    /// Complains if the caller must not sleep.
    pub fn might_sleep() {
        world::might_sleep("might_sleep");
    }
}

/// The module that is loaded.
pub struct ThisModule;

/// What can be loaded.
pub trait Module: Sized {
    /// Loads it.
    fn init(module: &'static ThisModule) -> error::Result<Self>;
}

/// Declares a module, here as a function that loads it. Dropping the result unloads it.
#[macro_export]
macro_rules! module {
    (type: $type:ident, $($rest:tt)*) => {
        /// Loads the module.
        pub fn load() -> $crate::error::Result<impl Sized> {
            <$type as $crate::Module>::init(&$crate::ThisModule)
        }
    };
}
