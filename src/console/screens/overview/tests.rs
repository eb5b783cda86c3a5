//! The overview while branches are still being asked.

use super::*;
use crate::{
    message::Message,
    samples::{data, signed_in},
    update::update,
};
use wardline_crypto::Digest;
use wardline_ledger::{StaffId, Verdict};
use wardline_policy::Role;

fn drawn(model: &Model) -> String {
    let size = Rect::new(0, 0, model.size.0, model.size.1);
    let mut buffer = ratatui::buffer::Buffer::empty(size);
    draw(model, &mut Canvas::new(&mut buffer, model.theme), size);
    buffer.content().iter().map(|cell| cell.symbol()).collect()
}

#[test]
fn who_has_answered_is_shown_while_others_are_waited_for() {
    let mut model = signed_in(Role::Ward);
    let ticket = model.overview.asking.unwrap();
    let mut known = data::overview();
    known.asking = true;
    known.branches[3].word = BranchWord::Asking;
    update(&mut model, Message::Refreshed(ticket, Box::new(known.clone())));
    assert!(drawn(&model).contains("VERIFIED") && drawn(&model).contains("ASKING"));
    assert!(ask(&mut model).is_empty(), "the question still runs");
    known.asking = false;
    update(&mut model, Message::Refreshed(ticket, Box::new(known)));
    assert_eq!(model.overview.asking, None);
}

#[test]
fn a_checkpoint_that_is_not_kept_is_told_at_any_size() {
    for size in [(80, 24), (60, 12)] {
        let mut model = signed_in(Role::Ward);
        model.size = size;
        model.overview.known = Some(data::overview());
        assert!(!drawn(&model).contains("NOT KEPT"));
        if let Some(known) = &mut model.overview.known {
            known.warning = Some("NOT KEPT: the folder cannot be written".into());
        }
        assert!(drawn(&model).contains("NOT KEPT: the folder cannot be written"), "{size:?}");
    }
}

fn said(branch: &str, minutes: u64, bad: u64, unheard: u64, same_chain: Option<bool>) -> AuditorVerdict {
    let (digest, named) = (Digest::of(b"block"), Vec::new());
    AuditorVerdict {
        auditor: StaffId::from_bytes([7; 16]),
        branch: branch.into(),
        verdict: Verdict { since: 1, height: 1200, digest, records: 412, bad, unheard, named },
        time_s: data::NOW_S - 60 * minutes,
        same_chain,
    }
}

#[test]
fn the_gravest_of_the_auditors_verdicts_is_told_as_their_word() {
    let whole = || said("East", 3, 0, 0, Some(true));
    let tell = |all: &[AuditorVerdict]| auditors(all, data::NOW_S);
    assert_eq!(tell(&[]), None);
    let told = "Auditor of East: 412 records whole up to block 1200, 3 min ago";
    assert_eq!(tell(&[whole()]), Some((told.into(), Tone::Quiet)));
    let (text, tone) = tell(&[whole(), said("West", 9, 0, 2, None)]).unwrap();
    assert_eq!(
        (text.as_str(), tone),
        ("2 auditors; West: 2 copies of 412 records NOT HEARD OF, 9 min ago", Tone::Quiet)
    );
    let (text, tone) = tell(&[whole(), said("West", 9, 1, 2, None), said("North", 30, 0, 0, None)]).unwrap();
    assert_eq!((text.as_str(), tone), ("3 auditors; West: 1 BAD COPY of 412 records, 9 min ago", Tone::Bad));
    let (text, tone) = tell(&[whole(), said("West", 9, 0, 0, Some(false))]).unwrap();
    assert_eq!(
        (text.as_str(), tone),
        ("2 auditors; West: BLOCK 1200 IS ANOTHER ONE THERE, 9 min ago", Tone::Bad)
    );
}

#[test]
fn a_low_screen_tells_only_of_what_is_wrong() {
    let mut known = data::overview_well();
    let area = |height| Rect::new(0, 0, 80, height);
    known.verdicts = Some(vec![said("East", 3, 0, 0, Some(true))]);
    assert_eq!(
        (notes(&known, area(20), data::NOW_S).len(), notes(&known, area(10), data::NOW_S).len()),
        (1, 0)
    );
    assert_eq!(margins(area(20), 1), margins(area(20), 0), "a line that was free");
    known.verdicts = Some(vec![said("East", 3, 1, 0, Some(true))]);
    known.warning = Some("the disk is full".into());
    let told = notes(&known, area(10), data::NOW_S);
    assert_eq!(told.iter().map(|(_, tone)| *tone).collect::<Vec<_>>(), [Tone::Warning, Tone::Bad]);
}
