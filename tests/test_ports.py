"""Two servers of the tests are never told the same port, even where one of them takes seconds to listen."""

from __future__ import annotations

from itertools import islice

from ports import free_port, in_turn, ports_of


def test_processes_choose_from_ports_of_their_own() -> None:
    shares = [set(ports_of(worker, 4)) for worker in range(4)]
    assert sum(map(len, shares)) == len(set.union(*shares))
    assert min(map(len, shares)) > 5_000


def test_no_port_comes_twice_before_all_have_come() -> None:
    ports = ports_of(1, 4)
    assert set(islice(in_turn(ports), len(ports))) == set(ports)
    assert len({free_port() for _ in range(300)}) == 300
