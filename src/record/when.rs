//! When something happened, as precisely as it is known: year, month, day, or a moment with its offset.
//!
//! It must not know what time it is now.

use jiff::civil::{Date, DateTime, Time, date};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// How precisely something is dated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// `2025`
    Year,
    /// `2025-03`
    Month,
    /// `2025-03-31`
    Day,
    /// `2025-03-31T14:05:00+02:00`
    Moment,
}

/// A date or an RFC 3339 moment. The text is kept as written, so precision and offset are not lost.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct When {
    text: String,
    precision: Precision,
    utc_seconds: i64,
}

/// Text that is no date. Does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a date like 2025-03-31 or 31.03.2025, or with a time like 2025-03-31T14:05:00+02:00")]
pub struct WhenError;

impl When {
    /// The text as kept.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How precise it is.
    pub const fn precision(&self) -> Precision {
        self.precision
    }

    /// Its beginning in seconds since 1970 in UTC; a date without a time begins at 00:00 UTC. For sorting.
    pub const fn utc_seconds(&self) -> i64 {
        self.utc_seconds
    }

    /// As people read it: "2025-03-31 14:05 +02:00", "2025-03-31 14:05:09 UTC", "2025-03"; without fractions of seconds.
    pub fn words(&self) -> String {
        match self.parts() {
            Some((day, clock, offset)) => format!("{day} {clock} {offset}"),
            None => self.text.clone(),
        }
    }

    /// The same beside another time: of a moment on the same day "14:05".
    pub fn words_beside(&self, other: &Self) -> String {
        match (self.parts(), other.parts()) {
            (Some((day, clock, offset)), Some((same_day, _, same_offset)))
                if (day, offset) == (same_day, same_offset) =>
            {
                clock.to_owned()
            }
            _ => self.words(),
        }
    }

    /// From this until an end: "2025-03-31 14:05 to 14:35 UTC".
    pub fn until(&self, end: Option<&Self>) -> String {
        let Some(end) = end.filter(|end| *end != self) else { return self.words() };
        match (self.parts(), end.parts()) {
            (Some((day, from, offset)), Some((same_day, to, same_offset)))
                if (day, offset) == (same_day, same_offset) =>
            {
                format!("{day} {from} to {to} {offset}")
            }
            _ => format!("{} to {}", self.words(), end.words()),
        }
    }

    /// Day, clock and offset of a moment, as they are shown.
    fn parts(&self) -> Option<(&str, &str, &str)> {
        let (day, rest) = self.text.split_once('T')?;
        let (clock, offset) = rest.split_at_checked(rest.find(['Z', '+', '-'])?)?;
        let clock = clock.split_once('.').map_or(clock, |(clock, _)| clock);
        let clock = clock.strip_suffix(":00").unwrap_or(clock);
        Some((day, clock, if offset == "Z" { "UTC" } else { offset }))
    }

    /// A date.
    pub fn day(day: Date) -> Self {
        Self {
            text: day.to_string(),
            precision: Precision::Day,
            utc_seconds: utc_seconds(day.at(0, 0, 0, 0), 0),
        }
    }

    /// A moment: local date and time with the offset from UTC in minutes.
    ///
    /// # Errors
    /// When the year is not between 1 and 9999, or the offset not within a day.
    pub fn moment(local: DateTime, offset_minutes: i32) -> Result<Self, WhenError> {
        let sign = if offset_minutes < 0 { '-' } else { '+' };
        let (hours, minutes) = (offset_minutes.abs() / 60, offset_minutes.abs() % 60);
        let offset =
            if offset_minutes == 0 { "Z".to_owned() } else { format!("{sign}{hours:02}:{minutes:02}") };
        format!("{}{offset}", local.strftime("%Y-%m-%dT%H:%M:%S")).parse()
    }
}

impl FromStr for When {
    type Err = WhenError;

    /// Reads what people write: the canonical forms, and `31.03.2025` for a date.
    fn from_str(text: &str) -> Result<Self, WhenError> {
        let text = text.trim();
        read_date(text)
            .map(Self::day)
            .or_else(|| read_partial(text))
            .or_else(|| read_moment(text))
            .ok_or(WhenError)
    }
}

/// A date as `2025-03-31` or `31.03.2025` (`3.2.2025` too).
pub(crate) fn read_date(text: &str) -> Option<Date> {
    let (year, month, day) = match text.split('.').collect::<Vec<_>>().as_slice() {
        [day, month, year] if (1..=2).contains(&day.len()) && (1..=2).contains(&month.len()) => {
            (*year, *month, *day)
        }
        [_] => {
            let mut parts = text.split('-');
            let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
            if parts.next().is_some() || month.len() != 2 || day.len() != 2 {
                return None;
            }
            (year, month, day)
        }
        _ => return None,
    };
    (year.len() == 4).then_some(())?;
    Date::new(number(year)?, number(month)?, number(day)?).ok().filter(|date| date.year() >= 1)
}

/// `2025` or `2025-03`.
fn read_partial(text: &str) -> Option<When> {
    let (year, month, precision) = match text.split_once('-') {
        None => (text, "01", Precision::Year),
        Some((year, month)) => (year, month, Precision::Month),
    };
    (year.len() == 4 && month.len() == 2).then_some(())?;
    let start = Date::new(number(year)?, number(month)?, 1).ok().filter(|date| date.year() >= 1)?;
    Some(When { text: text.to_owned(), precision, utc_seconds: utc_seconds(start.at(0, 0, 0, 0), 0) })
}

/// RFC 3339 with capital `T` and `Z`, up to nine digits of a fraction, no leap second; an offset of zero stays as it was written.
fn read_moment(text: &str) -> Option<When> {
    let (day, rest) = text.split_once('T')?;
    let at = rest.find(['Z', '+', '-'])?;
    let (clock, offset) = rest.split_at_checked(at)?;
    let offset_seconds = match offset {
        "Z" => 0,
        _ => {
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            (hours.len() == 2 && minutes.len() == 2).then_some(())?;
            let (hours, minutes): (i64, i64) = (number(hours)?, number(minutes)?);
            (hours < 24 && minutes < 60).then_some(())?;
            (hours * 60 + minutes) * if offset.starts_with('-') { -60 } else { 60 }
        }
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let fraction_ok = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    let mut parts = clock.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let layout_ok = day.len() == 10
        && !day.contains('.')
        && [hour, minute, second].iter().all(|p| p.len() == 2)
        && parts.next().is_none();
    (fraction_ok && layout_ok).then_some(())?;
    let time = Time::new(number(hour)?, number(minute)?, number(second)?, 0).ok()?;
    let local = read_date(day)?.to_datetime(time);
    Some(When {
        text: text.to_owned(),
        precision: Precision::Moment,
        utc_seconds: utc_seconds(local, offset_seconds),
    })
}

/// Up to four ASCII digits, nothing else.
fn number<N: TryFrom<i16>>(digits: &str) -> Option<N> {
    let plain = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse::<i16>().ok()).flatten().and_then(|n| N::try_from(n).ok())
}

fn utc_seconds(local: DateTime, offset_seconds: i64) -> i64 {
    let epoch = date(1970, 1, 1).at(0, 0, 0, 0);
    local.duration_since(epoch).as_secs() - offset_seconds
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn when(text: &str) -> When {
        text.parse().unwrap()
    }

    #[test]
    fn precision_and_offset_are_kept() {
        let cases = [
            ("2025", Precision::Year, 1_735_689_600),
            ("2025-03", Precision::Month, 1_740_787_200),
            ("2025-03-31", Precision::Day, 1_743_379_200),
            ("2025-03-31T14:05:00+02:00", Precision::Moment, 1_743_422_700),
            ("2025-03-31T12:05:00Z", Precision::Moment, 1_743_422_700),
            ("2025-03-31T12:05:00+00:00", Precision::Moment, 1_743_422_700),
            ("2025-03-31T12:05:00-00:00", Precision::Moment, 1_743_422_700),
            ("2025-03-31T12:05:00.250Z", Precision::Moment, 1_743_422_700),
            ("2025-03-31T02:35:00-09:30", Precision::Moment, 1_743_422_700),
            ("1969-12-31", Precision::Day, -86_400),
        ];
        for (text, precision, seconds) in cases {
            let read = when(text);
            assert_eq!((read.as_str(), read.precision(), read.utc_seconds()), (text, precision, seconds));
        }
    }

    #[test]
    fn times_read_well() {
        for (text, words) in [
            ("2025", "2025"),
            ("2025-03-31", "2025-03-31"),
            ("2025-03-31T14:05:00Z", "2025-03-31 14:05 UTC"),
            ("2025-03-31T14:05:00+02:00", "2025-03-31 14:05 +02:00"),
            ("2025-03-31T14:05:09-04:00", "2025-03-31 14:05:09 -04:00"),
            ("2025-03-31T14:05:09.788580Z", "2025-03-31 14:05:09 UTC"),
        ] {
            assert_eq!(when(text).words(), words);
        }
        let from = when("2025-03-31T14:05:00Z");
        for (end, words) in [
            ("2025-03-31T14:05:00Z", "2025-03-31 14:05 UTC"),
            ("2025-03-31T14:35:00Z", "2025-03-31 14:05 to 14:35 UTC"),
            ("2025-03-31T16:35:00+02:00", "2025-03-31 14:05 UTC to 2025-03-31 16:35 +02:00"),
            ("2025-04-01", "2025-03-31 14:05 UTC to 2025-04-01"),
        ] {
            assert_eq!(from.until(Some(&when(end))), words);
        }
        assert_eq!(from.until(None), "2025-03-31 14:05 UTC");
        assert_eq!(when("2025-03-31T16:00:12.5Z").words_beside(&from), "16:00:12");
        assert_eq!(when("2025-04-01T16:00:12.5Z").words_beside(&from), "2025-04-01 16:00:12 UTC");
    }

    #[test]
    fn dates_are_read_as_people_write_them_and_kept_in_one_form() {
        assert_eq!(when("31.03.2025"), when("2025-03-31"));
        assert_eq!(when(" 1.3.2025 ").as_str(), "2025-03-01");
        assert_eq!(When::day(date(2024, 2, 29)), when("29.02.2024"));
        assert_eq!(
            When::moment(date(2025, 3, 31).at(14, 5, 0, 0), 120).unwrap(),
            when("2025-03-31T14:05:00+02:00")
        );
        assert_eq!(When::moment(date(2025, 3, 31).at(14, 5, 0, 0), 0).unwrap(), when("2025-03-31T14:05:00Z"));
        assert_eq!(
            When::moment(date(2025, 3, 31).at(2, 5, 0, 0), -570).unwrap(),
            when("2025-03-31T02:05:00-09:30")
        );
    }

    #[test]
    fn what_is_no_date_is_refused_without_repeating_it() {
        let bad = [
            "",
            "25",
            "2025-3",
            "2025-13",
            "2025-02-30",
            "0000-01-01",
            "2025-3-1",
            "2025-03-31T14:05:00",
            "2025-03-31T14:05Z",
            "2025-03-31t14:05:00Z",
            "2025-03-31T24:00:00Z",
            "2025-03-31T14:05:60Z",
            "2025-03-31T14:05:00+24:00",
            "2025-03-31T14:05:00.Z",
            "31/03/2025",
            "+025-03-31",
            "２０２５",
            "2025-03-31T14:05:00.0000000001Z",
            "31.03.2025T14:05:00Z",
            "2025-03-31T14:05:00Zx",
            "-001-03-31",
        ];
        for text in bad {
            assert_eq!(text.parse::<When>(), Err(WhenError), "{text}");
        }
    }
}
