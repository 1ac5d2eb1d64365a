//! The wire between edge, control and everybody who asks: generated types, reasons, channels and listeners.
//!
//! Nothing here decides anything, and nothing here knows the rules: it is what both ends of a call share.

pub mod channel;
pub mod identity;
pub mod reason;

pub use reason::Reason;

/// `lychgate.v1`, as generated from `proto/lychgate/v1`; the comments there are the manual.
pub mod v1 {
    #![expect(clippy::all, clippy::allow_attributes, clippy::allow_attributes_without_reason, reason = "generated")]
    tonic::include_proto!("lychgate.v1");
}

/// What Envoy asks, as generated from `proto/envoy`. Nested as its packages are: the generated code counts on it.
pub mod envoy {
    #![expect(clippy::all, clippy::allow_attributes, clippy::allow_attributes_without_reason, reason = "generated")]

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

/// The compiled proto files, for reflection.
pub const FILE_DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The cookies that the edge passes on, and no others, have this prefix (RFC 6265bis §4.1.3.2: `__Host-`).
pub const COOKIE_PREFIX: &str = "__Host-lychgate-";

/// Metadata key of the request id.
pub const REQUEST_ID: &str = "x-request-id";

/// Metadata key of the address of an edge's client, for the events that its call causes. From nobody else it is read.
pub const CLIENT_ADDRESS: &str = "x-client-address";

/// How long whoever reads an issuer's public documents, its key set among them, may keep them. Edges say it, and no key
/// is used before so much of its announcement has passed.
pub const KEY_SET_MAX_AGE: std::time::Duration = std::time::Duration::from_secs(300);

/// `ErrorInfo.domain`.
pub const ERROR_DOMAIN: &str = "lychgate.v1";

/// Keys of `ErrorInfo.metadata`.
pub mod error_metadata {
    pub const OAUTH_ERROR: &str = "oauth_error";
    pub const DESCRIPTION: &str = "description";
    pub const REQUEST_ID: &str = "request_id";
    pub const RETURN_URI: &str = "return_uri";
    pub const RETURN_LABEL: &str = "return_label";
    /// The `WWW-Authenticate` of the answer (RFC 6750 §3).
    pub const CHALLENGE: &str = "challenge";
    pub const OLDEST_CURSOR: &str = "oldest_cursor";
}
