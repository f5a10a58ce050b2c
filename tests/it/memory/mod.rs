//! What is remembered.

mod index;
