//! The rules of an auditor's verdict: a case for each code, and what holds.

use super::*;
use crate::state::StaffList;

/// A world in which an auditor is registered, and a second one, and a record is kept.
fn audited(w: &mut World) {
    for (version, name) in (1..).zip(["auditor", "auditor 2"]) {
        let entry = RegistryEntry::Staff(staff(name, 2, &[Role::Auditor]));
        let change = w.approved(&["admin-a", "admin-b"], entry, version);
        w.accept(Chain::Main, &change);
    }
    let record = w.by("ward", Body::Storage(w.storage("a")));
    w.accept(Chain::Main, &record);
}

/// Of the one record, at the height before the next block.
fn fine(w: &World) -> Verdict {
    let height = w.context(Chain::Main).height - 1;
    let digest = wardline_crypto::Digest::of(b"a header");
    Verdict { since: 0, height, digest, records: 1, bad: 0, unheard: 0, named: Vec::new() }
}

fn named(name: &str, branch: u16, lack: Lack) -> Named {
    Named { record: record(name), branch: BranchId(branch), lack }
}

fn says(w: &mut World, edit: impl FnOnce(&mut Verdict)) -> Vec<u8> {
    audited(w);
    let mut body = fine(w);
    edit(&mut body);
    w.by("auditor", Body::Verdict(body)).encode()
}

pub(super) const REFUSED: &[Case] = &[
    ("author.not-allowed", Chain::Main, |w| {
        audited(w);
        w.by("ward", Body::Verdict(fine(w))).encode()
    }),
    ("author.not-allowed", Chain::Main, |w| {
        audited(w);
        w.by("admin-a", Body::Verdict(fine(w))).encode()
    }),
    ("author.kind", Chain::Main, |w| w.by_branch(1, Body::Verdict(fine(w))).encode()),
    ("author.staff-unknown", Chain::Main, |w| w.by("auditor", Body::Verdict(fine(w))).encode()),
    ("transaction.chain", Chain::Side, |w| w.by("auditor", Body::Verdict(fine(w))).encode()),
    ("transaction.malformed", Chain::Main, |w| {
        says(w, |body| {
            body.named = vec![named("a", 2, Lack::Missing), named("a", 1, Lack::Missing)];
            body.bad = 2;
        })
    }),
    ("transaction.malformed", Chain::Main, |w| {
        says(w, |body| {
            body.named = vec![named("a", 1, Lack::Missing), named("a", 1, Lack::Altered)];
            body.bad = 2;
        })
    }),
    ("transaction.malformed", Chain::Main, |w| {
        says(w, |body| {
            body.named = (1..=65).map(|branch| named("a", branch, Lack::Missing)).collect();
            (body.records, body.bad) = (100, 65);
        })
    }),
    ("verdict.height", Chain::Main, |w| says(w, |body| body.height += 1)),
    ("verdict.height", Chain::Main, |w| says(w, |body| body.since = body.height + 1)),
    ("verdict.not-newer", Chain::Main, |w| {
        audited(w);
        let first = w.by("auditor", Body::Verdict(fine(w)));
        w.accept(Chain::Main, &first);
        first.encode()
    }),
    ("verdict.counts", Chain::Main, |w| says(w, |body| body.bad = 1)),
    ("verdict.counts", Chain::Main, |w| says(w, |body| body.unheard = 1)),
    ("verdict.counts", Chain::Main, |w| {
        says(w, |body| {
            body.named = vec![named("a", 1, Lack::Unanswered)];
            body.bad = 1;
        })
    }),
    ("verdict.counts", Chain::Main, |w| {
        says(w, |body| {
            body.named = vec![named("a", 1, Lack::Altered)];
            (body.records, body.bad) = (0, 1);
        })
    }),
    ("verdict.counts", Chain::Main, |w| {
        says(w, |body| {
            body.named = vec![named("a", 1, Lack::Altered)];
            (body.records, body.bad) = (100, 65);
        })
    }),
    ("verdict.counts", Chain::Main, |w| says(w, |body| (body.bad, body.unheard) = (u64::MAX, 1))),
    ("verdict.record-unknown", Chain::Main, |w| {
        says(w, |body| {
            body.named = vec![named("b", 1, Lack::Missing)];
            body.bad = 1;
        })
    }),
    ("verdict.branch", Chain::Main, |w| {
        says(w, |body| {
            body.named = vec![named("a", 5, Lack::Missing)];
            body.bad = 1;
        })
    }),
    ("verdict.branch", Chain::Main, |w| {
        says(w, |body| {
            body.named = vec![named("a", 9, Lack::Missing)];
            body.bad = 1;
        })
    }),
];

#[test]
fn each_auditors_newest_verdict_is_kept_and_all_are_listed() {
    let mut world = World::new();
    audited(&mut world);
    let bad = vec![named("a", 1, Lack::Altered), named("a", 2, Lack::Unanswered)];
    let accept = |world: &mut World, at: u64, name: &str, verdict: &Verdict| {
        let bytes = world.by(name, Body::Verdict(verdict.clone())).encode();
        let context = BlockContext { height: at, ..world.context(Chain::Main) };
        let changes = check_bytes(&world.main, &context, &bytes).unwrap();
        world.main.change(changes);
    };
    let kept = |world: &World, name: &str| -> Option<VerdictEntry> {
        state::read(&world.main, Key::Verdict(staff_id(name))).unwrap()
    };
    let first = fine(&world);
    accept(&mut world, 1, "auditor", &first);
    assert_eq!(kept(&world, "auditor"), Some(VerdictEntry { verdict: first, time_s: NOW, at: 1 }));
    let second = Verdict { bad: 1, unheard: 1, named: bad, ..fine(&world) };
    accept(&mut world, 2, "auditor 2", &second);
    let third = Verdict { since: 1, height: 2, ..fine(&world) };
    accept(&mut world, 3, "auditor", &third);
    assert_eq!(kept(&world, "auditor").unwrap().verdict, third);
    assert_eq!(kept(&world, "auditor 2").unwrap().verdict, second, "nobody replaces another one's");
    let StaffList(listed) = state::read(&world.main, Key::Verdicts).unwrap().unwrap();
    let mut both = vec![staff_id("auditor"), staff_id("auditor 2")];
    both.sort();
    assert_eq!(listed, both);
}
