//! Names that people know, and the hosts and schemes at which those clients answer.

/// A vendor's clients.
#[derive(Debug)]
pub(super) struct WellKnown {
    /// Names of the vendor and its clients, each as its owner writes it.
    pub(super) names: &'static [&'static str],
    /// Coined names: no other word contains one.
    pub(super) coined: &'static [&'static str],
    /// Hosts of its redirect URIs and metadata documents. Hosts below them are the vendor's too.
    pub(super) hosts: &'static [&'static str],
    /// Its private schemes; empty if none is known.
    pub(super) schemes: &'static [&'static str],
}

/// All of them. No listed host lets strangers answer at it or below it.
pub(super) const WELL_KNOWN: &[WellKnown] = &[
    WellKnown {
        names: &["Claude", "Claude Code", "Claude Desktop"],
        coined: &["Anthropic"],
        hosts: &["claude.ai", "claude.com", "anthropic.com"],
        schemes: &["claude"],
    },
    WellKnown {
        names: &[],
        coined: &["ChatGPT", "OpenAI"],
        hosts: &["chatgpt.com", "openai.com"],
        schemes: &["chatgpt", "openai"],
    },
    WellKnown { names: &["Cursor"], coined: &["Anysphere"], hosts: &["cursor.com", "cursor.sh"], schemes: &["cursor"] },
    WellKnown {
        names: &["VS Code", "Visual Studio Code", "Visual Studio"],
        coined: &["VSCode"],
        hosts: &["vscode.dev", "code.visualstudio.com"],
        schemes: &["vscode", "vscode-insiders"],
    },
    WellKnown {
        names: &["GitHub Copilot"],
        coined: &["GitHub"],
        hosts: &["github.com", "vscode.dev"],
        schemes: &["vscode", "vscode-insiders", "x-github-client"],
    },
    WellKnown {
        names: &["Copilot", "Microsoft Copilot", "Copilot Studio"],
        coined: &["Microsoft"],
        hosts: &[
            "microsoft.com",
            "microsoftonline.com",
            "office.com",
            "cloud.microsoft",
            "live.com",
            "global.consent.azure-apim.net",
        ],
        schemes: &[],
    },
    WellKnown {
        names: &["Gemini", "Google", "Gemini CLI"],
        coined: &[],
        // Not google.com: strangers' programs answer at script.google.com.
        hosts: &[
            "accounts.google.com",
            "aistudio.google.com",
            "cloud.google.com",
            "gemini.google.com",
            "gemini.google",
        ],
        schemes: &[],
    },
    WellKnown {
        names: &["Windsurf", "Codeium"],
        coined: &[],
        hosts: &["windsurf.com", "codeium.com"],
        schemes: &["windsurf"],
    },
    WellKnown { names: &["Zed"], coined: &[], hosts: &["zed.dev"], schemes: &["zed"] },
    WellKnown { names: &["Perplexity"], coined: &[], hosts: &["perplexity.ai", "perplexity.com"], schemes: &[] },
    WellKnown { names: &["Le Chat", "Mistral"], coined: &[], hosts: &["mistral.ai"], schemes: &[] },
];
