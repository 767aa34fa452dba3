"""`penstock certs`: an authority and what it issues."""

import json
import stat
from pathlib import Path

import pytest
from cryptography import x509
from penstock.cli.app import execute
from penstock_service.certificates import check
from penstock_stack import certificates
from penstock_stack.certificates import BadRequest


def test_an_authority_issues_what_services_accept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "certificates"
    assert execute(["certs", "init", str(folder), "--deployment", "fleet"]) == 0
    assert f"made {folder / 'ca.pem'}" in capsys.readouterr().out
    assert execute(["certs", "issue", str(folder), "worker", "gpu-1", "--host", "gpu-1.example", "--json"]) == 0
    issued = json.loads(capsys.readouterr().out)
    assert issued["identity"] == "spiffe://fleet/worker/gpu-1"
    assert issued["environment"]["PENSTOCK_TLS_KEY"] == str(folder / "gpu-1-key.pem")
    found = x509.load_pem_x509_certificate((folder / "gpu-1.pem").read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "gpu-1.example"]
    found.verify_directly_issued_by(x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes()))
    check(certificates.issue(folder, "worker", "gpu-1").tls)


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    certificates.make_authority(folder, "fleet")
    certificates.issue(folder, "worker")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for key in (folder / "ca-key.pem", folder / "worker-key.pem"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["init", "FOLDER"], "has an authority already"),
        (["init", "other", "--deployment", "A B"], "invalid deployment 'A B'"),
        (["issue", "nowhere", "worker"], "nowhere has no authority: `penstock certs init nowhere`"),
        (["issue", "FOLDER", "Worker"], "invalid role 'Worker'"),
        (["issue", "FOLDER", "worker", "../up"], "invalid name '../up'"),
        (["issue", "FOLDER", "worker", "ca"], "name 'ca' is the authority's own"),
        (["issue", "FOLDER", "worker", "--host", "gpu-1:7733"], "invalid host 'gpu-1:7733'"),
        (["issue", "FOLDER", "worker", "--days", "0"], "needs at least a part of a day"),
        (["issue", "FOLDER", "worker", "--days", "4000"], "ask for fewer days"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    certificates.make_authority(Path("FOLDER"), "fleet")
    before = sorted(Path("FOLDER").iterdir())
    assert execute(["certs", *words]) != 0
    assert said in capsys.readouterr().err
    assert sorted(Path("FOLDER").iterdir()) == before


def test_an_authority_of_others_is_not_used(tmp_path: Path) -> None:
    certificates.make_authority(tmp_path / "one", "fleet")
    certificates.make_authority(tmp_path / "two", "fleet")
    (tmp_path / "one/ca-key.pem").write_bytes((tmp_path / "two/ca-key.pem").read_bytes())
    with pytest.raises(BadRequest, match="is not the key of"):
        certificates.issue(tmp_path / "one", "worker")
