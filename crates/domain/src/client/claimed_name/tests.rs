//! Names that must not be shown, names that carry a doubt, and honest names in many scripts.

use super::*;
use proptest::prelude::*;

fn at(uri: &str) -> RedirectUri {
    RedirectUri::parse(uri, &[uri.to_owned()]).unwrap_or_else(|why| panic!("{uri}: {why:?}"))
}

fn judged_at(name: &str, uri: &str) -> ClaimedName {
    ClaimedName::judge(name, &Receiver { redirect_uris: &[at(uri)], document: None })
}

/// At a redirect that shows nothing about the client.
fn judged(name: &str) -> ClaimedName {
    judged_at(name, "http://127.0.0.1:7777/cb")
}

/// Names of real clients and honest apps, in many languages: shown as they are.
const HONEST: &[&str] = &[
    "MCP Inspector",
    "Claude",
    "CLAUDE",
    "Claude Code (my-server)",
    "Claude Code",
    "Visual Studio Code",
    "Visual Studio Code - Insiders",
    "mcp-remote",
    "MCP CLI Proxy",
    "Zed",
    "Windsurf",
    "Cursor",
    "GitHub Copilot",
    "Le Chat",
    "n8n",
    "LibreChat",
    "Notion AI",
    "ChatGPT",
    "Gemini CLI",
    "GEMINI",
    "Copilot Studio",
    "Continue",
    "Cline",
    "Roo Code",
    "Goose",
    "5ire",
    "Raycast",
    "Postman",
    "opencode",
    "LM Studio",
    "Amazon Q Developer CLI",
    "fast-agent",
    "C++ notes",
    "C# Helper",
    "Dr. Who's app",
    "Notes & Tasks (beta)",
    "v1.2-rc3",
    "Node.js runner",
    "AT&T Mail",
    "R2-D2",
    "µTorrent",
    "Ünïcödé Ťool",
    "Café Pâtissière",
    "Łódź Żółw",
    "İstanbul Kırık Işık",
    "Điện thoại Việt",
    "Smørrebrød Ærø",
    "Straße der Notizen",
    "社内メモ・アプリ",
    "Claudeノート連携",
    "ＡＢＣノート",
    "Slackの要約さん",
    "承認ワークフロー",
    "数学公式大全",
    "请假助手",
    "审批流程助手",
    "笔记本 Pro",
    "메모 도우미",
    "카카오톡 연동",
    "Заметки и задачи",
    "Яндекс Диск",
    "Telegram-бот",
    "Блокнот 2.0",
    "Хор имени Пятницкого",
    "Σημειώσεις",
    "Ελληνικά Νέα",
    "دفتر الملاحظات",
    "می\u{200C}خواهم یادداشت",
    "हिन्दी नोट्स",
    "বাংলা নোট",
    "தமிழ் குறிப்புகள்",
    "บันทึกประจำวัน",
    "הערות שלי",
    "Հայերեն նշումներ",
    "ქართული ჩანაწერები",
    "🦀 Crab & Co.",
    "👩\u{200D}💻 Dev Notes",
    "❤\u{FE0F} Health",
    "1\u{FE0F}\u{20E3} First",
    "ℹ\u{FE0F} Info Desk",
];

/// Honest names that contain what a phrase of the table begins with.
const HONEST_STEMS: &[&str] = &[
    "Pressbooks",
    "PressReader",
    "Detroit Free Press",
    "WordPress",
    "Pressure Logger",
    "ClickUp",
    "Clickup",
    "ClickHouse",
    "Allowance tracker",
    "Approvals inbox",
    "ApprovalMax",
    "Continuum",
    "Signal",
    "SignNow",
    "Logseq",
    "Log4j viewer",
    "Blog in a Box",
    "Design in Figma",
    "Trustpilot",
    "Certbot",
    "Verify email format",
    "Admin panel",
    "Django Admin",
    "phpMyAdmin",
    "Unofficial Reddit client",
    "Officina",
    "Unverified claims finder",
    "Ignorance quiz",
    "gitignore helper",
    "Pleasant Hill library",
    "Choose Your Own Adventure",
    "Hit List",
    "Select Star SQL",
    "Tapestry",
    "Toca Boca",
    "Security Hub",
    "Secure Notes",
    "Safe Routes",
    "Bitter Ende",
    "Freigabeliste",
    "Presseschau",
];

fn failures(names: &[&str], test: impl Fn(&str, ClaimedName) -> bool) -> Vec<(String, ClaimedName)> {
    let judged = names.iter().map(|name| ((*name).to_owned(), judged(name)));
    judged.filter(|(name, judged)| !test(name, judged.clone())).collect()
}

/// Requirements: B5, B38.
#[test]
fn honest_names_are_shown_without_a_doubt() {
    for names in [HONEST, HONEST_STEMS] {
        let is_shown = |name: &str, judged: ClaimedName| judged.shown == recorded(name) && judged.doubts.is_empty();
        assert_eq!(failures(names, is_shown), []);
    }
}

fn assert_withheld(names: &[&str], doubt: NameDoubt) {
    let is_withheld = |_: &str, judged: ClaimedName| judged.shown.is_none() && judged.doubts.contains(&doubt);
    assert_eq!(failures(names, is_withheld), [], "{doubt:?}");
}

/// Requirements: B5, B38.
#[test]
#[expect(clippy::too_many_lines, reason = "one line for each name")]
fn a_name_that_claims_approval_is_withheld() {
    let names = [
        "Claude Approved by your administrator",
        "Claude (verified)",
        "VERIFIED",
        "VerifiedApp",
        "OfficialNotes",
        "Notes, the official app",
        "v e r i f i e d Notes",
        "ver.i.fied",
        "V-E-R-I-F-I-E-D",
        "v_e_r_i_f_i_e_d",
        "Verified\u{301}",
        "V\u{336}e\u{336}rified",
        "vérifièd",
        "Verifıed",
        "Verif1ed by IT",
        "verif!ed",
        "Ver1f1ed",
        "0fficial",
        "0ff1c1al Notes",
        "tru$ted app",
        "appr0ved",
        "𝐕𝐞𝐫𝐢𝐟𝐢𝐞𝐝",
        "Ｖｅｒｉｆｉｅｄ",
        "Ⓥⓔⓡⓘⓕⓘⓔⓓ",
        "🅅🄴🅁🄸🄵🄸🄴🄳",
        "🅥🅔🅡🅘🅕🅘🅔🅓",
        "🇻🇪🇷🇮🇫🇮🇪🇩",
        "Аpprоved",
        "Claude ✓",
        "Claude ✔\u{FE0F}",
        "☑ Claude",
        "🛡\u{FE0F} Claude",
        "✅ Notes",
        "Claude √",
        "Your admin set this up",
        "IT Security Team",
        "Security-Team",
        "Authorised Client",
        "Preapproved",
        "Vom Admin freigegeben",
        "Claude, geprüft",
        "GEPRÜFT",
        "Geprueft? zertifiziert!",
        "Offizielle App",
        "Vertrauenswürdig",
        "Application vérifiée",
        "Client approuve",
        "Équipe de sécurité",
        "Aplicación verificada",
        "Cliente oficial",
        "Equipo de seguridad",
        "Aplicativo verificado",
        "Equipe de segurança",
        "【公式】Claude",
        "Claude公式アプリ",
        "認証済みアプリ",
        "管理者により承認済み",
        "官方客户端",
        "已 认 证",
        "管理员批准的应用",
        "تطبيق معتمد",
        "مُعْتَمَد",
        "تمت الموافقة",
        "التطبيق الرسـمي",
    ];
    assert_withheld(&names, NameDoubt::ClaimsApproval);
}

/// Requirements: B5, B38.
#[test]
fn a_name_that_instructs_the_reader_is_withheld() {
    let names = [
        "Press Approve to continue to sign in",
        "Approve",
        "ALLOW",
        "a l l o w",
        "A.p.p.r.o.v.e",
        "Αpprove",
        "4pprove",
        "@llow",
        "Click the blue button",
        "cl1ck here",
        "Tap OK",
        "Sign in",
        "SIGN-IN",
        "Log in again",
        "Continue to Claude",
        "please wait",
        "Ignore this page",
        "Do not deny",
        "Don't deny this",
        "Don’t close this window",
        "You must accept the terms",
        "Verify your account",
        "Your session has expired",
        "Bitte genehmigen",
        "Klicken Sie auf Zulassen",
        "Jetzt anmelden",
        "Weiter mit Google",
        "Nicht ablehnen",
        "Cliquez sur Autoriser",
        "Veuillez patienter",
        "Connectez-vous",
        "Ne refusez pas",
        "Haga clic en Permitir",
        "Inicie sesión",
        "para continuar",
        "Clique em Permitir",
        "Faça login",
        "Não recuse",
        "承認してください",
        "「許可」を押す",
        "許 可 し て く だ さ い",
        "ログインして続ける",
        "请点击批准",
        "点击允许以继续",
        "请 登 录",
        "اضغط على موافق",
        "سجل الدخول",
        "يُرجى المتابعة",
    ];
    assert_withheld(&names, NameDoubt::Instructs);
}

/// Requirements: B5, B38.
#[test]
fn a_name_that_looks_like_another_is_withheld() {
    let names = [
        "Сlaude",
        "Claudе",
        "ClaudeСode",
        "С1аude",
        "CIaude",
        "C1aude",
        "C|aude",
        "Cl@ude",
        "C l а u d e",
        "Claudé",
        "Сursor",
        "Curs0r",
        "ChatGРT",
        "Chat6PT",
        "0penAI",
        "OpenAl",
        "Anthroplc",
        "Anthropıc",
        "Anthr0pic Login",
        "Gernini",
        "G00gle",
        "Micr0soft",
        "Wlndsurf",
        "𝐂𝐥𝐚𝐮𝐝𝐞",
        "𝓝𝓸𝓽𝓮𝓼",
        "Ｃｌａｕｄｅ",
        "Ⓒⓛⓐⓤⓓⓔ",
        "🅲🅻🅰🆄🅳🅴",
        "🇨🇱🇦🇺🇩🇪",
        "Clɑude",
        "ᏟᏞᎪᏌᎠᎬ",
        "сосо",
        "ТАСС",
        "ΖΕΝ",
        "Paypаl helper",
        "Nоtes",
        "Ωmega",
        "\u{3BC}Torrent",
    ];
    assert_withheld(&names, NameDoubt::Confusable);
}

/// Requirements: B5, B38.
#[test]
fn a_name_with_characters_that_hide_or_turn_is_withheld() {
    let names = [
        "Cla\u{200B}ude",
        "Claude\u{200D}Code",
        "Cla\u{AD}ude",
        "Notes \u{202E}edoC",
        "\u{202E}Notes",
        "Notes\u{2066}",
        "No\u{0}tes",
        "No\u{E0074}tes",
        "No\u{3164}tes",
        "No\u{FE0F}tes",
        "No\u{200E}tes",
        "No\u{2800}tes",
        "No\u{FFFD}tes",
    ];
    assert_withheld(&names, NameDoubt::HiddenCharacters);
    for (name, shown) in [("\u{FEFF}Notes", "Notes"), ("Notes \u{200B} App\u{200B}", "Notes App")] {
        let expected = ClaimedName { shown: Some(shown.to_owned()), doubts: vec![] };
        assert_eq!(judged(name), expected, "{name:?}");
    }
}

/// Requirements: B5, B38.
#[test]
fn a_well_known_name_is_doubted_where_it_leads_elsewhere() {
    let evil = "https://claude.ai.evil-login.example/cb";
    for (name, uri, is_elsewhere) in [
        ("ChatGPT", evil, true),
        ("Claude", evil, true),
        ("claude code", evil, true),
        ("Notes for Claude", evil, true),
        ("C l a u d e", evil, true),
        ("ClaudeCode", evil, true),
        ("Claude2", evil, true),
        ("MyChatGPTclient", evil, true),
        ("Chat GPT", evil, true),
        ("Claudeノート", evil, true),
        ("VS-Code", evil, true),
        ("Le Chat", evil, true),
        ("Claudette", evil, false),
        ("Notes", evil, false),
        ("Precursor", evil, false),
        ("Zedonk", evil, false),
        ("Claude", "https://claude.ai/api/mcp/auth_callback", false),
        ("Claude Code", "https://platform.claude.com/oauth/code/callback", false),
        ("Claude", "https://notclaude.ai/cb", true),
        ("Claude", "https://claude.ai:8443/cb", false),
        ("Claude", "https://chatgpt.com/cb", true),
        ("ChatGPT", "https://chatgpt.com/connector_platform_oauth_redirect", false),
        ("Visual Studio Code", "https://vscode.dev/redirect", false),
        ("Visual Studio Code", "https://insiders.vscode.dev/redirect", false),
        ("GitHub Copilot", "https://github.com/login/oauth/callback", false),
        ("Copilot", "https://github.com/cb", true),
        ("Google", "https://script.google.com/macros/s/x/exec", true),
        ("Claude", "http://127.0.0.1:7777/cb", false),
        ("Claude", "https://localhost:7777/cb", false),
        ("Cursor", "cursor://anysphere.cursor-mcp/oauth/callback", false),
        ("Cursor", "cursors://anysphere.cursor-mcp/oauth/callback", true),
        ("Visual Studio Code", "vscode-insiders://x/cb", false),
        ("Gemini", "some-scheme://x/cb", false),
    ] {
        let judged = judged_at(name, uri);
        assert_eq!(judged.doubts.contains(&NameDoubt::WellKnownElsewhere), is_elsewhere, "{name} {uri}");
        assert_eq!(judged.shown.as_deref(), Some(name), "{name}");
    }
}

/// The document's host made the claims, and every redirect gets the access.
///
/// Requirements: B38.
#[test]
fn every_host_that_has_a_part_in_the_access_counts() {
    let judged = |document: &str, redirects: &[&str]| {
        let document = MetadataUrl::parse(document).unwrap();
        let redirect_uris: Vec<_> = redirects.iter().map(|uri| at(uri)).collect();
        ClaimedName::judge("Claude Code", &Receiver { redirect_uris: &redirect_uris, document: Some(&document) }).doubts
    };
    let (ours, evil) = ("https://claude.ai/client.json", "https://evil.example/client.json");
    let (local, hosted) = ("http://127.0.0.1/cb", "https://claude.ai/cb");
    assert_eq!(judged(ours, &[local]), []);
    assert_eq!(judged(ours, &[local, hosted]), []);
    assert_eq!(judged(evil, &[local]), [NameDoubt::WellKnownElsewhere]);
    assert_eq!(judged(evil, &[hosted]), [NameDoubt::WellKnownElsewhere]);
    assert_eq!(judged(ours, &[hosted, "https://evil.example/cb"]), [NameDoubt::WellKnownElsewhere]);
    let nowhere = Receiver { redirect_uris: &[], document: None };
    assert_eq!(ClaimedName::judge("Claude", &nowhere).doubts, []);
}

/// Requirements: B5, B38.
#[test]
fn an_address_is_defused_unless_it_is_the_receivers() {
    for (name, uri, shown) in [
        ("claude.ai", "https://evil.example/cb", "claude ai"),
        ("https://bank.example.com/x", "http://127.0.0.1/cb", "https bank example com x"),
        ("Login www.bank.co.uk now", "http://127.0.0.1/cb", "Login www bank co uk now"),
        ("support@bank.com", "https://evil.example/cb", "support bank com"),
        ("me@booking.com", "https://booking.com/cb", "me booking com"),
        ("(booking.com)", "https://evil.example/cb", "(booking com)"),
        ("bank。com", "https://evil.example/cb", "bank com"),
        ("ｂａｎｋ．ｃｏｍ", "https://evil.example/cb", "ｂａｎｋ ｃｏｍ"),
        ("bank.com…", "https://evil.example/cb", "bank com…"),
        ("bank.com:8443/x", "https://evil.example/cb", "bank com 8443 x"),
        ("192.0.2.7", "https://evil.example/cb", "192 0 2 7"),
        ("//bank/x", "https://evil.example/cb", "bank x"),
        ("booking.com", "https://booking.com.evil.example/cb", "booking com"),
        ("bücher.de", "https://evil.example/cb", "bücher de"),
        ("bank.com/\u{301}x", "https://evil.example/cb", "bank com x"),
    ] {
        let expected = ClaimedName { shown: Some(shown.to_owned()), doubts: vec![NameDoubt::Address] };
        let judged = judged_at(name, uri);
        let others: Vec<_> =
            judged.doubts.into_iter().filter(|doubt| *doubt != NameDoubt::WellKnownElsewhere).collect();
        assert_eq!(ClaimedName { shown: judged.shown, doubts: others }, expected, "{name}");
    }
    for (name, uri) in [
        ("Booking.com", "https://secure.booking.com/cb"),
        ("Booking.com notes", "https://booking.com/cb"),
        ("Node.js", "https://evil.example/cb"),
        ("Dr. Who", "https://evil.example/cb"),
        ("3.5 Notes...", "https://evil.example/cb"),
        ("a/b testing", "https://evil.example/cb"),
        ("Notes: today", "https://evil.example/cb"),
        ("@home", "https://evil.example/cb"),
        ("bücher.de", "https://xn--bcher-kva.de/cb"),
    ] {
        let expected = ClaimedName { shown: Some(name.to_owned()), doubts: vec![] };
        assert_eq!(judged_at(name, uri), expected, "{name}");
    }
}

/// Requirements: B5.
#[test]
fn a_long_name_is_cut_between_characters_as_people_count_them() {
    let family = "👩\u{1F3FD}";
    for (name, shown) in [
        ("x".repeat(40), Some("x".repeat(40))),
        ("x".repeat(41), Some(format!("{}…", "x".repeat(39)))),
        (family.repeat(40), Some(family.repeat(40))),
        (family.repeat(41), Some(format!("{}…", family.repeat(39)))),
        (format!("{} yyyyy", "x".repeat(38)), Some(format!("{}…", "x".repeat(38)))),
        // The cut would make a word of its own.
        (format!("{} allowances", "x".repeat(33)), None),
        (format!("{} bank.community", "x".repeat(30)), Some(format!("{} bank com…", "x".repeat(30)))),
        // A doubt about the end that is not shown.
        (format!("{} please", "x".repeat(50)), None),
    ] {
        let judged = judged(&name);
        assert_eq!(judged.shown, shown, "{name}");
        assert_eq!(judged.doubts.contains(&NameDoubt::Cut), name.graphemes(true).count() > MAX_SHOWN, "{name}");
    }
    let marks = "e\u{301}\u{302}\u{303}\u{304}".repeat(30);
    assert!(judged(&marks).doubts.contains(&NameDoubt::Cut), "records cut it");
}

#[test]
fn a_name_of_nothing_is_no_name() {
    let signs = ClaimedName { shown: None, doubts: vec![NameDoubt::Address] };
    assert_eq!(judged("://://"), signs);
    for name in ["", " ", "\u{200B}", "\u{202E}\u{2800}"] {
        assert_eq!(judged(name), ClaimedName { shown: None, doubts: vec![] }, "{name:?}");
    }
}

#[test]
fn every_language_of_the_pages_has_phrases_of_both_kinds() {
    for doubt in [NameDoubt::ClaimsApproval, NameDoubt::Instructs] {
        let languages: Vec<_> = PHRASES.iter().filter(|table| table.0 == doubt).map(|table| table.1).collect();
        assert_eq!(languages, ["en", "de", "fr", "es", "pt", "ja", "zh", "ar"]);
    }
}

/// Each alternative of each line, alone and in a name, plain and spelt apart.
#[test]
fn every_phrase_of_the_table_is_found() {
    for (doubt, language, lines) in PHRASES {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let line = line.trim_start_matches('=');
            let slots: Vec<Vec<&str>> = line.split(' ').map(|slot| slot.split('|').collect()).collect();
            let most = slots.iter().map(Vec::len).max().unwrap();
            for n in 0..most {
                let words: Vec<_> = slots.iter().map(|slot| slot[n.min(slot.len() - 1)]).collect();
                let phrase = words.join(" ");
                let apart: String = phrase.chars().flat_map(|c| [c, ' ']).collect();
                for name in [phrase.clone(), phrase.to_uppercase(), format!("🦀 {phrase} 🦀"), apart] {
                    let judged = judged(&name);
                    assert!(judged.shown.is_none() && judged.doubts.contains(doubt), "{language} {name}: {judged:?}");
                }
            }
        }
    }
}

#[test]
fn the_table_of_well_known_names_is_sound() {
    for vendor in WELL_KNOWN {
        for host in vendor.hosts {
            assert!(at(&format!("https://{host}/cb")).kind() == RedirectKind::Web, "{host}");
            assert!(registrable_domain(host).is_some(), "strangers register below {host}");
        }
        for name in vendor.names.iter().chain(vendor.coined) {
            let shown = ClaimedName { shown: Some((*name).to_owned()), doubts: vec![] };
            for host in vendor.hosts {
                assert_eq!(judged_at(name, &format!("https://{host}/cb")), shown, "{name} {host}");
                assert_eq!(judged_at(name, &format!("https://app.{host}/cb")), shown, "{name} {host}");
            }
            let elsewhere = vec![NameDoubt::WellKnownElsewhere];
            assert_eq!(judged_at(name, "https://evil.example/cb").doubts, elsewhere, "{name}");
        }
    }
}

proptest! {
    /// Requirements: B5, B38.
    #[test]
    fn any_shown_name_is_short_visible_and_stays_so(
        text in any::<String>(),
        pieces in proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..24),
        at_web in any::<bool>(),
    ) {
        let uri = if at_web { "https://app.bank.com/cb" } else { "http://127.0.0.1/cb" };
        let pieces = pieces.concat();
        for name in [&text, &pieces, &format!("{pieces}{text}")] {
            let judged = judged_at(name, uri);
            prop_assert!(judged.shown.is_some() || judged.is_withheld() || recorded(name).is_none());
            if let Some(shown) = judged.shown {
                prop_assert!(shown.graphemes(true).count() <= MAX_SHOWN && !shown.contains(REMOVED));
                prop_assert_eq!(displayable(&shown, 10_000), Some(shown.clone()));
                prop_assert_eq!(judged_at(&shown, uri).shown, Some(shown));
            }
        }
    }
}

const PIECES: [&str; 32] = [
    "a", "x", "Claude", "allow", "ance", ".", ".com", "bank.com", "://", "@", "/", " ", " ", "…", "\u{301}", "\u{303}",
    "\u{200D}", "\u{200B}", "\u{202E}", "\u{FE0F}", "👩", "🇫", "🇷", "1", "0", "承", "認", "क", "\u{94D}", "。", "ع",
    "е",
];
