//! The flaws of the test server, each with the row that must report it.

macro_rules! flaws {
    ($($list:ident: $($flaw:ident $id:ident $result:ident,)+;)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Flaw {
            $($($flaw,)+)+
            /// The token endpoint is at this other origin.
            TokenEndpointAt(&'static str),
            NoMetadata,
            // Not flaws: a scan cannot judge such a server from outside.
            SignInFirst,
            MadeByScript,
            EveryRequestRefused,
        }

        $(pub(crate) const $list: &[(Flaw, &str, &str)] =
            &[$((Flaw::$flaw, stringify!($id), stringify!($result))),+];)+
    };
}

flaws! {
    DISCOVERY:
        OneDocumentOnly A3 warns,
        DiscoveryRedirects A3 fails,
        UnknownIsAnError A3 fails,
        DocumentsDiffer A3 fails,
        IssuerDiffers A4 fails,
        NoS256 A5 fails,
        PlainAdvertised A5 warns,
        IssNotAdvertised A6 warns,
        NoMetadataDocuments A7 warns,
        PlainHttp A14 fails,
        NullInMetadata R41 fails,
        FractionInMetadata R41 fails,
        EmptyListInMetadata R41 fails,
        NoCodeAdvertised R41 fails,
        MetadataIsText R41 fails,
        PrivateKey R44 fails,
        KeyWithoutId R44 warns,
        NoCorsAtMetadata R26 warns,
        NoCorsAtToken R26 warns,;
    AUTHORIZATION:
        UnknownClientRedirected R1 fails,
        UnknownClientIsFine B35 warns,
        UnknownClientBreaks A22 fails,
        Markup L2 fails,
        CorsAtAuthorize R8 fails,
        Framing B9 fails,
        FramedByItself B9 warns,
        NoContentPolicy R22 warns,
        UnsafeReferrer R52 fails,
        NoReferrerPolicy R52 warns,
        PagesAreStored L3 warns,
        CookieWithoutPrefix B10 fails,
        CookieForScripts B11 fails,
        EarlyStateCookie B21 fails,
        Redirects307 R9 fails,
        EndlessPage L1 fails,
        StalledPage L1 fails,;
    CLIENT:
        PkceOptional A26 fails,
        PlainAccepted R5 fails,
        RepeatedStateAccepted R7 fails,
        ImplicitAccepted R4 fails,
        AnyRedirectUri A10 fails,
        RedirectUrisByPrefix A10 fails,
        NoLoopbackPort R3 fails,
        EarlyErrorsRedirected A11 warns,
        StateAltered R11 fails,
        IssMissing A6 fails,
        IssWrong A6 fails,
        IssTwice A6 fails,
        ScopeDemanded E6 fails,
        OfflineAccessRefused E7 warns,
        StraightToProvider B1 fails,
        CodeWithoutAsking B1 fails,
        NameUnescaped B5 fails,
        NameMissing B5 fails,
        ScopeMissing B6 warns,
        RedirectUriMissing B7 fails,;
    TOKEN:
        TokensByGet R12 fails,
        TokensByJson R12 warns,
        UnknownClientIsInvalidGrant R13 fails,
        NoBasicChallenge R13 fails,
        TwoMethodsAccepted R13 fails,
        RepeatedCodeAccepted R7 fails,
        PasswordGrant R4 fails,
        SecretInErrors A15 fails,
        TokenErrorsAreHtml A22 fails,
        TokenErrorsAre500 A22 fails,
        EscapeSequences A22 fails,
        TokenErrorsAreStored R16 warns,;
    REGISTRATION:
        RegisteredIs200 R31 warns,
        NullInRegistration R31 fails,
        FractionInRegistration R31 fails,
        RegistrationIncomplete R31 fails,
        SecretNeverSaysWhen R31 fails,
        RegistrationsAreStored R16 fails,
        HarmfulRegistered R32 fails,
        RegistrationErrorsAreHtml R32 fails,
        SecretsRefused R34 warns,
        OneClientForAll R35 warns,
        OneSecretForAll B34 fails,
        NothingIsDeleted R37 warns,
        ManagementIsOpen R37 fails,;
    RESOURCE:
        OtherIssuerFirst C1 fails,
        NoResourceMetadata C2 fails,
        NoRootResourceMetadata C2 warns,
        ResourceDiffers C3 fails,
        ChallengeWithoutScope C4 warns,
        QueryIsRead C7 fails,
        ChallengeUnquoted C11 fails,
        ChallengeElsewhere C11 fails,
        OfflineAccessAtResource A23 warns,
        BadTokenUnnamed R25 fails,
        ErrorForNoToken R25 fails,;
}
