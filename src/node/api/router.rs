//! Every route on one page: the table in `wire` says what is needed, the match here says who answers.

use super::{
    audit,
    auth::{Caller, Claim, Signed},
    body::{self, Received},
    chain,
    error::ApiError,
    many, patients, records,
    reply::{Reply, respond},
    status, stream,
};
use crate::branch::Branch;
use axum::{
    Router,
    extract::{RawPathParams, Request, State},
    http::{HeaderValue, Method as HttpMethod, header},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use std::sync::Arc;
use wardline_crypto::Digest;
use wardline_ledger::Chain;
use wardline_policy::Operation;
use wardline_wire::{Access, Method, ROUTES, Route, RouteId};

/// The API of a running node.
pub(crate) fn router(branch: Arc<Branch>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        router = router.route(route.path, endpoint(route));
    }
    router
        .fallback(async || ApiError::NoRoute)
        .method_not_allowed_fallback(async || ApiError::Method)
        .with_state(branch)
}

fn endpoint(route: &'static Route) -> MethodRouter<Arc<Branch>> {
    let method = match route.method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
    };
    on(method, async move |State(branch): State<Arc<Branch>>, path: RawPathParams, request: Request| {
        let mut response = answer(branch, route, &path, request).await;
        // Nothing here is for anybody's cache.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    })
}

/// The chain by whose state a route's caller is judged.
pub(crate) fn chain_of(route: RouteId) -> Chain {
    use RouteId::*;
    match route {
        Hello | Genesis | Status | MainHeaders | MainStream | MainBlock | MainProofs | SubmitMain
        | SubmitManyMain | MainFinality | MainFinalities | Audit => Chain::Main,
        SideHeaders | SideStream | SideBlock | SideProofs | SubmitSide | SubmitManySide | SideFinality
        | SideFinalities | SearchPatients | KeepIdentity | Links | KeepRecord | KeepRecords | Envelopes
        | ReleaseKeys => Chain::Side,
    }
}

/// Admits and answers; whoever is admitted gets a signed answer, refusals included.
async fn answer(
    branch: Arc<Branch>,
    route: &'static Route,
    path: &RawPathParams,
    request: Request,
) -> Response {
    let call = match admit(Arc::clone(&branch), route, path, request).await {
        Ok(call) => call,
        Err(refused) => return refused.into_response(),
    };
    let line = call.caller.as_ref().map(|caller| Digest::of(&caller.line));
    let reply = match (early_operation(route), &call.caller) {
        (Some(operation), Some(caller)) => caller.may(operation),
        _ => Ok(()),
    };
    let reply = match reply {
        Ok(()) => dispatch(route.id, call).await,
        Err(refused) => Err(refused),
    };
    respond(&branch, line, reply)
}

/// The operation that is decided at the door. One that needs a purpose is decided where the lookup that gives it is
/// read; one that touches patients is decided where a refusal goes to the audit log too.
fn early_operation(route: &Route) -> Option<Operation> {
    match route.access {
        Access::Needs(operation) if !decided_by_handler(route.id) => Some(operation),
        _ => None,
    }
}

/// Checks in order; `docs/format/node.md` lists them.
async fn admit<'a>(
    branch: Arc<Branch>,
    route: &'static Route,
    path: &'a RawPathParams,
    request: Request,
) -> Result<Call<'a>, ApiError> {
    let (head, body) = request.into_parts();
    // A HEAD request would reach the GET handlers.
    if head.method.as_str() != route.method.name() || head.method == HttpMethod::HEAD {
        return Err(ApiError::Method);
    }
    let chain = chain_of(route.id);
    if branch.chain(chain).is_none() {
        return Err(ApiError::NoRoute);
    }
    body::check_length(&head.headers, route.body_limit)?;
    let (caller, received) = match route.access {
        Access::Public => (None, body::receive(&branch, &head.headers, body, route.body_limit).await?),
        Access::Needs(_) | Access::ByTransaction => {
            let claim = Claim::read(&head.headers)?;
            claim.reach_heights(&branch).await?;
            claim.check_grant(&branch, chain, early_operation(route)).await?;
            let received = body::receive(&branch, &head.headers, body, route.body_limit).await?;
            let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
            let signed = Signed { method: route.method.name(), target, body: &received.bytes };
            (Some(claim.authenticate(&branch, chain, signed).await?), received)
        }
    };
    Ok(Call { branch, path, uri: head.uri, caller, received })
}

/// Routes whose handlers decide by themselves and write every decision to the audit log.
fn decided_by_handler(route: RouteId) -> bool {
    use RouteId::*;
    match route {
        SideBlock | SearchPatients | Links | Envelopes | ReleaseKeys => true,
        Hello | Genesis | Status | MainHeaders | SideHeaders | MainStream | SideStream | MainBlock
        | MainProofs | SideProofs | SubmitMain | SubmitSide | SubmitManyMain | SubmitManySide
        | MainFinality | SideFinality | MainFinalities | SideFinalities | KeepIdentity | KeepRecord
        | KeepRecords | Audit => false,
    }
}

/// One request after all checks of who asks.
struct Call<'a> {
    branch: Arc<Branch>,
    path: &'a RawPathParams,
    uri: axum::http::Uri,
    caller: Option<Caller>,
    received: Received,
}

impl Call<'_> {
    fn path<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, ApiError> {
        let (_, value) = self.path.iter().find(|(found, _)| *found == name).ok_or(ApiError::BadPath(name))?;
        value.parse().map_err(|_| ApiError::BadPath(name))
    }

    fn query<T: serde::de::DeserializeOwned>(&self) -> Result<T, ApiError> {
        body::query(&self.uri)
    }

    fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, ApiError> {
        body::json(&self.received.bytes)
    }

    /// Handlers take the caller, so that none of them can be reached without one.
    fn caller(&mut self) -> Result<Caller, ApiError> {
        self.caller.take().ok_or(ApiError::Unsigned(wardline_wire::header_name::GRANT))
    }
}

async fn dispatch(route: RouteId, mut call: Call<'_>) -> Result<Reply, ApiError> {
    let branch = Arc::clone(&call.branch);
    match route {
        RouteId::Hello => Reply::json(status::hello(&branch)).await,
        RouteId::Genesis => Reply::json(status::genesis(&branch)).await,
        RouteId::Status => Reply::json(status::status(branch, call.caller()?).await?).await,
        RouteId::MainHeaders => {
            Reply::json(chain::headers(branch, Chain::Main, call.caller()?, call.query()?).await?).await
        }
        RouteId::SideHeaders => {
            Reply::json(chain::headers(branch, Chain::Side, call.caller()?, call.query()?).await?).await
        }
        RouteId::MainStream => {
            Ok(Reply::Lines(stream::blocks(branch, Chain::Main, call.caller()?, &call.query()?)?))
        }
        RouteId::SideStream => {
            Ok(Reply::Lines(stream::blocks(branch, Chain::Side, call.caller()?, &call.query()?)?))
        }
        RouteId::MainBlock => {
            Reply::json(chain::main_block(branch, call.caller()?, call.path("height")?).await?).await
        }
        RouteId::SideBlock => {
            Reply::json(chain::side_block(branch, call.caller()?, call.path("height")?).await?).await
        }
        RouteId::MainProofs => {
            Reply::json(chain::proofs(branch, Chain::Main, call.caller()?, call.json()?).await?).await
        }
        RouteId::SideProofs => {
            Reply::json(chain::proofs(branch, Chain::Side, call.caller()?, call.json()?).await?).await
        }
        RouteId::SubmitMain => {
            Reply::json(chain::submit(branch, Chain::Main, call.caller()?, call.json()?).await?).await
        }
        RouteId::SubmitSide => {
            Reply::json(chain::submit(branch, Chain::Side, call.caller()?, call.json()?).await?).await
        }
        RouteId::SubmitManyMain => {
            Reply::json(many::submit(branch, Chain::Main, call.caller()?, call.json()?).await?).await
        }
        RouteId::SubmitManySide => {
            Reply::json(many::submit(branch, Chain::Side, call.caller()?, call.json()?).await?).await
        }
        RouteId::MainFinalities => {
            Reply::json(many::finalities(branch, Chain::Main, call.caller()?, call.json()?).await?).await
        }
        RouteId::SideFinalities => {
            Reply::json(many::finalities(branch, Chain::Side, call.caller()?, call.json()?).await?).await
        }
        RouteId::MainFinality => {
            Reply::json(
                chain::finality(branch, Chain::Main, call.caller()?, call.path("id")?, call.query()?).await?,
            )
            .await
        }
        RouteId::SideFinality => {
            Reply::json(
                chain::finality(branch, Chain::Side, call.caller()?, call.path("id")?, call.query()?).await?,
            )
            .await
        }
        RouteId::SearchPatients => {
            Reply::json(patients::search(branch, call.caller()?, call.json()?).await?).await
        }
        RouteId::KeepIdentity => {
            Reply::json(
                patients::keep_identity(branch, call.caller()?, call.path("patient")?, call.json()?).await?,
            )
            .await
        }
        RouteId::Links => {
            let body = call.received.bytes.clone();
            Reply::json(patients::links(branch, call.caller()?, call.json()?, body).await?).await
        }
        RouteId::KeepRecord => {
            let body = std::mem::take(&mut call.received.bytes);
            Reply::json(records::keep(branch, call.caller()?, call.path("record")?, body).await?).await
        }
        RouteId::KeepRecords => {
            let body = std::mem::take(&mut call.received.bytes);
            Reply::json(records::keep_many(branch, call.caller()?, body).await?).await
        }
        RouteId::Envelopes => {
            let body = call.received.bytes.clone();
            Reply::json(records::envelopes(branch, call.caller()?, call.json()?, body).await?).await
        }
        RouteId::ReleaseKeys => {
            let body = call.received.bytes.clone();
            Reply::json(records::keys(branch, call.caller()?, call.json()?, body).await?).await
        }
        RouteId::Audit => Reply::json(audit::log(branch, call.caller()?, call.query()?).await?).await,
    }
}
