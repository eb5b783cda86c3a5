"""The table of roles, version 1, as far as the format's pages tell it.

The pages name the table (ledger.md, section 4.1) and do not print it. What is here follows from what is written there
and from the state root of a genesis; what cannot be known from the pages is allowed, and the verifier says so.
"""

from __future__ import annotations

WARD, REGISTRAR, SUPERVISOR, OPERATOR, RESEARCHER, AUDITOR, CREW, PATIENT = (1 << n for n in range(8))

ADMINISTRATORS = SUPERVISOR | OPERATOR  # crew and patient alone have not been seen
COMPLETE = False  # whether the table below is the whole one


def may_administer(roles: int) -> bool:
    """Whether these roles may approve changes of the registry, at a trusted branch."""
    return bool(roles & ADMINISTRATORS)


def allows(operation: str, roles: int, trusted: bool) -> bool:
    if operation == "submit-registry":
        return may_administer(roles)
    return True
