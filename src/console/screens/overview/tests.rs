//! The overview while branches are still being asked.

use super::*;
use crate::{
    message::Message,
    samples::{data, signed_in},
    update::update,
};
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
