//! Times as people read them, in steps coarse enough that a live screen stands still.

use jiff::{Timestamp, tz::TimeZone};

/// "10:02" for today, "2026-03-01 10:02" for another day.
pub fn clock_time(at_s: u64, now_s: u64, zone: &TimeZone) -> String {
    let (at, now) = (local(at_s, zone), local(now_s, zone));
    match (at, now) {
        (Some(at), Some(now)) if at.date() == now.date() => at.strftime("%H:%M").to_string(),
        (Some(at), _) => at.strftime("%Y-%m-%d %H:%M").to_string(),
        (None, _) => "unknown time".into(),
    }
}

/// "2026-03-01 10:02:44": the time of a block.
pub fn date_time(at_s: u64, zone: &TimeZone) -> String {
    local(at_s, zone).map_or_else(|| "unknown time".into(), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// "10:02:44" for today, "26-03-01" for another day: a column of eight.
pub fn short_time(at_s: u64, now_s: u64, zone: &TimeZone) -> String {
    match (local(at_s, zone), local(now_s, zone)) {
        (Some(at), Some(now)) if at.date() == now.date() => at.strftime("%H:%M:%S").to_string(),
        (Some(at), _) => at.strftime("%y-%m-%d").to_string(),
        (None, _) => "unknown".into(),
    }
}

/// "2026-03-01 10:02": what a form is prefilled with.
pub fn form_time(at_s: u64, zone: &TimeZone) -> String {
    local(at_s, zone).map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M").to_string())
}

/// How long ago: "now", then steps of 5 s, minutes, hours, days.
pub fn age(at_s: u64, now_s: u64) -> String {
    match now_s.saturating_sub(at_s) {
        0..5 => "now".into(),
        s @ 5..60 => format!("{} s", s / 5 * 5),
        s @ 60..3600 => format!("{} min", s / 60),
        s @ 3600..86_400 => format!("{} h", s / 3600),
        s => format!("{} d", s / 86_400),
    }
}

/// A round trip: "<10 ms", then steps of 10, 100, 1000 ms.
pub fn round_trip(ms: u64) -> String {
    match ms {
        0..10 => "<10 ms".into(),
        10..100 => format!("{} ms", ms / 10 * 10),
        100..1000 => format!("{} ms", ms / 100 * 100),
        _ => format!("{} s", ms / 1000),
    }
}

fn local(at_s: u64, zone: &TimeZone) -> Option<jiff::Zoned> {
    let timestamp = Timestamp::from_second(i64::try_from(at_s).ok()?).ok()?;
    Some(timestamp.to_zoned(zone.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_round_trips_move_in_steps() {
        let ages: Vec<_> =
            [0, 4, 5, 9, 59, 60, 119, 3_600, 90_000].map(|s| age(1_000_000 - s, 1_000_000)).into();
        assert_eq!(ages, ["now", "now", "5 s", "5 s", "55 s", "1 min", "1 min", "1 h", "1 d"]);
        assert_eq!([3, 19, 120, 4_200].map(round_trip), ["<10 ms", "10 ms", "100 ms", "4 s"]);
    }

    #[test]
    fn a_time_names_its_day_when_it_is_not_today() {
        let now = 1_772_366_520; // 2026-03-01 12:02 UTC
        assert_eq!(clock_time(now - 7_200, now, &TimeZone::UTC), "10:02");
        assert_eq!(clock_time(now - 86_400, now, &TimeZone::UTC), "2026-02-28 12:02");
        assert_eq!(form_time(now, &TimeZone::UTC), "2026-03-01 12:02");
    }

    #[test]
    fn a_time_out_of_range_is_no_panic() {
        assert_eq!(date_time(u64::MAX, &TimeZone::UTC), "unknown time");
    }
}
