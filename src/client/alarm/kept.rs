//! Evidence on disk: one file an alarm under a name that says what it is, and beside it who closed it.
//!
//! A file is its owner's alone, written whole and never replaced. It must not know how evidence is made.

use super::{Alarm, AlarmKind, Closed, alarm_of, raising::Words, words};
use crate::{error::clean, trust::write_whole};
use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};
use wardline_crypto::Digest;
use wardline_ledger::{
    Chain, NetworkId,
    evidence::{MAX_EVIDENCE, Part, Verdict},
};
use wardline_wire::evidence::check;

/// How the names of evidence files end.
const ENDING: &str = "evidence";

/// Where evidence of one network is kept.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
    network: NetworkId,
}

/// What a file's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    seen_s: u64,
    kind: AlarmKind,
    chain: Chain,
    height: Option<u64>,
    branch: Option<u16>,
    id: String,
}

impl Name {
    fn of(alarm: &Alarm) -> Self {
        let Alarm { id, kind, chain, height, branch, seen_s, .. } = alarm;
        Self { seen_s: *seen_s, kind: *kind, chain: *chain, height: *height, branch: *branch, id: id.clone() }
    }

    fn file(&self) -> String {
        let number = |letter: char, number: Option<u64>| {
            number.map_or_else(|| format!("{letter}x"), |number| format!("{letter}{number}"))
        };
        format!(
            "{}-{}-{}-{}-{}-{}.{ENDING}",
            utc(self.seen_s),
            self.kind.name(),
            self.chain,
            number('h', self.height),
            number('b', self.branch.map(u64::from)),
            self.id
        )
    }

    fn parse(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.strip_suffix(ENDING)?.strip_suffix('.')?.split('-').collect();
        let [time, kind, chain, height, branch, id] = parts.as_slice() else { return None };
        let number = |text: &str, letter: char| -> Option<Option<u64>> {
            match text.strip_prefix(letter)? {
                "x" => Some(None),
                digits => digits.parse().ok().map(Some),
            }
        };
        let is_id = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let branch = match number(branch, 'b')? {
            Some(branch) => Some(u16::try_from(branch).ok()?),
            None => None,
        };
        Some(Self {
            seen_s: from_utc(time)?,
            kind: AlarmKind::ALL.into_iter().find(|one| one.name() == *kind)?,
            chain: Chain::ALL.into_iter().find(|one| one.name() == *chain)?,
            height: number(height, 'h')?,
            branch,
            id: is_id.then(|| (*id).to_owned())?,
        })
    }
}

/// What is written when an alarm is closed.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ClosedFile {
    by: String,
    at_s: u64,
    reason: String,
}

/// An alarm's name: sixteen digits that differ when anything about it does.
pub(super) fn name_of_alarm(
    kind: AlarmKind,
    chain: Chain,
    branch: Option<u16>,
    seen_s: u64,
    what: &[u8],
) -> String {
    let about = format!("{} {chain} {branch:?} {seen_s} ", kind.name());
    Digest::of_parts(&[about.as_bytes(), what]).to_string().chars().take(16).collect()
}

impl Folder {
    pub(super) fn new(path: PathBuf, network: NetworkId) -> Self {
        Self { path, network }
    }

    /// Writes an alarm's evidence; the alarm then names the file.
    pub(super) fn write(&self, alarm: &mut Alarm, evidence: &[u8]) -> io::Result<()> {
        create_private(&self.path)?;
        let path = self.path.join(Name::of(alarm).file());
        write_new(&path, evidence)?;
        alarm.evidence = Some(path);
        Ok(())
    }

    /// Every alarm that is kept here; what cannot be read is an alarm too.
    pub(super) fn read(&self, now_s: u64) -> Vec<Alarm> {
        let files = match fs::read_dir(&self.path) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => return vec![damaged(None, &self.path, now_s, &clean(&error.to_string()))],
        };
        let mut alarms = Vec::new();
        for file in files {
            match file {
                Ok(file) if is_evidence(&file.path()) => alarms.push(self.alarm(&file.path(), now_s)),
                Ok(_) => {}
                Err(error) => alarms.push(damaged(None, &self.path, now_s, &clean(&error.to_string()))),
            }
        }
        alarms
    }

    /// The signed words that the kept alarms have shown. Nothing is judged: a file that was changed shows less.
    pub(super) fn shown(&self) -> Words {
        let files = fs::read_dir(&self.path).into_iter().flatten().flatten().map(|file| file.path());
        let words = |path: PathBuf| {
            let kind = Name::parse(&path.file_name()?.to_string_lossy())?.kind;
            if !matches!(kind, AlarmKind::Contradiction | AlarmKind::Rollback) {
                return None;
            }
            let evidence = wardline_wire::evidence::read(&read_small(&path).ok()?).ok()?;
            match evidence.parts.last()? {
                Part::Tip(tip) => Some((kind, Digest::of(tip))),
                _ => None,
            }
        };
        files.filter(|path| is_evidence(path)).filter_map(words).collect()
    }

    fn alarm(&self, path: &Path, now_s: u64) -> Alarm {
        let name = path.file_name().and_then(|name| Name::parse(&name.to_string_lossy()));
        let closed = closed(path);
        if let (Some(name), Ok(Some(closed))) = (&name, &closed) {
            // What is dealt with is not checked at every start; `wardline evidence check` does.
            let what = words::without_proof(name.kind, name.chain);
            return Alarm { evidence: Some(path.into()), closed: Some(closed.clone()), ..bare(name, what) };
        }
        let mut alarm = match read_small(path) {
            Err(error) => damaged(name.as_ref(), path, now_s, &clean(&error.to_string())),
            Ok(bytes) => match check(&bytes, &self.network) {
                Verdict::Holds(proven) => {
                    let seen_s = proven.seen.map_or(now_s, |seen| seen.at_s);
                    alarm_of(&proven, seen_s)
                }
                Verdict::Refuted(why) => damaged(name.as_ref(), path, now_s, &why.to_string()),
                Verdict::NotEvidence(why) => damaged(name.as_ref(), path, now_s, &why.to_string()),
            },
        };
        if let Some(name) = name {
            alarm.id = name.id;
        }
        alarm.evidence = Some(path.into());
        match closed {
            Ok(closed) => alarm.closed = closed,
            Err(why) => alarm.what.push_str(&format!("; who closed it cannot be read ({why})")),
        }
        alarm
    }
}

fn is_evidence(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
    !hidden && path.extension().is_some_and(|ending| ending == ENDING)
}

fn bare(name: &Name, what: String) -> Alarm {
    Alarm {
        id: name.id.clone(),
        kind: name.kind,
        chain: name.chain,
        height: name.height,
        branch: name.branch,
        branch_name: None,
        record: None,
        seen_s: name.seen_s,
        what,
        evidence: None,
        closed: None,
    }
}

/// What a file that proves nothing any more stands for: what its name says, so that damaging it opens no way to write.
fn damaged(name: Option<&Name>, path: &Path, now_s: u64, why: &str) -> Alarm {
    let file = path.file_name().map(|name| clean(&name.to_string_lossy())).unwrap_or_default();
    let what = format!("the kept evidence `{file}` is damaged or cannot be read: {why}");
    match name {
        Some(name) => bare(name, what),
        None => {
            let (kind, chain) = (AlarmKind::Damaged, Chain::Main);
            let id = name_of_alarm(kind, chain, None, 0, file.as_bytes());
            bare(&Name { seen_s: now_s, kind, chain, height: None, branch: None, id }, what)
        }
    }
}

/// The file that says who closed the alarm of this evidence.
fn closing(evidence: &Path) -> PathBuf {
    let mut name = evidence.as_os_str().to_owned();
    name.push(".closed");
    name.into()
}

fn closed(evidence: &Path) -> Result<Option<Closed>, String> {
    match fs::read(closing(evidence)) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(ClosedFile { by, at_s, reason }) => {
                Ok(Some(Closed { by: clean(&by), at_s, reason: clean(&reason) }))
            }
            Err(_) => Err("it is damaged".to_owned()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(clean(&error.to_string())),
    }
}

/// Keeps beside the evidence who closed its alarm, when and why.
pub(super) fn close(evidence: &Path, closed: &Closed) -> io::Result<()> {
    let Closed { by, at_s, reason } = closed.clone();
    let bytes = serde_json::to_vec(&ClosedFile { by, at_s, reason })?;
    write_whole(&closing(evidence), &bytes)
}

fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_EVIDENCE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes a folder that its owner alone may look into.
fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes a new file that is its owner's alone, whole or not at all.
///
/// # Errors
/// When it exists already, or cannot be written.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link, other than a rename, replaces nothing that came there meanwhile.
    write_new_by(path, bytes, |draft, path| fs::hard_link(draft, path))
}

fn write_new_by(path: &Path, bytes: &[u8], link: impl Fn(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let write = |path: &Path| {
        let mut file = options.open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    // One that a stopped process of the same number left.
    let _ = fs::remove_file(&draft);
    let drafted = write(&draft);
    let linked = drafted.as_ref().is_ok_and(|()| link(&draft, path).is_ok());
    let _ = fs::remove_file(&draft);
    drafted?;
    if !linked {
        // It is there already, which this finds too, or the file system has no links.
        write(path).inspect_err(|error| {
            if error.kind() != io::ErrorKind::AlreadyExists {
                let _ = fs::remove_file(path);
            }
        })?;
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
        && let Ok(folder) = File::open(folder)
    {
        // The name is durable once the folder is; systems that cannot sync a folder keep it anyway.
        let _ = folder.sync_all();
    }
    Ok(())
}

/// `20261123T160512Z`.
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to date in the Gregorian calendar, years begun in March (H. Hinnant, chrono-compatible date algorithms).
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest % 3600 / 60, rest % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// The second that [`utc`] spells so.
fn from_utc(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 16 && bytes.get(8) == Some(&b'T') && bytes.get(15) == Some(&b'Z');
    let number = |range: std::ops::Range<usize>| -> Option<u64> {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let (hour, minute, second) = (number(9..11)?, number(11..13)?, number(13..15)?);
    let y = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, yoe) = (y / 400, y % 400);
    let mp = if month > 2 { month.checked_sub(3)? } else { month + 9 };
    let doy = (153 * mp + 2) / 5 + day.checked_sub(1)?;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    let days = (era * 146_097 + doe).checked_sub(719_468)?;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    (shape && utc(seconds) == text).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_in_the_file_and_are_read_again() {
        let name = Name {
            seen_s: 1_795_449_912,
            kind: AlarmKind::Altered,
            chain: Chain::Main,
            height: Some(17),
            branch: Some(2),
            id: "0123456789abcdef".to_owned(),
        };
        assert_eq!(name.file(), "20261123T160512Z-altered-main-h17-b2-0123456789abcdef.evidence");
        assert_eq!(Name::parse(&name.file()), Some(name.clone()));
        let fork = Name { kind: AlarmKind::Fork, height: None, branch: None, ..name.clone() };
        assert_eq!(fork.file(), "20261123T160512Z-fork-main-hx-bx-0123456789abcdef.evidence");
        assert_eq!(Name::parse(&fork.file()), Some(fork));
        let good = name.file();
        for (from, to) in [
            ("-main-", "-other-"),
            ("-altered-", "-alter-"),
            ("-h17-", "-17-"),
            ("-b2-", "-b70000-"),
            ("abcdef", "abcdeg"),
            ("abcdef", "abcde"),
            ("20261123", "20261131"),
            ("T16", "T25"),
            (".evidence", ".txt"),
            ("-h17", ""),
        ] {
            assert_eq!(Name::parse(&good.replace(from, to)), None, "{to}");
        }
    }

    #[test]
    fn files_are_written_without_links_too_and_a_left_draft_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.evidence");
        fs::write(folder.path().join(format!(".a.evidence.{}", std::process::id())), b"left").unwrap();
        let no_links = |_: &Path, _: &Path| Err(io::ErrorKind::Unsupported.into());
        write_new_by(&path, b"one", no_links).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        for again in [write_new_by(&path, b"two", no_links), write_new(&path, b"two")] {
            assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft stays");
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (951_868_800, "20000301T000000Z"),
            (4_107_542_400, "21000301T000000Z"),
            (1_798_761_599, "20261231T235959Z"),
        ] {
            assert_eq!(utc(seconds), text);
            assert_eq!(from_utc(text), Some(seconds));
        }
        for bad in [
            "",
            "20261123 160512Z",
            "20261123T160512",
            "20261323T160512Z",
            "00000101T000000Z",
            "é0261123T16051Z",
        ] {
            assert_eq!(from_utc(bad), None, "{bad}");
        }
    }
}
