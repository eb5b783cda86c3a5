//! Files with every sort of line, and every way in which a line must not be.

use super::*;
use serde_json::{Value, json};

/// Evidence of made-up bytes with every sort of line: its form alone counts here.
fn evidence() -> Evidence {
    let block = || FinalBlock { headers: vec![vec![1], vec![2, 3]], certificate: vec![4] };
    Evidence {
        kind: Kind::Altered,
        network: Digest::of(b"network"),
        chain: Chain::Main,
        genesis: vec![5; 7],
        steps: vec![(3, Step { header: vec![1], certificate: vec![2], set: vec![3], proof: vec![4] })],
        members: vec![
            Member { entry: Entry::Participant(vec![6]), block: block(), proof: vec![7] },
            Member { entry: Entry::Staff(vec![8]), block: block(), proof: vec![9] },
        ],
        parts: vec![
            Part::Block(block()),
            Part::Transaction(Included {
                transaction: vec![1],
                index: u64::MAX,
                inclusion: vec![Digest::ZERO],
            }),
            Part::Tip(vec![2]),
            Part::Answer(Answered {
                answer: vec![1],
                request: vec![2],
                asked: Vec::new(),
                body: b"{}".to_vec(),
            }),
        ],
        witness: None,
    }
}

fn seen(sum: Digest) -> Witness {
    Witness { sum, seen_s: 9, grant: vec![1], signature: vec![2] }
}

fn file() -> Vec<u8> {
    write(&evidence(), |sum| Some(seen(sum)))
}

fn lines() -> Vec<Value> {
    file().split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// The file of these lines, its sum put right.
fn of(lines: &[String]) -> Vec<u8> {
    let mut file = Vec::new();
    let (last, before) = lines.split_last().unwrap();
    for line in before {
        file.extend_from_slice(line.as_bytes());
        file.push(b'\n');
    }
    let sum = Digest::of(&file).to_string();
    let last: Vec<&str> = last.split("SUM").collect();
    file.extend_from_slice(last.join(&sum).as_bytes());
    file.push(b'\n');
    file
}

fn texts() -> Vec<String> {
    let mut lines = lines();
    lines.last_mut().unwrap()["sha256"] = json!("SUM");
    lines.iter().map(Value::to_string).collect()
}

/// A file in which one text of one line is another.
fn with(line: usize, from: &str, to: &str) -> Result<Evidence, Fault> {
    let mut lines = texts();
    let changed = lines[line - 1].replacen(from, to, 1);
    assert_ne!(changed, lines[line - 1], "{from} is not in line {line}");
    lines[line - 1] = changed;
    read(&of(&lines))
}

#[test]
fn what_is_written_is_read_again() {
    let file = file();
    let read_again = read(&file).unwrap();
    let sum = read_again.witness.clone().unwrap().sum;
    assert_eq!(read_again, Evidence { witness: Some(seen(sum)), ..evidence() });
    let unsigned = Evidence { kind: Kind::Inclusion, ..evidence() };
    assert_eq!(read(&write(&unsigned, |_| None)), Ok(unsigned));
    assert_eq!(read(&of(&texts())).map(|evidence| evidence.parts.len()), Ok(4));
}

#[test]
fn lines_have_their_names_once_and_no_others() {
    let wrong = |line| Err(Fault::Line { line, expected: "a line of evidence" });
    let names = [
        (2, vec!["step", "header", "certificate", "set", "proof"]),
        (3, vec!["participant", "headers", "certificate", "proof"]),
        (4, vec!["staff", "headers", "certificate", "proof"]),
        (5, vec!["headers", "certificate"]),
        (6, vec!["transaction", "index", "inclusion"]),
        (7, vec!["tip"]),
        (8, vec!["answer", "request", "asked", "body"]),
        (9, vec!["sha256", "seen_s", "grant", "signature"]),
    ];
    for (line, names) in names {
        assert_eq!(with(line, "{", "{\"more\":1,"), wrong(line), "line {line}: another name");
        for name in names {
            let other = with(line, &format!("\"{name}\":"), "\"other\":");
            assert_eq!(other, wrong(line), "line {line} without {name}");
            let value = lines()[line - 1][name].clone();
            let twice = with(line, "{", &format!("{{\"{name}\":{value},"));
            assert_eq!(twice, wrong(line), "line {line} with {name} twice");
        }
    }
}

#[test]
fn values_have_one_spelling() {
    let wrong = |line| Err(Fault::Line { line, expected: "a line of evidence" });
    for (line, from, to) in [
        (2, ":3", ":3.0"),
        (2, ":3", ":3e0"),
        (2, ":3", ":-3"),
        (2, ":3", ":\"3\""),
        (2, "\"AQ\"", "\"AQ==\""),
        (2, "\"AQ\"", "\"AR\""),
        (2, "\"AQ\"", "\"A\""),
        (2, "\"AQ\"", "\" AQ\""),
        (2, "\"AQ\"", "null"),
        (2, "\"AQ\"", "[1]"),
        (5, "[\"AQ\",\"AgM\"]", "\"AQ\""),
        (6, "18446744073709551615", "18446744073709551616"),
        (6, "0000", "000A"),
        (6, "0000", "000"),
        (7, "{\"tip\":\"Ag\"}", "[\"Ag\"]"),
        (7, "{\"tip\":\"Ag\"}", "\"Ag\""),
        (7, "{\"tip\":\"Ag\"}", ""),
        (7, "{\"tip\":\"Ag\"}", "{\"tip\":\"Ag\"}{}"),
        (7, "{\"tip\":\"Ag\"}", "{\"tip\":\"Ag\""),
        (9, "\"seen_s\":9", "\"seen_s\":9.5"),
    ] {
        assert_eq!(with(line, from, to), wrong(line), "line {line}: {to}");
    }
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(with(7, "\"Ag\"", &deep), wrong(7));
    assert_eq!(with(7, "{\"tip\":\"Ag\"}", "{\"tip\":\"\u{fffd}\"}"), wrong(7));
}

#[test]
fn the_first_line_is_of_this_format() {
    let wrong = Err(Fault::Line { line: 1, expected: "the first line of evidence" });
    assert_eq!(with(1, "\"evidence\"", "\"chain export\""), Err(Fault::Version));
    assert_eq!(with(1, "\"version\":1", "\"version\":2"), Err(Fault::Version));
    assert_eq!(with(1, "\"altered\"", "\"alter\""), Err(Fault::Kind));
    assert_eq!(with(1, "\"main\"", "\"other\""), wrong);
    assert_eq!(with(1, "{", "{\"more\":1,"), wrong);
    assert_eq!(with(1, "{", "{\"version\":1,"), wrong);
    assert_eq!(with(1, "\"version\":1", "\"other\":1"), wrong);
    assert_eq!(read(b""), Err(Fault::NoEnd));
    assert_eq!(read(b"{"), Err(Fault::Cut));
    assert_eq!(read(b"\n"), wrong);
}

#[test]
fn lines_stand_in_their_order() {
    let lines = texts();
    let ordered = |order: &[usize]| {
        let lines: Vec<String> = order.iter().map(|line| lines[line - 1].clone()).collect();
        read(&of(&lines)).map(drop)
    };
    assert_eq!(ordered(&[1, 9]), Ok(()));
    assert_eq!(ordered(&[1, 4, 3, 5, 9]), Ok(()));
    assert_eq!(ordered(&[1, 3, 2, 5, 9]), Err(Fault::Place(3)), "a step after an entry");
    assert_eq!(ordered(&[1, 5, 2, 9]), Err(Fault::Place(3)), "a step after a part");
    assert_eq!(ordered(&[1, 5, 3, 9]), Err(Fault::Place(3)), "a participant after a part");
    assert_eq!(ordered(&[1, 5, 4, 9]), Err(Fault::Place(3)), "a member of staff after a part");
    assert_eq!(ordered(&[1, 1, 9]), Err(Fault::Line { line: 2, expected: "a line of evidence" }));
    let mut more = file();
    more.extend_from_slice(b"{}\n");
    assert_eq!(read(&more), Err(Fault::AfterEnd(10)));
}

#[test]
fn a_file_is_whole_and_summed_up() {
    let file = file();
    for end in 0..file.len() {
        let cut = read(&file[..end]).unwrap_err();
        assert!(matches!(cut, Fault::Cut | Fault::NoEnd), "cut at {end}: {cut:?}");
    }
    assert_eq!(with(9, "SUM", &Digest::ZERO.to_string()), Err(Fault::Sum));
    let mut other = file.clone();
    let place = other.iter().position(|byte| *byte == b'5' || *byte == b'B').unwrap();
    other[place] ^= 1;
    assert!(read(&other).is_err());
    for half in ["\"seen_s\":9", "\"grant\":\"AQ\"", "\"signature\":\"Ag\""] {
        let name = half.split(':').next().unwrap();
        assert_eq!(with(9, half, &format!("{name}:null")), Err(Fault::Witness), "{half}");
    }
    let large = vec![b' '; MAX_EVIDENCE + 1];
    assert_eq!(read(&large), Err(Fault::TooLarge));
    assert_eq!(read(&large[..MAX_EVIDENCE]), Err(Fault::Cut));
}

#[test]
fn a_file_that_cannot_be_read_is_no_evidence() {
    let verdict = check(b"hello\n", &Digest::ZERO);
    let why = Fault::Line { line: 1, expected: "the first line of evidence" };
    assert_eq!(verdict, Verdict::NotEvidence(NotEvidence::Form(why)));
    let found = Digest::of(b"network");
    let verdict = check(&file(), &Digest::ZERO);
    let told = Digest::ZERO;
    assert_eq!(verdict, Verdict::NotEvidence(NotEvidence::OtherNetwork { found, told }));
}

#[test]
fn bodies_are_read_by_the_names_that_count() {
    let headers = |place, body: &str| Json.headers(place, body.as_bytes());
    let pair = (vec![1], Some(vec![2]));
    let bare = (vec![1], None);
    let list = r#"{"headers":[{"header":"AQ","certificate":"Ag","x":1},{"header":"AQ"}],"handovers":[]}"#;
    assert_eq!(headers(HeadersIn::Headers, list), Some(vec![pair.clone(), bare.clone()]));
    let one = r#"{"header":"AQ","body":"","certificate":"Ag"}"#;
    assert_eq!(headers(HeadersIn::Block, one), Some(vec![pair.clone()]));
    let item = r#"{"block":{"header":"AQ","certificate":null},"tip":""}"#;
    assert_eq!(headers(HeadersIn::Stream, item), Some(vec![bare]));
    assert_eq!(headers(HeadersIn::Stream, r#"{"block":null,"tip":""}"#), Some(vec![]));
    for bad in [
        "",
        "[]",
        "{}",
        r#"{"headers":{}}"#,
        r#"{"headers":[["AQ","Ag"]]}"#,
        r#"{"headers":[],"headers":[]}"#,
        r#"[[{"header":"AQ"}]]"#,
    ] {
        assert_eq!(headers(HeadersIn::Headers, bad), None, "{bad}");
    }
    assert_eq!(headers(HeadersIn::Block, r#"["AQ","Ag"]"#), None);
    assert_eq!(headers(HeadersIn::Block, r#"{"header":"AQ","header":"AQ"}"#), None);
    let answered = |body: &str| Answered {
        answer: Vec::new(),
        request: Vec::new(),
        asked: Vec::new(),
        body: body.as_bytes().to_vec(),
    };
    for body in [list, one, item] {
        assert_eq!(headers_in(&answered(body)).first(), Some(&vec![1]), "{body}");
    }
    assert_eq!(headers_in(&answered("{}")), Vec::<Vec<u8>>::new());

    let id = RecordId::from_bytes([1; 16]);
    assert_eq!(Json.records(format!(r#"{{"records":["{id}"]}}"#).as_bytes()), Some(vec![id]));
    assert_eq!(Json.records(br#"{"records":["1"]}"#), None);
    assert_eq!(Json.envelopes(br#"{"envelopes":["AQ",null]}"#), Some(vec![Some(vec![1]), None]));
    assert_eq!(Json.envelopes(br#"{"envelopes":[1]}"#), None);
    let patient = PatientId::from_bytes([2; 16]);
    let asked = format!(r#"{{"patient":"{patient}","lookup":"x"}}"#);
    assert_eq!(Json.patient(asked.as_bytes()), Some(patient));
    assert_eq!(Json.patient(b"{}"), None);
    let links = |value: &str, branches: &str| {
        let body =
            format!(r#"{{"header":"AQ","patient":{{{value}"proof":"Ag"}},"records":["{id}"]{branches}}}"#);
        Json.links(body.as_bytes())
    };
    let given = GivenLinks {
        header: vec![1],
        value: Some(vec![3]),
        proof: vec![2],
        records: vec![id],
        branches: vec![7],
    };
    assert_eq!(links("\"value\":\"Aw\",", ",\"branches\":[7]"), Some(given.clone()));
    let without = GivenLinks { value: None, branches: Vec::new(), ..given };
    assert_eq!(links("", ""), Some(without));
    assert_eq!(links("", ",\"branches\":[70000]"), None);
}
