//! Who belongs to a command: its leader, its process group, and descendants that left the group.
//!
//! Where we adopt orphans (see `adopting`), a descendant whose parent is gone becomes our own child, however far it went.
//! The local daemon may be our child, too: it runs our own program and belongs to nobody.
//!
//! A process is known by its id and its time of starting together, so a reused id is never taken for the one we knew.

use std::collections::{HashMap, HashSet};

use crate::proc::Proc;
use crate::proc::parse::Stat;

/// A process that belongs to the command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its process id.
    pub pid: i32,
    /// What the kernel says of it.
    pub stat: Stat,
}

/// The list of those who belong, kept between counts.
#[derive(Debug)]
pub struct Census {
    proc: Proc,
    leader: i32,
    /// Our own process, if orphans come to us.
    adopter: Option<i32>,
    /// Everybody counted before, by id and time of starting: whoever belonged once belongs for good.
    known: HashMap<i32, u64>,
}

impl Census {
    /// Of the command whose leader (and process group) is `leader`.
    #[must_use]
    pub fn new(proc: Proc, leader: i32) -> Self {
        Self {
            proc,
            leader,
            adopter: None,
            known: HashMap::new(),
        }
    }

    /// The same with `adopter` as the process that orphans come to.
    #[must_use]
    pub fn adopting(mut self, adopter: Option<i32>) -> Self {
        self.adopter = adopter;
        self
    }

    /// Those of a count who came to us as orphans and have ended: they stay as zombies until somebody takes notice.
    #[must_use]
    pub fn to_bury(&self, members: &[Member]) -> Vec<i32> {
        members
            .iter()
            .filter(|member| {
                self.adopter == Some(member.stat.parent)
                    && member.pid != self.leader
                    && member.stat.is_gone()
            })
            .map(|member| member.pid)
            .collect()
    }

    /// The quick count: the leader and those known, and their descendants.
    pub fn family(&mut self) -> Vec<Member> {
        let mut found = Vec::new();
        let mut counted = HashSet::new();
        let mut waiting: Vec<i32> = self.known.keys().copied().collect();
        waiting.push(self.leader);
        if let Some(adopter) = self.adopter {
            let children = self.proc.children(adopter).unwrap_or_default();
            waiting.extend(
                children
                    .into_iter()
                    .filter(|pid| !self.is_our_program(*pid)),
            );
        }
        while let Some(pid) = waiting.pop() {
            if !counted.insert(pid) {
                continue;
            }
            let Some(stat) = self.proc.stat(pid) else {
                continue;
            };
            if self.known.get(&pid).is_some_and(|at| *at != stat.started) {
                continue;
            }
            match self.proc.children(pid) {
                Some(children) => waiting.extend(children),
                // A kernel without lists of children, or a process that ended just now.
                None if self.proc.stat(pid).is_some() => return self.everybody(),
                None => continue,
            }
            found.push(Member { pid, stat });
        }
        self.keep(found)
    }

    /// The full count, of all processes there are: who shares the group, whoever their parent is by now, too.
    pub fn everybody(&mut self) -> Vec<Member> {
        let mut others: Vec<Member> = self
            .proc
            .all()
            .into_iter()
            .filter_map(|pid| {
                let stat = self.proc.stat(pid)?;
                Some(Member { pid, stat })
            })
            .collect();
        let mut found: Vec<Member> = Vec::new();
        let mut belongs: HashSet<i32> = HashSet::new();
        loop {
            let before = found.len();
            others.retain(|member| {
                let stat = &member.stat;
                let ours = member.pid == self.leader
                    || stat.group == self.leader
                    || self.known.get(&member.pid) == Some(&stat.started)
                    || belongs.contains(&stat.parent)
                    || self.is_adopted(member);
                if ours {
                    belongs.insert(member.pid);
                    found.push(member.clone());
                }
                !ours
            });
            if found.len() == before {
                return self.keep(found);
            }
        }
    }

    fn is_adopted(&self, member: &Member) -> bool {
        self.adopter == Some(member.stat.parent) && !self.is_our_program(member.pid)
    }

    /// Whether it runs the adopter's own program, as a daemon does that was started from here.
    fn is_our_program(&self, pid: i32) -> bool {
        let own = self.adopter.and_then(|adopter| self.proc.program(adopter));
        own.is_some() && own == self.proc.program(pid)
    }

    fn keep(&mut self, found: Vec<Member>) -> Vec<Member> {
        self.known = found
            .iter()
            .map(|member| (member.pid, member.stat.started))
            .collect();
        found
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Writes a process: id, parent, group, time of starting, children.
    fn put(root: &Path, pid: i32, (parent, group, started): (i32, i32, u64), children: &str) {
        let task = root.join(format!("{pid}/task/{pid}"));
        fs::create_dir_all(&task).unwrap();
        fs::write(task.join("children"), children).unwrap();
        let stat =
            format!("{pid} (x) S {parent} {group} 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {started} 0");
        fs::write(root.join(format!("{pid}/stat")), stat).unwrap();
    }

    fn run(root: &Path, pid: i32, program: &str) {
        let _ = fs::remove_file(root.join(format!("{pid}/exe")));
        std::os::unix::fs::symlink(program, root.join(format!("{pid}/exe"))).unwrap();
    }

    fn pids(members: Vec<Member>) -> Vec<i32> {
        let mut pids: Vec<i32> = members.into_iter().map(|member| member.pid).collect();
        pids.sort_unstable();
        pids
    }

    #[test]
    fn group_descendants_and_strays_belong_and_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        put(root, 1, (0, 1, 1), "100 103");
        put(root, 100, (1, 100, 10), "101 102");
        put(root, 101, (100, 100, 11), "");
        put(root, 102, (100, 102, 12), ""); // left the group
        put(root, 103, (1, 100, 13), "104"); // lost its parent, still in the group
        put(root, 104, (103, 104, 14), ""); // child of the latter
        put(root, 200, (1, 200, 20), ""); // a stranger
        let mut census = Census::new(Proc::at(root), 100);
        assert_eq!(pids(census.family()), [100, 101, 102]);
        assert_eq!(pids(census.everybody()), [100, 101, 102, 103, 104]);
        assert_eq!(pids(census.family()), [100, 101, 102, 103, 104]);

        // 102 loses its parent too; 104's id goes to a stranger.
        put(root, 100, (1, 100, 10), "101");
        put(root, 102, (1, 102, 12), "");
        put(root, 103, (1, 100, 13), "");
        put(root, 104, (1, 104, 99), "");
        assert_eq!(pids(census.family()), [100, 101, 102, 103]);
        assert_eq!(pids(census.everybody()), [100, 101, 102, 103]);
    }

    #[test]
    fn orphans_come_to_who_adopts_them_and_a_daemon_is_no_orphan() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        put(root, 50, (1, 50, 5), "100 105 106");
        put(root, 100, (50, 100, 10), "");
        put(root, 105, (50, 105, 15), "");
        put(root, 106, (50, 106, 16), "107");
        put(root, 107, (106, 106, 17), "");
        for (pid, program) in [(50, "/bin/jobtop"), (105, "/bin/jobtop"), (106, "/bin/sh")] {
            run(root, pid, program);
        }
        let census = || Census::new(Proc::at(root), 100);
        assert_eq!(pids(census().family()), [100]);
        assert_eq!(pids(census().everybody()), [100]);
        let mut adopting = census().adopting(Some(50));
        assert_eq!(pids(adopting.family()), [100, 106, 107]);
        let mut adopting = census().adopting(Some(50));
        assert_eq!(pids(adopting.everybody()), [100, 106, 107]);
    }
}
