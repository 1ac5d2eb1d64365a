//! Benchmark of the domain in instructions per step, which depend neither on load nor on clock speed.
//!
//! Without arguments the program runs itself under callgrind, each step twice, the second time with twice as many
//! iterations. The difference is the cost of the iterations alone. Callgrind emulates a processor without SHA
//! extensions, so hashes cost less on a real one.
//!
//! The program prints numbers for people to compare and must not judge them.

mod callgrind;
mod flow;
mod steps;

use std::error::Error;
use std::hint::black_box;

use callgrind::instructions;
use flow::Flow;
use steps::{STEPS, Step};

const ITERATIONS: u64 = 500;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [step, iterations] = arguments.as_slice() {
        return iterate(STEPS[step.parse::<usize>()?].1, iterations.parse()?);
    }
    println!("instructions  rules of");
    let mut all = 0;
    for (n, (name, _)) in STEPS.iter().enumerate() {
        let once = (instructions(n, 2 * ITERATIONS)? - instructions(n, ITERATIONS)?) / ITERATIONS;
        println!("{once:12}  {name}");
        all += once;
    }
    println!("{all:12}  one flow");
    Ok(())
}

fn iterate(step: Step, iterations: u64) -> Result<()> {
    let flow = Flow::new()?;
    for _ in 0..iterations {
        step(black_box(&flow))?;
    }
    Ok(())
}
