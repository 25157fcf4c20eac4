//! Why something about an installed plugin was not done.

use std::fmt;

use kernel_core::{Error, Fault};

use crate::package::PackageError;

/// A code for programs, and words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallError {
    code: String,
    message: String,
}

impl InstallError {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        InstallError {
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What is wrong, and what to do.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for InstallError {}

impl From<PackageError> for InstallError {
    fn from(error: PackageError) -> Self {
        InstallError::new("invalid_package", error.to_string())
    }
}

impl From<Error> for InstallError {
    fn from(error: Error) -> Self {
        InstallError::new(error.code(), error.message())
    }
}

impl From<Fault> for InstallError {
    fn from(fault: Fault) -> Self {
        InstallError::new(fault.code(), fault.to_string())
    }
}
