//! The file's own form: first lines, last lines, and lines that are none.

use super::{
    case::{Case, Item, Kind},
    export::{Export, Line, base64},
};
use wardline_crypto::Digest;
use wardline_ledger::Canonical;
use wardline_policy::Role;

/// A file that no honest writer would write: every line but the last as text, then summed up again.
fn file(c: &Case, edit: impl FnOnce(&mut Vec<String>)) -> Item {
    let mut text = Export::of(&c.network, &c.main).text();
    edit(&mut text);
    let blocks = text.iter().filter(|line| line.starts_with("{\"height\"")).count();
    let text = text.concat();
    let sum = Digest::of(text.as_bytes());
    Item::File(format!("{text}{{\"blocks\":{blocks},\"sha256\":\"{sum}\"}}\n").into_bytes())
}

/// The bytes of the honest file.
fn honest(c: &Case) -> Vec<u8> {
    Export::of(&c.network, &c.main).bytes()
}

/// The honest file with something in its text replaced and summed up again.
fn replaced(c: &Case, line: usize, from: &str, to: &str) -> Item {
    file(c, |text| {
        let changed = text[line].replacen(from, to, 1);
        assert_ne!(changed, text[line], "{from}");
        text[line] = changed;
    })
}

/// The end of a file as it is, its text changed.
fn end(c: &Case, edit: impl FnOnce(&str) -> String) -> Item {
    let text = String::from_utf8(honest(c)).unwrap();
    let at = text.trim_end().rfind('\n').unwrap() + 1;
    Item::File(format!("{}{}", &text[..at], edit(&text[at..])).into_bytes())
}

/// The first line.
pub const HEADS: &[Kind] = &[
    Kind::new(
        "head.title",
        "another kind of file",
        "the file is no export that this version reads: it says `evidence` 1",
        |c| c.main(|x| x.head.wardline = "evidence".into()),
    ),
    Kind::new(
        "head.version",
        "a version that this build does not know",
        "the file is no export that this version reads: it says `chain export` 2",
        |c| c.main(|x| x.head.version = 2),
    ),
    Kind::new(
        "head.network.other",
        "another network's whole history, true in itself (immudb CVE-2022-39199: the server says who it is)",
        "the export is of network `{other}`, not of the one that your configuration names",
        |c| {
            let (network, history) = c.other();
            Item::File(Export::of(network, history).bytes())
        },
    ),
    Kind::new(
        "head.network.claimed",
        "another network's history under this network's name",
        "the export's genesis document is not the network's own",
        |c| {
            let (network, history) = c.other();
            let mut export = Export::of(network, history);
            export.head.network = c.network.id.to_string();
            Item::File(export.bytes())
        },
    ),
    Kind::new(
        "head.network.genesis-only",
        "this network's genesis document over another's history",
        "block 0: it is not the block that the genesis document leads to",
        |c| {
            let (network, history) = c.other();
            let mut export = Export::of(network, history);
            export.head = Export::of(&c.network, &c.main).head;
            Item::File(export.bytes())
        },
    ),
    Kind::new(
        "head.network.changed",
        "another network's name over this history",
        "the export is of network `00000000`, not of the one that your configuration names",
        |c| c.main(|x| x.head.network = Digest::ZERO.to_string()),
    ),
    Kind::new(
        "head.genesis.changed",
        "one bit of the genesis document",
        "the export's genesis document is not the network's own",
        |c| {
            c.main(|x| {
                let mut genesis = c.network.genesis.encode();
                genesis[10] ^= 1;
                x.head.genesis = base64(&genesis);
            })
        },
    ),
    Kind::new(
        "head.genesis.added-staff",
        "a member of staff slipped into the genesis document",
        "the export's genesis document is not the network's own",
        |c| {
            c.main(|x| {
                let mut genesis = c.network.genesis.clone();
                genesis.staff.push(c.network.keys().staff("thief", 1, &[Role::Ward]));
                genesis.staff.sort_by_key(|staff| staff.id);
                x.head.genesis = base64(&genesis.encode());
            })
        },
    ),
    Kind::new(
        "head.chain.other",
        "the main chain's blocks as the side chain's",
        "block 0: it is not the block that the genesis document leads to",
        |c| c.main(|x| x.head.chain = "side".into()),
    ),
    Kind::new(
        "head.chain.unknown",
        "a third chain",
        "the file is no export that this version reads: it names no chain",
        |c| c.main(|x| x.head.chain = "third".into()),
    ),
    Kind::new(
        "head.to.more",
        "more is announced than there is",
        "block 14: it says that it goes up to block 14",
        |c| c.main(|x| x.head.to = 14),
    ),
    Kind::new(
        "head.to.fewer",
        "less is announced than there is",
        "block 13: blocks follow the one that proves block 12, its last",
        |c| c.main(|x| x.head.to = 12),
    ),
    Kind::new(
        "head.from.after-to",
        "it begins after it ends",
        "the file is no export that this version reads: its bodies begin at block 14 and end at 13",
        |c| c.main(|x| x.head.from = 14),
    ),
    Kind::new(
        "head.name.added",
        "a name too many",
        "the file is no export that this version reads: the first line cannot be read: unknown field `more`, expected one of `wardline`, `version`, `network`, `chain`, `genesis`, `from`, `to`",
        |c| replaced(c, 0, "{", "{\"more\":1,"),
    ),
    Kind::new(
        "head.name.dropped",
        "a name too few",
        "the file is no export that this version reads: the first line cannot be read: missing field `from`",
        |c| replaced(c, 0, "\"from\":0,", ""),
    ),
    Kind::new(
        "head.name.doubled",
        "a name twice, of which another reader may take the other",
        "the file is no export that this version reads: the first line cannot be read: duplicate field `from`",
        |c| replaced(c, 0, "\"from\":0,", "\"from\":0,\"from\":1,"),
    ),
    Kind::new(
        "head.dropped",
        "no first line",
        "the file is no export that this version reads: the first line cannot be read: unknown field `height`, expected one of `wardline`, `version`, `network`, `chain`, `genesis`, `from`, `to`",
        |c| file(c, |text| drop(text.remove(0))),
    ),
    Kind::new(
        "head.doubled",
        "two first lines",
        "block 0: a line is neither a block, nor a handover, nor the end",
        |c| file(c, |text| text.insert(0, text[0].clone())),
    ),
];

/// The file's own form.
pub const FILES: &[Kind] = &[
    Kind::new("file.empty", "no bytes", "the file is no export that this version reads: it is empty", |_| {
        Item::File(Vec::new())
    }),
    Kind::new(
        "file.no-json",
        "no JSON",
        "the file is no export that this version reads: the first line is no object",
        |_| Item::File(b"what is this\n".to_vec()),
    ),
    Kind::new(
        "file.truncated.byte",
        "the last byte is missing",
        "block 14: the file ends within a line: it was cut",
        |c| {
            let mut bytes = honest(c);
            bytes.pop();
            Item::File(bytes)
        },
    ),
    Kind::new(
        "file.truncated.line",
        "cut within a line",
        "block 13: the file ends within a line: it was cut",
        |c| {
            let mut bytes = honest(c);
            bytes.truncate(bytes.len() - 200);
            Item::File(bytes)
        },
    ),
    Kind::new(
        "file.truncated.end",
        "the last line is missing",
        "block 14: the file ends here: it was cut",
        |c| end(c, |_| String::new()),
    ),
    Kind::new(
        "file.extended.blank",
        "a blank line behind the last one",
        "block 14: lines follow the last one",
        |c| end(c, |last| format!("{last}\n")),
    ),
    Kind::new("file.extended.end", "the last line twice", "block 14: lines follow the last one", |c| {
        end(c, |last| last.repeat(2))
    }),
    Kind::new(
        "file.count",
        "a wrong number of blocks",
        "block 14: the last line does not sum up the file: it was cut or changed",
        |c| c.main(|x| x.count = Some(13)),
    ),
    Kind::new(
        "file.sum",
        "a wrong sum",
        "block 14: the last line does not sum up the file: it was cut or changed",
        |c| c.main(|x| x.sum = Some(Digest::ZERO)),
    ),
    Kind::new(
        "file.sum.capitals",
        "the sum in another spelling",
        "block 14: the last line cannot be read: not a valid identifier",
        |c| {
            end(c, |last| {
                let (before, sum) = last.split_at(last.find("256\":\"").unwrap() + 6);
                format!("{before}{}", sum.to_uppercase())
            })
        },
    ),
    Kind::new(
        "file.sum.honest",
        "the sum of the honest file over a changed one",
        "block 14: the last line does not sum up the file: it was cut or changed",
        |c| {
            c.main(|x| {
                x.sum = Some(Digest::of(x.text().concat().as_bytes()));
                x.vote(13, |v| v.view = vec![10]);
                x.certify(&c.network, &c.main, 13, &[1, 2, 3]);
            })
        },
    ),
    Kind::new(
        "file.line.blank",
        "a blank line between blocks",
        "block 4: a line is neither a block, nor a handover, nor the end",
        |c| c.main(|x| x.lines.insert(5, Line::Other(String::new()))),
    ),
    Kind::new(
        "file.line.unknown",
        "a line of another kind",
        "block 4: a line is neither a block, nor a handover, nor the end",
        |c| c.main(|x| x.lines.insert(5, Line::Other("{\"note\":\"trust me\"}".into()))),
    ),
    Kind::new(
        "file.line.list",
        "a block's values as a list instead of by their names",
        "block 4: a block's line is no object",
        |c| c.main(|x| x.lines.insert(5, Line::Other("[\"height\",4]".into()))),
    ),
    Kind::new(
        "file.line.early-end",
        "a last line within the file",
        "block 3: the last line does not sum up the file: it was cut or changed",
        |c| {
            c.main(|x| {
                let blocks = 3;
                let sum = Digest::ZERO;
                x.lines.insert(3, Line::Other(format!("{{\"blocks\":{blocks},\"sha256\":\"{sum}\"}}")));
            })
        },
    ),
    Kind::new(
        "file.name.added",
        "a block's line with a name too many",
        "block 0: a block's line cannot be read: unknown field `more`, expected one of `height`, `header`, `body`, `certificate`",
        |c| replaced(c, 1, "{", "{\"more\":1,"),
    ),
    Kind::new(
        "file.name.dropped",
        "a block's line without its certificate's name",
        "block 0: a block's line cannot be read: missing field `certificate`",
        |c| replaced(c, 1, ",\"certificate\":null", ""),
    ),
    Kind::new(
        "file.name.doubled",
        "a block's line with a name twice",
        "block 0: a block's line cannot be read: duplicate field `height`",
        |c| replaced(c, 1, "{\"height\":0", "{\"height\":0,\"height\":0"),
    ),
    Kind::new(
        "file.number.text",
        "a height as text",
        "block 0: a block's line cannot be read: invalid type: string \"0\", expected u64",
        |c| replaced(c, 1, "\"height\":0", "\"height\":\"0\""),
    ),
    Kind::new(
        "file.number.fraction",
        "a height with a point",
        "block 1: a block's line cannot be read: invalid type: floating point `1.0`, expected u64",
        |c| replaced(c, 2, "\"height\":1", "\"height\":1.0"),
    ),
    Kind::new(
        "file.number.negative",
        "a height below zero",
        "block 1: a block's line cannot be read: invalid value: integer `-1`, expected u64",
        |c| replaced(c, 2, "\"height\":1", "\"height\":-1"),
    ),
    Kind::new(
        "file.bytes.padded",
        "bytes in another spelling: padded",
        "block 0: a block's line cannot be read: expected unpadded base64url",
        |c| replaced(c, 1, "\"body\":\"AAAAAA\"", "\"body\":\"AAAAAA==\""),
    ),
    Kind::new(
        "file.bytes.rest",
        "bytes in another spelling: bits that mean nothing",
        "block 0: a block's line cannot be read: expected unpadded base64url",
        |c| replaced(c, 1, "\"body\":\"AAAAAA\"", "\"body\":\"AAAAAB\""),
    ),
    Kind::new(
        "file.bytes.no-base64",
        "bytes that are none",
        "block 0: a block's line cannot be read: expected unpadded base64url",
        |c| replaced(c, 1, "\"body\":\"AAAAAA\"", "\"body\":\"AAAA!A\""),
    ),
];
