"""The table of roles, version 1 (ledger.md, section 4.1)."""

from __future__ import annotations

WARD, REGISTRAR, SUPERVISOR, OPERATOR, RESEARCHER, AUDITOR, CREW, PATIENT = (1 << n for n in range(8))
TREATMENT, PAYMENT, RESEARCH, STATISTICS, EMERGENCY, ADMINISTRATION = range(1, 7)

ADMINISTRATORS = SUPERVISOR | OPERATOR
SUBMITS = {"storage": WARD | REGISTRAR, "enrol": REGISTRAR, "link": WARD | REGISTRAR, "registry": ADMINISTRATORS,
           "verdict": AUDITOR}  # fmt: skip
LOOKS_UP = {
    WARD: {TREATMENT, EMERGENCY},
    REGISTRAR: {TREATMENT, EMERGENCY},
    SUPERVISOR: {TREATMENT, PAYMENT, STATISTICS, EMERGENCY, ADMINISTRATION},
    CREW: {EMERGENCY},
}


def may_administer(roles: int) -> bool:
    """Whether these roles may approve changes of the registry, were their branch trusted."""
    return bool(roles & ADMINISTRATORS)


def may_submit(kind: str, roles: int, trusted: bool, purpose: int = 0) -> bool:
    """Whether one of the roles allows a kind of transaction, or an approval (kind `registry`), at a branch."""
    if kind == "lookup":
        return trusted and any(purpose in purposes for role, purposes in LOOKS_UP.items() if roles & role)
    return trusted and bool(roles & SUBMITS[kind])
