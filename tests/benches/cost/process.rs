//! Measurements of processes, directories and the machine.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

/// proc(5): the unit of CPU times, on every architecture.
const TICKS_PER_SECOND: u64 = 100;

/// A running process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(pub u32);

impl Process {
    /// CPU time of all threads so far, in user and kernel mode.
    pub(crate) fn cpu(self) -> Result<Duration> {
        let stat = self.read("stat")?;
        // `pid (name) state …`: utime and stime are the fields 14 and 15.
        let fields: Vec<_> = stat.rsplit_once(") ").context("no stat")?.1.split_whitespace().collect();
        let ticks = |n: usize| fields.get(n - 3).and_then(|ticks| ticks.parse::<u64>().ok());
        let ticks = ticks(14).zip(ticks(15)).map(|(user, system)| user + system).context("no CPU times")?;
        Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
    }

    pub(crate) fn resident_kib(self) -> Result<u64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Bytes that the process caused to be written to disk: log, tables, and compactions.
    pub(crate) fn written_bytes(self) -> Result<u64> {
        let io = self.read("io")?;
        let bytes = io.lines().find_map(|line| line.strip_prefix("write_bytes:")).context("no write_bytes")?;
        Ok(bytes.trim().parse()?)
    }

    fn read(self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.0);
        fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    }
}

/// The total length of all files.
pub(crate) fn bytes_below(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes += bytes_below(&entry.path())?,
            Ok(metadata) => bytes += metadata.len(),
            // RocksDB removed the file after it was listed.
            Err(_) => {}
        }
    }
    Ok(bytes)
}

/// Cores, processor, kernel, and load before the bench.
pub(crate) fn machine() -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches([' ', '\t', ':']);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    let (version, cores) = (env!("CARGO_PKG_VERSION"), std::thread::available_parallelism()?);
    Ok(format!("Lychgate {version}; {cores} cores, {model}; Linux {}; load {load} before", kernel.trim()))
}
