"""How far a node is behind its Job."""

import pytest

from kata_components.kubernetes.nodes import RuntimeHandler
from kata_components.planning.demands import Demands
from kata_components.planning.service import Service, service_of
from tests.planning.builders import node

OURS = Demands(handlers=("kata-qemu", "kata-clh"))


@pytest.mark.parametrize(
    ("handlers", "service"),
    [
        (None, Service.UNKNOWN),
        ([], Service.NOT_SERVED),
        (["", "runc", "kata-qemu-b"], Service.NOT_SERVED),
        (["", "runc", "kata-clh"], Service.SERVED),
    ],
)
def test_one_handler_of_ours_is_enough_and_no_report_is_no_objection(
    handlers: list[str] | None, service: Service
) -> None:
    on = node("a")
    assert on.status
    if handlers is not None:
        on.status.runtime_handlers = [RuntimeHandler(name=name) for name in handlers]
    assert service_of(on, OURS) is service


def test_a_node_that_is_not_ready_serves_nothing_whatever_it_reports() -> None:
    on = node("a", ready=False)
    assert on.status
    on.status.runtime_handlers = [RuntimeHandler(name="kata-qemu")]
    assert service_of(on, OURS) is Service.NOT_READY
