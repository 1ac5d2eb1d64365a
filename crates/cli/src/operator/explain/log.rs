//! Lines of the logs of edge and control plane, as text or JSON, in words.

use std::collections::BTreeMap;
use std::io;

use lychgate_api::Reason;
use lychgate_pages::Appearance;
use serde_json::Value;

use super::Step;

type Fields = BTreeMap<String, String>;

/// The steps of the lines that name `what` in a field. Lines that are no log of ours are passed over.
pub(super) fn steps(lines: impl Iterator<Item = io::Result<Vec<u8>>>, what: &str) -> io::Result<Vec<Step>> {
    let mut steps = Vec::new();
    for line in lines {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        // A journal may put words before a line.
        let Some(fields) = line.contains(what).then(|| read(&line)).flatten() else { continue };
        if fields.values().any(|value| value == what) {
            steps.push(step(&fields));
        }
    }
    Ok(steps)
}

fn step(fields: &Fields) -> Step {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let source = if field("target").starts_with("lychgate_edge") { "edge" } else { "control" };
    Step { time: field("timestamp").to_owned(), source, words: words(fields) }
}

fn words(fields: &Fields) -> String {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let reason = match field("reason") {
        "" => String::new(),
        name => format!(": {name}{}", Reason::parse(name).map(meaning).unwrap_or_default()),
    };
    match field("message") {
        "answered" => format!(
            "answered {} {} with {} after {} ms{reason}",
            field("http.method"),
            field("url.path"),
            field("http.status"),
            field("duration_ms")
        ),
        "called" => format!("{} called {}", field("principal.name"), field("rpc.path")),
        message => {
            let own = ["timestamp", "level", "target", "message", "request.id", "reason"];
            let more = fields.iter().filter(|(name, _)| !own.contains(&name.as_str()));
            let more: Vec<_> = more.map(|(name, value)| format!("{name}={value}")).collect();
            format!("{} {message}{reason} {}", field("level"), more.join(" ")).trim_end().to_owned()
        }
    }
}

/// The sentence that the person read.
fn meaning(reason: Reason) -> String {
    let told = Appearance::load(None).ok().and_then(|pages| pages.failure_in_english(reason).ok());
    told.map(|told| format!(", \"{told}\"")).unwrap_or_default()
}

/// The fields of a line, also `timestamp`, `level`, `target` and `message`.
fn read(line: &str) -> Option<Fields> {
    match line.find('{') {
        Some(start) if line.ends_with('}') => read_json(&line[start..]).or_else(|| read_text(line)),
        _ => read_text(line),
    }
}

fn read_json(line: &str) -> Option<Fields> {
    let Value::Object(members) = serde_json::from_str(line).ok()? else { return None };
    let text = |value: Value| match value {
        // The path is logged in quotation marks.
        Value::String(text) => serde_json::from_str(&text).unwrap_or(text),
        other => other.to_string(),
    };
    Some(members.into_iter().map(|(name, value)| (name, text(value))).collect())
}

/// `TIME LEVEL TARGET: MESSAGE NAME=VALUE NAME="VALUE" …`
fn read_text(line: &str) -> Option<Fields> {
    let target_at = line.find(" lychgate_")? + 1;
    let mut head = line[..target_at].split_whitespace().rev();
    let (level, timestamp) = (head.next()?, head.next()?);
    let (target, rest) = line[target_at..].split_once(": ")?;
    let mut fields = Fields::new();
    let mut message = rest;
    let mut end = rest.len();
    // From the end: a value in quotation marks may hold anything but its own end.
    while let Some((start, name, value)) = last_field(&rest[..end]) {
        fields.insert(name.to_owned(), value);
        message = &rest[..start];
        end = start;
    }
    for (name, value) in [("timestamp", timestamp), ("level", level), ("target", target), ("message", message.trim())] {
        fields.insert(name.to_owned(), value.to_owned());
    }
    Some(fields)
}

/// Where the last field of `text` begins, its name and its value.
fn last_field(text: &str) -> Option<(usize, &str, String)> {
    let text = text.trim_end();
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"._".contains(&c));
    let (name_and_mark, value) = match text.strip_suffix('"') {
        Some(quoted) => {
            let open = quoted.rfind("=\"")?;
            (&text[..open], serde_json::from_str(&text[open + 1..]).unwrap_or_else(|_| quoted[open + 2..].to_owned()))
        }
        None => {
            let equals = text.rfind('=')?;
            (&text[..equals], text[equals + 1..].to_owned())
        }
    };
    let start = name_and_mark.rfind(' ').map_or(0, |space| space + 1);
    let name = &name_and_mark[start..];
    let is_field = is_name(name) && (text.ends_with('"') || !value.contains(' '));
    is_field.then_some((start, name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<(&'static str, String)> {
        let lines = [Ok(line.as_bytes().to_vec()), Ok(vec![0xff])].into_iter();
        steps(lines, "0123456789abcdef").unwrap().into_iter().map(|step| (step.source, step.words)).collect()
    }

    #[test]
    fn both_formats_say_the_same() {
        let text = "2026-12-01T01:00:00.5Z  INFO lychgate_edge::middleware::observe: answered request.id=0123456789abcdef \
                    http.method=GET url.path=\"/callback/main\" http.status=502 reason=\"UPSTREAM_UNAVAILABLE\" duration_ms=7";
        let json = "{\"timestamp\":\"2026-12-01T01:00:00.5Z\",\"level\":\"INFO\",\"message\":\"answered\",\
                    \"request.id\":\"0123456789abcdef\",\"http.method\":\"GET\",\"url.path\":\"\\\"/callback/main\\\"\",\
                    \"http.status\":502,\"reason\":\"UPSTREAM_UNAVAILABLE\",\"duration_ms\":7,\
                    \"target\":\"lychgate_edge::middleware::observe\"}";
        let [(source, words)] = &found(text)[..] else { panic!("{:?}", found(text)) };
        assert_eq!(*source, "edge");
        assert!(
            words.starts_with("answered GET /callback/main with 502 after 7 ms: UPSTREAM_UNAVAILABLE, \""),
            "{words}"
        );
        assert_eq!(found(text), found(json));
        assert_eq!(found(text), found(&format!("Dec 01 01:00:00 host lychgate-edge[7]: {text}")));
    }

    #[test]
    fn an_id_counts_as_a_field_only() {
        let of_a_stranger =
            "2026-12-01T01:00:00Z INFO lychgate_edge::a: answered url.path=\"/x/0123456789abcdef\" request.id=b";
        for line in ["0123456789abcdef", "{\"a\": 1", "a lychgate_ 0123456789abcdef", of_a_stranger] {
            assert_eq!(found(line), [], "{line}");
        }
        let control = "2026-12-01T01:00:00Z WARN lychgate_control::flow: the provider refused: it said \"no\" \
                       request.id=0123456789abcdef error=\"a b\"";
        assert_eq!(found(control), [("control", "WARN the provider refused: it said \"no\" error=a b".to_owned())]);
    }
}
