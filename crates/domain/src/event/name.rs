//! Names of events, for the log, the feed and exports.

macro_rules! names {
    ($($name:ident = $text:literal,)*) => {
        /// The name of a kind of event. Names may be added, never changed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventName {
            $(#[doc = concat!("`", $text, "`; see `docs/events.md`.")] $name,)*
        }

        impl EventName {
            /// All names.
            pub const ALL: &[EventName] = &[$(EventName::$name,)*];

            /// The name as text, such as `consent.approved`. Stable.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(EventName::$name => $text,)*
                }
            }
        }
    };
}

names! {
    ConsentApproved = "consent.approved",
    ConsentDenied = "consent.denied",
    ConsentRevoked = "consent.revoked",
    LoginQuestioned = "login.questioned",
    LoginRefused = "login.refused",
    EntryRefused = "entry.refused",
    GrantIssued = "grant.issued",
    GrantSuperseded = "grant.superseded",
    GrantReturned = "grant.returned",
    GrantRevoked = "grant.revoked",
    CodeReplayed = "code.replayed",
    RefreshTokenReplayed = "refresh_token.replayed",
    ClientRevoked = "client.revoked",
    ClientDisabled = "client.disabled",
    ClientEnabled = "client.enabled",
    SubjectRevoked = "subject.revoked",
    IssuerRevoked = "issuer.revoked",
    KeysRotated = "keys.rotated",
    ConnectionRejected = "connection.rejected",
    ConnectionEnded = "connection.ended",
    UpstreamTokenGiven = "upstream_token.given",
    ConfigurationChanged = "configuration.changed",
}
