//! A real Chromium, driven by `tests/clients/browser.mjs`, or a real Firefox, driven by `firefox.mjs`, which knows fewer
//! commands.
//!
//! The browser does what a person does (open, click, type, look) and reports what a person cannot see (redirects,
//! cookies, blocked scripts). A test must not reach into a page to make a scenario work, because a person cannot.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::process::Child;
use tokio::sync::oneshot;

use crate::clients::node;
use crate::program::{Complaints, Input, Output, Program};

#[derive(Debug)]
pub struct Browser {
    input: tokio::sync::Mutex<Input>,
    waiting: Waiting,
    complaints: Complaints,
    last_id: AtomicU64,
    /// The driver program. It ends when `input` is dropped, after it has closed the browser and deleted the browser's profile;
    /// a killed one would leave both behind.
    _child: Child,
}

/// The senders of replies by command id; `None` once the program sends no more replies.
type Waiting = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Value>>>>>;

/// The kind of a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Chromium,
    Firefox,
}

impl Engine {
    pub const ALL: [Engine; 2] = [Engine::Chromium, Engine::Firefox];
}

/// The cookies that a person lets the browser keep and send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookies {
    All,
    /// None of sites that are embedded in other sites.
    FirstParty,
    None,
}

impl Browser {
    pub async fn launch() -> Result<Self> {
        Self::launch_in(Engine::Chromium).await
    }

    pub async fn launch_in(engine: Engine) -> Result<Self> {
        Self::launch_with(engine, Cookies::All).await
    }

    pub async fn launch_with(engine: Engine, cookies: Cookies) -> Result<Self> {
        let mut driver = node(match engine {
            Engine::Chromium => "browser.mjs",
            Engine::Firefox => "firefox.mjs",
        });
        match cookies {
            Cookies::All => driver.env_remove("COOKIES"),
            Cookies::FirstParty => driver.env("COOKIES", "first-party"),
            Cookies::None => driver.env("COOKIES", "none"),
        };
        let (input, mut output, child) = Program::spawn("the browser", driver.kill_on_drop(false))?.split();
        let first = output.line().await?;
        if first["ready"] != true {
            bail!("the browser is not ready: {first}");
        }
        let waiting = Waiting::new(Mutex::new(Some(HashMap::new())));
        let complaints = output.complaints();
        // The task ends with the program.
        drop(tokio::spawn(hand_out(output, waiting.clone())));
        let input = tokio::sync::Mutex::new(input);
        Ok(Self { input, waiting, complaints, last_id: AtomicU64::new(0), _child: child })
    }

    /// Opens a browser context with its own cookies. A context with the default window opens by itself.
    pub async fn new_context(&self, context: &str, window: Window) -> Result<()> {
        let Window { width, height, javascript } = window;
        let options = json!({ "context": context, "width": width, "height": height, "javascript": javascript });
        self.obey("newContext", options).await.map(drop)
    }

    pub async fn close_context(&self, context: &str) -> Result<()> {
        self.obey("closeContext", json!({ "context": context })).await.map(drop)
    }

    /// The first tab of a context. The context and the tab open on first use.
    pub fn person(&self, context: &str) -> Tab<'_> {
        self.tab(context, "main")
    }

    /// A tab of a context. Both open on first use. Commands of one tab run in order; commands of two tabs race.
    pub fn tab(&self, context: &str, page: &str) -> Tab<'_> {
        Tab { browser: self, context: context.to_owned(), page: page.to_owned() }
    }

    pub async fn cookies(&self, context: &str) -> Result<Vec<Cookie>> {
        part(self.obey("cookies", json!({ "context": context })).await?, "cookies")
    }

    pub async fn clear_cookies(&self, context: &str) -> Result<()> {
        self.obey("clearCookies", json!({ "context": context })).await.map(drop)
    }

    async fn obey(&self, command: &str, mut options: Value) -> Result<Value> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed);
        options["id"] = id.into();
        options["cmd"] = command.into();
        let (reply, replied) = oneshot::channel();
        match &mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(waiting) => drop(waiting.insert(id, reply)),
            None => return Err(self.complaints.explain("the browser", "has ended")),
        }
        self.input.lock().await.send(&options).await?;
        // No timeout here: the program answers each command in bounded time, or ends.
        let reply = replied.await.map_err(|_| self.complaints.explain("the browser", "ended before it answered"))?;
        if reply["ok"] != true {
            bail!("{command} {options}: {} at {}\n{}", reply["error"], reply["url"], reply["problems"]);
        }
        Ok(reply)
    }
}

async fn hand_out(mut output: Output, waiting: Waiting) {
    while let Ok(reply) = output.next().await {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = reply["id"].as_u64().and_then(|id| waiting.as_mut()?.remove(&id));
        if let Some(asked) = asked {
            // The caller may have stopped waiting for the reply.
            let _ = asked.send(reply);
        }
    }
    *waiting.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// The size of a window in CSS pixels, and whether its pages run scripts.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub width: u32,
    pub height: u32,
    pub javascript: bool,
}

impl Default for Window {
    fn default() -> Self {
        Self { width: 1024, height: 768, javascript: true }
    }
}

/// A tab of a browser context.
#[derive(Clone, Debug)]
pub struct Tab<'a> {
    browser: &'a Browser,
    context: String,
    page: String,
}

/// An element, as a person would name it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub enum Find<'a> {
    /// An accessible role and (part of) the accessible name.
    Role {
        role: &'a str,
        name: &'a str,
    },
    Label {
        label: &'a str,
    },
    Placeholder {
        placeholder: &'a str,
    },
    /// A CSS selector, for elements without a role or a name.
    Selector {
        selector: &'a str,
    },
}

impl<'a> Find<'a> {
    pub fn button(name: &'a str) -> Self {
        Self::Role { role: "button", name }
    }

    pub fn checkbox(name: &'a str) -> Self {
        Self::Role { role: "checkbox", name }
    }
}

impl Tab<'_> {
    /// Types an address and waits for the page at the end of all redirects.
    pub async fn open(&self, url: &str) -> Result<Place> {
        place(self.obey("open", json!({ "url": url })).await?)
    }

    /// Clicks an element that navigates, and waits for the page at the end of all redirects.
    pub async fn follow(&self, find: Find<'_>) -> Result<Place> {
        let mut options = serde_json::to_value(find)?;
        options["navigates"] = true.into();
        place(self.obey("click", options).await?)
    }

    /// Double-clicks an element that navigates, and waits for the page at the end of all redirects.
    pub async fn follow_twice(&self, find: Find<'_>) -> Result<Place> {
        let mut options = serde_json::to_value(find)?;
        options["navigates"] = true.into();
        options["twice"] = true.into();
        place(self.obey("click", options).await?)
    }

    /// Clicks an element that opens another tab, and returns that tab.
    pub async fn click_to_open(&self, find: Find<'_>, page: &str) -> Result<Self> {
        let mut options = serde_json::to_value(find)?;
        options["opens"] = page.into();
        self.obey("clickToOpen", options).await?;
        Ok(Self { page: page.to_owned(), ..self.clone() })
    }

    /// Clicks an element that does not navigate.
    pub async fn click(&self, find: Find<'_>) -> Result<()> {
        self.obey("click", serde_json::to_value(find)?).await.map(drop)
    }

    pub async fn fill(&self, find: Find<'_>, value: &str) -> Result<()> {
        let mut options = serde_json::to_value(find)?;
        options["value"] = value.into();
        self.obey("fill", options).await.map(drop)
    }

    /// Presses a key ("Tab", "Enter", "Shift+Tab").
    pub async fn press(&self, key: &str) -> Result<()> {
        self.obey("press", json!({ "key": key })).await.map(drop)
    }

    /// Presses a key that navigates, and waits for the page at the end of all redirects.
    pub async fn press_to_follow(&self, key: &str) -> Result<Place> {
        place(self.obey("press", json!({ "key": key, "navigates": true })).await?)
    }

    pub async fn reload(&self) -> Result<Place> {
        place(self.obey("reload", json!({})).await?)
    }

    pub async fn back(&self) -> Result<Place> {
        place(self.obey("back", json!({})).await?)
    }

    /// Waits until the tab has asked for a page at an address that begins with `url`, also if no page comes of it: a
    /// scheme of an application leads out of the browser.
    pub async fn departure(&self, url: &str) -> Result<Hop> {
        self.obey("departure", json!({ "url": url })).await?;
        let hops = self.hops().await?;
        hops.into_iter().find(|hop| hop.url.starts_with(url)).context("the departure is no hop")
    }

    /// Lets [`Self::preloaded`] know what becomes of pages that are fetched ahead (Chromium only).
    pub async fn watch_preloads(&self) -> Result<()> {
        self.obey("watchPreloads", json!({})).await.map(drop)
    }

    /// Waits until the page at `url` has been fetched ahead, for the speculation rules of the page that is shown, or the browser
    /// has given up on it.
    pub async fn preloaded(&self, url: &str) -> Result<Preload> {
        part(self.obey("preloaded", json!({ "url": url })).await?, "preloaded")
    }

    /// Moves the pointer to a point of the window, in CSS pixels. Nothing is waited for.
    pub async fn move_pointer(&self, (x, y): (f64, f64)) -> Result<()> {
        self.obey("mouse", json!({ "action": "move", "x": x, "y": y })).await.map(drop)
    }

    /// Presses the button of the mouse where the pointer is.
    pub async fn mouse_down(&self) -> Result<()> {
        self.obey("mouse", json!({ "action": "down" })).await.map(drop)
    }

    pub async fn mouse_up(&self) -> Result<()> {
        self.obey("mouse", json!({ "action": "up" })).await.map(drop)
    }

    /// Waits until the address of the tab begins with `url`: for pages that navigate by themselves.
    pub async fn wait_for_url(&self, url: &str) -> Result<Place> {
        place(self.obey("waitFor", json!({ "url": url })).await?)
    }

    pub async fn place(&self) -> Result<Place> {
        place(self.obey("where", json!({})).await?)
    }

    /// The text of the page as it is laid out.
    pub async fn text(&self) -> Result<String> {
        part(self.obey("text", json!({})).await?, "text")
    }

    /// The page as assistive technology sees it: roles, names, levels.
    pub async fn accessible(&self) -> Result<String> {
        part(self.obey("text", json!({})).await?, "aria")
    }

    pub async fn html(&self) -> Result<String> {
        part(self.obey("html", json!({})).await?, "html")
    }

    /// The HTML of each frame in the page, as the browser has it.
    pub async fn frames(&self) -> Result<Vec<String>> {
        part(self.obey("frames", json!({})).await?, "frames")
    }

    /// Lets the clock of animations and transitions run at this rate: a moment that a page takes is not over because this
    /// computer is busy (Chromium only).
    pub async fn pace_animations(&self, rate: f64) -> Result<()> {
        self.obey("pace", json!({ "rate": rate })).await.map(drop)
    }

    /// The number of elements that match.
    pub async fn count(&self, find: Find<'_>) -> Result<usize> {
        part(self.obey("count", serde_json::to_value(find)?).await?, "count")
    }

    /// Writes a screenshot of the full page, as PNG.
    pub async fn screenshot(&self, path: &Path) -> Result<()> {
        self.obey("screenshot", json!({ "path": path })).await.map(drop)
    }

    /// The element that has the keyboard focus.
    pub async fn focus(&self) -> Result<Focus> {
        part(self.obey("focus", json!({})).await?, "focus")
    }

    pub async fn overflow(&self) -> Result<Overflow> {
        part(self.obey("overflow", json!({})).await?, "overflow")
    }

    /// Evaluates a script in the page: for attackers' pages, and to see which requests a policy blocks.
    pub async fn eval(&self, expression: &str) -> Result<Value> {
        part(self.obey("eval", json!({ "expression": expression })).await?, "value")
    }

    /// Every navigation of this tab so far, redirects included.
    pub async fn hops(&self) -> Result<Vec<Hop>> {
        part(self.obey("hops", json!({})).await?, "hops")
    }

    /// The problems of this tab so far: requests that a policy blocked or that failed, and exceptions of
    /// scripts.
    pub async fn problems(&self) -> Result<Vec<Problem>> {
        part(self.obey("problems", json!({})).await?, "problems")
    }

    async fn obey(&self, command: &str, mut options: Value) -> Result<Value> {
        options["context"] = self.context.as_str().into();
        options["page"] = self.page.as_str().into();
        self.browser.obey(command, options).await
    }
}

/// The address of a tab and the HTTP status of its page.
#[derive(Clone, Debug, Deserialize)]
pub struct Place {
    pub url: String,
    pub title: String,
    pub status: Option<u16>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cookie {
    pub name: String,
    pub value: String,
    pub domain: String,
    pub path: String,
    pub http_only: bool,
    pub secure: bool,
    pub same_site: String,
    /// Seconds since 1970; -1 for a session cookie.
    pub expires: f64,
}

/// A navigation request and its response.
#[derive(Clone, Debug, Deserialize)]
pub struct Hop {
    pub method: String,
    /// Origin and path.
    pub at: String,
    pub url: String,
    pub status: Option<u16>,
    /// The reason for a missing response.
    pub failure: Option<String>,
    /// Header names are in lower case.
    #[serde(default)]
    pub request_headers: Map<String, Value>,
    #[serde(default)]
    pub response_headers: Map<String, Value>,
}

/// A page that was fetched ahead.
#[derive(Clone, Debug, Deserialize)]
pub struct Preload {
    /// `Ready`, `Success` or `Failure`.
    pub status: String,
    /// Chromium's name for the reason.
    pub reason: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Problem {
    /// `console`, `script` or `dialog`.
    pub kind: String,
    pub text: String,
    pub at: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Focus {
    pub tag: String,
    pub name: Option<String>,
    /// The focus ring is visible.
    pub visible: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Overflow {
    pub scroll_width: u32,
    pub client_width: u32,
    /// The opening tag of every element that overflows the page to the right.
    pub outside: Vec<String>,
}

fn place(reply: Value) -> Result<Place> {
    Ok(serde_json::from_value(reply)?)
}

fn part<T: DeserializeOwned>(mut reply: Value, name: &str) -> Result<T> {
    let part = reply.get_mut(name).ok_or_else(|| anyhow!("the reply has no {name}"))?.take();
    serde_json::from_value(part).with_context(|| format!("unexpected {name}"))
}
