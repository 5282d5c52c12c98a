from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import product
from typing import Final

import pytest

from domain.actor import SYSTEM, Actor
from domain.errors import StatusForbidden
from domain.order.policy import StatusPolicy
from domain.order.status import OrderStatus
from tests.unit.domain.orders import CANCELED, OWNER, STAFF, an_order

#: The statuses that an owner may set if `STATUS_POLICY=staff`: the current one, and CANCELED.
LEFT_TO_OWNERS: Final[Mapping[OrderStatus, set[OrderStatus]]] = {
    status: {status, CANCELED} for status in OrderStatus
}


@pytest.mark.parametrize("actor", [OWNER, STAFF, SYSTEM], ids=lambda actor: str(actor.kind))
@pytest.mark.parametrize("policy", StatusPolicy)
def test_the_staff_policy_limits_owners_to_canceling(policy: StatusPolicy, actor: Actor) -> None:
    held = policy is StatusPolicy.STAFF and actor is OWNER
    for current, wanted in product(OrderStatus, repeat=2):
        fine = not held or wanted in LEFT_TO_OWNERS[current]
        expected: AbstractContextManager[object] = (
            nullcontext() if fine else pytest.raises(StatusForbidden, match=f"Only staff.*{wanted}")
        )
        with expected:
            policy.ensure_may(actor, an_order(current), wanted)


def test_the_names_of_the_policies_are_the_values_of_the_setting() -> None:
    assert [str(policy) for policy in StatusPolicy] == ["owner", "staff"]
