//! Every route on one page, each with the operation that `policy` must allow.

use wardline_policy::Operation;

/// HTTP methods that the API uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    Get,
    Post,
    Put,
}

impl Method {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// What a caller must be allowed to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Nothing is told that a stranger on the hospital's network may not know.
    Public,
    /// A signed request of a person whose roles allow this operation.
    Needs(Operation),
    /// A signed request; the operation is the one of the transaction that is handed in.
    ByTransaction,
}

/// The closed list of routes; the node's router matches on it without a wildcard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RouteId {
    Hello,
    Genesis,
    Status,
    MainHeaders,
    SideHeaders,
    MainStream,
    SideStream,
    MainBlock,
    SideBlock,
    MainProofs,
    SideProofs,
    SubmitMain,
    SubmitSide,
    SubmitManyMain,
    SubmitManySide,
    MainFinality,
    SideFinality,
    MainFinalities,
    SideFinalities,
    SearchPatients,
    KeepIdentity,
    Links,
    KeepRecord,
    KeepRecords,
    Envelopes,
    ReleaseKeys,
    Audit,
}

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub id: RouteId,
    pub method: Method,
    /// Path template in axum's spelling.
    pub path: &'static str,
    pub access: Access,
    /// Largest accepted request body, bytes.
    pub body_limit: usize,
    pub summary: &'static str,
}

const SMALL: usize = 64 * 1024;
/// A sealed record of the largest size in base64, or a list of smaller ones.
const RECORDS: usize = 48 * 1024 * 1024;
/// As many transactions as one request may hand in.
const TRANSACTIONS: usize = 2 * 1024 * 1024;
const NO_BODY: usize = 0;

const fn route(
    id: RouteId,
    method: Method,
    path: &'static str,
    access: Access,
    body_limit: usize,
    summary: &'static str,
) -> Route {
    Route { id, method, path, access, body_limit, summary }
}

/// The API, version 1.
pub const ROUTES: &[Route] = {
    use {Access::*, Method::*, Operation::*};
    &[
        route(RouteId::Hello, Get, "/v1/hello", Public, NO_BODY, "network, branch and boot nonce"),
        route(RouteId::Genesis, Get, "/v1/genesis", Public, NO_BODY, "the network's genesis document"),
        route(
            RouteId::Status,
            Get,
            "/v1/status",
            Needs(ReadStatus),
            NO_BODY,
            "heights, heads, tips and store",
        ),
        route(
            RouteId::MainHeaders,
            Get,
            "/v1/main/headers",
            Needs(ReadMainChain),
            NO_BODY,
            "headers and certificates",
        ),
        route(
            RouteId::SideHeaders,
            Get,
            "/v1/side/headers",
            Needs(ReadSideChain),
            NO_BODY,
            "headers and certificates",
        ),
        route(
            RouteId::MainStream,
            Get,
            "/v1/main/stream",
            Needs(ReadMainChain),
            NO_BODY,
            "final blocks' headers and certificates as they come, line by line",
        ),
        route(
            RouteId::SideStream,
            Get,
            "/v1/side/stream",
            Needs(ReadSideChain),
            NO_BODY,
            "final blocks' headers and certificates as they come, line by line",
        ),
        route(
            RouteId::MainBlock,
            Get,
            "/v1/main/blocks/{height}",
            Needs(ReadMainChain),
            NO_BODY,
            "one block",
        ),
        route(
            RouteId::SideBlock,
            Get,
            "/v1/side/blocks/{height}",
            Needs(ReadSideBlocks),
            NO_BODY,
            "one block",
        ),
        route(
            RouteId::MainProofs,
            Post,
            "/v1/main/proofs",
            Needs(ReadMainChain),
            256 * 1024,
            "state values, proven present or absent",
        ),
        route(
            RouteId::SideProofs,
            Post,
            "/v1/side/proofs",
            Needs(ReadSideChain),
            SMALL,
            "registry values, proven; no patient's entries",
        ),
        route(
            RouteId::SubmitMain,
            Post,
            "/v1/main/transactions",
            ByTransaction,
            128 * 1024,
            "hand in a main-chain transaction",
        ),
        route(
            RouteId::SubmitSide,
            Post,
            "/v1/side/transactions",
            ByTransaction,
            128 * 1024,
            "hand in a side-chain transaction",
        ),
        route(
            RouteId::SubmitManyMain,
            Post,
            "/v1/main/submissions",
            ByTransaction,
            TRANSACTIONS,
            "hand in main-chain transactions, each by itself",
        ),
        route(
            RouteId::SubmitManySide,
            Post,
            "/v1/side/submissions",
            ByTransaction,
            TRANSACTIONS,
            "hand in side-chain transactions, each by itself",
        ),
        route(
            RouteId::MainFinality,
            Get,
            "/v1/main/transactions/{id}",
            Needs(ReadMainChain),
            NO_BODY,
            "where a transaction became final, with its inclusion proof",
        ),
        route(
            RouteId::SideFinality,
            Get,
            "/v1/side/transactions/{id}",
            Needs(ReadSideChain),
            NO_BODY,
            "where a transaction became final, with its inclusion proof",
        ),
        route(
            RouteId::MainFinalities,
            Post,
            "/v1/main/finalities",
            Needs(ReadMainChain),
            SMALL,
            "where transactions became final, with the leaves of their blocks",
        ),
        route(
            RouteId::SideFinalities,
            Post,
            "/v1/side/finalities",
            Needs(ReadSideChain),
            SMALL,
            "where transactions became final, with the leaves of their blocks",
        ),
        route(
            RouteId::SearchPatients,
            Post,
            "/v1/patients/search",
            Needs(Operation::SearchPatients),
            SMALL,
            "patients that match every term, identities released to the session",
        ),
        route(
            RouteId::KeepIdentity,
            Put,
            "/v1/identities/{patient}",
            Needs(Operation::KeepIdentity),
            SMALL,
            "keep a sealed identity, its wrapped key and search terms",
        ),
        route(
            RouteId::Links,
            Post,
            "/v1/patients/links",
            Needs(ReadLinks),
            SMALL,
            "a patient's temporary IDs, proven whole",
        ),
        route(
            RouteId::KeepRecord,
            Put,
            "/v1/records/{record}",
            Needs(Operation::KeepRecord),
            RECORDS,
            "keep a sealed record and its wrapped key; answers a custody receipt",
        ),
        route(
            RouteId::KeepRecords,
            Put,
            "/v1/records",
            Needs(Operation::KeepRecord),
            RECORDS,
            "keep sealed records, each by itself; answers a custody receipt for each",
        ),
        route(
            RouteId::Envelopes,
            Post,
            "/v1/records/envelopes",
            Needs(FetchEnvelopes),
            SMALL,
            "sealed records",
        ),
        route(
            RouteId::ReleaseKeys,
            Post,
            "/v1/records/keys",
            Needs(Operation::ReleaseKeys),
            SMALL,
            "data keys or shares, re-wrapped to the session",
        ),
        route(RouteId::Audit, Get, "/v1/audit", Needs(ReadAudit), NO_BODY, "this branch's audit log"),
    ]
};

impl RouteId {
    /// This route's line on the page.
    #[expect(clippy::indexing_slicing, reason = "the page is not empty, and a test finds every id on it")]
    pub fn route(self) -> &'static Route {
        ROUTES.iter().find(|route| route.id == self).unwrap_or(&ROUTES[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hello_and_genesis_are_public() {
        let public: Vec<_> = ROUTES.iter().filter(|r| r.access == Access::Public).map(|r| r.id).collect();
        assert_eq!(public, [RouteId::Hello, RouteId::Genesis]);
    }

    #[test]
    fn every_id_finds_its_own_line_and_no_path_is_served_twice() {
        for (index, route) in ROUTES.iter().enumerate() {
            assert_eq!(route.id.route().path, route.path);
            assert!(
                !ROUTES[..index].iter().any(|r| r.path == route.path && r.method == route.method),
                "{} twice",
                route.path
            );
        }
    }
}
