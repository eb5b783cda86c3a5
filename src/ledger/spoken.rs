//! The state word: a head in three words that two people can compare over the telephone.
//!
//! Proquints (arXiv:0901.4016), which stay apart when spoken, each of 16 bits. 48 bits are enough to notice that two
//! terminals differ; they are no proof against somebody who looks for a second head with the same word.

use crate::id::{Chain, NetworkId};
use std::fmt;
use wardline_crypto::Digest;

/// What the digest behind a word begins with, so that no other digest of this system is one.
const LABEL: &[u8] = b"wardline/1/state-word";
const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";

/// Three words of five letters, as `lusab-babad-gutih`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateWord(String);

impl StateWord {
    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StateWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The word of a chain that has the block with this digest at this height. Words are compared at the same height.
pub fn state_word(network: &NetworkId, chain: Chain, height: u64, digest: &Digest) -> StateWord {
    let chain = [chain.code()];
    let all = Digest::of_parts(&[LABEL, network.as_ref(), &chain, &height.to_be_bytes(), digest.as_ref()]);
    let words = all.bytes().chunks_exact(2).take(3).map(|pair| match pair {
        [high, low] => proquint(u16::from_be_bytes([*high, *low])),
        _ => String::new(),
    });
    StateWord(words.collect::<Vec<_>>().join("-"))
}

/// Sixteen bits as consonant, vowel, consonant, vowel, consonant.
fn proquint(bits: u16) -> String {
    let letter = |set: &[u8], shift: u32| {
        let index = usize::from(bits >> shift) % set.len();
        set.get(index).map_or(' ', |letter| char::from(*letter))
    };
    [
        letter(CONSONANTS, 12),
        letter(VOWELS, 10),
        letter(CONSONANTS, 6),
        letter(VOWELS, 4),
        letter(CONSONANTS, 0),
    ]
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The examples of the proquint specification, an address each.
    #[test]
    fn words_are_those_of_the_specification() {
        let address = |bytes: [u8; 4]| {
            let [a, b, c, d] = bytes;
            format!("{}-{}", proquint(u16::from_be_bytes([a, b])), proquint(u16::from_be_bytes([c, d])))
        };
        assert_eq!(address([127, 0, 0, 1]), "lusab-babad");
        assert_eq!(address([63, 84, 220, 193]), "gutih-tugad");
        assert_eq!(address([140, 98, 193, 141]), "mudof-sakat");
        assert_eq!(address([255, 255, 255, 255]), "zuzuz-zuzuz");
    }

    #[test]
    fn every_sixteen_bits_have_a_word_of_their_own() {
        let words: BTreeSet<String> = (0..=u16::MAX).map(proquint).collect();
        assert_eq!(words.len(), 1 << 16);
    }

    /// `docs/format/ledger.md` §9 has these.
    #[test]
    fn every_part_changes_the_word() {
        let (network, digest) = (Digest::of(b"network"), Digest::of(b"header"));
        let word = |network: &Digest, chain, height, digest: &Digest| {
            state_word(network, chain, height, digest).to_string()
        };
        assert_eq!(word(&network, Chain::Main, 7, &digest), "mafob-gujop-ratuh");
        assert_eq!(word(&network, Chain::Side, 7, &digest), "zajit-dihas-balan");
        assert_eq!(word(&network, Chain::Main, 8, &digest), "jiliz-kosov-nutis");
        assert_eq!(word(&digest, Chain::Main, 7, &network), "gikim-nizoz-gavoz");
    }
}
