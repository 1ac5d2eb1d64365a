//! The descendants of a process, and which of them still run.

use std::fs;

use anyhow::Result;

/// A process. Process ids are reused; the start time tells two processes with one id apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: u32,
    pub name: String,
    parent: u32,
    start_time: u64,
}

/// All running descendants of `ancestor`.
pub fn descendants(ancestor: u32) -> Result<Vec<Member>> {
    let all = processes()?;
    let mut found: Vec<Member> = Vec::new();
    let mut ancestors = vec![ancestor];
    while let Some(parent) = ancestors.pop() {
        for child in all.iter().filter(|process| process.parent == parent) {
            ancestors.push(child.id);
            found.push(child.clone());
        }
    }
    Ok(found)
}

/// Those of `members` that still run, with any parent.
pub fn running(members: &[Member]) -> Result<Vec<Member>> {
    let all = processes()?;
    let is = |member: &Member| all.iter().any(|other| (other.id, other.start_time) == (member.id, member.start_time));
    Ok(members.iter().filter(|member| is(member)).cloned().collect())
}

fn processes() -> Result<Vec<Member>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // The process may have ended since it was listed.
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        found.extend(parse(id, &stat));
    }
    Ok(found)
}

/// proc(5): `pid (name) state ppid …`; the start time is field 22. A zombie counts as ended.
fn parse(id: u32, stat: &str) -> Option<Member> {
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
    let fields: Vec<_> = rest.split_whitespace().collect();
    let alive = !matches!(*fields.first()?, "Z" | "X");
    let (parent, start_time) = (fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?);
    alive.then(|| Member { id, name: name.to_owned(), parent, start_time })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_finds_itself() {
        let all = processes().unwrap();
        let own = all.iter().find(|process| process.id == std::process::id()).unwrap();
        assert_eq!(running(std::slice::from_ref(own)).unwrap(), std::slice::from_ref(own));
        let later = Member { start_time: own.start_time + 1, ..own.clone() };
        assert_eq!(running(&[later]).unwrap(), []);
        assert!(descendants(own.parent).unwrap().contains(own));
    }
}
