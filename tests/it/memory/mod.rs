//! What is remembered, and what is found of it.

mod retrieval;
