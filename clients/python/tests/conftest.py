"""Fixtures: the program, one server for most tests, and clients of it."""

import adbc_driver_flightsql.dbapi as adbc
import pyarrow.flight as fl
import pytest

import sensors
from server import Server, build


@pytest.fixture(scope="session")
def binary():
    return build()


@pytest.fixture(scope="session")
def server(binary, tmp_path_factory):
    """The server that most tests share. Every test has series of its own."""
    s = Server(binary, tmp_path_factory.mktemp("shared") / "data").start()
    yield s
    s.stop()


@pytest.fixture
def fresh(binary, tmp_path):
    """A server of the test's own, not started, which may be killed."""
    s = Server(binary, tmp_path / "data")
    yield s
    s.kill()


@pytest.fixture
def client(server):
    with fl.connect(server.uri) as c:
        yield c


@pytest.fixture
def conn(server):
    with adbc.connect(server.uri, autocommit=True) as c:
        yield c


@pytest.fixture
def cur(conn):
    with conn.cursor() as c:
        yield c


@pytest.fixture(scope="session")
def year(server):
    """A year of sensors on the shared server: a frame of raw samples for each series."""
    return sensors.load_year(server)
