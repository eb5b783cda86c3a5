//! The light client: what it follows, and for every check something that only this check stops.

use super::*;
use crate::state::Changes;
use crate::testing::*;
use crate::{BranchId, Overlay, tree};

pub(super) type Headers = Vec<(Vec<u8>, Option<Vec<u8>>)>;
pub(super) type Sets = BTreeMap<u64, (Vec<u8>, StateProof)>;

/// [`TestChain::three_epochs`] from its genesis.
pub(super) struct Story {
    pub(super) chain: TestChain,
    pub(super) from: Checkpoint,
    pub(super) headers: Headers,
    pub(super) sets: Sets,
}

pub(super) fn story() -> Story {
    let chain = TestChain::three_epochs();
    let from = Checkpoint::genesis(&chain.world.genesis, Chain::Main).unwrap();
    let (headers, sets) = (chain.blocks.clone(), chain.sets.clone());
    Story { chain, from, headers, sets }
}

impl Story {
    pub(super) fn advance(&self) -> Result<(Checkpoint, Vec<VerifiedHeader>), Invalid> {
        advance(&self.from, &self.headers, &self.sets)
    }

    pub(super) fn header(&self, height: usize) -> Header {
        Header::decode(&self.headers[height - 1].0).unwrap()
    }

    /// Puts an edited header in place, certified by the real validators, so that no certificate is what is wrong.
    pub(super) fn forge(&mut self, height: usize, edit: impl FnOnce(&mut Header)) {
        let mut header = self.header(height);
        edit(&mut header);
        let namespace = self.chain.world.genesis.namespace(Chain::Main);
        let set = self.from.validators.clone();
        let all: Vec<usize> = (0..set.members.len()).collect();
        let keys = validator_keys(Chain::Main);
        let certificate = certify(&namespace, &set, &all, &header.digest(), header.epoch, &keys);
        self.headers[height - 1] = (header.encode(), Some(certificate));
    }

    pub(super) fn link_error(&self) -> HeaderError {
        match self.advance().unwrap_err() {
            Invalid::Link { error, .. } => error,
            other => panic!("{other}"),
        }
    }
}

#[test]
fn follows_the_chain_over_changes_of_validators() {
    let story = story();
    let (checkpoint, verified) = story.advance().unwrap();
    assert_eq!(checkpoint.header, story.chain.tip);
    assert_eq!(checkpoint.validators, story.chain.validators);
    assert_eq!(verified.iter().map(|v| v.header.height).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    assert!(verified.iter().all(|v| v.digest == v.header.digest()));
    assert_eq!(checkpoint.next_epoch(), 2);

    // One header at a time, over the checkpoint's bytes, is the same.
    let mut stepwise = story.from.clone();
    for header in &story.headers {
        let bytes = advance(&stepwise, std::slice::from_ref(header), &story.sets).unwrap().0.encode();
        stepwise = Checkpoint::decode(&bytes).unwrap();
    }
    assert_eq!(stepwise, checkpoint);
    assert_eq!(advance(&checkpoint, &[], &Sets::new()).unwrap(), (checkpoint, vec![]));
}

#[test]
fn follows_the_side_chain_too() {
    let mut chain = TestChain::new(Chain::Side);
    let enrol = chain.world.by("registrar", crate::Body::Enrol(chain.world.enrol("mei")));
    chain.extend(&[enrol]);
    let from = Checkpoint::genesis(&chain.world.genesis, Chain::Side).unwrap();
    assert_eq!(advance(&from, &chain.blocks, &chain.sets).unwrap().0.header, chain.tip);
    // Its blocks are nothing on the main chain.
    let main = Checkpoint::genesis(&chain.world.genesis, Chain::Main).unwrap();
    assert!(advance(&main, &chain.blocks, &chain.sets).is_err());
}

#[test]
fn a_later_certificate_speaks_for_headers_without() {
    let mut story = story();
    for height in [1, 2, 5, 6] {
        story.headers[height - 1].1 = None;
    }
    assert_eq!(story.advance().unwrap().1.len(), 10);
    for height in [9, 10] {
        story.headers[height - 1].1 = None;
    }
    let (checkpoint, verified) = story.advance().unwrap();
    assert_eq!((checkpoint.header.height, verified.len()), (8, 8), "what nobody certified is not returned");
}

#[test]
fn an_uncertified_header_must_be_linked_to_the_certified_one() {
    let mut story = story();
    let mut forged = story.header(1);
    forged.state_root = Digest::of(b"another state");
    story.headers[0] = (forged.encode(), None);
    assert_eq!(story.link_error(), HeaderError::Parent);
}

#[test]
fn other_networks_and_chains_are_refused() {
    let mut story = story();
    story.forge(1, |header| header.network = Digest::ZERO);
    assert_eq!(story.link_error(), HeaderError::OtherNetwork);
    story.forge(1, |header| (header.network, header.chain) = (story_network(), Chain::Side));
    assert_eq!(story.link_error(), HeaderError::OtherChain);
}

fn story_network() -> NetworkId {
    genesis().network()
}

#[test]
fn other_versions_are_refused() {
    let mut story = story();
    story.headers[0].0[41] = 2;
    assert!(matches!(story.advance(), Err(Invalid::Header { after: 0, .. })));
}

#[test]
fn a_gap_is_refused() {
    let mut story = story();
    story.headers.remove(1);
    assert_eq!(story.link_error(), HeaderError::Height { found: 3, expected: 2 });
    let mut story = self::story();
    story.forge(1, |header| header.height = 0);
    assert_eq!(story.link_error(), HeaderError::Height { found: 0, expected: 1 });
}

#[test]
fn a_broken_link_is_refused() {
    let mut story = story();
    story.forge(2, |header| header.parent = Digest::of(b"another block"));
    assert_eq!(story.link_error(), HeaderError::Parent);
}

#[test]
fn a_time_that_goes_back_is_refused() {
    let mut story = story();
    let before = story.header(1).time_s;
    story.forge(2, |header| header.time_s = before);
    assert!(advance(&story.from, &story.headers[..2], &story.sets).is_ok(), "the same second is all right");
    story.forge(2, |header| header.time_s = before - 1);
    assert_eq!(story.link_error(), HeaderError::TimeGoesBack);
}

#[test]
fn another_epoch_than_the_heights_is_refused() {
    let mut story = story();
    story.forge(1, |header| header.epoch = 1);
    assert_eq!(story.link_error(), HeaderError::Epoch);
}

#[test]
fn another_headers_certificate_is_refused() {
    let mut story = story();
    story.headers[0].1 = story.headers[1].1.clone();
    assert_eq!(story.advance(), Err(Invalid::Certificate { height: 1, error: CertificateError::OtherBlock }));
}

#[test]
fn a_quorum_is_needed() {
    let mut story = story();
    let (namespace, keys) = (story.chain.world.genesis.namespace(Chain::Main), validator_keys(Chain::Main));
    let digest = story.header(1).digest();
    story.headers[0].1 = Some(certify(&namespace, &story.from.validators, &[0, 1], &digest, 0, &keys));
    let error = CertificateError::NoQuorum { found: 2, quorum: 3 };
    assert_eq!(story.advance(), Err(Invalid::Certificate { height: 1, error }));
}

#[test]
fn the_other_chains_certificate_is_refused() {
    let mut story = story();
    let digest = story.header(1).digest();
    let side = story.chain.world.genesis.namespace(Chain::Side);
    let keys = validator_keys(Chain::Main);
    story.headers[0].1 = Some(certify(&side, &story.from.validators, &[0, 1, 2], &digest, 0, &keys));
    assert!(matches!(
        story.advance(),
        Err(Invalid::Certificate { height: 1, error: CertificateError::Signature(_) })
    ));
}

#[test]
fn validators_of_the_epoch_before_do_not_count() {
    let mut story = story();
    story.headers[3].1 = Some(certificate(&story.header(4), &story.from.validators));
    let error = CertificateError::OtherSet { found: 4, expected: 3 };
    assert_eq!(story.advance(), Err(Invalid::Certificate { height: 4, error }));
}

#[test]
fn an_epochs_last_header_needs_its_own_certificate() {
    let mut story = story();
    story.headers[2].1 = None;
    assert_eq!(story.advance(), Err(Invalid::EpochEndUncertified(3)));
    let mut story = self::story();
    story.headers.truncate(3);
    story.headers[2].1 = None;
    assert_eq!(story.advance(), Err(Invalid::EpochEndUncertified(3)));
}

#[test]
fn validators_that_are_not_proven_are_refused() {
    let mut story = story();
    let proven = story.sets.remove(&1).unwrap();
    assert_eq!(story.advance(), Err(Invalid::ValidatorsMissing(1)));

    let unproven = |error| Err(Invalid::ValidatorsUnproven { epoch: 1, error });
    // A made-up set with the real proof.
    let made_up = ValidatorSet::new(vec![(BranchId(1), key("stranger").public())]);
    story.sets.insert(1, (made_up.encode(), proven.1.clone()));
    assert_eq!(story.advance(), unproven(ProofError::OtherValue));
    // Another epoch's set with its own proof.
    let old = tree::prove(&story.chain.world.main, 10, &Key::Validators(0).bytes()).unwrap();
    story.sets.insert(1, (old.0.unwrap(), old.1));
    assert_eq!(story.advance(), unproven(ProofError::OtherKey));
    // The right set, proven under a later block.
    let later = tree::prove(&story.chain.world.main, 10, &Key::Validators(1).bytes()).unwrap();
    assert_eq!(later.0.as_ref(), Some(&proven.0));
    story.sets.insert(1, (proven.0.clone(), later.1));
    assert_eq!(story.advance(), unproven(ProofError::Refuted));
    story.sets.insert(1, proven);
    assert!(story.advance().is_ok());
}

#[test]
fn a_proven_value_that_is_no_set_is_refused() {
    let mut story = story();
    let garbage = b"no set".to_vec();
    let changes = Changes::from([(Key::Validators(1).bytes(), Some(garbage.clone()))]);
    let base = Memory::default();
    let update = tree::update(&base, 0, &changes).unwrap();
    let mut after = Overlay::new(&base);
    after.push(changes, &update);
    let (value, proof) = tree::prove(&after, 0, &Key::Validators(1).bytes()).unwrap();
    story.sets.insert(1, (value.unwrap(), proof));
    story.headers.truncate(3);
    story.forge(3, |header| header.state_root = update.root);
    assert!(matches!(story.advance(), Err(Invalid::ValidatorsMalformed { epoch: 1, .. })));
}

#[test]
fn a_checkpoint_has_one_form() {
    let story = story();
    let bytes = story.from.encode();
    assert_eq!(Checkpoint::decode(&bytes), Ok(story.from.clone()));
    assert!(Checkpoint::decode(&bytes[1..]).is_err());
    let mut no_epochs = bytes.clone();
    no_epochs[..8].fill(0);
    assert_eq!(Checkpoint::decode(&no_epochs), Err(DecodeError::OutOfRange("epoch length")));
}

pub(super) fn given(headers: &Headers) -> Vec<Given> {
    headers.iter().cloned().map(|(bytes, certificate)| Given::read(bytes, certificate)).collect()
}

/// What a live console does.
fn follow(story: &Story) -> Result<Advanced, Invalid> {
    prepare(&story.from, &given(&story.headers), &story.sets, Certificates::Needed)?.believe(check_all)
}

/// Spoils the last signature of a height's certificate.
fn spoil(story: &mut Story, height: usize) {
    *story.headers[height - 1].1.as_mut().unwrap().last_mut().unwrap() ^= 1;
}

#[test]
fn only_what_nothing_later_speaks_for_is_checked() {
    let whole = story().advance().unwrap();
    for height in 1..=10 {
        let mut story = story();
        spoil(&mut story, height);
        assert!(story.advance().is_err(), "an audit finds it: {height}");
        // The ends of the epochs, and the last certificate given.
        let needed = [3, 7, 10].contains(&height);
        match follow(&story) {
            Ok(followed) => {
                assert!(!needed, "{height}");
                assert_eq!((followed.checkpoint, followed.headers), whole.clone());
            }
            Err(Invalid::Certificate { height: at, error: CertificateError::Signature(_) }) => {
                assert!(needed && at == height as u64, "{height}");
            }
            Err(other) => panic!("{other}"),
        }
    }
    let jobs = |which| {
        let story = story();
        prepare(&story.from, &given(&story.headers), &story.sets, which).unwrap().jobs.len()
    };
    assert_eq!((jobs(Certificates::Needed), jobs(Certificates::All)), (3, 10));
    let mut tail = story();
    tail.headers[9].1 = None;
    spoil(&mut tail, 9);
    assert!(follow(&tail).is_err(), "now the ninth is the last one given");
}

#[test]
fn nothing_is_given_away_before_the_signatures_hold() {
    let story = story();
    let prepared = prepare(&story.from, &given(&story.headers), &story.sets, Certificates::Needed).unwrap();
    assert_eq!(prepared.believe(|_| Err(Invalid::NoHeader)), Err(Invalid::NoHeader));
    let prepared = prepare(&story.from, &given(&story.headers), &story.sets, Certificates::All).unwrap();
    let advanced = prepared.believe(|jobs| jobs.iter().try_for_each(Job::check)).unwrap();
    assert_eq!(advanced.checkpoint.header, story.chain.tip);
}

#[test]
fn a_bad_certificate_among_good_ones_is_named_by_its_height_and_branch() {
    let mut story = story();
    spoil(&mut story, 7);
    let signer = ValidatorSet::decode(&story.sets[&1].0).unwrap().members.last().unwrap().0;
    let error = CertificateError::Signature(signer);
    assert_eq!(follow(&story), Err(Invalid::Certificate { height: 7, error: error.clone() }));
    assert_eq!(story.advance(), Err(Invalid::Certificate { height: 7, error }));
}

#[test]
fn changes_of_validators_and_the_newest_certificate_are_given() {
    let story = story();
    let advanced = follow(&story).unwrap();
    let [step] = advanced.steps.as_slice() else { panic!("{} steps", advanced.steps.len()) };
    assert_eq!(step.header, story.headers[2].0);
    assert_eq!(Some(&step.certificate), story.headers[2].1.as_ref());
    assert_eq!((&step.set, step.proof.as_slice()), (&story.sets[&1].0, story.sets[&1].1.bytes()));
    assert_eq!(advanced.certificate, story.headers[9].1);
    let nothing = prepare(&story.from, &[], &Sets::new(), Certificates::Needed).unwrap();
    let nothing = nothing.believe(check_all).unwrap();
    assert_eq!((nothing.checkpoint, nothing.certificate), (story.from, None));
}

#[test]
fn a_header_from_the_future_is_told() {
    let header = story().header(1);
    assert_eq!(ahead_s(&header, header.time_s), None);
    assert_eq!(ahead_s(&header, header.time_s - MAX_AHEAD_S), None);
    assert_eq!(ahead_s(&header, header.time_s - MAX_AHEAD_S - 1), Some(MAX_AHEAD_S + 1));
    assert_eq!(ahead_s(&header, header.time_s + 1000), None);
    assert_eq!(ahead_s(&Header { time_s: u64::MAX, ..header }, 0), Some(u64::MAX));
}

#[test]
fn what_was_given_is_what_is_read() {
    let story = story();
    let (bytes, certificate) = story.headers[0].clone();
    let given = Given::read(bytes.clone(), certificate.clone());
    assert_eq!((given.height(), given.bytes()), (Some(1), bytes.as_slice()));
    assert_eq!(given.certificate(), certificate.as_deref());
    assert_eq!(given.into_parts(), (bytes, certificate));
    assert_eq!(Given::read(vec![], None).height(), None);
}
