//! Benchmark of pages in instructions, which depend neither on load nor on clock speed, and in time.
//!
//! Without arguments the program runs itself under callgrind, each page twice, the second time with twice as many iterations.
//! The difference is the cost of the iterations alone. The program prints numbers for people to compare and must not judge them.

#[path = "../../domain/benches/rules/callgrind.rs"]
mod callgrind;

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use callgrind::instructions;
use lychgate_pages::page::{AccountPage, ConsentPage, ErrorPage, OneClickPage, Page};
use lychgate_pages::render::IssuerSetting;
use lychgate_pages::samples::Sampled;
use lychgate_pages::words::Reader;
use lychgate_pages::{Appearance, Setting};

const ITERATIONS: u64 = 500;

type Result<T> = std::result::Result<T, Box<dyn Error>>;
type Render = fn(&Appearance, &str, u64) -> Result<usize>;

const PAGES: [(&str, Render, &str); 5] = [
    ("consent page, English", iterate::<ConsentPage>, "en"),
    ("consent page, Arabic", iterate::<ConsentPage>, "ar"),
    ("page with one button", iterate::<OneClickPage>, "en"),
    ("connected apps", iterate::<AccountPage>, "en"),
    ("error page", iterate::<ErrorPage>, "en"),
];

fn main() -> Result<()> {
    let appearance = Appearance::load(None)?;
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [page, iterations] = arguments.as_slice() {
        let (_, render, language) = PAGES[page.parse::<usize>()?];
        render(&appearance, language, iterations.parse()?)?;
        return Ok(());
    }
    println!("instructions        time  bytes  rendering of");
    for (n, (name, render, language)) in PAGES.into_iter().enumerate() {
        let once = (instructions(n, 2 * ITERATIONS)? - instructions(n, ITERATIONS)?) / ITERATIONS;
        let begun = Instant::now();
        let bytes = render(&appearance, language, ITERATIONS)?;
        let micros = begun.elapsed().as_secs_f64() * 1e6 / ITERATIONS as f64;
        println!("{once:12}  {micros:7.1} µs  {bytes:5}  {name}");
    }
    Ok(())
}

/// Renders the first sample of a page; returns its length in bytes.
fn iterate<P: Page + Sampled>(appearance: &Appearance, language: &str, iterations: u64) -> Result<usize> {
    let page = P::samples().swap_remove(0).page;
    let reader = Reader::new(language, "");
    let issuer = Some(IssuerSetting { id: "main", name: "Example Gate", path: "" });
    let setting = Setting { issuer, reader: &reader };
    let mut bytes = 0;
    for _ in 0..iterations {
        bytes = black_box(appearance.render(black_box(&setting), black_box(&page))?).len();
    }
    Ok(bytes)
}
