"""Random legal networks: the same seed gives the same bytes, and LiteRT runs them."""

from litert_reference import Reference
from random_graphs.generator import FAMILIES, network_file, random_network

SEEDS = range(200)


def test_the_same_seed_gives_the_same_bytes():
    assert [network_file(random_network(seed)) for seed in range(20)] == [network_file(random_network(seed)) for seed in range(20)]


def test_networks_are_legal_and_know_every_operator():
    networks = [random_network(seed) for seed in SEEDS]
    for network in networks:
        Reference(network_file(network)).interpreter.invoke()
    assert {step.name for network in networks for step in network.steps} == set(FAMILIES)
