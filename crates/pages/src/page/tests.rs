//! Every page in every state: what it says, in which order, and that no text of a client gets out of its place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use lychgate_api::Reason;
use lychgate_api::v1::{self, RedirectKind};

use super::*;
use crate::files::BUILT_IN;
use crate::return_link::ReturnLink;
use crate::words::{ENGLISH, Reader};
use crate::{Appearance, Setting};

fn appearance() -> Appearance {
    Appearance::load(None).expect("the built-in files load")
}

/// All samples of a page in a language, by their names.
fn samples_in(appearance: &Appearance, kind: PageKind, language: &str) -> BTreeMap<&'static str, String> {
    let rendered = appearance.render_samples_of(kind, "main", language).into_iter();
    rendered.map(|sample| (sample.name, sample.html.expect("every sample renders"))).collect()
}

fn samples(kind: PageKind) -> BTreeMap<&'static str, String> {
    samples_in(&appearance(), kind, ENGLISH)
}

/// The text of a page as a reader sees it: without tags, one line for each element of a block.
pub(super) fn text_of(html: &str) -> String {
    let body = html.split("<main>").nth(1).unwrap_or(html).split("</main>").next().unwrap_or_default();
    let mut text = String::new();
    for piece in body.split('<') {
        let (tag, rest) = piece.split_once('>').unwrap_or(("", piece));
        let name = tag.trim_start_matches('/').split([' ', '>']).next().unwrap_or_default();
        if !matches!(
            name,
            "bdi" | "b" | "strong" | "span" | "time" | "a" | "small" | "code" | "img" | "label" | "input"
        ) {
            text.push('\n');
        }
        text.push_str(rest);
    }
    for (entity, character) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&amp;", "&")] {
        text = text.replace(entity, character);
    }
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn element<'a>(html: &'a str, open: &str, close: &str) -> &'a str {
    html.split(open).nth(1).and_then(|rest| rest.split(close).next()).expect("the element")
}

/// The layout is the only template that is no page's, and the style sheet the only other file.
#[test]
fn every_template_belongs_to_one_page_and_every_page_has_one() {
    let files: BTreeSet<_> =
        BUILT_IN.files().map(|file| file.path().to_str().expect("a plain name").to_owned()).collect();
    let templates = PageKind::ALL.iter().map(|kind| format!("{}.hbs", kind.template()));
    let expected: BTreeSet<_> = templates.chain(["layout.hbs", "lychgate.css"].map(str::to_owned)).collect();
    assert_eq!(files, expected);
    assert_eq!(expected.len(), PageKind::ALL.len() + 2, "no two pages share a template");
}

#[test]
fn every_page_has_samples_with_different_names() {
    let appearance = appearance();
    for kind in PageKind::ALL {
        let named = samples(*kind).len();
        assert!(named > 0, "{kind:?} has no sample");
        assert_eq!(named, appearance.render_samples_of(*kind, "main", ENGLISH).len(), "{kind:?}");
    }
}

/// In every language: no script, no style of its own, one heading of the first level, and less than 30 kB with the style sheet.
#[test]
fn every_sample_renders_in_every_language_and_keeps_the_policy() {
    let appearance = appearance();
    let css: usize = appearance.assets().map(|(_, asset)| asset.content.len()).sum();
    for (kind, language) in PageKind::ALL.iter().flat_map(|kind| appearance.languages().map(move |name| (kind, name))) {
        for (name, page) in samples_in(&appearance, *kind, language) {
            let name = format!("{} {name} in {language}", kind.template());
            assert!(page.starts_with("<!doctype html>\n<html lang=\""), "{name}");
            assert_eq!(page.contains("dir=\"rtl\">\n<head>"), language == "ar", "{name}");
            for tag in page.split('<').filter_map(|rest| rest.split('>').next()) {
                let handles =
                    tag.split(" on").skip(1).any(|rest| rest.split('=').next().is_some_and(|name| !name.contains(' ')));
                let is_plain = !tag.starts_with("script") && !handles && !tag.contains(" style=");
                assert!(is_plain && !tag.contains("autofocus"), "{name}: {tag}");
            }
            assert_eq!(page.matches("<h1>").count(), 1, "{name}");
            assert!(page.len() + css < 30_000, "{name} has {} bytes", page.len());
            for form in page.split("<form ").skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
                assert!(form.contains("autocomplete=\"off\""), "{name}: {form}");
            }
        }
    }
}

/// A link or a form leads to our own pages, to the operator's, or back to the app; a client's own addresses are text.
///
/// Requirements: B5.
#[test]
fn no_page_links_to_an_address_of_the_client() {
    for kind in PageKind::ALL {
        for (name, page) in samples(*kind) {
            for target in page
                .split(['<'])
                .filter_map(|tag| tag.split(" href=\"").nth(1))
                .filter_map(|rest| rest.split('"').next())
            {
                let back = [
                    "https://claude.ai/api/mcp/auth_callback?error",
                    "https://notes.example/cb?error",
                    "cursor:cb?error",
                ];
                let known = target.starts_with('/') || target == "https://gate.example/policy";
                assert!(known || back.iter().any(|back| target.starts_with(back)), "{kind:?} {name}: {target}");
            }
        }
    }
}

/// The document's title, the heading and the first sentence are one, and say where the access goes; a claimed name comes after
/// it, in quotation marks, and never in the title.
///
/// Requirements: B5, B7.
#[test]
fn verified_facts_lead_and_claims_are_quoted() {
    for kind in [PageKind::Consent, PageKind::OneClick, PageKind::Allowed] {
        for (name, page) in samples(kind) {
            let name = format!("{kind:?} {name}");
            let title = element(&page, "<title>", "</title>");
            let heading = text_of(element(&page, "<h1>", "</h1>"));
            assert_eq!(title.replace("&#x27;", "'"), heading, "{name}");
            let vouched = page.contains("class=\"claim vouched\"");
            let verified = [
                "claude.ai ",
                "claude.ai.evil-login.example ",
                "An app on this ",
                "an app on this ",
                "xn--80ak6aa92e.com (аррӏе.com) ",
            ];
            assert!(vouched || verified.iter().any(|place| heading.contains(place)), "{name}: {heading}");
            let text = text_of(&page);
            for claimed in ["Claude", "ChatGPT", "Unbreakable"].iter().filter(|_| !vouched) {
                assert!(!heading.contains(claimed), "{name}: {heading}");
                for at in text.match_indices(claimed).map(|(at, _)| at).filter(|at| !text[*at..].starts_with("Claude’"))
                {
                    let before = &text[..at];
                    let quoted = before.rfind('“').is_some_and(|open| !before[open..].contains('”'));
                    assert!(quoted, "{name}: {claimed} stands outside of quotation marks");
                }
            }
            assert!(text.find(&heading) < text.find('“').or(Some(usize::MAX)), "{name}: the claim comes first");
        }
    }
}

/// A reader who knows nothing but the page's text: who gets access, verified how, to what, until when.
#[derive(Debug, PartialEq, Eq)]
struct Understood {
    who: String,
    what: String,
    until: String,
}

/// Reads the first large sentence as the truth, as hurried people do.
fn hurried_reader(html: &str) -> Option<Understood> {
    let heading = text_of(element(html, "<h1>", "</h1>"));
    let (who, rest) = heading.split_once(" wants to use ")?;
    let what = rest.strip_suffix(" as you")?;
    let text = text_of(html);
    let until = text.split("It ends after ").nth(1)?.split(',').next()?;
    Some(Understood { who: who.to_owned(), what: what.to_owned(), until: until.to_owned() })
}

/// The page of this crate passes, and a page that begins with the claimed name fools the same reader.
#[test]
fn hurried_reader_is_right_about_our_page_and_fooled_by_one_that_leads_with_the_claim() {
    let attacks = ["Claude", "ChatGPT", "Your administrator"];
    let directory = tempfile::tempdir().expect("a directory");
    let ours = BUILT_IN.get_file("consent.hbs").and_then(|file| file.contents_utf8()).expect("a template");
    let control = ours.replace(
        "<h1>{{say lead}}</h1>",
        "<h1><bdi>{{asker.client_id}}</bdi> wants to use {{show resource.name}} as you</h1>",
    );
    assert_ne!(ours, control);
    fs::write(directory.path().join("consent.hbs"), control).expect("a file");
    let (ours, control) = (appearance(), Appearance::load(Some(directory.path())).expect("the control page loads"));
    for name in attacks {
        let message = v1::ConsentPage {
            // The control page takes the id, as it has no other field that a client writes freely.
            client: Some(v1::ConsentClient {
                client_id: name.to_owned(),
                name: name.to_owned(),
                unverified: true,
                ..Default::default()
            }),
            redirect: Some(v1::ConsentRedirect {
                uri: "https://claude.ai.evil-login.example/cb".to_owned(),
                host: "claude.ai.evil-login.example".to_owned(),
                kind: RedirectKind::Web.into(),
                ..Default::default()
            }),
            resource: Some(v1::ConsentResource {
                uri: "https://notes.example/mcp".to_owned(),
                name: "Team Notes".to_owned(),
            }),
            grant_lifetime_seconds: 86_400,
            ..Default::default()
        };
        let page = ConsentPage::new(String::new(), false, message).expect("a page");
        let read = |appearance: &Appearance| {
            let html = appearance.render(&Setting { issuer: None, reader: &Reader::default() }, &page).expect("a page");
            hurried_reader(&html).expect("the page answers the questions")
        };
        let (what, until) = ("Team Notes".to_owned(), "24 hours".to_owned());
        let truth = Understood { who: "claude.ai.evil-login.example".to_owned(), what, until };
        assert_eq!(read(&ours), truth);
        let fooled = read(&control);
        assert_eq!(fooled.who, name, "the control page fools the reader");
    }
}

/// Which app asks, for what, where the access goes, and what happens next.
///
/// Requirements: A18, A19, B5, B6, B7, R23.
#[test]
fn consent_page_names_receiver_claim_resource_and_consequences() {
    let pages = samples(PageKind::Consent);
    let web = &pages["web"];
    for text in [
        "It calls itself “<bdi>Claude</bdi>”. Nobody has checked that.",
        "Team Notes",
        "https://notes.example/mcp",
        "Read all your notes",
        "notes:write",
        "https://claude.ai/api/mcp/auth_callback",
        "23 November 2026",
        "Example Login",
        "90 days",
        "Nothing is shared. The app is told that you declined",
        "href=\"/account\"",
    ] {
        assert!(web.contains(text), "{text}");
    }
    assert!(!web.contains("this computer"));
    assert!(pages["loopback"].contains("An app on this computer") && pages["loopback"].contains("127.0.0.1:33418"));
    assert!(pages["private-scheme"].contains("An app on this device"));
    assert!(pages["private-scheme"].contains("cursor://anysphere.cursor-mcp"));
    assert!(pages["changed"].contains("Please look again") && !web.contains("Please look again"));
    assert!(pages["unnamed-client"].contains("It gives no name"));
    assert!(!pages["configured-client"].contains("Nobody has checked"), "an operator configured it");
    let documented = &pages["metadata-document"];
    assert!(documented.contains("That website calls this app “<bdi>Claude Code</bdi>”."), "D11");
    assert!(pages["metadata-document-loopback"].contains("Nobody has checked"), "any app on the computer has its id");
    let elsewhere = &pages["other-host"];
    assert!(elsewhere.find("class=\"danger\"") < elsewhere.find("<h1>"), "D18: said first");
    assert!(
        text_of(elsewhere).contains("An app of claude.ai wants to use Team Notes as you"),
        "D18: the document is verified"
    );
    assert!(!documented.contains("class=\"danger\""), "D18");
    let boxes = |page: &str| page.matches(r#"<input type="checkbox""#).count();
    assert_eq!((boxes(&pages["optional-scope"]), boxes(web)), (1, 0), "E3");
    assert!(pages["optional-scope"].contains(r#"name="chosen_scope" value="notes:write" form="decide" checked"#));
    for (name, dangers) in [("confusable-host", 1), ("confusable-document", 2), ("other-host", 1), ("web", 0)] {
        let before = pages[name].split("<h1>").next().expect("a heading");
        assert_eq!(before.matches("class=\"danger\"").count(), dangers, "{name}");
    }
}

/// Requirements: B5.
#[test]
fn doubtful_names_are_flagged_or_withheld() {
    let pages = samples(PageKind::Consent);
    for (name, said) in [
        ("name-claims-approval", "The name claims an approval."),
        ("name-instructs", "The name tells you what to do."),
        ("name-confusable", "letters that imitate others"),
        ("name-hidden", "characters that could mislead you"),
        ("name-well-known", "is not its website"),
        ("name-well-known-scheme", "links, so this is probably not the app you mean"),
        ("name-address", "The name contains an address."),
    ] {
        assert!(pages[name].contains(said) && pages[name].contains("class=\"danger\""), "{name}");
        assert_eq!(
            pages[name].contains("a name that cannot be shown"),
            !name.contains("known") && !name.contains("address"),
            "{name}"
        );
    }
    assert!(!pages["web"].contains("class=\"danger\""));
}

/// The gravest of several doubts is shown, wherever it stands among them.
///
/// Requirements: B5.
#[test]
fn a_doubt_is_not_hidden_by_a_lesser_one() {
    use v1::NameDoubt::{Address, ClaimsApproval, Confusable, Cut, WellKnownElsewhere};
    for (doubts, withheld, said) in [
        (vec![Cut.into(), Address.into()], false, Some("contains an address")),
        (vec![Cut.into(), WellKnownElsewhere.into(), Address.into()], false, Some("from elsewhere")),
        (vec![Confusable.into(), ClaimsApproval.into()], true, Some("claims an approval")),
        (vec![Cut.into(), 99], false, Some("could mislead you")),
        (vec![99], true, Some("could mislead you")),
        (vec![Cut.into()], false, None),
        (vec![], false, None),
    ] {
        let name = if withheld { "" } else { "Notes" };
        let client = v1::ConsentClient {
            name: name.to_owned(),
            unverified: true,
            name_doubts: doubts.clone(),
            name_withheld: withheld,
            ..Default::default()
        };
        let page = v1::ConsentPage { client: Some(client), ..least() };
        let page = ConsentPage::new(String::new(), false, page).expect("a page");
        let setting = Setting { issuer: None, reader: &Reader::default() };
        let html = appearance().render(&setting, &page).expect("a page");
        assert_eq!(html.matches("class=\"danger\"").count(), usize::from(said.is_some()), "{doubts:?}");
        assert!(said.is_none_or(|said| html.contains(said)), "{doubts:?}");
    }
}

#[test]
fn consent_form_has_two_buttons_and_deny_comes_first() {
    let page = &samples(PageKind::Consent)["web"];
    assert!(page.contains(r#"<form method="post" action="/consent" id="decide""#));
    assert!(page.contains(r#"<input type="hidden" name="ticket" value="ticket">"#));
    assert!(page.contains(r#"<input type="hidden" name="form_token" value="form-token">"#));
    let deny = page.find(r#"name="decision" value="deny""#).expect("a button");
    let approve = page.find(r#"name="decision" value="approve""#).expect("a button");
    assert!(deny < approve && page.matches("<button").count() == 2 && !page.contains("autofocus"));
    assert!(page.contains(r#"<span class="guarded"><button type="submit" name="decision" value="approve""#));
}

/// Boxes start as the control plane says; links tick others where that makes a difference.
///
/// Requirements: E3.
#[test]
fn boxes_start_as_the_control_plane_says_and_links_tick_others() {
    let pages = samples(PageKind::Consent);
    let ticked = |page: &str| page.matches(" checked autocomplete=\"off\">").count();
    let link = |name| format!("href=\"/consent?ticket&#x3D;ticket&amp;whole_page&#x3D;1&amp;choose&#x3D;{name}\"");
    let grouped = &pages["grouped-scopes"];
    assert_eq!((ticked(grouped), ticked(&pages["optional-scope"])), (1, 1));
    assert!(grouped.contains(&link("read_only")) && grouped.contains(&link("everything")));
    assert!(grouped.contains("Only look") && grouped.contains("unlocks 12 tools"));
    assert!(!pages["optional-scope"].contains("choose&#x3D;"), "there is nothing to choose between");
}

/// Values from clients cannot affect the page around them by HTML, quotes or writing direction.
///
/// Requirements: B5.
#[test]
fn html_in_any_field_is_shown_as_text() {
    let payload = "\"'><script>alert(1)</script>&amp;\u{202e}`=--><!--{{title}}<strong>{ $name }\u{e000}0\u{e001}";
    let message = hostile(payload);
    let allowed = allowed_as(&message, payload);
    let appearance = appearance();
    let link = ReturnLink::new(format!("https://a.example/?{payload}"), payload.to_owned());
    let details = ErrorDetails { description: payload.to_owned(), return_link: link, ..Default::default() };
    for language in appearance.languages() {
        let issuer = crate::render::IssuerSetting { id: payload, name: payload, path: payload };
        let reader = Reader::new(language, "");
        let setting = Setting { issuer: Some(issuer), reader: &reader };
        let text = || payload.to_owned();
        for html in [
            appearance.render(&setting, &ConsentPage::new(text(), false, message.clone()).expect("a page")),
            appearance.render(&setting, &OneClickPage::new(text(), message.clone()).expect("a page")),
            appearance.render(&setting, &SignedInPage::new(text(), text(), message.clone()).expect("a page")),
            appearance.render(&setting, &AllowedPage::new(payload, allowed.clone()).expect("a page")),
            appearance.render(&setting, &ErrorPage::new(Reason::Fault, details.clone())),
        ] {
            let html = html.expect("a page");
            assert!(!html.contains("<script") && !html.contains("<!--") && !html.contains("-->"), "{html}");
            assert!(html.contains("&lt;script&gt;"), "the text is shown");
            assert!(html.contains("{{title}}") && html.contains("{ $name }"), "nothing is rendered twice");
            for line in html.lines().filter(|line| line.contains('\u{202e}')) {
                let contained = line.contains("<bdi") || line.contains("=\"") || line.contains("<title>");
                assert!(contained, "writing direction reaches beyond: {line}");
            }
        }
    }
}

/// A consent page with `text` in every field.
fn hostile(text: &str) -> v1::ConsentPage {
    let text = || text.to_owned();
    let website =
        || Some(v1::Website { host: text(), registrable_domain: text(), unicode_host: text(), confusable: true });
    v1::ConsentPage {
        upstream_tokens: false,
        ticket: text(),
        form_token: text(),
        client: Some(v1::ConsentClient {
            client_id: text(),
            name: text(),
            unverified: true,
            metadata_host: text(),
            metadata_website: website(),
            name_doubts: vec![v1::NameDoubt::WellKnownElsewhere.into()],
            ..Default::default()
        }),
        redirect: Some(v1::ConsentRedirect {
            uri: text(),
            host: text(),
            kind: RedirectKind::Web.into(),
            differs_from_metadata_host: true,
            website: website(),
        }),
        resource: Some(v1::ConsentResource { uri: text(), name: text() }),
        scopes: vec![v1::ConsentScope {
            name: text(),
            description: text(),
            optional: true,
            added: true,
            tools: 3,
            ..Default::default()
        }],
        upstream_name: text(),
        grant_lifetime_seconds: 1,
        changed: true,
        policy: Some(v1::ConsentPolicy { version: text(), uri: format!("https://{}", text()), changed: true }),
        person: Some(v1::Person { name: text(), account: text() }),
        earlier_answer: v1::EarlierAnswer::Approved.into(),
    }
}

/// A finished request with the values of `page`, and `text` everywhere else.
fn allowed_as(page: &v1::ConsentPage, text: &str) -> v1::AllowedPage {
    v1::AllowedPage {
        client: page.client.clone(),
        redirect: page.redirect.clone(),
        resource: page.resource.clone(),
        scopes: page.scopes.clone(),
        allow_time: Some(prost_types::Timestamp::default()),
        too_late: true,
        standing: Some(v1::allowed_page::Standing::FormToken(text.to_owned())),
        return_uri: format!("https://a.example/?{text}"),
        return_label: text.to_owned(),
    }
}

/// The least that a consent page needs.
fn least() -> v1::ConsentPage {
    v1::ConsentPage {
        client: Some(v1::ConsentClient::default()),
        redirect: Some(v1::ConsentRedirect {
            uri: "u".to_owned(),
            host: "h".to_owned(),
            kind: 1,
            ..Default::default()
        }),
        resource: Some(v1::ConsentResource::default()),
        ..Default::default()
    }
}

#[test]
fn incomplete_allowed_page_is_not_shown() {
    let whole = || allowed_as(&least(), "x");
    let shown = |page| AllowedPage::new("", page).is_ok();
    assert!(shown(whole()));
    assert!(!shown(v1::AllowedPage { client: None, ..whole() }));
    assert!(!shown(v1::AllowedPage { redirect: None, ..whole() }));
    assert!(!shown(v1::AllowedPage { resource: None, ..whole() }));
    assert!(!shown(v1::AllowedPage { allow_time: None, ..whole() }));
    assert!(!shown(v1::AllowedPage { standing: None, ..whole() }), "it does not say whether it stands");
}

#[test]
fn incomplete_consent_page_is_not_shown() {
    let shown = |page: v1::ConsentPage| ConsentPage::new(String::new(), false, page).is_ok();
    assert!(shown(least()));
    assert!(!shown(v1::ConsentPage { client: None, ..least() }));
    assert!(!shown(v1::ConsentPage { redirect: None, ..least() }));
    assert!(!shown(v1::ConsentPage { resource: None, ..least() }));
    assert!(!shown(v1::ConsentPage { earlier_answer: 99, ..least() }), "an answer of a later version");
    for kind in [0, 99] {
        let redirect = v1::ConsentRedirect { uri: "u".to_owned(), host: "h".to_owned(), kind, ..Default::default() };
        assert!(!shown(v1::ConsentPage { redirect: Some(redirect), ..least() }), "an unknown kind has no warning");
    }
    for person in [None, Some(v1::Person { name: "Ada".to_owned(), account: String::new() })] {
        let page = || v1::ConsentPage { person: person.clone(), ..least() };
        assert!(
            OneClickPage::new(String::new(), page()).is_err()
                && SignedInPage::new(String::new(), String::new(), page()).is_err()
        );
    }
    let page = v1::AccountPage { apps: vec![v1::ConnectedApp::default()], ..Default::default() };
    assert!(AccountPage::new("", page).is_err(), "an app without a client");
}

#[test]
fn incomplete_connection_is_not_shown() {
    use v1::UpstreamConnectionState::{Ended, InOrder};
    let time = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    let whole = || v1::UpstreamConnection { state: InOrder.into(), sign_in_time: time, ..Default::default() };
    let shown = |connection| {
        AccountPage::new("", v1::AccountPage { connection: Some(connection), ..Default::default() }).is_ok()
    };
    assert!(shown(whole()));
    assert!(shown(v1::UpstreamConnection { state: Ended.into(), end_time: time, ..whole() }));
    for changed in [
        v1::UpstreamConnection { state: 0, ..whole() },
        v1::UpstreamConnection { state: 99, ..whole() },
        v1::UpstreamConnection { sign_in_time: None, ..whole() },
        v1::UpstreamConnection { state: Ended.into(), ..whole() },
    ] {
        assert!(!shown(changed.clone()), "{changed:?}");
    }
}

/// Only a connection that is in order has a button, and the page says what the button does not end.
#[test]
fn a_connection_says_its_state_and_offers_to_end_it() {
    let pages = samples(PageKind::Account);
    let button = "value=\"connection\"";
    let says = |name: &str, text: &str| text_of(&pages[name]).contains(text);
    for (name, said, is_offered) in [
        ("full", "The apps themselves never get that access.", true),
        ("connection-of-unknown-scopes", "Example Login did not say", true),
        ("connection-needs-sign-in", "Example Login no longer accepts this access", false),
        ("connection-just-ended", "Disconnected. This service can do nothing more", false),
        ("connection-ended", "Disconnected on", false),
    ] {
        assert!(says(name, said) && says(name, "What this service may do at Example Login for you"), "{name}");
        assert_eq!(pages[name].contains(button), is_offered, "{name}");
        assert_eq!(says(name, "Your apps stay allowed, but"), is_offered, "{name}");
    }
    for scope in ["repo", "read:user", "https://api.example/auth/drive.file"] {
        assert!(says("full", scope), "{scope}");
    }
    assert!(!says("connection-ended", "can do nothing more at"), "it is confirmed for two minutes");
    assert!(!says("one-app", "What this service may do"));
}

/// Boxes show the earlier answer, and Enter on a box presses no button that has an effect.
///
/// Requirements: B8, E3.
#[test]
fn the_page_of_a_decided_request_shows_the_decision() {
    let pages = samples(PageKind::Consent);
    let ticked = |page: &str| page.matches(" checked autocomplete=\"off\">").count();
    let boxes = |page: &str| page.matches("type=\"checkbox\"").count();
    let (fresh, approved, signing_in) = (&pages["optional-scope"], &pages["approved-before"], &pages["signing-in"]);
    assert_eq!((boxes(fresh), ticked(fresh)), (1, 1));
    assert_eq!((boxes(approved), ticked(approved)), (2, 1));
    assert!(approved.contains("your last answer counts") && !fresh.contains("your last answer counts"));
    let says_nothing_happened = |page: &str| page.contains("nothing happens until you allow");
    assert!(says_nothing_happened(fresh) && !says_nothing_happened(approved) && !says_nothing_happened(signing_in));
    assert_eq!(boxes(signing_in), 0);
    assert!(signing_in.contains("<input type=\"hidden\" name=\"chosen_scope\" value=\"notes:read\" form=\"decide\">"));
    assert!(!signing_in.contains("notes:write") && signing_in.contains("your sign-in is being finished"));
    for page in pages.values().filter(|page| boxes(page) > 0) {
        let first = page.split("<button ").nth(1).and_then(|rest| rest.split('>').next()).expect("a button");
        assert_eq!(first, "type=\"submit\" form=\"decide\" formmethod=\"dialog\" hidden");
    }
}

/// The approved scopes, the way back to the app, and a button only for the person who allowed it.
///
/// Requirements: B8, B38.
#[test]
fn the_page_of_a_finished_request_says_what_was_allowed() {
    let pages = samples(PageKind::Allowed);
    let has_button = |name: &str| pages[name].contains("value=\"take_back\"");
    for name in ["revocable", "too-late"] {
        assert!(has_button(name) && pages[name].contains("value=\"token\""), "{name}");
        for text in ["Read all your notes", "Claude", "Team Notes", "23 November 2026", "class=\"return\""] {
            assert!(pages[name].contains(text), "{name}: {text}");
        }
    }
    assert!(pages["too-late"].contains("came too late") && !pages["revocable"].contains("came too late"));
    assert!(!has_button("other-session") && pages["other-session"].contains("href=\"/account\""));
    assert!(!pages["other-session"].contains("javascript:"));
    assert!(!has_button("ended") && pages["ended"].contains("nothing left to take back"));
}

/// Twins are one app with several connections, each with its dates and its button; a fresh removal is confirmed.
#[test]
fn connected_apps_are_told_apart_and_removals_confirmed() {
    let pages = samples(PageKind::Account);
    let full = text_of(&pages["full"]);
    assert!(full.contains("You are signed in as Ada Lovelace"), "{full}");
    assert_eq!(full.matches("pages.example").count(), 1);
    let twins = full.split("pages.example").nth(1).and_then(|rest| rest.split("evil.example").next()).expect("an app");
    assert_eq!(twins.matches("Allowed on").count(), 2, "{twins}");
    assert!(twins.contains("26 October 2026, 07:33 UTC") && twins.contains("27 October 2026, 11:20 UTC"), "{twins}");
    assert!(twins.contains("Ends on 15 January 2027"), "{twins}");
    assert!(pages["full"].contains("aria-labelledby=\"remove-1-1 app-1 claim-1 since-1-1\""), "{}", pages["full"]);
    assert_eq!(pages["full"].matches("These apps can do nothing more").count(), 1);
    assert!(!pages["one-app"].contains("These apps can do nothing more"));
}

#[test]
fn policy_is_named_and_linked_only_if_it_is_published() {
    let appearance = appearance();
    let shown = |uri: &str, changed| {
        let policy = v1::ConsentPolicy { version: "2026-11".to_owned(), uri: uri.to_owned(), changed };
        let page = v1::ConsentPage { policy: Some(policy), ..least() };
        let page = ConsentPage::new(String::new(), false, page).expect("a page");
        appearance.render(&Setting { issuer: None, reader: &Reader::default() }, &page).expect("a page")
    };
    for (uri, changed, links, says) in [
        ("https://gate.example/policy", false, true, false),
        ("https://gate.example/policy", true, true, true),
        ("", false, false, false),
        ("javascript:alert(1)", false, false, false),
    ] {
        let page = shown(uri, changed);
        assert!(page.contains("2026-11"), "{page}");
        assert_eq!(page.contains("<a href=\"https://gate"), links, "{uri}");
        assert_eq!(page.contains("The policy has changed"), says, "{uri}");
        assert!(!page.contains("javascript:"), "{page}");
    }
}

#[test]
fn error_page_offers_the_question_again_only_where_that_helps() {
    let form = || Some(("/t/consent".to_owned(), "the ticket".to_owned()));
    let appearance = appearance();
    for reason in Reason::ALL {
        let page = ErrorPage::new(*reason, ErrorDetails { form: form(), ..Default::default() });
        let html = appearance.render(&Setting { issuer: None, reader: &Reader::default() }, &page).expect("a page");
        let helps = matches!(reason, Reason::BrowserCookieMissing | Reason::FormTokenInvalid | Reason::DecisionMissing);
        assert_eq!(
            html.contains("href=\"/t/consent?ticket&#x3D;the+ticket&amp;whole_page&#x3D;1\">Open the question again<"),
            helps,
            "{reason:?}"
        );
    }
}

/// The account with its name, and a link on, only for a person who was not admitted.
#[test]
fn the_page_of_a_person_who_was_not_admitted_names_the_account() {
    let pages = samples(PageKind::Error);
    let link = "href=\"/consent?ticket&#x3D;ticket&amp;whole_page&#x3D;1\">Use another account</a>";
    for (name, account) in [("not-admitted", "Ada Lovelace"), ("not-admitted-unnamed", "583231")] {
        let text = text_of(&pages[name]);
        assert!(text.contains(&format!("You used {account}, your account at Example Login.")), "{text}");
        assert_eq!(text.contains("ada@example.com"), name == "not-admitted", "{text}");
        assert!(pages[name].contains(link) && pages[name].contains("Return to "), "{}", pages[name]);
    }
    for (name, page) in pages.iter().filter(|(name, _)| !name.starts_with("not-admitted")) {
        assert!(!page.contains("Use another account") && !page.contains("You used "), "{name}");
    }
    let details = || ErrorDetails {
        form: Some(("/consent".to_owned(), "ticket".to_owned())),
        refused: Some(RefusedPerson {
            person: v1::Person { name: "Ada".to_owned(), account: "ada".to_owned() },
            upstream_name: "Example Login".to_owned(),
        }),
        ..Default::default()
    };
    let appearance = appearance();
    for reason in Reason::ALL {
        let page = ErrorPage::new(*reason, details());
        let html = appearance.render(&Setting { issuer: None, reader: &Reader::default() }, &page).expect("a page");
        assert_eq!(html.contains("You used "), *reason == Reason::AccountNotAllowed, "{reason:?}");
        assert_eq!(html.contains("Use another account"), *reason == Reason::AccountNotAllowed, "{reason:?}");
    }
}

#[test]
fn every_reason_has_a_message_without_jargon() {
    let appearance = appearance();
    let rendered = samples_in(&appearance, PageKind::Error, ENGLISH);
    for reason in Reason::ALL {
        let text = text_of(&rendered[reason.as_str()]);
        let (said, _) = text.split_once("For the people who run this service").expect("details");
        let title = said.lines().nth(1).expect("a title");
        assert!(!title.ends_with('.') && title.len() <= 60, "{reason:?}: {title}");
        for jargon in ["oauth", "token", "redirect", "client", "http", "server"] {
            assert!(!said.to_lowercase().contains(jargon), "{reason:?} says {jargon}");
        }
        assert!(appearance.failure_in_english(*reason).expect("a sentence").ends_with('.'), "{reason:?}");
    }
}

#[test]
fn files_are_overridden_one_by_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("a file");
    file("lychgate.css", "body{}");
    file("error.hbs", "<!doctype html><p>override: {{title}} {{request_id}}");
    fs::create_dir(directory.path().join("locales")).expect("a directory");
    file("locales/en.ftl", "deny = Refuse\n");
    file("locales/nl.ftl", "language-tag = nl\ndeny = Weigeren\n");
    let appearance = Appearance::load(Some(directory.path())).expect("the overrides load");
    assert!(appearance.assets().any(|(_, asset)| asset.content == "body{}"));
    let in_language = |language| samples_in(&appearance, PageKind::Consent, language)["web"].clone();
    assert!(in_language("en").contains(">Refuse</button>") && in_language("de").contains("<button"));
    let dutch = in_language("nl");
    assert!(dutch.contains(">Weigeren</button>") && dutch.contains("lang=\"nl\"") && dutch.contains("wants to use"));
    assert!(samples_in(&appearance, PageKind::Error, "en")["retry"].contains("override: "));
}

/// A page that lacks a warning, because its template names a variable that no page has, must not reach a person.
#[test]
fn broken_override_refuses_to_start_and_is_named() {
    let broken = [
        ("consent.hbs", "{{#if changed}}", "consent"),
        ("consent.hbs", "{{no_such_thing}}", "consent.hbs"),
        ("layout.hbs", "{{client.nonsense}}{{> @partial-block}}", "layout"),
        ("consent.hbs", "{{#if no_such_thing}}warning{{/if}}", "no_such_thing"),
        ("consent.hbs", "{{#if asker.redirect.web}}{{#if asker.elsewhere}}warning{{/if}}{{/if}}", "asker.elsewhere"),
        ("consent.hbs", "{{#unless asker.elsewhere}}fine{{/unless}}", "asker.elsewhere"),
        ("consent.hbs", "{{#if changed}}{{else if asker.elsewhere}}warning{{/if}}", "asker.elsewhere"),
        ("consent.hbs", "{{#if policy.nonsense}}warning{{/if}}", "policy.nonsense"),
        ("account.hbs", "{{#each apps}}{{#if resource.gone}}removed{{/if}}{{/each}}", "resource.gone"),
        ("consent.hbs", "{{say \"no-such-message\"}}", "no-such-message"),
        ("consent.hbs", "{{say \"lead-web\"}}", "lead-web"),
        ("consent.hbs", "{{say \"lead-web\" place=no_place resource=resource.name}}", "no_place"),
        ("consent.hbs", "{{show asker.nothing}}", "asker.nothing"),
        ("consent.hbs", "{{show asker}}", "consent"),
        ("consnet.hbs", "", "consnet.hbs"),
        ("locales/en.ftl", "deny = { $nothing }\n", "nothing"),
        ("locales/en.ftl", "deny\n", "en.ftl"),
        ("locales/de.txt", "", "de.txt"),
        ("locales/not a language.ftl", "", "not a language"),
        ("local/en.ftl", "", "local"),
    ];
    for (file, text, named) in broken {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
        let error = Appearance::load(Some(directory.path())).expect_err(named).to_string();
        assert!(error.contains("templates_dir") && error.contains(named), "{error}");
    }
    assert!(Appearance::load(Some(Path::new("/does/not/exist"))).is_err());
}

/// A message in an attribute is text: an element in it would end the attribute.
#[test]
fn plain_puts_a_message_into_an_attribute() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = "<p title=\"{{plain \"lead-web\" place=asker.redirect.place resource=asker.client_id}}\">";
    fs::write(directory.path().join("consent.hbs"), text).expect("a file");
    let appearance = Appearance::load(Some(directory.path())).expect("the override loads");
    let page = v1::ConsentPage {
        client: Some(v1::ConsentClient { client_id: "\"><b>".to_owned(), ..Default::default() }),
        ..least()
    };
    let page = ConsentPage::new(String::new(), false, page).expect("a page");
    let html = appearance.render(&Setting { issuer: None, reader: &Reader::default() }, &page).expect("a page");
    assert_eq!(html, "<p title=\"h wants to use &quot;&gt;&lt;b&gt; as you\">");
}

#[test]
fn condition_may_ask_for_a_part_of_a_value_that_is_absent() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = "{{#if policy.changed}}changed{{else}}same{{/if}} {{#unless person.name}}unnamed{{/unless}}";
    fs::write(directory.path().join("consent.hbs"), text).expect("a file");
    let appearance = Appearance::load(Some(directory.path())).expect("the override loads");
    assert_eq!(samples_in(&appearance, PageKind::Consent, ENGLISH)["web"], "same unnamed");
}

/// Every built-in language has every message and attribute of English with the same arguments, and no other.
#[test]
fn every_language_is_complete() {
    let files: Vec<_> = BUILT_IN.get_dir("locales").expect("a folder").files().collect();
    let parse = |file: &include_dir::File<'_>| messages_of(file.contents_utf8().expect("text"));
    let english = files.iter().find(|file| file.path().ends_with("en.ftl")).map(|file| parse(file)).expect("English");
    assert!(english.len() > 300, "{}", english.len());
    let languages: BTreeSet<_> = files.iter().filter_map(|file| file.path().file_stem()?.to_str()).collect();
    assert_eq!(languages, BTreeSet::from(["ar", "de", "en", "es", "fr", "ja", "pt", "zh"]));
    for file in &files {
        let other = parse(file);
        for (id, arguments) in &english {
            assert_eq!(other.get(id), Some(arguments), "{}: {id}", file.path().display());
        }
        for id in other.keys() {
            assert!(english.contains_key(id), "{}: {id} is no message", file.path().display());
        }
    }
}

/// By id, or `id.attribute`: the arguments that stand in a message.
fn messages_of(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (mut messages, mut id, mut attribute) = (BTreeMap::new(), String::new(), String::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((name, _)) = line.split_once('=').filter(|_| line.starts_with(|c: char| c.is_ascii_lowercase())) {
            (id, attribute) = (name.trim().to_owned(), String::new());
        } else if let Some((name, _)) = line.trim_start().strip_prefix('.').and_then(|line| line.split_once('=')) {
            attribute = format!(".{}", name.trim());
        }
        let arguments: &mut BTreeSet<String> = messages.entry(format!("{id}{attribute}")).or_default();
        for (_, rest) in line.match_indices('$').map(|(at, _)| line.split_at(at + 1)) {
            arguments.insert(
                rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default().to_owned(),
            );
        }
    }
    messages.remove("");
    messages
}

/// `docs/pages.md` lists every variable of every page. Run with `LYCHGATE_WRITE_DOCS=1` to write the list anew.
#[test]
fn documentation_lists_every_variable() {
    const HEADING: &str = "## Variables\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pages.md");
    let text = fs::read_to_string(&path).expect("the page");
    let (before, found) = text.split_once(HEADING).unwrap_or((&text, ""));
    let mut expected = String::from(
        "\nOf every page, in `layout.hbs` too: `language_tag`, `direction`, `title`, `stylesheet`, `issuer_name`, `logo`, `icon`,\n\
         `support_uri`, `privacy_uri`, `account_link`. A value marked with * is shown by `show`, a message marked with † by `say`.\n\
         `[]` stands for the items of a list. A variable can be absent (null) where its page has no such thing.\n",
    );
    for (template, values) in crate::samples::values() {
        let mut paths = BTreeMap::new();
        values.iter().for_each(|value| list(value, String::new(), &mut paths));
        let listed: Vec<_> = paths.iter().map(|(path, mark)| format!("`{path}`{mark}")).collect();
        expected.push_str(&format!("\n**{template}.hbs**: {}.\n", listed.join(", ")));
    }
    if std::env::var_os("LYCHGATE_WRITE_DOCS").is_some() {
        fs::write(&path, format!("{before}{HEADING}{expected}")).expect("the page is written");
    } else {
        assert_eq!(found, expected, "write the list with LYCHGATE_WRITE_DOCS=1");
    }
}

/// Adds the paths of all values below `value`, with a mark for messages and special values.
fn list(value: &serde_json::Value, path: String, paths: &mut BTreeMap<String, &str>) {
    match value {
        serde_json::Value::Object(object) if object.contains_key("as") => _ = paths.insert(path, "*"),
        serde_json::Value::Object(object) if object.contains_key("id") && object.contains_key("args") => {
            paths.insert(path, "†");
        }
        serde_json::Value::Object(object) => {
            for (name, value) in object {
                list(value, if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, paths);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| list(item, format!("{path}[]"), paths)),
        _ if path.is_empty() => {}
        _ => _ = paths.entry(path).or_insert(""),
    }
}
