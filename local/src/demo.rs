//! The story that `tasador demo` tells: real sales, month by month.

pub mod sales;
pub(crate) mod source;
