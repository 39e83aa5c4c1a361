"""What the benchmark works on, made where it is absent: a checkpoint, bundles, the peer's model files."""

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.trainers import BpeTrainer

from benchmarks.settings import SENTENCES, TEXTS, Settings
from sparktts_onnx.bundle.contract import MANIFEST_NAME, SPEAKING_GRAPHS
from sparktts_onnx.bundle.manifest import read_manifest
from sparktts_onnx.export.checkpoint.checkpoint import LANGUAGE_MODEL_FOLDER, open_checkpoint
from sparktts_onnx.export.checkpoint.weights import SAFETENSORS_NAME
from sparktts_onnx.export.language.weights import EMBEDDING, HEAD
from sparktts_onnx.export.staging import staged
from synthetic.checkpoint import write_checkpoint
from synthetic.sizes import full_sizes
from synthetic.tokenizer import byte_alphabet

ROOT = Path(__file__).resolve().parent.parent
_log = logging.getLogger(__name__)


def prepare(settings: Settings) -> None:
    """Make what is missing; the first time takes several minutes and about 8 GB of disk."""
    if not (settings.checkpoint / "config.yaml").is_file():
        _log.info("writing a synthetic checkpoint to %s", settings.checkpoint)
        with staged(settings.checkpoint) as folder:
            write_checkpoint(full_sizes(), folder)
            spoken = [text.text for text in TEXTS.values()]
            teach_words(folder / LANGUAGE_MODEL_FOLDER / "tokenizer.json", [*spoken, *SENTENCES])
            never_end(folder)
    for precision in settings.precisions:
        convert(settings.checkpoint, settings.bundle(precision), precision)


def teach_words(tokenizer: Path, texts: Sequence[str]) -> None:
    """Give a byte-level tokenizer one token for every word of some texts.

    The published tokenizer has that for nearly every English word; a token a byte would make prompts twice as long.
    """
    learner, alphabet = Tokenizer.from_file(str(tokenizer)), byte_alphabet()
    spec = json.loads(tokenizer.read_text(encoding="utf-8"))
    vocabulary = spec["model"]["vocab"]
    trainer = BpeTrainer(vocab_size=len(vocabulary), min_frequency=1, initial_alphabet=alphabet, show_progress=False)
    learner.train_from_iterator(texts, trainer)
    merges = json.loads(learner.to_str())["model"]["merges"]
    words = ["".join(pair) for pair in merges]
    kept = list(vocabulary)[: len(alphabet)] + words
    spec["model"]["merges"] = merges
    spec["model"]["vocab"] = dict(zip([*kept, *list(vocabulary)[len(kept) :]], vocabulary.values(), strict=True))
    tokenizer.write_text(json.dumps(spec, ensure_ascii=False), encoding="utf-8")


def never_end(checkpoint: Path) -> None:
    """Take all weight from the tokens that end an answer, so that every answer has the ids that it is given.

    Synthetic weights would end one by chance. With a row of almost nothing a token's logit is the mean of all, far
    below the fifty that are sampled from.
    """
    ids = open_checkpoint(checkpoint).token_ids
    path = checkpoint / LANGUAGE_MODEL_FOLDER / SAFETENSORS_NAME
    tensors = load_file(path)
    head = tensors.get(HEAD, tensors[EMBEDDING])
    head[[ids.end_of_text, ids.end_semantic]] *= 1e-3
    save_file(tensors, path, {"format": "pt"})


def disk_use(bundle: Path) -> dict[str, int]:
    """Bytes of a bundle, and of what speaking with kept voices needs of it."""
    manifest = read_manifest(bundle)
    speaking = [entry.bytes for name in SPEAKING_GRAPHS for entry in manifest.graphs[name].files]
    whole = sum(entry.bytes for entry in manifest.files())
    return {"bundle_bytes": whole, "speaking_bytes": sum(speaking) + manifest.tokenizer.bytes}


def convert(checkpoint: Path, bundle: Path, precision: str) -> None:
    """Make a bundle where it is absent. Verification has its own place in the tests, and needs twice the memory."""
    if (bundle / MANIFEST_NAME).is_file():
        return
    _log.info("converting %s to %s", checkpoint, precision)
    command = [sys.executable, str(ROOT / "convert_to_onnx.py"), "--skip_verification", "--precision", precision]
    subprocess.run([*command, "--model_dir", str(checkpoint), "--output_dir", str(bundle)], check=True)
