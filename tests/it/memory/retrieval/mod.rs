//! How well memory finds what people ask for, over real documents and questions whose answers are known.

mod corpus;
mod questions;
