//! The weights of a model, taken out of a file one by one, each of the shape it must have.

use candle_core::{DType, Device, Tensor, safetensors::Load as _};
use safetensors::SafeTensors;

/// The weights in the bytes of a safetensors file.
pub(super) struct Weights<'a> {
    tensors: SafeTensors<'a>,
    /// What stands before all names, in models that were saved with a further part around.
    prefix: &'static str,
}

impl<'a> Weights<'a> {
    /// Reads where the weights are.
    ///
    /// # Errors
    /// When the bytes are no such file, or a part of one.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|err| err.to_string())?;
        let prefix = if tensors.names().iter().any(|name| name.starts_with("bert.")) { "bert." } else { "" };
        Ok(Self { tensors, prefix })
    }

    /// The weight called `name`.
    ///
    /// # Errors
    /// When it is not there, or of another shape.
    pub(super) fn take(&self, name: &str, shape: &[usize]) -> Result<Tensor, String> {
        let name = format!("{}{name}", self.prefix);
        let view = self.tensors.tensor(&name).map_err(|_| format!("it has no weight `{name}`"))?;
        if view.shape() != shape {
            return Err(format!("its weight `{name}` has the shape {:?} instead of {shape:?}", view.shape()));
        }
        let tensor = view.load(&Device::Cpu).and_then(|tensor| {
            if tensor.dtype().is_float() { tensor.to_dtype(DType::F32) } else { Err(candle_core::Error::Msg("no floats".into())) }
        });
        tensor.map_err(|err| format!("its weight `{name}` cannot be read: {err}"))
    }
}
