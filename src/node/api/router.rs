//! Every route on one page: the table in `wire` says what is needed, the match here says who answers.

use super::{
    audit,
    auth::{Caller, Claim, Signed},
    blocking,
    body::{self, Received},
    chain,
    error::ApiError,
    many, patients, records, status,
};
use crate::branch::Branch;
use axum::{
    Router,
    extract::{RawPathParams, Request, State},
    http::{HeaderValue, Method as HttpMethod, header},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use serde::Serialize;
use std::sync::Arc;
use wardline_ledger::Chain;
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
        let mut response = match answer(branch, route, &path, request).await {
            Ok(response) => response,
            Err(refused) => refused.into_response(),
        };
        // Nothing here is for anybody's cache.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    })
}

/// The chain by whose state a route's caller is judged.
pub(crate) fn chain_of(route: RouteId) -> Chain {
    use RouteId::*;
    match route {
        Hello | Genesis | Status | MainHeaders | MainBlock | MainProofs | SubmitMain | SubmitManyMain
        | MainFinality | MainFinalities | Audit => Chain::Main,
        SideHeaders | SideBlock | SideProofs | SubmitSide | SubmitManySide | SideFinality
        | SideFinalities | SearchPatients | KeepIdentity | Links | KeepRecord | KeepRecords | Envelopes
        | ReleaseKeys => Chain::Side,
    }
}

/// Checks in order; `docs/format/node.md` lists them.
async fn answer(
    branch: Arc<Branch>,
    route: &'static Route,
    path: &RawPathParams,
    request: Request,
) -> Result<Response, ApiError> {
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
    // An operation that needs a purpose is decided where the lookup that gives it is read; one that touches patients
    // is decided where a refusal goes to the audit log too.
    let operation = match route.access {
        Access::Needs(operation) if !decided_by_handler(route.id) => Some(operation),
        _ => None,
    };
    let (caller, received) = match route.access {
        Access::Public => (None, body::receive(&branch, &head.headers, body, route.body_limit).await?),
        Access::Needs(_) | Access::ByTransaction => {
            let claim = Claim::read(&head.headers)?;
            claim.reach_heights(&branch).await?;
            claim.check_grant(&branch, chain, operation).await?;
            let received = body::receive(&branch, &head.headers, body, route.body_limit).await?;
            let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
            let signed = Signed { method: route.method.name(), target, body: &received.bytes };
            (Some(claim.authenticate(&branch, chain, signed).await?), received)
        }
    };
    let call = Call { branch, path, uri: head.uri, caller, received };
    if let (Some(operation), Some(caller)) = (operation, &call.caller) {
        caller.may(operation)?;
    }
    dispatch(route.id, call).await
}

/// Routes whose handlers decide by themselves and write every decision to the audit log.
fn decided_by_handler(route: RouteId) -> bool {
    use RouteId::*;
    match route {
        SideBlock | SearchPatients | Links | Envelopes | ReleaseKeys => true,
        Hello | Genesis | Status | MainHeaders | SideHeaders | MainBlock | MainProofs | SideProofs
        | SubmitMain | SubmitSide | SubmitManyMain | SubmitManySide | MainFinality | SideFinality
        | MainFinalities | SideFinalities | KeepIdentity | KeepRecord | KeepRecords | Audit => false,
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

async fn dispatch(route: RouteId, mut call: Call<'_>) -> Result<Response, ApiError> {
    let branch = Arc::clone(&call.branch);
    match route {
        RouteId::Hello => ok(status::hello(&branch)).await,
        RouteId::Genesis => ok(status::genesis(&branch)).await,
        RouteId::Status => ok(status::status(branch, call.caller()?).await?).await,
        RouteId::MainHeaders => {
            ok(chain::headers(branch, Chain::Main, call.caller()?, call.query()?).await?).await
        }
        RouteId::SideHeaders => {
            ok(chain::headers(branch, Chain::Side, call.caller()?, call.query()?).await?).await
        }
        RouteId::MainBlock => {
            ok(chain::main_block(branch, call.caller()?, call.path("height")?).await?).await
        }
        RouteId::SideBlock => {
            ok(chain::side_block(branch, call.caller()?, call.path("height")?).await?).await
        }
        RouteId::MainProofs => {
            ok(chain::proofs(branch, Chain::Main, call.caller()?, call.json()?).await?).await
        }
        RouteId::SideProofs => {
            ok(chain::proofs(branch, Chain::Side, call.caller()?, call.json()?).await?).await
        }
        RouteId::SubmitMain => {
            ok(chain::submit(branch, Chain::Main, call.caller()?, call.json()?).await?).await
        }
        RouteId::SubmitSide => {
            ok(chain::submit(branch, Chain::Side, call.caller()?, call.json()?).await?).await
        }
        RouteId::SubmitManyMain => {
            ok(many::submit(branch, Chain::Main, call.caller()?, call.json()?).await?).await
        }
        RouteId::SubmitManySide => {
            ok(many::submit(branch, Chain::Side, call.caller()?, call.json()?).await?).await
        }
        RouteId::MainFinalities => {
            ok(many::finalities(branch, Chain::Main, call.caller()?, call.json()?).await?).await
        }
        RouteId::SideFinalities => {
            ok(many::finalities(branch, Chain::Side, call.caller()?, call.json()?).await?).await
        }
        RouteId::MainFinality => {
            ok(chain::finality(branch, Chain::Main, call.caller()?, call.path("id")?, call.query()?).await?)
                .await
        }
        RouteId::SideFinality => {
            ok(chain::finality(branch, Chain::Side, call.caller()?, call.path("id")?, call.query()?).await?)
                .await
        }
        RouteId::SearchPatients => ok(patients::search(branch, call.caller()?, call.json()?).await?).await,
        RouteId::KeepIdentity => {
            ok(patients::keep_identity(branch, call.caller()?, call.path("patient")?, call.json()?).await?)
                .await
        }
        RouteId::Links => {
            let body = call.received.bytes.clone();
            ok(patients::links(branch, call.caller()?, call.json()?, body).await?).await
        }
        RouteId::KeepRecord => {
            let body = std::mem::take(&mut call.received.bytes);
            ok(records::keep(branch, call.caller()?, call.path("record")?, body).await?).await
        }
        RouteId::KeepRecords => {
            let body = std::mem::take(&mut call.received.bytes);
            ok(records::keep_many(branch, call.caller()?, body).await?).await
        }
        RouteId::Envelopes => {
            let body = call.received.bytes.clone();
            ok(records::envelopes(branch, call.caller()?, call.json()?, body).await?).await
        }
        RouteId::ReleaseKeys => {
            let body = call.received.bytes.clone();
            ok(records::keys(branch, call.caller()?, call.json()?, body).await?).await
        }
        RouteId::Audit => ok(audit::log(branch, call.caller()?, call.query()?).await?).await,
    }
}

/// An answer as JSON; some have many megabytes, so none is written on a thread that serves connections.
async fn ok(answer: impl Serialize + Send + 'static) -> Result<Response, ApiError> {
    let bytes = blocking(move || serde_json::to_vec(&answer).map_err(ApiError::internal)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}
