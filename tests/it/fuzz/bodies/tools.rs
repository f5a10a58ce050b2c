//! What models write into the arguments of the calculator.

use agentflow::tool::calculator::fuzz::value_of;

pub(super) fn calculator(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    match value_of(text) {
        // The lowest integer there is has no positive of its size to be read from.
        Ok(written) if written == i128::MIN.to_string() => {}
        // A number is written so that it is the same one when it is read again, as near as floating-point numbers are.
        Ok(written) => {
            let again = value_of(&written).unwrap_or_else(|error| panic!("{text:?} is {written:?}, which is nothing: {error}"));
            let number = |text: &str| text.parse::<f64>().unwrap_or_else(|error| panic!("{text:?}: {error}"));
            let (again, written) = (number(&again), number(&written));
            assert!((again - written).abs() <= written.abs() * 1e-12, "{text:?} is {written}, which is {again}");
        }
        Err(error) => assert!(!error.message().is_empty()),
    }
}
