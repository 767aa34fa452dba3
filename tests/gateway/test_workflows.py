"""Workflows by name over REST: deployed, found, launched by version and alias."""

from collections.abc import Iterator

import httpx
import pytest

from tests.gateway.programs import Programs


@pytest.fixture(scope="module")
def deployed(rest: httpx.Client, programs: Programs) -> Iterator[str]:
    body = {"plan": programs.plan("doubled"), "team": "search", "alias": "production", "expected_version": 0}
    answer = rest.post("/workflows/named/versions", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == "/v1/workflows/named/versions/1"
    assert (answer.json()["created"], answer.json()["alias_moved"]) == (True, True)
    again = rest.post("/workflows/named/versions", json={"plan": programs.plan("doubled"), "team": "search"})
    assert (again.status_code, again.json()["version"]["version"]) == (200, 1)
    yield "named"


@pytest.mark.parametrize("reference", ["named", "named@1", "named@production", "named@latest"])
def test_a_run_is_launched_by_name(rest: httpx.Client, programs: Programs, deployed: str, reference: str) -> None:
    answer = rest.post("/runs", json={"workflow": reference, "inputs": {"n": 4}})
    assert answer.status_code == 201, answer.text
    run = answer.json()
    assert (run["launched_as"], run["team"], run["plan"]) == ("named@1", "search", programs.plan("doubled"))
    assert programs.ended(run["run"])["outputs"]["n"] == 8


def test_it_is_found_with_its_form(rest: httpx.Client, programs: Programs, deployed: str) -> None:
    (found,) = rest.get("/workflows", params={"q": "nam", "team": "search"}).json()["workflows"]
    assert (found["name"], found["aliases"], found["latest"]) == ("named", {"production": 1}, 1)
    assert found == rest.get("/workflows/named").json()
    (version,) = rest.get("/workflows/named/versions").json()["versions"]
    assert version["plan"] == programs.plan("doubled")
    form = rest.get("/workflows/named/versions/production/form").json()
    assert (form["version"], list(form["schema"]["properties"])) == (1, ["n", "data"])


def test_aliases_are_moved_by_compare_and_set(rest: httpx.Client, deployed: str) -> None:
    path = "/workflows/named/aliases/next"
    assert rest.put(path, json={"version": 1, "expected_version": 3}).status_code == 409
    assert rest.put(path, json={"version": 1, "expected_version": 0}).json()["moved"] is True
    assert rest.put(path, json={"version": 1}).json()["moved"] is False
    assert rest.put(path, json={"version": 7}).status_code == 404
    assert rest.delete(path).json() == {"name": "named", "alias": "next", "version": None, "moved": True}
    assert rest.get("/workflows/named/versions/next").status_code == 404


def test_an_incompatible_change_is_refused_unless_it_is_meant(
    rest: httpx.Client, programs: Programs, deployed: str
) -> None:
    body = {"plan": programs.plan("doubled")}
    assert rest.post("/workflows/changing/versions", json=body).status_code == 201
    other = {"plan": programs.plan("failing")}
    refused = rest.post("/workflows/changing/versions", json=other)
    assert (refused.status_code, "data" in refused.json()["detail"]) == (409, True)
    meant = rest.post("/workflows/changing/versions", json=other | {"allow_incompatible": True}).json()
    assert (meant["version"]["version"], any(one["incompatible"] for one in meant["version"]["changes"])) == (2, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"workflow": "nothing"}, 404),
        ({"workflow": "named@9"}, 404),
        ({"workflow": "named@nothing"}, 404),
        ({"workflow": "named@0"}, 404),
        ({"workflow": "named@" + "9" * 40}, 404),
        ({"workflow": "file.py"}, 404),
        ({"workflow": "a b"}, 422),
        ({"workflow": ""}, 422),
        ({"workflow": "named", "plan": "0" * 64}, 422),
        ({"inputs": {}}, 422),
    ],
    ids=str,
)
def test_a_name_that_is_not_there(rest: httpx.Client, deployed: str, body: dict[str, object], status: int) -> None:
    answer = rest.post("/runs", json=body)
    assert answer.status_code == status, answer.text
