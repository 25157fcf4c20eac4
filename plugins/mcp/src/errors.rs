//! What a client is told when something goes wrong beside its tools.

use link_gateway::Failure;
use rmcp::ErrorData;

/// A failure as the protocol's error.
pub(crate) fn error(failure: Failure) -> ErrorData {
    let text = failure.to_string();
    match failure.code.as_str() {
        "not_found" => ErrorData::resource_not_found(text, None),
        "denied" | "invalid_argument" | "invalid_name" => ErrorData::invalid_params(text, None),
        _ => ErrorData::internal_error(text, None),
    }
}
