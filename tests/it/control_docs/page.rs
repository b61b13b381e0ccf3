//! A page of exchanges that took place.

use jiff::{Timestamp, ToSpan as _};
use reqwest::Method;

use super::json::Json;
use crate::control::Control;

/// What stands in the page for what is never the same twice.
const URL: &str = "http://127.0.0.1:7526";
const RECEIVER: &str = "http://127.0.0.1:3000";
const LATENCY_MS: f64 = 1.8;

/// Markdown that is written while a live emulator is asked.
pub(super) struct Page {
    control: Control,
    url: String,
    receiver: String,
    /// By how many seconds the page's time is ahead of the project's.
    ahead: i64,
    text: String,
}

/// A request, and what is shown of its answer.
pub(super) struct Exchange {
    method: Method,
    path: String,
    body: Option<String>,
    status: u16,
    shorten: Vec<(&'static str, usize)>,
    fixed: Vec<(&'static str, &'static str)>,
    kept: Option<(&'static str, usize)>,
}

pub(super) fn get(path: &str) -> Exchange {
    Exchange::new(Method::GET, path)
}

pub(super) fn post(path: &str, body: &str) -> Exchange {
    Exchange::new(Method::POST, path).body(body)
}

pub(super) fn put(path: &str, body: &str) -> Exchange {
    Exchange::new(Method::PUT, path).body(body)
}

pub(super) fn delete(path: &str) -> Exchange {
    Exchange::new(Method::DELETE, path)
}

impl Exchange {
    /// `path` is one below `/_emulator/`.
    fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            body: None,
            status: 200,
            shorten: Vec::new(),
            fixed: Vec::new(),
            kept: None,
        }
    }

    /// Without one if it is empty.
    fn body(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned()).filter(|body| !body.is_empty());
        self
    }

    /// The status that it is answered, if not 200.
    pub(super) fn answers(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Shows no more than this many entries of what is at `path`.
    pub(super) fn cut(mut self, path: &'static str, length: usize) -> Self {
        self.shorten.push((path, length));
        self
    }

    /// Shows this text at `path`, where each run has another.
    pub(super) fn fix(mut self, path: &'static str, text: &'static str) -> Self {
        self.fixed.push((path, text));
        self
    }

    /// Shows of the list at `path` only this entry.
    pub(super) fn keep(mut self, path: &'static str, index: usize) -> Self {
        self.kept = Some((path, index));
        self
    }

    fn curl(&self) -> String {
        let method = match (&self.method, &self.body) {
            (&Method::GET, _) | (&Method::POST, Some(_)) => String::new(),
            (method, _) => format!(" -X {method}"),
        };
        let body = self.body.as_ref().map(|body| format!(" -d '{body}'"));
        let url = format!("{URL}/_emulator/{}", self.path);
        let url = match url.contains(['?', '&']) {
            true => format!("'{url}'"),
            false => url,
        };
        format!("curl -sS{method}{} {url}", body.unwrap_or_default())
    }

    fn shown(&self, answer: &str) -> String {
        let mut json = Json::parse(answer);
        json.set_all("latency_ms", LATENCY_MS);
        json.set_all("lateness_ms", 0.0);
        for (path, text) in &self.fixed {
            *json.at(path) = Json::Scalar((*text).into());
        }
        for (path, length) in &self.shorten {
            json.at(path).cut(*length);
        }
        if let Some((path, index)) = self.kept {
            json.at(path).keep(index);
        }
        json.clip();
        json.pretty()
    }
}

impl Page {
    pub(super) fn new(control: Control, url: String, receiver: String) -> Self {
        Self {
            control,
            url,
            receiver,
            ahead: 0,
            text: String::new(),
        }
    }

    /// From now on it is 9 o'clock in the page; `now` is a whole second.
    pub(super) fn set_time(&mut self, now: Timestamp) {
        let nine: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        self.ahead = nine.as_second() - now.as_second();
    }

    /// Adds paragraphs and headings; lines that are too long are broken.
    pub(super) fn say(&mut self, markdown: &str) {
        let lines: Vec<_> = markdown.trim().lines().map(broken).collect();
        self.add(&lines.join("\n"));
    }

    fn add(&mut self, markdown: &str) {
        self.text += markdown;
        self.text += "\n\n";
    }

    /// Begins an operation of the control API.
    pub(super) fn operation(&mut self, operation: &str, markdown: &str) {
        self.say(&format!("### `{operation}`"));
        self.say(markdown);
    }

    /// Carries an exchange out and shows it. Gives back the answer as it came.
    pub(super) async fn show(&mut self, exchange: Exchange) -> String {
        self.add(&format!("```sh\n{}\n```", exchange.curl()));
        let request = self
            .control
            .request(exchange.method.clone(), &exchange.path);
        // A receiver's URL that is written here is that of the page.
        let body = exchange.body.clone().unwrap_or_default();
        let request = request.body(body.replace(RECEIVER, &self.receiver));
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let answer = response.text().await.unwrap();
        assert_eq!(status, exchange.status, "{}: {answer}", exchange.path);
        if status != 200 {
            let body = if answer.is_empty() {
                ", without a body."
            } else {
                ":"
            };
            self.say(&format!("{status}{body}"));
        }
        if !answer.is_empty() {
            let shown = exchange.shown(&self.steady(&answer));
            self.add(&format!("```json\n{shown}\n```"));
        }
        answer
    }

    /// Shows what came of something that is no exchange of this kind.
    pub(super) fn show_text(&mut self, command: &str, language: &str, answer: &str) {
        let (command, answer) = (self.steady(command), self.steady(answer));
        let answer = answer.trim_end();
        self.add(&format!(
            "```sh\n{command}\n```\n\n```{language}\n{answer}\n```"
        ));
    }

    /// The page so far.
    pub(super) fn text(&self) -> String {
        format!("{}\n", self.text.trim_end())
    }

    /// The text with what is never the same twice replaced.
    fn steady(&self, text: &str) -> String {
        let text = text
            .replace(&self.url, URL)
            .replace(&self.receiver, RECEIVER);
        let is_in_word = |c: char| c.is_ascii_alphanumeric() || "-:.".contains(c);
        let mut steady = String::new();
        let mut rest = &*text;
        while let Some(begin) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
            let end = rest[begin..]
                .find(|c| !is_in_word(c))
                .map_or(rest.len(), |n| begin + n);
            steady += &rest[..begin];
            steady += &self.steady_word(&rest[begin..end]);
            rest = &rest[end..];
        }
        steady + rest
    }

    fn steady_word(&self, word: &str) -> String {
        if let Ok(time) = word.parse::<Timestamp>() {
            return format!("{:.3}", time + self.ahead.seconds());
        }
        if let Some((first, rest)) = word.split_once(':') {
            return format!("{}:{}", self.steady_word(first), self.steady_word(rest));
        }
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        let made_up = |prefix: &str| {
            let rest = word.strip_prefix(prefix)?;
            let is_hex = rest.len() >= 16 && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
            let hex = "5b0c3e9f7a21d4861e8f0a9b3c7d2e65";
            is_hex.then(|| format!("{prefix}{}", &hex[..rest.len()]))
        };
        match word.len() {
            10 if digits => (word.parse::<i64>().unwrap() + self.ahead).to_string(),
            13 if digits => (word.parse::<i64>().unwrap() + self.ahead * 1_000).to_string(),
            _ => made_up("project-")
                .or_else(|| made_up("key-"))
                .or_else(|| made_up("").filter(|_| word.len() == 32))
                .unwrap_or_else(|| word.to_owned()),
        }
    }
}

/// The line as lines of no more than 120 columns.
fn broken(line: &str) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in line.split(' ') {
        let length = word.chars().count();
        let fits = column + 1 + length <= 120;
        match (column, fits) {
            (0, _) => {}
            (_, true) => text.push(' '),
            (_, false) => text.push('\n'),
        }
        column = if fits && column > 0 {
            column + 1 + length
        } else {
            length
        };
        text += word;
    }
    text
}
