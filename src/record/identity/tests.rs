//! Identities: one form, checks, and finding people however their names are typed.

use crate::*;

fn identity(family: &str, given: &str) -> Identity {
    Identity {
        family: family.into(),
        given: given.into(),
        birth_date: Some("1980-02-03".parse().unwrap()),
        sex: Some(Sex::Female),
        mrns: vec![
            Mrn { system: "north".into(), value: "N-100".into() },
            Mrn { system: "south".into(), value: "S/7a".into() },
        ],
        phone: Text::default(),
        ..Identity::default()
    }
}

/// Whether a search for this text finds the patient: every term of the query is a term of the identity.
fn finds(query: &str, identity: &Identity) -> bool {
    let terms = identity.search_terms();
    let wanted = query_terms(query);
    !wanted.is_empty() && wanted.iter().all(|term| terms.contains(term))
}

#[test]
fn the_canonical_form_is_the_specified_one() {
    let mei = identity("Müller", "Mei");
    let expected = r#"{"v":1,"family":"Müller","given":"Mei","birth_date":"1980-02-03","sex":"female","mrns":[{"system":"north","value":"N-100"},{"system":"south","value":"S/7a"}]}"#;
    assert_eq!(String::from_utf8(mei.to_bytes()).unwrap(), expected);
    assert_eq!(Identity::from_bytes(expected.as_bytes()).as_ref(), Ok(&mei));
    let mononym = Identity { given: Text::default(), birth_date: None, sex: None, ..mei };
    assert_eq!(Identity::from_bytes(&mononym.to_bytes()), Ok(mononym));
    for other in [
        expected.replace("\"v\":1", "\"v\":1 "),
        expected.replace("1980-02-03", "03.02.1980"),
        expected.replace("ü", "u\u{308}"),
        expected.replace("\"sex\":\"female\"", "\"sex\":null"),
        expected.replace("]}", "],\"phone\":\"\"}"),
    ] {
        assert_eq!(Identity::from_bytes(other.as_bytes()), Err(DecodeError::NotCanonical), "{other}");
    }
    let unknown = expected.replace("]}", "],\"religion\":\"x\"}");
    assert!(matches!(Identity::from_bytes(unknown.as_bytes()), Err(DecodeError::Malformed { .. })));
}

#[test]
fn checks_say_what_to_do() {
    assert_eq!(identity("Nguyễn", "Thị Ánh").check(), []);
    let wrong = Identity {
        birth_date: Some("1980-02-03T01:00:00Z".parse().unwrap()),
        mrns: vec![
            Mrn { system: "north".into(), value: "N 1".into() },
            Mrn { system: "".into(), value: "ABC".into() },
            Mrn { system: "north".into(), value: "N 1".into() },
        ],
        ..identity("", "Mei")
    };
    let errors: Vec<String> = wrong.check().iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "family: fill this in",
            "birth_date: give the date without a time",
            "mrns[0].value: write the number without spaces",
            "mrns[1].system: fill this in",
            "mrns[1].value: write a number with at least one digit",
            "mrns[2].value: write the number without spaces",
            "mrns[2].value: give each number once",
        ]
    );
    let unnumbered = Identity { mrns: vec![], ..identity("Meyer", "") };
    assert_eq!(unnumbered.check()[0].to_string(), "mrns: add at least one number");
}

#[test]
fn names_are_found_however_they_are_typed() {
    let cases = [
        (
            "Müller-Lüdenscheidt",
            "Jürgen",
            &["müller", "MULLER", "mueller", "ludenscheidt jurgen", "jü mü", "juergen"][..],
        ),
        ("Łukasiewicz", "Żółw", &["lukasiewicz", "łuka", "zolw", "Zó"]),
        ("Nguyễn", "Thị Ánh Đào", &["nguyen", "nguyễn dao", "anh", "ĐÀO"]),
        ("Öztürk", "İbrahim Işık", &["ozturk", "oeztuerk", "ibrahim", "IŞIK", "isik", "İBR"]),
        ("Sørensen", "Åse", &["sorensen", "soerensen", "ase", "aase"]),
        ("Weiß", "Ægir", &["weiss", "WEISS", "aegir"]),
        ("O'Brien", "Seán", &["obrien", "o'brien", "O’Brien sean"]),
        ("田中", "葵", &["田中", "田", "葵", "田中葵", "田中 葵"]),
        ("タナカ", "がく", &["ﾀﾅｶ", "タナ", "がく"]),
        ("김", "민준", &["김", "김민준", "민", "민준"]),
        ("الأحمد", "فاطمة", &["الاحمد", "الأح", "فاطمه", "فَاطِمَة"]),
        ("Παπαδόπουλος", "Νίκος", &["παπαδοπουλος", "ΝΙΚΟΣ", "νίκος"]),
        ("Wolfeschlegelsteinhausen", "Al", &["wolfeschlegelsteinhausen", "wolfeschlegel", "al"]),
    ];
    for (family, given, queries) in cases {
        let person = identity(family, given);
        for query in queries {
            assert!(
                finds(query, &person),
                "{query} does not find {family}: {:?} {:?}",
                query_terms(query),
                person.search_terms()
            );
        }
    }
}

#[test]
fn what_does_not_match_is_not_found() {
    let person = identity("Müller", "Mei");
    for query in [
        "",
        "  ",
        "meyer",
        "m",
        "uller",
        "mei schmidt",
        "mueler",
        "100",
        "n-10",
        "1980-02-04",
        "1980",
        "31.02.1980",
    ] {
        assert!(!finds(query, &person), "{query}");
    }
}

#[test]
fn birth_dates_and_numbers_are_exact_in_either_spelling() {
    let person = identity("Müller", "Mei");
    for query in
        ["1980-02-03", "03.02.1980", "3.2.1980", "N-100", "n-100", "S/7A", "mei 03.02.1980", "n-100 mül"]
    {
        assert!(finds(query, &person), "{query}");
    }
    assert_eq!(query_terms("Mei  N-100 3.2.1980 mei"), ["born:1980-02-03", "mrn:n-100", "name:mei"]);
    let year_only = Identity { birth_date: Some("1980".parse().unwrap()), ..person };
    assert!(!year_only.search_terms().iter().any(|term| term.starts_with("born:")));
}

#[test]
fn terms_are_the_specified_ones() {
    let person = Identity { mrns: vec![], ..identity("Weiß", "Mei") };
    assert_eq!(
        person.search_terms(),
        ["born:1980-02-03", "name:me", "name:mei", "name:we", "name:wei", "name:weis", "name:weiss"]
    );
}

#[test]
fn the_name_and_numbers_are_handed_out() {
    let person = identity("Müller", "Mei");
    assert_eq!(person.name(), "Müller, Mei");
    assert_eq!(identity("Sukarno", "").name(), "Sukarno");
    assert_eq!((person.mrn_at("south"), person.mrn_at("west")), (Some("S/7a"), None));
}

#[test]
fn names_with_digits_are_found_as_they_are_written() {
    let person = identity("Hickle134", "Alfonzo975");
    assert!(finds("hickle134 Alfonzo975", &person) && finds("Hickle134", &person));
    assert!(!finds("hickle13", &person), "a number is found whole alone");
    assert!(finds("hick alfon", &person));
}
