//! `Read` and `Write` of what reads and writes by reference.

/// `&$type` reads, and so does `$type`. Further methods of `&$type`'s own are named.
macro_rules! read_by_value {
    ($type:ty $(, $method:ident($argument:ty))*) => {
        impl std::io::Read for $type {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                (&*self).read(buffer)
            }

            fn read_vectored(
                &mut self,
                buffers: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                (&*self).read_vectored(buffers)
            }

            $(
                fn $method(&mut self, into: &mut $argument) -> std::io::Result<usize> {
                    (&*self).$method(into)
                }
            )*
        }
    };
}

/// The same for writing.
macro_rules! write_by_value {
    ($type:ty) => {
        impl std::io::Write for $type {
            fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
                (&*self).write(buffer)
            }

            fn write_vectored(
                &mut self,
                buffers: &[std::io::IoSlice<'_>],
            ) -> std::io::Result<usize> {
                (&*self).write_vectored(buffers)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                (&*self).flush()
            }
        }
    };
}

pub(crate) use {read_by_value, write_by_value};
