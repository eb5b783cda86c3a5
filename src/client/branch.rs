//! One branch's HTTP: signed requests, one deadline for each, typed errors.
//!
//! Every answer is signed by its branch and kept as long as somebody may need it as evidence. It must not judge what a
//! branch says beyond its form; whether it is true is decided by the callers.

use crate::{
    answer::{Asked, Given, SignedBody},
    clock::Clock,
    error::{ClientError, ProblemDetail},
    session::Session,
    tls,
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;
use wardline_crypto::Digest;
use wardline_ledger::{Chain, Participant};
use wardline_wire::{BootNonce, Hello, Problem, RequestLine, RouteId, header_name};

/// Requests to one branch that may be under way at once.
const SLOTS: usize = 64;
/// Requests for finality, held open by the branch, that may be under way at once.
const WAITS: usize = 32;
/// Most bytes of a reply: the largest envelope in base64, and no more than evidence of it has place for.
pub(crate) const REPLY_MAX: usize = 46 * 1024 * 1024;
/// Answers from this size on are hashed on a thread of their own.
const LARGE: usize = 256 * 1024;
/// How long to wait before asking again a branch that is busy, or behind by the blocks of this moment.
const PAUSE: Duration = Duration::from_millis(40);
/// How often to ask it again.
const PAUSES_MAX: u32 = 25;

/// How long a branch that did not answer last time is waited for, until it answers again: with the full deadline for
/// every question a hung branch would delay them all.
const BRIEFLY: Duration = Duration::from_millis(300);

/// Why a branch gave no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BranchError {
    /// Nothing within the deadline.
    #[error("no answer within {0} ms")]
    Silent(u64),
    /// No connection.
    #[error("cannot be reached")]
    Unreachable,
    /// Whoever answers does not hold the registered key.
    #[error("answers with another key than the registered one: somebody else may be answering")]
    WrongKey,
    /// It refuses.
    #[error("{}", .0.message)]
    Refused(ProblemDetail),
    /// It answers something else than what was asked for.
    #[error("answers {0}")]
    Malformed(String),
}

impl BranchError {
    /// Whether the branch did not answer at all.
    pub(crate) const fn is_silence(&self) -> bool {
        matches!(self, Self::Silent(_) | Self::Unreachable)
    }

    /// Whether the branch says that it will be able to answer in a moment.
    fn is_passing(&self) -> bool {
        matches!(self, Self::Refused(problem) if matches!(problem.code.as_str(), "behind" | "busy"))
    }
}

/// Heights that this console has verified; every request demands them of the branch.
#[derive(Debug, Default)]
pub(crate) struct MinHeights {
    main: AtomicU64,
    side: AtomicU64,
}

impl MinHeights {
    pub(crate) fn get(&self, chain: Chain) -> u64 {
        self.of(chain).load(Ordering::Acquire)
    }

    pub(crate) fn raise(&self, chain: Chain, height: u64) {
        self.of(chain).fetch_max(height, Ordering::AcqRel);
    }

    const fn of(&self, chain: Chain) -> &AtomicU64 {
        match chain {
            Chain::Main => &self.main,
            Chain::Side => &self.side,
        }
    }
}

/// What a branch answers with; it may be waited for by a task of its own.
pub(crate) trait Answer: DeserializeOwned + Send + 'static {}

impl<T: DeserializeOwned + Send + 'static> Answer for T {}

/// A branch, with everything needed to ask it.
pub(crate) struct Branch {
    pub(crate) participant: Participant,
    pub(crate) own: bool,
    url: String,
    http: reqwest::Client,
    network: Digest,
    session: Arc<Session>,
    heights: Arc<MinHeights>,
    clock: Arc<dyn Clock>,
    deadline: Duration,
    counter: AtomicU64,
    /// Numbers the requests in the order in which they began.
    requests: AtomicU64,
    slots: Semaphore,
    waits: Semaphore,
    seen: Mutex<Seen>,
    /// Another branch was asked because this one was slow.
    suspected: AtomicBool,
    silence: Mutex<Silence>,
}

/// Whether the newest request that has ended got no answer. One that began earlier may end later.
#[derive(Clone, Copy, Default)]
struct Silence {
    silent: bool,
    request: u64,
}

/// What was learnt from answers.
#[derive(Clone, Copy, Default)]
struct Seen {
    boot: Option<BootNonce>,
    last_answer_s: Option<u64>,
    last_answer: Option<Instant>,
}

/// What all branches share.
pub(crate) struct Shared {
    pub(crate) network: Digest,
    pub(crate) session: Arc<Session>,
    pub(crate) heights: Arc<MinHeights>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) deadline: Duration,
}

/// Where a request goes: route, path and query as sent.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    route: RouteId,
    path: String,
    any_height: bool,
}

impl Target {
    /// A route without parameters.
    pub(crate) fn of(route: RouteId) -> Self {
        Self { route, path: route.route().path.to_owned(), any_height: false }
    }

    /// A route whose path has one parameter, which must need no escaping: a number or hexadecimal digits.
    pub(crate) fn with(route: RouteId, parameter: impl std::fmt::Display) -> Self {
        let template = route.route().path;
        let path = match template.split_once('{') {
            Some((start, _)) => format!("{start}{parameter}"),
            None => template.to_owned(),
        };
        Self { route, path, any_height: false }
    }

    /// For a branch that may be behind: without heights that it must have reached to answer at all.
    pub(crate) fn at_any_height(self) -> Self {
        Self { any_height: true, ..self }
    }

    /// With a query of numbers.
    pub(crate) fn query(mut self, pairs: &[(&str, u64)]) -> Self {
        for (index, (name, number)) in pairs.iter().enumerate() {
            let mark = if index == 0 { '?' } else { '&' };
            self.path.push_str(&format!("{mark}{name}={number}"));
        }
        self
    }
}

impl Branch {
    pub(crate) fn new(
        participant: Participant,
        own: bool,
        url: String,
        shared: &Shared,
    ) -> Result<Self, String> {
        let http = tls::pinned(participant.tls, shared.deadline)?;
        Ok(Self {
            participant,
            own,
            url: url.trim_end_matches('/').to_owned(),
            http,
            network: shared.network,
            session: shared.session.clone(),
            heights: shared.heights.clone(),
            clock: shared.clock.clone(),
            deadline: shared.deadline,
            counter: AtomicU64::new(1),
            requests: AtomicU64::new(0),
            slots: Semaphore::new(SLOTS),
            waits: Semaphore::new(WAITS),
            seen: Mutex::default(),
            suspected: AtomicBool::new(false),
            silence: Mutex::default(),
        })
    }

    pub(crate) const fn id(&self) -> u16 {
        self.participant.id.0
    }

    pub(crate) fn name(&self) -> &str {
        &self.participant.name
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn last_answer_s(&self) -> Option<u64> {
        self.seen().last_answer_s
    }

    pub(crate) fn has_answered_since(&self, began: Instant) -> bool {
        self.seen().last_answer.is_some_and(|at| at >= began)
    }

    /// Whether its last request got no answer, or not soon; it is then asked after the others until it answers.
    pub(crate) fn is_silent(&self) -> bool {
        self.suspected.load(Ordering::Relaxed) || self.is_hung()
    }

    /// Whether its last request got no answer within the whole deadline.
    pub(crate) fn is_hung(&self) -> bool {
        self.silence.lock().unwrap_or_else(PoisonError::into_inner).silent
    }

    /// It is taking so long that another branch was asked as well.
    pub(crate) fn suspect(&self) {
        self.suspected.store(true, Ordering::Relaxed);
    }

    /// This branch's failure as the client's error.
    pub(crate) fn failed(&self, error: BranchError) -> ClientError {
        ClientError::Branch { branch: self.name().to_owned(), error }
    }

    /// The error for something that it said and that does not hold.
    pub(crate) fn unverified(&self, what: impl Into<String>) -> ClientError {
        ClientError::Unverified { branch: self.name().to_owned(), what: what.into() }
    }

    /// A signed request without a body.
    pub(crate) async fn get<R: Answer>(self: &Arc<Self>, target: Target) -> Result<R, BranchError> {
        Ok(self.get_kept(target).await?.value)
    }

    /// The same, with the branch's signature under the answer.
    pub(crate) async fn get_kept<R: Answer>(
        self: &Arc<Self>,
        target: Target,
    ) -> Result<Given<R>, BranchError> {
        self.in_time(Duration::ZERO, target, Bytes::new(), Some(Duration::ZERO)).await
    }

    /// Asked once: a branch that is busy or behind is not asked again, since that is the answer.
    pub(crate) async fn look<R: Answer>(self: &Arc<Self>, target: Target) -> Result<R, BranchError> {
        Ok(self.in_time(Duration::ZERO, target, Bytes::new(), None).await?.value)
    }

    /// A signed request with a JSON body.
    pub(crate) async fn ask<B: Serialize, R: Answer>(
        self: &Arc<Self>,
        target: Target,
        body: &B,
    ) -> Result<R, BranchError> {
        self.send(target, Self::body(body)).await
    }

    /// The same, with the branch's signature under the answer.
    pub(crate) async fn ask_kept<B: Serialize, R: Answer>(
        self: &Arc<Self>,
        target: Target,
        body: &B,
    ) -> Result<Given<R>, BranchError> {
        self.in_time(Duration::ZERO, target, Self::body(body), Some(Duration::ZERO)).await
    }

    /// A request's body as JSON.
    pub(crate) fn body<B: Serialize>(body: &B) -> Bytes {
        // The shapes of the wire have text keys and whole numbers only, which always can be written.
        serde_json::to_vec(body).unwrap_or_default().into()
    }

    /// A signed request with a body that is JSON already.
    pub(crate) async fn send<R: Answer>(
        self: &Arc<Self>,
        target: Target,
        bytes: Bytes,
    ) -> Result<R, BranchError> {
        // Large envelopes get a second more for every MiB: a slow line is not silence.
        let extra = Duration::from_millis((bytes.len() / 1024) as u64);
        Ok(self.in_time(extra, target, bytes, Some(extra)).await?.value)
    }

    /// A signed request with a JSON body, for an answer of about so many bytes.
    pub(crate) async fn ask_for<B: Serialize, R: Answer>(
        self: &Arc<Self>,
        target: Target,
        body: &B,
        answer: u64,
    ) -> Result<Given<R>, BranchError> {
        let extra = Duration::from_millis(answer / 1024);
        self.in_time(extra, target, Self::body(body), Some(extra)).await
    }

    /// A signed request that the branch may hold open for `held`.
    pub(crate) async fn wait<R: DeserializeOwned>(
        &self,
        target: Target,
        body: Bytes,
        held: Duration,
    ) -> Result<R, BranchError> {
        let answer =
            self.heard(self.deadline + held, self.asked(&self.waits, target, body, Some(held))).await?;
        Ok(answer.value)
    }

    /// Asks with the deadline and `extra` to it. Of a branch that was silent last time the answer is waited for only
    /// briefly; the question goes on by itself, to find out when the branch is back.
    async fn in_time<R: Answer>(
        self: &Arc<Self>,
        extra: Duration,
        target: Target,
        body: Bytes,
        patience: Option<Duration>,
    ) -> Result<Given<R>, BranchError> {
        let limit = self.deadline + extra;
        // What is to be kept is waited for in full: an answer that nobody waits for would be a copy nobody knows of.
        let keeps = target.route.route().method == wardline_wire::Method::Put;
        if keeps || !self.is_hung() {
            return self.heard(limit, self.asked(&self.slots, target, body, patience)).await;
        }
        let branch = self.clone();
        let question = tokio::spawn(async move {
            branch.heard(limit, branch.asked(&branch.slots, target, body, patience)).await
        });
        let brief = limit.min(BRIEFLY + extra);
        match tokio::time::timeout(brief, question).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(BranchError::Unreachable),
            Err(_) => Err(BranchError::Silent(u64::try_from(brief.as_millis()).unwrap_or(u64::MAX))),
        }
    }

    /// Waits for an answer and remembers whether there was one.
    async fn heard<R>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<R, BranchError>>,
    ) -> Result<R, BranchError> {
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        let result = match tokio::time::timeout(limit, work).await {
            Ok(result) => result,
            Err(_) => Err(BranchError::Silent(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))),
        };
        let silent = result.as_ref().is_err_and(BranchError::is_silence);
        let mut silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
        if request >= silence.request {
            *silence = Silence { silent, request };
            self.suspected.store(silent, Ordering::Relaxed);
        }
        drop(silence);
        result
    }

    /// Signs and sends; greets a branch that started anew, and asks one that is about to catch up again.
    async fn asked<R: DeserializeOwned>(
        &self,
        slots: &Semaphore,
        target: Target,
        body: Bytes,
        patience: Option<Duration>,
    ) -> Result<Given<R>, BranchError> {
        let _slot = slots.acquire().await.map_err(|_| BranchError::Unreachable)?;
        let give_up = patience.map(|patience| Instant::now() + (self.deadline + patience) / 2);
        let (mut greeted, mut reconnected, mut pauses) = (false, false, 0);
        loop {
            let boot = self.boot(&mut greeted).await?;
            let error = match self.send_signed(&target, &body, &boot).await {
                Ok(proof) => return Ok(Given { value: parse(&proof.body)?, proof: Arc::new(proof) }),
                Err(error) => error,
            };
            match &error {
                BranchError::Refused(problem) if problem.status == 401 && !greeted => {
                    greeted = true;
                    self.greet().await?;
                    if self.seen().boot == Some(boot) {
                        return Err(error);
                    }
                }
                // A kept connection may have ended with the branch's last start. Every request may come twice.
                BranchError::Unreachable if !reconnected => reconnected = true,
                _ if error.is_passing()
                    && pauses < PAUSES_MAX
                    && give_up.is_some_and(|at| Instant::now() < at) =>
                {
                    pauses += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                _ => return Err(error),
            }
        }
    }

    /// The nonce of the branch's present start.
    async fn boot(&self, greeted: &mut bool) -> Result<BootNonce, BranchError> {
        if let Some(boot) = self.seen().boot {
            return Ok(boot);
        }
        *greeted = true;
        self.greet().await?;
        self.seen().boot.ok_or(BranchError::Unreachable)
    }

    async fn send_signed(
        &self,
        target: &Target,
        body: &Bytes,
        boot: &BootNonce,
    ) -> Result<SignedBody, BranchError> {
        let (request, asked) = self.signed_request(target, body, boot);
        let response = request.send().await.map_err(|error| self.transport(&error))?;
        let signature = response.headers().get(header_name::ANSWER).cloned();
        let body = self.heard_back(response).await?;
        let signature = signature.as_ref().and_then(|text| text.to_str().ok()).unwrap_or_default();
        if body.len() < LARGE {
            return asked.signed(signature, 0, body);
        }
        // Hashing many megabytes is not for the threads that serve the network.
        let signature = signature.to_owned();
        let checked = tokio::task::spawn_blocking(move || asked.signed(&signature, 0, body)).await;
        checked.map_err(|_| BranchError::Unreachable)?
    }

    /// A request with its signature, and what its answer must be signed for.
    fn signed_request(
        &self,
        target: &Target,
        body: &Bytes,
        boot: &BootNonce,
    ) -> (reqwest::RequestBuilder, Asked) {
        let route = target.route.route();
        let counter = self.counter.fetch_add(1, Ordering::Relaxed);
        let (min_main, min_side) = match target.any_height {
            true => (0, 0),
            false => (self.heights.get(Chain::Main), self.heights.get(Chain::Side)),
        };
        let line = RequestLine {
            network: &self.network,
            branch: self.id(),
            boot,
            counter,
            min_main,
            min_side,
            method: route.method.name(),
            target: &target.path,
            body,
        }
        .bytes();
        let signature = self.session.sign_request(&line);
        let url = format!("{}{}", self.url, target.path);
        let mut request = match route.method {
            wardline_wire::Method::Get => self.http.get(url),
            wardline_wire::Method::Post => self.http.post(url),
            wardline_wire::Method::Put => self.http.put(url),
        };
        if !body.is_empty() {
            request = request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body.clone());
        }
        let request = request
            .header(header_name::GRANT, self.session.grant_text())
            .header(header_name::COUNTER, counter)
            .header(header_name::MIN_MAIN, min_main)
            .header(header_name::MIN_SIDE, min_side)
            .header(header_name::SIGNATURE, signature);
        let asked = Asked {
            network: self.network,
            branch: self.participant.id,
            key: self.participant.signing,
            line,
            body: body.clone(),
        };
        (request, asked)
    }

    /// Asks for lines that go on for minutes; waits for the answer's head alone.
    pub(crate) async fn lines(&self, target: Target) -> Result<(reqwest::Response, Asked), BranchError> {
        let mut greeted = false;
        let work = async {
            loop {
                let boot = self.boot(&mut greeted).await?;
                let (request, asked) = self.signed_request(&target, &Bytes::new(), &boot);
                let response = request.send().await.map_err(|error| self.transport(&error))?;
                if response.status().is_success() {
                    return Ok((response, asked));
                }
                let error = match self.heard_back(response).await {
                    Err(error) => error,
                    Ok(_) => {
                        return Err(BranchError::Malformed("with another status than before".to_owned()));
                    }
                };
                let is_new_start = matches!(&error, BranchError::Refused(problem) if problem.status == 401);
                if !is_new_start || greeted {
                    return Err(error);
                }
                self.with_seen(|seen| seen.boot = None);
            }
        };
        tokio::time::timeout(self.deadline, work).await.unwrap_or_else(|_| Err(self.silent()))
    }

    /// That nothing came within the deadline.
    pub(crate) fn silent(&self) -> BranchError {
        BranchError::Silent(u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX))
    }

    async fn greet(&self) -> Result<Hello, BranchError> {
        let url = format!("{}{}", self.url, RouteId::Hello.route().path);
        let response = self.http.get(url).send().await.map_err(|error| self.transport(&error))?;
        let hello: Hello = parse(&self.heard_back(response).await?)?;
        if hello.network != self.network {
            return Err(BranchError::Malformed("for another network".to_owned()));
        }
        if hello.branch != self.id() {
            return Err(BranchError::Malformed(format!("as branch {}", hello.branch)));
        }
        let boot = hello.boot.0.as_slice().try_into();
        let boot = boot.map_err(|_| BranchError::Malformed("without a boot nonce".to_owned()))?;
        self.with_seen(|seen| seen.boot = Some(boot));
        Ok(hello)
    }

    async fn heard_back(&self, mut response: reqwest::Response) -> Result<Vec<u8>, BranchError> {
        let now_s = self.clock.now_s();
        self.with_seen(|seen| {
            seen.last_answer_s = Some(now_s);
            seen.last_answer = Some(Instant::now());
        });
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport(&error))? {
            if bytes.len() + chunk.len() > REPLY_MAX {
                return Err(BranchError::Malformed("too much".to_owned()));
            }
            bytes.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(bytes);
        }
        Err(match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => BranchError::Refused(ProblemDetail::new(status.as_u16(), problem)),
            Err(_) => BranchError::Malformed(format!("with HTTP status {}", status.as_u16())),
        })
    }

    pub(crate) fn transport(&self, error: &reqwest::Error) -> BranchError {
        if tls::is_wrong_key(error) {
            BranchError::WrongKey
        } else if error.is_timeout() {
            self.silent()
        } else {
            BranchError::Unreachable
        }
    }

    fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_seen(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What a branch said, read as strictly as evidence of it will be.
pub(crate) fn parse<R: DeserializeOwned>(bytes: &[u8]) -> Result<R, BranchError> {
    // The parser's message could quote what it read.
    wardline_wire::parse(bytes)
        .map_err(|_| BranchError::Malformed("something that does not parse".to_owned()))
}
