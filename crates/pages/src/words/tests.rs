//! Messages are complete in every language, and their arguments stay within themselves.

use super::*;

fn words(text: &str) -> Words {
    let layers = [("en".to_owned(), vec![parse(text.to_owned()).expect("messages")])];
    Words::new(&layers.into(), HashMap::new()).expect("words")
}

#[test]
fn arguments_are_escaped_isolated_and_never_read() {
    let words = words("greet = Hello <strong>{ $name }</strong> & <em>{ $name }</em>\n");
    let payload = "<b>\u{E000}0\u{E001}</b>{ $name }<strong>";
    let message = Message::new("greet").with("name", payload);
    let name = "<bdi>&lt;b&gt;\u{E000}0\u{E001}&lt;/b&gt;{ $name }&lt;strong&gt;</bdi>";
    let expected = format!("Hello <strong>{name}</strong> &amp; &lt;em&gt;{name}&lt;/em&gt;");
    assert_eq!(words.html("en", &message), Ok(expected));
    let plain = format!("Hello {payload} & <em>{payload}</em>");
    assert_eq!(words.plain("en", &message), Ok(plain));
}

#[test]
fn missing_message_or_argument_is_an_error() {
    let words = words("greet = Hello { $name }\n");
    assert!(words.html("en", &Message::new("greet")).is_err());
    assert!(words.html("en", &Message::new("gret")).is_err());
    assert!(words.html("en", &Message::new("greet.title").with("name", "x")).is_err());
    assert!(words.html("xx", &Message::new("greet").with("name", "x")).is_ok(), "English stands in");
    assert!(words.html("en", &Message::new("greet").with("name", true)).is_err());
}

#[test]
fn language_follows_the_reader_then_the_default() {
    let file = || vec![parse("a = b\n".to_owned()).expect("messages")];
    let layers = ["en", "de", "fr", "pt", "zh", "ar"].map(|name| (name.to_owned(), file()));
    let words = Words::new(&layers.into(), HashMap::new()).expect("words");
    for (chosen, accepted, default, expected) in [
        ("", "", None, "en"),
        ("", "", Some("de"), "de"),
        ("", "de-AT,en;q=0.5", None, "de"),
        ("", "en;q=0.5,de-AT", None, "de"),
        ("", "nl, fr;q=0.3", Some("de"), "fr"),
        ("", "nl", Some("de"), "de"),
        ("pt-BR", "de", None, "pt"),
        ("nl zh-Hans-CN", "de", None, "zh"),
        ("xx-invalid-!! ar", "de", None, "ar"),
        ("../../etc", "*", Some("fr"), "fr"),
        ("", "zh-TW", None, "zh"),
        ("", &"de,".repeat(4000), None, "de"),
    ] {
        assert_eq!(words.choose(&Reader::new(chosen, accepted), default), expected, "{chosen:?} {accepted:?}");
    }
}
