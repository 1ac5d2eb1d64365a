//! Every gRPC method that is served, and the roles that may call it.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::ground::principal::Role;

/// Every method that is served, by its gRPC path, and the roles that may call it. Any other method is denied.
const METHODS: &[(&[Role], &[&str])] = &[
    (
        &[Role::Edge],
        &[
            "/lychgate.v1.AuthorizationService/Begin",
            "/lychgate.v1.AuthorizationService/Show",
            "/lychgate.v1.AuthorizationService/Decide",
            "/lychgate.v1.AuthorizationService/FinishLogin",
            "/lychgate.v1.AuthorizationService/ConfirmLogin",
            "/lychgate.v1.TokenService/Verify",
            "/lychgate.v1.TokenService/Revoke",
            "/lychgate.v1.RegistrationService/Register",
            "/lychgate.v1.RegistrationService/Read",
            "/lychgate.v1.RegistrationService/Update",
            "/lychgate.v1.RegistrationService/Delete",
            "/lychgate.v1.AccountService/Show",
            "/lychgate.v1.AccountService/SignIn",
            "/lychgate.v1.AccountService/Revoke",
            "/lychgate.v1.AccountService/SignOut",
            "/lychgate.v1.IssuerService/Checkup",
        ],
    ),
    (&[Role::Edge, Role::Resource], &["/lychgate.v1.TokenService/Exchange", "/lychgate.v1.TokenService/Introspect"]),
    (
        &[Role::Resource],
        &[
            "/envoy.service.auth.v3.Authorization/Check",
            "/lychgate.v1.UpstreamTokenService/Get",
            "/lychgate.v1.UpstreamTokenService/ReportRejected",
        ],
    ),
    (&[Role::Checker], &["/lychgate.v1.ConsentService/Check", "/lychgate.v1.ConsentService/BatchCheck"]),
    (
        &[Role::Reader, Role::Operator],
        &["/lychgate.v1.ConsentService/Get", "/lychgate.v1.ConsentService/List", "/lychgate.v1.ConsentService/Watch"],
    ),
    (
        &[Role::Edge, Role::Reader, Role::Operator],
        &["/lychgate.v1.IssuerService/List", "/lychgate.v1.IssuerService/Describe"],
    ),
    (
        &[Role::Operator],
        &[
            "/lychgate.v1.AdminService/ListKeys",
            "/lychgate.v1.AdminService/RotateKeys",
            "/lychgate.v1.AdminService/ListClients",
            "/lychgate.v1.AdminService/GetClient",
            "/lychgate.v1.AdminService/DisableClient",
            "/lychgate.v1.AdminService/EnableClient",
            "/lychgate.v1.AdminService/ListGrants",
            "/lychgate.v1.AdminService/GetGrant",
            "/lychgate.v1.AdminService/ListConnections",
            "/lychgate.v1.AdminService/Revoke",
            "/lychgate.v1.AdminService/RevokeSubjects",
            "/lychgate.v1.AdminService/ListEvents",
            "/lychgate.v1.AdminService/ExportEvents",
            "/lychgate.v1.AdminService/Backup",
            "/lychgate.v1.AdminService/Diagnose",
            "/lychgate.v1.AdminService/ReadCheckup",
        ],
    ),
];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Method {
    pub(crate) path: &'static str,
    pub(crate) roles: &'static [Role],
}

/// The method that a gRPC path names, if it is one of these.
pub(crate) fn method(path: &str) -> Option<Method> {
    static BY_PATH: LazyLock<HashMap<&str, Method>> = LazyLock::new(|| {
        let of_roles = |&(roles, paths): &'static (&[Role], &[&str])| {
            paths.iter().map(move |&path| (path, Method { path, roles }))
        };
        METHODS.iter().flat_map(of_roles).collect()
    });
    BY_PATH.get(path).copied()
}

/// The gRPC paths of all methods that a caller with this role may call.
pub fn methods_of(role: Role) -> impl Iterator<Item = &'static str> {
    let of_role = METHODS.iter().filter(move |(roles, _)| roles.contains(&role));
    of_role.flat_map(|(_, paths)| paths.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unlisted_method_is_denied_to_every_role() {
        for path in [
            "",
            "/",
            "/lychgate.v1.TokenService/",
            "/lychgate.v1.TokenService/exchange",
            "/lychgate.v2.TokenService/Exchange",
        ] {
            assert!(method(path).is_none(), "{path}");
        }
    }
}
