//! Colours of a brand, and whether they can be read (WCAG 2.2, success criteria 1.4.3 and 1.4.11).

use serde::Deserialize;

/// Colours as `#rrggbb`. What a brand leaves out keeps its built-in colour.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Colours {
    page: Option<String>,
    card: Option<String>,
    ink: Option<String>,
    soft: Option<String>,
    action: Option<String>,
    action_ink: Option<String>,
    link: Option<String>,
}

/// A refused colour.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) key: String,
    pub(super) text: String,
}

/// The built-in colours of `lychgate.css`, for pairs of which a brand changes one.
const LIGHT: [(&str, &str); 7] = [
    ("page", "#f3f1ec"),
    ("card", "#ffffff"),
    ("ink", "#1d2126"),
    ("soft", "#565d66"),
    ("action", "#1f5c43"),
    ("action_ink", "#ffffff"),
    ("link", "#1a5a9e"),
];
const DARK: [(&str, &str); 7] = [
    ("page", "#14171a"),
    ("card", "#1d2125"),
    ("ink", "#eceae4"),
    ("soft", "#a9b0b8"),
    ("action", "#8fd3b0"),
    ("action_ink", "#0d2318"),
    ("link", "#8fc1f5"),
];

/// Pairs that must be told apart: text on its background, and the button on the card.
const PAIRS: [(&str, &str, f64); 7] = [
    ("ink", "card", 4.5),
    ("ink", "page", 4.5),
    ("soft", "card", 4.5),
    ("soft", "page", 4.5),
    ("link", "card", 4.5),
    ("action_ink", "action", 4.5),
    ("action", "card", 3.0),
];

/// The rules that set a brand's colours; empty without colours.
pub(super) fn style_sheet(light: Option<&Colours>, dark: Option<&Colours>) -> Result<String, Problem> {
    let light = light.map(|colours| colours.rule("light", LIGHT)).transpose()?.unwrap_or_default();
    let dark = dark.map(|colours| colours.rule("dark", DARK)).transpose()?.unwrap_or_default();
    let light = if light.is_empty() { light } else { format!("@media (prefers-color-scheme: light) {{ {light} }}\n") };
    let dark = if dark.is_empty() { dark } else { format!("@media (prefers-color-scheme: dark) {{ {dark} }}\n") };
    Ok(light + &dark)
}

impl Colours {
    fn named(&self) -> [(&'static str, Option<&str>); 7] {
        let Self { page, card, ink, soft, action, action_ink, link } = self;
        [
            ("page", page.as_deref()),
            ("card", card.as_deref()),
            ("ink", ink.as_deref()),
            ("soft", soft.as_deref()),
            ("action", action.as_deref()),
            ("action_ink", action_ink.as_deref()),
            ("link", link.as_deref()),
        ]
    }

    fn rule(&self, scheme: &str, built_in: [(&'static str, &'static str); 7]) -> Result<String, Problem> {
        let problem = |key: &str, text: String| Problem { key: format!("{scheme}.{key}"), text };
        let named = self.named();
        for (key, colour) in named {
            if colour.is_some_and(|colour| luminance(colour).is_none()) {
                return Err(problem(key, "is no colour; write it like #1f5c43".to_owned()));
            }
        }
        let of = |name: &str| {
            let own = named.iter().find(|(key, _)| *key == name).and_then(|(_, colour)| *colour);
            own.or_else(|| built_in.iter().find(|(key, _)| *key == name).map(|(_, colour)| *colour)).unwrap_or_default()
        };
        for (front, back, least) in PAIRS {
            let contrast = contrast(of(front), of(back)).unwrap_or_default();
            if contrast < least {
                let text = format!(
                    "cannot be read: {} on {back} {} has a contrast of {contrast:.2}, and WCAG 2.2 asks for {least}",
                    of(front),
                    of(back)
                );
                return Err(problem(front, text));
            }
        }
        let set = named.iter().filter_map(|(key, colour)| Some((key, (*colour)?)));
        let mut rules: Vec<_> = set.map(|(key, colour)| format!("--{}: {colour};", key.replace('_', "-"))).collect();
        if let Some(action) = &self.action {
            rules.push(format!("--action-hover: {action};"));
        }
        Ok(if rules.is_empty() { String::new() } else { format!(":root {{ {} }}", rules.join(" ")) })
    }
}

/// Contrast ratio of two colours, from 1 to 21.
fn contrast(a: &str, b: &str) -> Option<f64> {
    let (a, b) = (luminance(a)?, luminance(b)?);
    Some((a.max(b) + 0.05) / (a.min(b) + 0.05))
}

/// Relative luminance of `#rrggbb`.
fn luminance(colour: &str) -> Option<f64> {
    let digits = colour.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?) / 255.0;
        Some(if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) })
    };
    Some(0.2126 * channel(0)? + 0.7152 * channel(2)? + 0.0722 * channel(4)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::BUILT_IN;

    #[test]
    fn contrast_is_that_of_wcag() {
        let expected = [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#ff0000", "#ffffff", 4.0)];
        for (a, b, ratio) in expected {
            assert!((contrast(a, b).expect("colours") - ratio).abs() < 0.01, "{a} {b}");
            assert_eq!(contrast(a, b), contrast(b, a));
        }
        for wrong in ["", "#fff", "red", "#12345g", "#1234567", "123456", "#äöü"] {
            assert_eq!(luminance(wrong), None, "{wrong}");
        }
    }

    /// The pairs hold for the style sheet's own colours, and these are the ones listed here.
    #[test]
    fn built_in_colours_can_be_read_and_are_those_of_the_style_sheet() {
        let css = BUILT_IN.get_file("lychgate.css").and_then(|file| file.contents_utf8()).expect("a style sheet");
        for built_in in [LIGHT, DARK] {
            for (name, colour) in built_in {
                assert!(css.contains(&format!("--{}: {colour};", name.replace('_', "-"))), "{name}");
            }
            for (front, back, least) in PAIRS {
                let of = |name| built_in.iter().find(|(key, _)| *key == name).expect("a colour").1;
                assert!(contrast(of(front), of(back)).expect("colours") >= least, "{front} on {back}");
            }
        }
    }

    /// Every pair, with the colour of its background for its text.
    #[test]
    fn unreadable_colours_are_refused_by_name() {
        for (front, back, _) in PAIRS {
            let (_, background) = LIGHT.iter().find(|(key, _)| *key == back).expect("a colour");
            let table: Colours = toml::from_str(&format!("{front} = \"{background}\"")).expect("a table");
            let problem = style_sheet(Some(&table), None).expect_err("a refusal");
            assert!(problem.key == format!("light.{front}") || problem.text.contains(front), "{problem:?}");
        }
        let fine: Colours = toml::from_str("action = \"#0b3d91\"\nlink = \"#0b3d91\"").expect("a table");
        let css = style_sheet(Some(&fine), None).expect("readable");
        assert!(css.contains("--action: #0b3d91;") && css.contains("--action-hover: #0b3d91;"));
        assert_eq!(style_sheet(None, None).expect("nothing"), "");
    }
}
