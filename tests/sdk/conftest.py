"""Who stands behind the SDKs? A provider on a script, the gateway, and the tower layer, each on a port of its own.

The programs are named by the environment: `SDK_SERVER` and `GATEWAY`.
"""

import json
import os
import subprocess
import time
import urllib.request
from decimal import Decimal
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def _ask(url, body=None, key="vk-operator"):
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as answer:
        return json.loads(answer.read() or "null")


class Door:
    """One way to the provider, with the books that are kept at it."""

    def __init__(self, url, desk):
        self.url, self.desk = url, desk

    def script(self, **reply):
        """What the provider answers next."""
        _ask(f"{self.desk}/script", reply)

    def bill(self):
        """What the provider billed, once every call has ended."""
        return _ask(f"{self.desk}/bill")

    def books(self):
        """Dollars spent by the whole house, once nothing is held any more."""
        deadline = time.monotonic() + 20
        while True:
            budgets = [line for line in _ask(f"{self.url}/budgets") if line["unit"] == "usd"]
            if all(Decimal(line["reserved"]) == 0 for line in budgets):
                teams = [line for line in budgets if line["scope"].startswith("team/")]
                return sum(Decimal(line["spent"]) for line in teams)
            assert time.monotonic() < deadline, f"holds are left: {budgets}"

    def audit(self):
        return Audit(self)


class Audit:
    """Lays what is spent within it beside what the provider bills."""

    def __init__(self, door):
        self.door = door

    def __enter__(self):
        self.before = (self.door.bill(), self.door.books())
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            bill, books = self.door.bill(), self.door.books()
            since = lambda name: Decimal(bill[name]) - Decimal(self.before[0][name])
            self.billed, self.unseen = since("usd"), since("usd_unseen")
            self.requests = int(since("requests"))
            self.spent = books - self.before[1]
            print(f"billed {self.billed}, of which unseen {self.unseen}; spent {self.spent}")

    def assert_equal(self):
        assert self.billed > 0 and self.spent == self.billed

    def assert_covered(self):
        """For calls that broke off: never less than billed, save what the client could not count."""
        assert self.spent > 0 and self.spent >= self.billed - self.unseen


@pytest.fixture(scope="session")
def servers():
    provider = subprocess.Popen([os.environ["SDK_SERVER"]], stdout=subprocess.PIPE, text=True)
    upstream, desk, layer = (provider.stdout.readline().strip() for _ in range(3))
    flags = ["--listen", "127.0.0.1:0", "--openai", upstream, "--anthropic", upstream]
    flags += ["--policy", HERE / "policy.json", "--keys", HERE / "keys.json"]
    keys = {"OPENAI_API_KEY": "sk-real-openai", "ANTHROPIC_API_KEY": "sk-ant-real"}
    gateway = subprocess.Popen(
        [os.environ["GATEWAY"], *flags], stdout=subprocess.PIPE, text=True, env={**os.environ, **keys}
    )
    address = gateway.stdout.readline().split(";")[0].removeprefix("listening on ").strip()
    yield {"gateway": Door(address, desk), "layer": Door(layer, desk)}
    gateway.terminate()
    rest = gateway.communicate(timeout=30)[0]
    assert gateway.returncode == 0 and "0 commands are undelivered" in rest
    provider.kill()


@pytest.fixture(params=["gateway", "layer"])
def door(request, servers):
    return servers[request.param]


@pytest.fixture
def gateway(servers):
    return servers["gateway"]
