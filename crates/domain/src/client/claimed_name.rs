//! The name that a client claims: what of it pages show, and the reasons to doubt it.
//!
//! A stranger chooses the name, and a person reads it beside the button. No name is refused at registration for it: odd
//! names are honest more often than not. A name is withheld if showing it does harm that a note beside it does not undo; a
//! page without a name still shows the host.

mod address;
mod phrases;
mod well_known;
mod words;

use std::sync::LazyLock;

use unicode_segmentation::UnicodeSegmentation as _;

use self::phrases::{PHRASES, SEALS};
use self::well_known::{WELL_KNOWN, WellKnown};
use self::words::{Joints, Words};
use crate::client::metadata_url::MetadataUrl;
use crate::client::redirect_uri::{RedirectKind, RedirectUri};
use crate::confusable::{self, look};
use crate::display::{REMOVED, displayable, with_hidden_marked};
use crate::origin::HostKind;
use crate::website::registrable_domain;

/// The longest name on record, in characters.
pub const MAX_RECORDED_CHARS: usize = 128;
/// The longest name on a page, in characters as people count them (UAX #29).
pub const MAX_SHOWN: usize = 40;

/// A client's name as records keep it: displayable, at most 128 characters, with U+FFFD for each hidden character that no
/// writing needs. `None` if nothing of it is seen.
pub fn recorded(text: &str) -> Option<String> {
    displayable(text, MAX_RECORDED_CHARS)?;
    displayable(&with_hidden_marked(text), MAX_RECORDED_CHARS)
}

/// A client's claimed name, as pages show it, and the reasons to doubt it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedName {
    /// The name as pages show it, at most [`MAX_SHOWN`] characters. The caller escapes it.
    pub shown: Option<String>,
    /// Reasons to doubt it, in the order of [`NameDoubt`].
    pub doubts: Vec<NameDoubt>,
}

/// A reason to doubt the name that a client claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameDoubt {
    /// It mixes scripts as no language does, or has letters that look like others (UTS #39).
    Confusable,
    /// It claims that an authority has approved or verified the client.
    ClaimsApproval,
    /// It tells the reader to do something.
    Instructs,
    /// It is the name of a well-known client, and the access goes to a host or scheme that is not that client's.
    WellKnownElsewhere,
    /// It contained characters that are not seen or that change the direction of writing.
    HiddenCharacters,
    /// It was cut.
    Cut,
    /// It contains an address.
    Address,
}

impl NameDoubt {
    /// True if a name with this doubt is not shown at all.
    pub fn withholds(self) -> bool {
        match self {
            // The eye reads the other name, and a note beside it cannot say where they differ.
            NameDoubt::Confusable => true,
            // A hurried person takes the claim for a statement of this page.
            NameDoubt::ClaimsApproval => true,
            // A hurried person takes it for an instruction of this page, and does it.
            NameDoubt::Instructs => true,
            // The name was made to be read otherwise than it is written. What is left of it is no name.
            NameDoubt::HiddenCharacters => true,
            // Many honest clients are "X for Claude". The name without the note would fool; with the host beside it, it does
            // not, and the person needs to see who is imitated.
            NameDoubt::WellKnownElsewhere => false,
            // The end is missed and the page says so; what is shown is judged by itself, too.
            NameDoubt::Cut => false,
            // Its signs are gone, so no reader takes it for the host line, and no program makes a link of it.
            NameDoubt::Address => false,
        }
    }
}

/// Where the access of a client goes.
#[derive(Clone, Copy, Debug)]
pub struct Receiver<'a> {
    /// The redirect URIs that the name is shown for.
    pub redirect_uris: &'a [RedirectUri],
    /// The client's metadata document.
    pub document: Option<&'a MetadataUrl>,
}

impl ClaimedName {
    /// Judges `name`, as the client gave it or as a record keeps it. The result depends on nothing else.
    pub fn judge(name: &str, receiver: &Receiver<'_>) -> Self {
        let Some(text) = recorded(name) else { return Self { shown: None, doubts: Vec::new() } };
        let own = receiver.domain();
        let mut doubts = doubts_of(&text, receiver);
        let cut = cut(&text);
        if cut != text || text.chars().count() >= MAX_RECORDED_CHARS {
            doubts.push(NameDoubt::Cut);
        }
        // Marks that stood on a sign of an address have nothing to stand on.
        let shown = displayable(&address::defused(&cut, own.as_deref()), MAX_RECORDED_CHARS).unwrap_or_default();
        if shown != cut || address::defused(&text, own.as_deref()) != text {
            doubts.push(NameDoubt::Address);
        }
        // A cut can make another word.
        if shown != text {
            doubts.extend(doubts_of(&shown, receiver));
        }
        doubts.sort_unstable();
        doubts.dedup();
        let is_withheld = doubts.iter().any(|doubt| doubt.withholds());
        Self { shown: (!is_withheld && !shown.is_empty()).then_some(shown), doubts }
    }

    /// True if the client gave a name that is not shown.
    pub fn is_withheld(&self) -> bool {
        self.shown.is_none() && !self.doubts.is_empty()
    }
}

/// The first [`MAX_SHOWN`] characters, with an ellipsis for the rest.
fn cut(text: &str) -> String {
    if text.graphemes(true).count() <= MAX_SHOWN {
        return text.to_owned();
    }
    let kept: String = text.graphemes(true).take(MAX_SHOWN - 1).collect();
    format!("{}…", kept.trim_end())
}

/// The doubts about the text itself.
fn doubts_of(text: &str, receiver: &Receiver<'_>) -> Vec<NameDoubt> {
    let mut doubts = said(text);
    let found = known(text);
    if found.iter().any(|found| found.is_disguised) || is_confusable(text) {
        doubts.push(NameDoubt::Confusable);
    }
    if found.iter().any(|found| !receiver.is_of(found.vendor)) {
        doubts.push(NameDoubt::WellKnownElsewhere);
    }
    if text.contains(REMOVED) {
        doubts.push(NameDoubt::HiddenCharacters);
    }
    doubts
}

/// True if the letters pose as others: words of mixed scripts, a name in letters that all look Latin, or styled letters.
fn is_confusable(text: &str) -> bool {
    let plain = Words::of(text, Joints::Plain);
    let is_letter = |c: char| c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c);
    text.split(|c| !is_letter(c)).any(confusable::mixes_scripts)
        || plain.written.iter().any(|word| word.chars().filter(|c| confusable::is_styled_letter(*c)).count() > 1)
        || confusable::poses_as_latin(text)
}

/// A well-known name in a text.
struct Found {
    vendor: &'static WellKnown,
    /// It only looks like the name: "CIaude".
    is_disguised: bool,
}

/// A name of the table, by its look.
struct KnownName {
    vendor: &'static WellKnown,
    look: String,
    /// In small letters, without spaces.
    written: String,
    is_coined: bool,
}

/// Longer names first: "GitHub Copilot" is not Microsoft's "Copilot".
static KNOWN: LazyLock<Vec<KnownName>> = LazyLock::new(|| {
    let names = WELL_KNOWN.iter().flat_map(|vendor| {
        let plain = vendor.names.iter().map(|name| (*name, false));
        plain.chain(vendor.coined.iter().map(|name| (*name, true))).map(move |(name, is_coined)| {
            let written = name.to_lowercase().replace(' ', "");
            KnownName { vendor, look: look(&written), written, is_coined }
        })
    });
    let mut names: Vec<_> = names.collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.look.len()));
    names
});

/// The well-known names in `text`. A part of a longer one is not found again.
fn known(text: &str) -> Vec<Found> {
    let mut found = spelt_in(text);
    for disguised in spelt_in(&words::with_signs_as_letters(text)) {
        if !found.iter().any(|plain| std::ptr::eq(plain.vendor, disguised.vendor)) {
            found.push(Found { is_disguised: true, ..disguised });
        }
    }
    found
}

fn spelt_in(text: &str) -> Vec<Found> {
    let (words, plain) = (Words::of(text, Joints::Capitals), Words::of(text, Joints::Plain));
    let (mut found, mut taken) = (Vec::new(), vec![false; words.looks.len()]);
    for name in KNOWN.iter() {
        let mut add = |written: &str, is_whole: bool| {
            let written = written.to_lowercase();
            let is_plain = if is_whole { written == name.written } else { written.contains(&name.written) };
            found.push(Found { vendor: name.vendor, is_disguised: !is_plain });
        };
        for (from, to) in words.spelling(&name.look) {
            if taken[from..to].contains(&false) {
                taken[from..to].fill(true);
                add(&words.written[from..to].concat(), true);
            }
        }
        for (look, written) in plain.looks.iter().zip(&plain.written) {
            if name.is_coined && look.contains(&name.look) {
                add(written, false);
            }
        }
    }
    found
}

/// A phrase of the table, by look.
enum Phrase {
    /// For each word its alternatives.
    Words(Vec<Vec<String>>),
    /// Anywhere in the name.
    Run(String),
    /// A word between spaces or signs.
    Whole(String),
}

static PHRASES_BY_LOOK: LazyLock<Vec<(NameDoubt, Phrase)>> = LazyLock::new(|| {
    let lines = PHRASES.iter().flat_map(|(doubt, _, lines)| lines.lines().map(|line| (*doubt, line.trim())));
    lines.filter(|(_, line)| !line.is_empty()).map(|(doubt, line)| (doubt, Phrase::of(line))).collect()
});

impl Phrase {
    fn of(line: &str) -> Self {
        if let Some(word) = line.strip_prefix('=') {
            return Phrase::Whole(look(word));
        }
        if line.chars().any(words::is_spaceless) {
            return Phrase::Run(look(line));
        }
        let alternatives = |word: &str| word.split('|').map(look).collect();
        Phrase::Words(line.split_ascii_whitespace().map(alternatives).collect())
    }

    fn is_in(&self, words: &Words, run: &str) -> bool {
        match self {
            Phrase::Words(slots) => (0..words.looks.len()).any(|from| follow(words, from, slots)),
            Phrase::Run(look) => run.contains(look),
            Phrase::Whole(look) => words.spelling(look).next().is_some(),
        }
    }
}

/// True if the words from `from` on are one alternative for each slot.
fn follow(words: &Words, from: usize, slots: &[Vec<String>]) -> bool {
    let Some((first, others)) = slots.split_first() else { return true };
    first.iter().any(|word| words.spells(from, word).is_some_and(|to| follow(words, to, others)))
}

/// The doubts about what the name says.
fn said(text: &str) -> Vec<NameDoubt> {
    let mut doubts = Vec::new();
    if text.contains(SEALS) {
        doubts.push(NameDoubt::ClaimsApproval);
    }
    for text in [text, &words::with_signs_as_letters(text)] {
        // "ClickUp" is a name, and "VerifiedApp" is read as two words.
        let (plain, capitals) = (Words::of(text, Joints::Plain), Words::of(text, Joints::Capitals));
        let run = plain.run();
        let is_said = |doubt, phrase: &Phrase| match doubt {
            NameDoubt::ClaimsApproval => phrase.is_in(&capitals, &run),
            _ => phrase.is_in(&plain, &run),
        };
        doubts
            .extend(PHRASES_BY_LOOK.iter().filter(|(doubt, phrase)| is_said(*doubt, phrase)).map(|(doubt, _)| *doubt));
    }
    doubts
}

impl Receiver<'_> {
    /// The hosts of the web that get the access or made the claims.
    fn web_hosts(&self) -> Vec<String> {
        let redirects = self.redirect_uris.iter().filter(|uri| uri.kind() == RedirectKind::Web);
        let documents = self.document.map(|url| url.website().clone());
        let origins = redirects.filter_map(RedirectUri::origin).chain(documents);
        origins
            .filter(|origin| origin.host_kind() == HostKind::Network)
            .map(|origin| origin.host().to_owned())
            .collect()
    }

    /// The registrable domain of all web hosts, if they share one: of it, an address in the name is true.
    fn domain(&self) -> Option<String> {
        let mut domains: Vec<_> = self.web_hosts().iter().map(|host| registrable_domain(host)).collect();
        domains.dedup();
        if domains.len() == 1 { domains.pop()? } else { None }
    }

    /// True if nothing shows that the access goes elsewhere than to `vendor`. Any program can answer at a loopback
    /// redirect, so it shows nothing.
    fn is_of(&self, vendor: &WellKnown) -> bool {
        let is_below =
            |host: &str, own: &str| host.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let is_at = |host: &String| vendor.hosts.iter().any(|own| is_below(host, own));
        let schemes = self.redirect_uris.iter().filter(|uri| uri.kind() == RedirectKind::PrivateScheme);
        let mut schemes = schemes.map(RedirectUri::target);
        self.web_hosts().iter().all(is_at)
            && (vendor.schemes.is_empty() || schemes.all(|scheme| vendor.schemes.contains(&scheme.as_str())))
    }
}

#[cfg(test)]
mod tests {
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
            ClaimedName::judge("Claude Code", &Receiver { redirect_uris: &redirect_uris, document: Some(&document) })
                .doubts
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
                        assert!(
                            judged.shown.is_none() && judged.doubts.contains(doubt),
                            "{language} {name}: {judged:?}"
                        );
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
        "a", "x", "Claude", "allow", "ance", ".", ".com", "bank.com", "://", "@", "/", " ", " ", "…", "\u{301}",
        "\u{303}", "\u{200D}", "\u{200B}", "\u{202E}", "\u{FE0F}", "👩", "🇫", "🇷", "1", "0", "承", "認", "क",
        "\u{94D}", "。", "ع", "е",
    ];
}
