//! Errors as they travel over JSON-RPC: a number, a word and a message.

use kernel_core::{CallError, Error, Fault};

use crate::text::without_place;

/// What is not JSON-RPC's own error.
const OWN: i32 = -32000;

/// An error as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcError {
    pub(crate) number: i32,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl RpcError {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        RpcError {
            number: OWN,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    pub(crate) fn no_method(method: &str) -> Self {
        let mut error = RpcError::new("not_found", format!("there is no method {method:?}"));
        error.number = -32601;
        error
    }

    pub(crate) fn params(method: &str, cause: &serde_json::Error) -> Self {
        let cause = without_place(cause);
        let mut error = RpcError::new("invalid_argument", format!("{method}: {cause}"));
        error.number = -32602;
        error
    }

    pub(crate) fn to_kernel(&self) -> Error {
        Error::new(&self.code, &self.message)
    }
}

impl From<Fault> for RpcError {
    fn from(fault: Fault) -> Self {
        RpcError::new(fault.code(), fault.to_string())
    }
}

impl From<Error> for RpcError {
    fn from(error: Error) -> Self {
        RpcError::new(error.code(), error.message())
    }
}

impl From<CallError<'_>> for RpcError {
    fn from(error: CallError<'_>) -> Self {
        match error {
            CallError::Fault(fault) => fault.into(),
            CallError::Failed { code, message } => RpcError::new(code, message),
        }
    }
}
