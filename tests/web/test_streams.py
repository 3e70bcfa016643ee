"""What holds for every stream, over real sockets: whom it refuses, and what closes it."""

import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from tests.eventually import eventually
from tests.web.messages import ticker
from tests.web.stack import Stack


@pytest.mark.parametrize("address", ["/ws/prices", "/api/market/stream"])
def test_the_prices_of_coins_come_the_whole_way(stack: Stack, address: str) -> None:
    first = ticker("BTC-USD", exchange="coinbase", epoch=1, price="45250.50")
    stack.publish(first)
    eventually(lambda: stack.json("/api/last?symbols=BTC")["BTCUSD"]["price"] == 45250.5)
    with stack.connect(f"{address}?coins=bitcoin,ethereum,bitcoim") as client:
        error, price = (json.loads(client.recv(timeout=5)) for _ in range(2))
        assert error["type"] == "error"
        assert "'bitcoim'" in error["data"]["message"]
        assert price["data"] == {
            "coin_id": "bitcoin",
            "price": 45250.5,
            "timestamp": "2025-10-01T14:01:00Z",
        }
        stack.publish(ticker("ETH-USD", exchange="coinbase", epoch=2, price="3"))
        found = json.loads(client.recv(timeout=5))["data"]
    assert (found["coin_id"], found["price"]) == ("ethereum", 3)


def test_a_shape_that_does_not_exist_is_refused_before_the_socket_opens(stack: Stack) -> None:
    with pytest.raises(InvalidStatus) as refused, stack.connect("/ws?shape=triangles"):
        pass
    assert refused.value.response.status_code == 400
    error = json.loads(refused.value.response.body or b"")["error"]
    assert error["field"] == "shape"
    assert error["message"] == "shape was 'triangles', must be one of native, assets"


@pytest.mark.parametrize("address", ["/ws/prices", "/api/market/stream", "/ws/quotes"])
def test_a_foreign_page_is_refused_on_every_stream(stack: Stack, address: str) -> None:
    headers = {"Origin": "https://evil.example"}
    with (
        pytest.raises(InvalidStatus) as refused,
        stack.connect(address, additional_headers=headers),
    ):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("said", "code"), [(['{"type":"ping"}'] * 101, 4429), (["x" * (64 * 1024 + 1)], 1009)]
)
@pytest.mark.parametrize("address", ["/ws/prices", "/ws?shape=assets"])
def test_too_much_closes_every_stream(
    stack: Stack, address: str, said: list[str], code: int
) -> None:
    with stack.connect(address) as client, pytest.raises(ConnectionClosed) as closed:
        _say_and_hear(client, said)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code


def _say_and_hear(client: ClientConnection, said: list[str]) -> None:
    for text in said:
        client.send(text)
    while True:
        client.recv(timeout=5)
