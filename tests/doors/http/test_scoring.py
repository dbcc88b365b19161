"""The application, request by request, without a socket."""

import asyncio
import json
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import shop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trimaran.backends.sqlite_captures import SqliteCaptures
from trimaran.backends.sqlite_online import SqliteOnline
from trimaran.backends.sqlite_views import SqliteViews
from trimaran.core.clock import ManualClock
from trimaran.core.errors import NotFound
from trimaran.deploy import MAX_BYTES, Dataplane, Lookups, Stores
from trimaran.doors.http.features import FeatureDoor
from trimaran.doors.http.scoring import ROUTES, ScoringApp

ROW = {"parcel": "p1", "sent": "2013-07-01T12:30:00Z", "depot": "EWR", "weight": 6.0, "pieces": 2, "express": True}


@dataclass
class Call:
    """One request as RSGI hands it to an application, and what came back."""

    method: str
    path: str
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    status: int = 0
    sent: dict = field(default_factory=dict)
    reply: bytes = b""
    read: int = 0

    async def __call__(self):
        return self.body

    async def __aiter__(self):
        for start in range(0, len(self.body), 1000):
            self.read = start + 1000
            yield self.body[start : start + 1000]

    def response_bytes(self, status, headers, body):
        self.status, self.sent, self.reply = status, dict(headers), body

    @property
    def json(self):
        return json.loads(self.reply)


class Site:
    """An application on real stores, with models that are plain functions."""

    def __init__(self, folder, definition):
        self.ledger = shop.new_ledger()
        shop.release(self.ledger, 1)
        captures, online = SqliteCaptures(folder / "captures.db"), SqliteOnline(folder / "online.db")
        self.shelf = shop.Shelf(definition)
        self.shelf.scorers = {1: shop.constant(0.3), 2: shop.constant(0.9)}
        self.plane = Dataplane("parcels", Stores(self.ledger, captures, online, ManualClock(shop.NOON)), self.shelf)
        self.loop = asyncio.new_event_loop()
        views = SqliteViews(folder / "views.db")
        features = FeatureDoor(lambda: Lookups(views, ManualClock(shop.NOON)), near=True)
        self.app = ScoringApp({"parcels": self.plane}, self._find, features)

    def _find(self, name):
        raise NotFound(f"no product {name!r} is released; there are: parcels")

    def send(self, *calls):
        async def all_at_once():
            await asyncio.gather(*(self.app.__rsgi__(call, call) for call in calls))

        self.loop.run_until_complete(all_at_once())
        return calls[0]

    def post(self, path, payload, *, chunked=False):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        headers = {} if chunked else {"content-length": str(len(body))}
        return self.send(Call("POST", path, body, headers))

    def get(self, path):
        return self.send(Call("GET", path))

    def close(self):
        self.app.close()
        self.loop.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, definition):
    site = Site(tmp_path_factory.mktemp("site"), definition)
    yield site
    site.close()


@pytest.fixture
def site(tmp_path, definition):
    site = Site(tmp_path, definition)
    yield site
    site.close()


def test_one_row_gets_one_answer(site):
    call = site.post("/predict/parcels", ROW)
    assert (call.status, call.sent["content-type"]) == (200, "application/json")
    assert call.json == {"id": "p1", "score": 0.3, "decision": True, "version": "v1", "notes": []}


def test_a_list_of_rows_gets_a_list_of_answers(site):
    rows = [{"parcel": name, "sent": ROW["sent"]} for name in ("a", "b")]
    answers = site.post("/predict/parcels", {"rows": rows}, chunked=True).json["predictions"]
    assert [each["id"] for each in answers] == ["a", "b"]
    assert "depot missing: features that use it are empty" in answers[0]["notes"]


def test_requests_that_come_together_share_a_batch(site):
    bodies = [json.dumps(ROW | {"parcel": str(n)}).encode() for n in range(10)]
    calls = [Call("POST", "/predict/parcels", body, {"content-length": str(len(body))}) for body in bodies]
    site.send(*calls)
    assert [call.json["id"] for call in calls] == [str(n) for n in range(10)]
    assert 'trimaran_batch_rows_bucket{product="parcels",le="16"} 1' in site.app.metrics.text()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind", "said"),
    [
        ("POST", "/predict/parcels", b"{", 400, "malformed", "not JSON"),
        ("POST", "/predict/nothing", b"{}", 404, "not found", "there are: parcels"),
        ("GET", "/", b"", 404, "not found", "POST /predict/{product}"),
        ("GET", "/predict/parcels", b"", 405, "wrong method", "send POST"),
        ("DELETE", "/metrics", b"", 405, "wrong method", "send GET"),
        ("POST", "/predict/parcels", b" " * (MAX_BYTES + 1), 413, "too large", str(MAX_BYTES)),
        ("POST", "/predict/parcels", b"[" * 1000, 413, "too large", "at most 16"),
        ("POST", "/predict/parcels", b'{"parcel": 1, "wieght": 2}', 422, "faults", "did you mean weight?"),
        ("POST", "/v2/models/parcels/infer", b"{}", 422, "faults", "there are no inputs"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_wrong_has_one_shape_and_its_code(shared, method, path, body, status, kind, said, chunked):
    call = shared.send(Call(method, path, body, {} if chunked else {"content-length": str(len(body))}))
    assert (call.status, call.json["error"]["type"]) == (status, kind)
    assert set(call.json["error"]) == {"type", "message", "faults"}
    assert said in call.reply.decode()


def test_a_body_without_a_length_is_not_read_past_the_limit(shared):
    call = shared.post("/predict/parcels", b" " * (2 * MAX_BYTES), chunked=True)
    assert (call.status, call.read) == (413, MAX_BYTES + 1000)


def test_all_faults_are_in_the_answer(shared):
    faults = shared.post("/predict/parcels", {"sent": "soon", "weight": "x"}).json["error"]["faults"]
    assert [fault["where"] for fault in faults] == ["parcel", "sent", "weight"]
    assert all(fault["what"] and fault["remedy"] for fault in faults)


def test_a_product_without_a_live_version_is_unavailable(site):
    shop.release(site.ledger, 1, live=None)
    call = site.post("/predict/parcels", ROW)
    assert (call.status, call.json["error"]["type"]) == (503, "unavailable")


def test_a_row_the_model_fails_on_is_unavailable_and_its_neighbours_are_answered(site):
    def moody(features):
        if (features[:, -1] == 13).any():
            raise ValueError(str(features))
        return np.full(len(features), 0.5)

    site.shelf.scorers[1] = moody
    bad = ROW | {"parcel": "bad", "weight": 26.0}
    assert site.post("/predict/parcels", bad).status == 503
    answers = site.post("/predict/parcels", {"rows": [ROW, bad]}).json["predictions"]
    assert (answers[0]["score"], "error" in answers[0]) == (0.5, False)
    assert (answers[1]["score"], answers[1]["error"]["type"]) == (None, "unavailable")
    lines = site.app.metrics.text()
    assert 'trimaran_rows_total{product="parcels",version="v1",role="live",outcome="failed"} 2' in lines


def test_a_request_for_the_newest_release_is_not_refused_by_the_one_before(site, definition):
    whole = site.shelf.definition
    site.shelf.definition = replace(whole, features=tuple(each for each in whole.features if "weight" not in each.inputs))
    without = {name: value for name, value in ROW.items() if name not in ("weight", "pieces")}
    assert site.post("/predict/parcels", without).status == 200
    assert site.post("/predict/parcels", ROW).status == 422
    site.shelf.definition = whole
    shop.release(site.ledger, 2)
    assert site.post("/predict/parcels", ROW | {"parcel": "p2"}).json["version"] == "v2"


def tensors(rows):
    kinds = {"parcel": "BYTES", "sent": "BYTES", "depot": "BYTES", "weight": "FP64", "pieces": "INT16", "express": "BOOL"}
    return [
        {"name": name, "datatype": kind, "shape": [len(rows)], "data": [row[name] for row in rows]}
        for name, kind in kinds.items()
    ]


def test_the_open_inference_protocol_takes_columns_and_gives_columns(site):
    rows = [ROW, ROW | {"parcel": "p2", "depot": None}]
    call = site.post("/v2/models/parcels/infer", {"id": "42", "inputs": tensors(rows)})
    assert (call.status, call.json["id"], call.json["model_name"], call.json["model_version"]) == (200, "42", "parcels", "1")
    assert {each["name"]: (each["datatype"], each["shape"], each["data"]) for each in call.json["outputs"]} == {
        "id": ("BYTES", [2], ["p1", "p2"]),
        "score": ("FP64", [2], [0.3, 0.3]),
        "decision": ("BOOL", [2], [True, True]),
        "version": ("BYTES", [2], ["v1", "v1"]),
    }
    assert call.json["parameters"]["notes"] == [[], ["depot missing: features that use it are empty"]]


def test_a_column_of_one_value_a_row_may_be_a_matrix(site):
    inputs = tensors([ROW])
    inputs[3] |= {"shape": [1, 1], "data": [[6.0]]}
    assert site.post("/v2/models/parcels/infer", {"inputs": inputs}).status == 200


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "colour"}, "there is no input 'colour'; the inputs are: "),
        ({"datatype": "FP32"}, "datatype 'FP32' of weight; send FP64"),
        ({"shape": [2]}, "shape a list of 1 with 1 values; send [1]"),
        ({"shape": None}, "shape None with 1 values"),
        ({"data": None}, "is no tensor"),
        ({"name": "depot", "datatype": "BYTES"}, "'depot' was sent twice"),
        ({"data": [1.0, 2.0], "shape": [2]}, "the tensors have 1, 2 values"),
        ({"data": ["x"]}, "'x' was sent; send a number"),
    ],
)
def test_a_fault_of_a_tensor_is_named(shared, change, said):
    inputs = tensors([ROW])
    inputs[3] |= change
    call = shared.post("/v2/models/parcels/infer", {"inputs": inputs})
    assert call.status == 422
    assert said in " ".join(f"{fault['what']}; {fault['remedy']}" for fault in call.json["error"]["faults"])


def test_the_metadata_says_what_a_model_takes_and_gives(shared):
    told = shared.get("/v2/models/parcels").json
    assert {each["name"]: each["datatype"] for each in told["inputs"]}["pieces"] == "INT16"
    assert [each["name"] for each in told["outputs"]] == ["id", "score", "decision", "version"]
    assert told["versions"] == ["1"]


def test_health_is_told_and_readiness_ends_with_draining(site):
    assert (site.get("/v2/health/live").status, site.get("/v2/health/ready").status) == (200, 200)
    assert site.get("/v2/models/parcels/ready").json == {"name": "parcels", "ready": True}
    site.app.draining = True
    assert (site.get("/v2/health/live").status, site.get("/v2/health/ready").status) == (200, 503)


def test_every_route_that_is_listed_is_there(shared):
    for each in ROUTES:
        method, path = each.split()
        assert shared.send(Call(method, path.replace("{product}", "parcels"), b"{}")).status in (200, 422)


def test_the_metrics_are_what_prometheus_reads(site):
    site.post("/predict/parcels", ROW)
    site.post("/predict/parcels", b"{")
    call = site.get("/metrics")
    assert call.sent["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'trimaran_rows_total{product="parcels",version="v1",role="live",outcome="answered"} 1',
        'trimaran_refused_total{product="parcels",type="malformed"} 1',
        'trimaran_request_seconds_count{product="parcels"} 1',
        'trimaran_request_seconds_bucket{product="parcels",le="+Inf"} 1',
        'trimaran_batch_rows_sum{product="parcels"} 1',
        "# TYPE trimaran_request_seconds histogram",
    ):
        assert line in call.reply.decode().splitlines()


def test_a_caller_cannot_grow_the_metrics(site):
    before = len(site.app.metrics.text().splitlines())
    for name in "abcdef":
        site.post(f"/predict/{name}", ROW)
    assert len(site.app.metrics.text().splitlines()) == before + 1


def test_errors_inside_are_logged_without_payloads(site, caplog):
    site.shelf.scorers[1] = lambda features: 1 / 0
    site.post("/predict/parcels", ROW | {"parcel": "secret"})
    assert "ZeroDivisionError" in caplog.text
    assert "secret" not in caplog.text


def test_a_mistake_of_ours_is_told_without_its_inside(site, caplog):
    def broken(name):
        raise RuntimeError("inside")

    site.app._find = broken
    call = site.post("/predict/other", ROW)
    assert (call.status, call.json["error"]["type"]) == (500, "internal")
    assert "inside" not in call.reply.decode() + caplog.text


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.integers(), max_size=2)
ROWS = st.fixed_dictionaries({}, optional={name: VALUES | st.just(value) for name, value in ROW.items()})
TENSOR = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from([*ROW, "x"]) | VALUES,
        "datatype": st.sampled_from(["BYTES", "FP64", "BOOL", "INT16"]) | VALUES,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | VALUES,
        "data": st.lists(VALUES, max_size=3) | VALUES,
    },
)
PAYLOADS = (
    VALUES
    | ROWS
    | st.fixed_dictionaries({"rows": VALUES | st.lists(ROWS | VALUES, max_size=3)})
    | st.fixed_dictionaries({"inputs": VALUES | st.lists(TENSOR | VALUES, max_size=3)}, optional={"id": VALUES})
)
PATHS = st.sampled_from([route.split()[1].replace("{product}", "parcels") for route in ROUTES]) | st.text().map("/".__add__)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from(["GET", "POST", "PUT", "HEAD", "é"]),
    PATHS,
    st.binary(max_size=40) | PAYLOADS.map(lambda payload: json.dumps(payload).encode()),
    st.sampled_from(
        [{}, {"content-length": "12"}, {"content-length": "-1"}, {"content-length": "9" * 30}, {"content-length": "²"}]
    ),
)
def test_no_request_is_answered_with_500(shared, method, path, body, headers):
    call = shared.send(Call(method, path, body, headers))
    assert call.status in (200, 400, 404, 405, 413, 422, 503)
    assert call.status == 200 or set(call.json["error"]) == {"type", "message", "faults"} or path.startswith("/v2/health")
