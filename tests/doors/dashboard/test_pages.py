"""The dashboard's routes, without a browser: content, errors, headers and who may do what."""

import re

import pytest
from litestar import Litestar, get
from litestar.testing import TestClient

from trimaran.app.views import Book, product_view
from trimaran.app.workspace import Workspace
from trimaran.core.errors import InputError, Refused
from trimaran.core.nouns import Declared
from trimaran.doors.dashboard.access import ACCESS, Access, check_address, check_policies
from trimaran.doors.dashboard.app import make_app
from trimaran.doors.dashboard.assets import FOR_EVER

HOST = "http://127.0.0.1:8500"
FORM = {"role": "risk", "person": "rosa", "note": "", "decision": "approve"}


def client_of(root):
    return TestClient(make_app(Workspace.existing(root), secret="s" * 32), base_url=HOST)


@pytest.fixture(scope="module")
def client(told_workspace):
    with client_of(told_workspace) as made:
        yield made


@pytest.fixture
def own_client(own_workspace):
    with client_of(own_workspace) as made:
        yield made


def token(client, path="/products/punctual"):
    return re.search(r'name="_csrf_token" value="([^"]+)"', client.get(path).text).group(1)


def decide(client, version="v3", headers=None, **changes):
    form = FORM | {"_csrf_token": token(client)} | changes
    sent = {"origin": HOST} if headers is None else headers
    return client.post(f"/products/punctual/versions/{version}/decision", data=form, headers=sent, follow_redirects=False)


def test_the_pages_tell_what_the_views_tell(client):
    assert "v1</b> since 01 Mar 2013" in client.get("/").text
    product = client.get("/products/punctual").text
    for words in (
        "v3</a> waits for risk",
        "auc is 0.55",
        "Control totals",
        "data-chart",
        "cannot be told: the trend is not",
    ):
        assert words in product
    assert "looks right" in client.get("/products/punctual/versions/v3").text
    assert "v1 → live" in client.get("/products/punctual/story").text


def test_the_features_are_listed_searched_and_sorted(client):
    whole = client.get("/features").text
    assert whole.index(">load_now</a>") < whole.index(">wind_now</a>")
    by_importance = client.get("/features?sort=importance").text
    assert by_importance.index(">wind_now</a>") < by_importance.index(">load_now</a>")
    found = client.get("/features?search=wind").text
    assert ">load_now</a>" not in found
    assert "1 of 2" in found
    assert "No feature is like that" in client.get("/features?unused=true").text
    assert [row["name"] for row in client.get("/api/v1/features?sort=importance").json()] == ["wind_now", "load_now"]


def test_a_feature_has_a_page_with_its_text_its_values_and_who_uses_it(client):
    page = client.get("/features/wind_now").text
    for words in ("def wind_now(wind):", "answers of v1", "chart-distribution-0", "chart-lineage-0", "1 of 2 in v1"):
        assert words in page
    (view,) = client.get("/api/v1/features/wind_now").json()
    assert view["uses"][0]["lately"]["rows"] == 700


def test_the_api_mirrors_the_views(client, told_workspace):
    assert client.get("/api/v1/products").json()[0]["live"] == "v1"
    view = product_view(Book.open(Workspace.existing(told_workspace), "punctual"))
    assert client.get("/api/v1/products/punctual").json()["entry"] == view.entry
    assert client.get("/api/v1/products/punctual/summary").json()["versions"]["refused"] == ["v2"]
    assert client.get("/api/v1/products/punctual/versions/v2").json()["row"]["fate"] == "refused"
    assert client.get("/api/v1/products/punctual/at/2013-04-01T12:00").json()["traffic"]["live"] == 1
    everything = client.get("/api/v1/products/punctual/story?everything=true").json()
    assert len(everything) > len(client.get("/api/v1/products/punctual/story").json())
    assert client.get("/health").json() == {"status": "ok", "entries": view.entry}
    assert "/api/v1/products/{product}" in client.get("/api/v1/openapi.json").json()["paths"]


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/products/tardy", 404, "there is no product &#39;tardy&#39;"),
        ("/products/punctual/versions/v9", 404, "it has v1, v2, v3"),
        ("/features/wind_nwo", 404, "did you mean wind_now"),
        ("/features?sort=colour", 422, "choose one of: name"),
        ("/nothing", 404, "That did not work"),
    ],
)
def test_an_error_is_a_page_in_words(client, path, code, words):
    answer = client.get(path)
    assert (answer.status_code, words in answer.text) == (code, True)


@pytest.mark.parametrize(
    ("path", "code", "kind"),
    [("/api/v1/products/tardy", 404, "not found"), ("/api/v1/products/punctual/at/yesterday", 422, "faults")],
)
def test_an_error_of_the_api_has_one_shape(client, path, code, kind):
    answer = client.get(path)
    assert answer.status_code == code
    assert answer.json()["error"]["type"] == kind
    assert set(answer.json()["error"]) == {"type", "message", "faults"}


@pytest.mark.parametrize("path", ["/", "/products/punctual", "/products/tardy", "/api/v1/products", "/nothing"])
def test_every_answer_carries_the_strict_headers(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


def test_no_page_runs_a_script_of_its_own_or_asks_another_host(client):
    for path in (
        "/",
        "/products/punctual",
        "/products/punctual/versions/v3",
        "/products/punctual/story",
        "/features/wind_now",
    ):
        text = client.get(path).text
        assert not re.search(r"<script(?![^>]*(src=|application/json))", text)
        assert not re.search(r'(src|href)="(https?:)?//', text)


def test_plotly_is_asked_for_only_where_there_are_charts_and_may_be_kept_for_ever(client):
    assert "plotly" not in client.get("/").text
    path = re.search(r'src="(/assets/[^"]+plotly.min.js)"', client.get("/products/punctual").text).group(1)
    answer = client.get(path)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, FOR_EVER)
    assert client.get("/assets/000000000000/plotly.min.js").status_code == 404


def test_what_people_wrote_is_text_and_never_markup(own_workspace):
    ledger = Workspace.existing(own_workspace).ledger
    ledger.append(Declared(product="punctual", owner="<script>alert(1)</script>", source="0" * 64, policies={}), "punctual")
    with client_of(own_workspace) as client:
        for path in ("/", "/products/punctual", "/products/punctual/story"):
            text = client.get(path).text
            assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)" in text


def test_an_approval_that_is_sent_stands_in_the_ledger(own_client, own_workspace):
    answer = decide(own_client, note="small exposure")
    assert (answer.status_code, answer.headers["location"]) == (303, "/products/punctual#approvals")
    assert product_view(Book.open(Workspace.existing(own_workspace), "punctual")).approvals == []
    assert "Nobody is waited for" in own_client.get("/products/punctual").text


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"person": "ops-ml"}, 403, "owns punctual and cannot approve it"),
        ({"role": "legal"}, 403, "does not approve releases"),
        ({"version": "v1"}, 403, "no approval is awaited"),
        ({"person": " "}, 422, "nobody signs"),
        ({"decision": "maybe"}, 400, "That did not work"),
    ],
)
def test_a_decision_that_may_not_be_is_answered_in_words_and_not_written(own_client, own_workspace, changes, code, words):
    before = Workspace.existing(own_workspace).ledger.store.head()
    answer = decide(own_client, **changes)
    assert answer.status_code == code
    assert words in answer.text
    assert Workspace.existing(own_workspace).ledger.store.head() == before


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": HOST, "sec-fetch-site": "cross-site"}],
)
def test_a_form_of_another_origin_is_refused(own_client, own_workspace, headers):
    before = Workspace.existing(own_workspace).ledger.store.head()
    assert decide(own_client, headers=headers).status_code == 403
    assert Workspace.existing(own_workspace).ledger.store.head() == before


def test_a_form_without_its_token_is_refused(own_client, own_workspace):
    before = Workspace.existing(own_workspace).ledger.store.head()
    token(own_client)
    answer = own_client.post("/products/punctual/versions/v3/decision", data=FORM, headers={"origin": HOST})
    assert answer.status_code == 403
    assert decide(own_client, _csrf_token="0" * 128).status_code == 403
    assert Workspace.existing(own_workspace).ledger.store.head() == before


def test_a_page_asked_for_in_another_name_is_refused(client):
    assert client.get("/products/punctual", headers={"host": "evil.example"}).status_code == 403
    assert client.get("/products/punctual", headers={"host": "localhost:8500"}).status_code == 200


def test_a_page_is_made_again_when_the_ledger_moved_and_not_before(own_client, own_workspace):
    before = own_client.get("/api/v1/products/punctual").json()["entry"]
    Workspace.existing(own_workspace).ledger.append(
        Declared(product="punctual", owner="else", source="0" * 64, policies={}), "punctual"
    )
    assert own_client.get("/api/v1/products/punctual").json()["entry"] == before + 1


def test_an_empty_workspace_says_what_to_do(tmp_path):
    Workspace(tmp_path)
    with client_of(tmp_path) as client:
        assert "trimaran run flights.py" in client.get("/").text


def test_a_product_that_was_only_declared_has_a_page(own_workspace):
    workspace = Workspace.existing(own_workspace)
    source = workspace.objects.put(b"product = None")
    workspace.ledger.append(Declared(product="new", owner="ada", source=source, policies={}), "new")
    with client_of(own_workspace) as client:
        text = client.get("/products/new").text
        assert "No version was trained yet" in text
        assert "cannot be loaded" in text


def test_a_route_without_a_policy_stops_the_start():
    @get("/bare")
    async def bare() -> str:
        return ""

    @get("/wrong", opt={ACCESS: "everybody"})
    async def wrong() -> str:
        return ""

    @get("/fine", opt={ACCESS: Access.READ})
    async def fine() -> str:
        return ""

    with pytest.raises(Refused, match="GET /bare, GET /wrong"):
        check_policies(Litestar([bare, wrong, fine], openapi_config=None))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "example.com", ""])
def test_an_address_that_others_can_reach_is_refused(host):
    with pytest.raises(InputError, match="neither log-in nor TLS"):
        check_address(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_the_machines_own_address_is_fine(host):
    assert check_address(host) == host
