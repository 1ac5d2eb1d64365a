//! The wire between the control plane and its callers: generated types, reasons of errors, the client channel.
//!
//! Both ends of a call share this crate. It contains no rules and makes no decisions.

#![warn(missing_docs)]

pub mod channel;
pub mod identity;
pub mod reason;

pub use reason::Reason;

/// The API of the control plane, generated from `proto/lychgate/v1`; the comments there are its manual.
pub mod v1 {
    #![expect(
        missing_docs,
        clippy::all,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        clippy::too_many_lines,
        reason = "generated"
    )]
    tonic::include_proto!("lychgate.v1");
}

/// Envoy's external authorization API, generated from `proto/envoy`. Generated code requires one module for each package.
pub mod envoy {
    #![expect(
        missing_docs,
        clippy::all,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        clippy::too_many_lines,
        reason = "generated"
    )]

    pub mod config {
        pub mod core {
            pub mod v3 {
                tonic::include_proto!("envoy.config.core.v3");
            }
        }
    }

    pub mod service {
        pub mod auth {
            pub mod v3 {
                tonic::include_proto!("envoy.service.auth.v3");
            }
        }
    }

    pub mod r#type {
        pub mod v3 {
            tonic::include_proto!("envoy.r#type.v3");
        }
    }
}

/// The compiled proto files, for gRPC reflection.
pub const FILE_DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Name prefix of our cookies; the edge forwards no others (RFC 6265bis §4.1.3.2: `__Host-`).
pub const COOKIE_PREFIX: &str = "__Host-lychgate-";

/// Metadata key of the request id.
pub const REQUEST_ID: &str = "x-request-id";

/// Metadata key of the client's address at an edge, for events. The control plane reads it from principals with the role edge
/// only: other callers could forge the address in the audit log.
pub const CLIENT_ADDRESS: &str = "x-client-address";

/// Cache lifetime of an issuer's public documents, including its key set. Edges send it as `max-age`, and a new key becomes
/// active only after it has been announced for this long.
pub const KEY_SET_MAX_AGE: std::time::Duration = std::time::Duration::from_secs(300);

/// The `domain` of every `ErrorInfo`.
pub const ERROR_DOMAIN: &str = "lychgate.v1";

/// The limit of a status's message, in bytes. A status travels in HTTP/2 header fields, which every receiver limits.
pub const MAX_STATUS_MESSAGE_BYTES: usize = 1024;

/// The limit of all header fields of a response, as [`channel`] accepts it (RFC 9113 §6.5.2): a status with the longest message,
/// three bytes for each when it is percent-encoded, and the longest metadata, four bytes for three in base64, fits twice.
pub const MAX_HEADER_LIST_BYTES: u32 = 64 * 1024;

/// Keys of the `metadata` of an `ErrorInfo`.
pub mod error_metadata {
    /// The limit of all keys and values of one `ErrorInfo`, in bytes.
    pub const MAX_BYTES: usize = 20 * 1024;
    /// The OAuth error code for the client.
    pub const OAUTH_ERROR: &str = "oauth_error";
    /// One sentence for the client's developer.
    pub const DESCRIPTION: &str = "description";
    /// The id of the call in the logs.
    pub const REQUEST_ID: &str = "request_id";
    /// Target of a link back to the client.
    pub const RETURN_URI: &str = "return_uri";
    /// Text of that link.
    pub const RETURN_LABEL: &str = "return_label";
    /// The `WWW-Authenticate` header of the HTTP response (RFC 6750 §3).
    pub const CHALLENGE: &str = "challenge";
    /// The oldest cursor that can be watched from.
    pub const OLDEST_CURSOR: &str = "oldest_cursor";
}
