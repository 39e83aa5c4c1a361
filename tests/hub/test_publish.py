"""Bundles onto a hub on loopback: the card, the license, the upload, and the way back."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from loopback_hub import LoopbackHub

from sparktts_onnx.bundle.manifest import Manifest, read_manifest, write_manifest
from sparktts_onnx.errors import BundleError, OptionError
from sparktts_onnx.hub.names import HubModel, hub_id
from sparktts_onnx.hub.publish import publication

ROOT = Path(__file__).parents[2]
PUBLISHED = "CC BY-NC-SA 4.0 (non-commercial) for the weights of SparkAudio/Spark-TTS-0.5B; for others, as they say"


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    """An empty hub."""
    with LoopbackHub() as made:
        yield made


def changed(bundle: Path, **changes: object) -> Path:
    """A bundle whose manifest says something else."""
    write_manifest(bundle, dataclasses.replace(read_manifest(bundle), **changes))  # type: ignore[arg-type]
    return bundle


def command(hub: LoopbackHub, home: Path, *arguments: str, token: str = "") -> subprocess.CompletedProcess[str]:
    """The command line, with a token."""
    environment = hub.environment(home, HF_TOKEN=token)
    return subprocess.run(
        [sys.executable, "-m", "sparktts_onnx", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        check=False,
    )


def test_what_is_published_can_be_spoken_with(hub: LoopbackHub, bundle: Path, tmp_path: Path) -> None:
    changed(bundle, licence="apache-2.0")
    done = command(hub, tmp_path, "publish", str(bundle), "me/voice", token=hub.writer)
    commit = hub.models["me/voice"].refs["main"]
    assert (done.returncode, done.stdout) == (0, f"{hub.url}/me/voice/tree/{commit}\n"), done.stderr
    held = hub.models["me/voice"].commits[commit]
    assert held.pop("README.md").startswith(b"---\nlicense: apache-2.0\n") and held.pop(".gitattributes")
    assert held == {f"fp32/{path.name}": path.read_bytes() for path in bundle.iterdir()}
    given = ("--model", "me/voice", "--text", "Hello.", "--seed", "1", "--output-dir", str(tmp_path / "out"))
    spoken = command(hub, tmp_path, *given)
    assert spoken.returncode == 0 and Path(spoken.stdout.strip()).is_file(), spoken.stderr


def test_a_dry_run_asks_nobody_and_shows_the_card_and_the_files(hub: LoopbackHub, bundle: Path, tmp_path: Path) -> None:
    changed(bundle, licence="mit")
    done = command(hub, tmp_path, "publish", str(bundle), "me/voice", "--dry-run")
    assert done.returncode == 0 and hub.requests == []
    assert done.stdout.startswith(publication(bundle, HubModel("me/voice")).card)
    assert f"{(bundle / 'decoder.onnx').stat().st_size:>13,}  fp32/decoder.onnx\n" in done.stdout


@pytest.mark.parametrize(
    "license_name", [PUBLISHED, "cc-by-nc-sa-4.0", "other", "", "apache-2.0; cc-by-nc-4.0", "apache-2.0 or so"]
)
def test_what_not_everybody_may_pass_on_needs_a_word(
    hub: LoopbackHub, bundle: Path, tmp_path: Path, license_name: str
) -> None:
    changed(bundle, licence=license_name)
    assert not publication(bundle, HubModel("me/voice")).free
    done = command(hub, tmp_path, "publish", str(bundle), "me/voice", token=hub.writer)
    assert (done.returncode, done.stdout, hub.requests) == (2, "", [])
    assert done.stderr.count("\n") == 1 and "--i-have-the-right" in done.stderr and license_name in done.stderr


def test_with_that_word_it_is_published(hub: LoopbackHub, bundle: Path, tmp_path: Path) -> None:
    changed(bundle, licence=PUBLISHED, source="org/checkpoint@" + 40 * "a")
    given = ("publish", str(bundle), "me/voice", "--i-have-the-right", "--private")
    assert command(hub, tmp_path, *given, token=hub.writer).returncode == 0
    model = hub.models["me/voice"]
    card = model.commits[model.refs["main"]]["README.md"].decode()
    front = yaml.safe_load(card.split("---")[1])
    assert front["license"] == "other" and front["base_model"] == ["org/checkpoint"] and PUBLISHED in card


@pytest.mark.parametrize("token", ["", "hf_reads_only"])
def test_without_a_token_that_may_write_it_says_so(hub: LoopbackHub, bundle: Path, tmp_path: Path, token: str) -> None:
    changed(bundle, licence="mit")
    done = command(hub, tmp_path, "publish", str(bundle), "me/voice", token=token)
    assert done.returncode == 1 and done.stderr == (
        "error: the hub does not let you write to me/voice: log in with `hf auth login`, or set HF_TOKEN, with a token "
        "that may write there\n"
    )


def test_an_upload_that_fails_is_one_message_and_no_commit(hub: LoopbackHub, bundle: Path, tmp_path: Path) -> None:
    changed(bundle, licence="mit")
    hub.full = True
    done = command(hub, tmp_path, "publish", str(bundle), "me/voice", token=hub.writer)
    assert done.returncode == 1 and [set(files) for files in hub.models["me/voice"].commits.values()] == [
        {".gitattributes"}
    ]
    assert done.stderr == f"error: me/voice was not put on {hub.url}: it answered 507; do it again\n"


def test_the_card_has_the_figures_of_the_verification(bundle: Path, manifest: Manifest) -> None:
    assert "Nothing: the conversion was not verified." in publication(bundle, HubModel("me/voice")).card
    seen = {"sizes": [], "worst_error": 0.00012, "tolerance": 0.001, "share": 0.5}
    graphs = {**manifest.graphs, "decoder": dataclasses.replace(manifest.graphs["decoder"], verification=seen)}
    changed(bundle, graphs=graphs, verification={"wave": {"error": 0.25, "tolerance": 0.5}})
    card = publication(bundle, HubModel("me/voice")).card
    assert "| fp32 | decoder, 50% of the values | 0.00012 | 0.001 |\n| fp32 | wave | 0.25 | 0.5 |\n" in card


@pytest.mark.parametrize("figures", [{"wave": {}}, {"wave": 5}, {"wave": {"error": "small", "tolerance": 1.0}}])
def test_figures_of_another_kind_are_one_message(bundle: Path, figures: dict[str, object]) -> None:
    changed(bundle, verification=figures)
    with pytest.raises(BundleError, match="does not give its figures of verification"):
        publication(bundle, HubModel("me/voice"))


def test_what_cannot_be_published(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no bundle in"):
        publication(tmp_path / "nowhere", HubModel("me/voice"))
    (bundle / "decoder.onnx").write_bytes(b"x" + (bundle / "decoder.onnx").read_bytes()[1:])
    with pytest.raises(BundleError, match="was altered"):
        publication(bundle, HubModel("me/voice"))
    for wrong in ("voice", "me/voice@v1", "https://me/voice", "a/b/c"):
        with pytest.raises(OptionError, match="is not the id of a model on the hub"):
            hub_id(wrong)


def test_bundles_of_different_checkpoints_are_not_mixed(several: Path) -> None:
    assert publication(several, HubModel("me/voice")).card.count("--precision") == 1
    changed(several / "fp16", source="another")
    with pytest.raises(OptionError, match="are of different checkpoints"):
        publication(several, HubModel("me/voice"))
