//! Batches through the handler, with a bucket and tables on this machine.

mod answers;
mod place;
mod real;
mod repeated;
