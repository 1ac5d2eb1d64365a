//! Names that clients claim and hosts that they answer at, from the registration to every page and to the operator.

use lychgate_api::v1;
use lychgate_api::v1::NameDoubt;
use serde_json::json;

use crate::account::AccountUser;
use crate::support::{App, ControlPlane, Environment, Flow, ISSUER, MetadataHost};

/// The fields about a name in every message.
#[derive(Debug, PartialEq)]
struct Judged {
    name: String,
    doubts: Vec<NameDoubt>,
    is_withheld: bool,
}

impl Judged {
    fn new(name: &str, doubts: &[NameDoubt], is_withheld: bool) -> Self {
        Self { name: name.to_owned(), doubts: doubts.to_vec(), is_withheld }
    }

    fn on_page(client: &v1::ConsentClient) -> Self {
        Self::new(&client.name, &client.name_doubts().collect::<Vec<_>>(), client.name_withheld)
    }

    fn in_account(client: &v1::ConnectedClient) -> Self {
        Self::new(&client.name, &client.name_doubts().collect::<Vec<_>>(), client.name_withheld)
    }
}

/// Every page about `app`: the consent page, the page of what was allowed, and the list of connected apps before and after
/// the revocation.
async fn on_every_page(app: App, control: &ControlPlane, env: &Environment) -> Vec<Judged> {
    let edge = control.edge();
    let mut flow = Flow::new(app);
    let page = flow.consent_page(&edge).await;
    let next = edge.decide(flow.decide(&page, v1::Decision::Approve)).await.unwrap();
    let callback = flow.log_in(&next, &env.idp);
    flow.browser.keep(&edge.finish_login(callback).await.unwrap());
    let shown = edge.show(flow.show(&page.ticket)).await.unwrap();
    let Some(v1::next::Step::AllowedPage(allowed)) = shown.step else { panic!("{shown:?}") };
    let mut user = AccountUser::signed_in(&flow.person, &edge, env).await;
    let account = user.page(&edge).await.unwrap();
    edge.revoke_apps(user.revoke(&account.apps[0].form_token)).await.unwrap();
    let revoked = user.page(&edge).await.unwrap().revoked;
    vec![
        Judged::on_page(page.client.as_ref().unwrap()),
        Judged::on_page(allowed.client.as_ref().unwrap()),
        Judged::in_account(account.apps[0].client.as_ref().unwrap()),
        Judged::in_account(revoked[0].client.as_ref().unwrap()),
    ]
}

/// A registration is never refused for its name; every page shows what can do no harm, and the operator sees it all.
///
/// Requirements: B5, B38.
#[tokio::test(flavor = "multi_thread")]
async fn an_odd_name_is_registered_and_every_page_says_what_is_doubtful() {
    let (local, web, evil) =
        ("http://127.0.0.1/cb", "https://app.example/cb", "https://claude.ai.evil-login.example/cb");
    for (name, redirect_uri, recorded, shown, doubts) in [
        ("Notes", local, "Notes", "Notes", &[][..]),
        ("Claude", local, "Claude", "Claude", &[]),
        ("Claude", "https://claude.ai/cb", "Claude", "Claude", &[]),
        ("ChatGPT", evil, "ChatGPT", "ChatGPT", &[NameDoubt::WellKnownElsewhere]),
        ("Сlaude", evil, "Сlaude", "", &[NameDoubt::Confusable, NameDoubt::WellKnownElsewhere]),
        (
            "Notes, approved by your administrator",
            web,
            "Notes, approved by your administrator",
            "",
            &[NameDoubt::ClaimsApproval],
        ),
        (
            "Press Approve to continue to sign in",
            web,
            "Press Approve to continue to sign in",
            "",
            &[NameDoubt::Instructs],
        ),
        ("No\u{202E}tes", web, "No\u{FFFD}tes", "", &[NameDoubt::HiddenCharacters]),
        ("bank.com", web, "bank.com", "bank com", &[NameDoubt::Address]),
    ] {
        let env = Environment::with_operator().await;
        let control = env.start().await;
        let mut registration = App::registration("none");
        let metadata = registration.metadata.as_mut().unwrap();
        metadata.client_name = Some(name.to_owned());
        metadata.redirect_uris = vec![redirect_uri.to_owned()];
        let client = control.edge().register(registration).await.unwrap();
        assert_eq!(client.metadata.unwrap().client_name(), recorded);
        let expected = || Judged::new(shown, doubts, shown.is_empty());
        let pages = on_every_page(App::new(&client.client_id, redirect_uri), &control, &env).await;
        assert_eq!(pages, [expected(), expected(), expected(), expected()], "{name} {redirect_uri}");

        let request = v1::GetClientRequest { issuer_id: ISSUER.to_owned(), client_id: client.client_id };
        let listed = control.operator().get_client(request).await.unwrap().client.unwrap();
        let for_operators = Judged::new(&listed.name, &listed.name_doubts().collect::<Vec<_>>(), listed.name_withheld);
        assert_eq!(for_operators, Judged { name: recorded.to_owned(), ..expected() });
    }
}

/// Requirements: B38.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_judged_by_its_website_without_a_fetch() {
    let mut env = Environment::with_operator().await;
    let site = MetadataHost::start().await;
    let members = json!({ "client_name": "ChatGPT", "redirect_uris": ["https://chatgpt.com.evil.example/cb"] });
    site.publish("/client", &site.document("/client", &members));
    env.config.outbound = site.outbound(&env);
    let control = env.start().await;
    let app = App::new(&site.url("/client"), "https://chatgpt.com.evil.example/cb");
    let expected = || Judged::new("ChatGPT", &[NameDoubt::WellKnownElsewhere], false);
    assert_eq!(on_every_page(app, &control, &env).await, [expected(), expected(), expected(), expected()]);
}

/// The operator vouches for a configured client: its name is shown as configured.
///
/// Requirements: B5.
#[tokio::test(flavor = "multi_thread")]
async fn a_configured_name_is_shown_as_configured() {
    let name = "Claude for app.example, approved by your administrator (security team)";
    let mut env = Environment::with_operator().await;
    env.issuer().clients[0].name = name.to_owned();
    let control = env.start().await;
    let pages = on_every_page(App::configured(), &control, &env).await;
    assert!(pages.iter().all(|page| *page == Judged::new(name, &[], false)), "{pages:?}");
    let request = v1::GetClientRequest { issuer_id: ISSUER.to_owned(), client_id: "app".to_owned() };
    let listed = control.operator().get_client(request).await.unwrap().client.unwrap();
    assert_eq!((listed.name.as_str(), listed.name_doubts.len(), listed.name_withheld), (name, 0, false));
}

/// Requirements: B7, B38.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_shows_the_registrable_domain_and_the_unicode_form_of_the_host() {
    let website = |host: &str, domain: &str, unicode: &str, confusable| v1::Website {
        host: host.to_owned(),
        registrable_domain: domain.to_owned(),
        unicode_host: unicode.to_owned(),
        confusable,
    };
    for (redirect_uri, expected) in [
        (
            "https://claude.ai.evil-login.example:8443/cb",
            Some(website("claude.ai.evil-login.example:8443", "evil-login.example", "", false)),
        ),
        ("https://xn--80ak6aa92e.com/cb", Some(website("xn--80ak6aa92e.com", "xn--80ak6aa92e.com", "аррӏе.com", true))),
        (
            "https://xn--bcher-kva.example/cb",
            Some(website("xn--bcher-kva.example", "xn--bcher-kva.example", "bücher.example", false)),
        ),
        ("https://192.0.2.1/cb", Some(website("192.0.2.1", "", "", false))),
        ("http://127.0.0.1/cb", None),
    ] {
        let env = Environment::new().await;
        let control = env.start().await;
        let mut registration = App::registration("none");
        registration.metadata.as_mut().unwrap().redirect_uris = vec![redirect_uri.to_owned()];
        let client = control.edge().register(registration).await.unwrap();
        let page = Flow::new(App::new(&client.client_id, redirect_uri)).consent_page(&control.edge()).await;
        let redirect = page.redirect.unwrap();
        assert_eq!(redirect.website, expected, "{redirect_uri}");
        assert!(redirect.website.is_none_or(|website| website.host == redirect.host));
    }
}
