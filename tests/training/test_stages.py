"""Every stage for a moment, one after another, down to a checkpoint that loads wherever a real one does."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from original import detokenized, tokenized
from safetensors.torch import load_file
from transformers import AutoTokenizer, Qwen2ForCausalLM, Wav2Vec2Model

from sparktts_onnx.export.modules import BiCodec
from sparktts_onnx.export.modules.config import BiCodecConfig
from training import (
    corpus,
    language_stage,
    publish,
    published,
    speaker_stage,
    speechdata,
    token_stage,
    tokenize,
    vocabulary,
    vocoder_stage,
    voices,
)
from training.codec import codec_config
from training.language import LanguageModel
from training.settings import Sizes
from training.spectra import Spectra
from training.stage import load_modules
from training.tokenize import load_codec, reference_clip
from training.vocoder_stage import Vocoder

pytestmark = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
CPU = torch.device("cpu")
SIZES = Sizes.named("short")


@dataclasses.dataclass(frozen=True)
class Run:
    """Folders of one whole run."""

    data: Path
    run: Path
    published: Path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("training")
    found = Run(folder / "data", folder / "run", folder / "published")
    speechdata.make(found.data, SIZES, processes=2)
    token_stage.train(found.data, found.run, SIZES, device=CPU)
    speaker_stage.train(found.data, found.run, SIZES, device=CPU)
    tokenize.write(found.data, found.run, device=CPU)
    language_stage.train(found.run, SIZES, language_stage.Course(CPU))
    vocoder_stage.train(found.data, found.run, SIZES, device=CPU)
    publish.write(found.run, found.published, sharpness=2.0)
    return found


def test_every_set_of_speech_is_there_and_fits_its_list(run: Run) -> None:
    for kind in ("parallel", "reading", "prompts"):
        takes = speechdata.load(run.data, kind)
        assert all(len(samples) == take.length > 0 for take, samples in takes)
        assert all(take.words and take.phonemes for take, _ in takes)
    speakers = {take.speaker for take, _ in speechdata.load(run.data, "parallel")}
    assert speakers == {speaker.name for speaker in voices.speakers()}


def test_monotone_takes_are_at_the_speakers_pitch(run: Run) -> None:
    spectra = Spectra(CPU)
    for speaker in voices.BASE:
        found = [s for t, s in speechdata.load(run.data, "parallel") if t.speaker == speaker.name and not t.natural]
        low = spectra.low(torch.from_numpy(found[0].astype(np.float32))[None] / 32767).mean((0, 1))
        harmonic = low[round(speaker.pitch / 15.625)]
        assert harmonic > low[round(speaker.pitch * 0.5 / 15.625)]
        assert harmonic > low[round(speaker.pitch * 1.5 / 15.625)]


@pytest.mark.parametrize("stage", ["tokens", "speaker", "language", "vocoder"])
def test_every_stage_logs_finite_figures(run: Run, stage: str) -> None:
    lines = [json.loads(line) for line in (run.run / f"{stage}.jsonl").read_text().splitlines()]
    name = "token_steps" if stage == "tokens" else f"{stage}_steps"
    assert lines[-1]["step"] == getattr(SIZES, name)
    assert all(np.isfinite(value) for line in lines for value in line.values())


def test_a_stage_goes_on_from_its_checkpoint(run: Run) -> None:
    longer = dataclasses.replace(SIZES, language_steps=SIZES.language_steps + 2)
    before = {k: v.clone() for k, v in _language(run).state_dict().items()}
    shutil.copytree(run.run, run.run.parent / "longer", dirs_exist_ok=True)
    training = language_stage.LanguageTraining(run.run.parent / "longer", longer, language_stage.Course(CPU))
    assert training.done == SIZES.language_steps
    assert all(torch.equal(v, before[k]) for k, v in training.model.state_dict().items())


def _language(run: Run) -> LanguageModel:
    model = LanguageModel()
    load_modules(run.run / "language.pt", {"model": model})
    return model


def test_transformers_loads_the_language_model_and_computes_the_same(run: Run) -> None:
    published = Qwen2ForCausalLM.from_pretrained(run.published / "LLM", dtype=torch.float32).eval()
    ours = _language(run).eval()
    ids = torch.randint(0, vocabulary.size(), (1, 40), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = ours.logits(ours(ids).states) * 2.0
        assert torch.allclose(published(ids).logits, expected, atol=2e-2)


def test_the_tokenizer_reads_bytes_and_added_tokens(run: Run) -> None:
    tokenizer = AutoTokenizer.from_pretrained(run.published / "LLM")
    known = vocabulary.ids()
    text = "Hello, it's 3 o'clock. é"
    ids = tokenizer(f"<|task_tts|>{text}<|end_semantic_token|>").input_ids
    assert ids == [known["<|task_tts|>"], *vocabulary.text_ids(text), known["<|end_semantic_token|>"]]


def test_the_published_codec_gives_the_trained_codecs_tokens_and_sound(run: Run) -> None:
    codec, _ = load_codec(run.run)
    vocoder = Vocoder(codec).eval()
    load_modules(run.run / "vocoder.pt", {"vocoder": vocoder})
    published = BiCodec(BiCodecConfig.from_dict(codec_config())).eval()
    state = load_file(run.published / "BiCodec" / "model.safetensors")
    published.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()}, strict=True)
    _, samples = speechdata.load(run.data, "parallel")[0]
    clip = torch.from_numpy(reference_clip(samples))[None]
    wave = torch.from_numpy(samples.astype(np.float32))[None] / 32767
    with torch.inference_mode():
        semantic, known = tokenized(published, codec.features(wave), clip)
        ours = codec.tokenize(wave)
        assert (known[:, 0] == codec.global_ids(clip)).float().mean() > 0.9
        assert (semantic == ours).float().mean() > 0.9
        made = detokenized(published, semantic, known)[:, 0]
        assert torch.allclose(made, vocoder(semantic, known[:, 0]), atol=2e-2)


def test_the_published_features_are_the_trained_ones(run: Run) -> None:
    codec, _ = load_codec(run.run)
    published = Wav2Vec2Model.from_pretrained(run.published / "wav2vec2-large-xlsr-53", dtype=torch.float32).eval()
    wave = torch.randn(1, 16000, generator=torch.Generator().manual_seed(0)) * 0.1
    normal = (wave - wave.mean()) / torch.sqrt(wave.var(unbiased=False) + 1e-7)
    with torch.inference_mode():
        states = published(normal, output_hidden_states=True).hidden_states
        expected = (states[11] + states[14] + states[16]) / 3
        assert torch.allclose(codec.features(wave), expected, atol=2e-2)


def test_a_published_checkpoint_gives_back_what_was_trained(run: Run) -> None:
    codec, _ = load_codec(run.run)
    again = published.load_codec(run.published)
    model = published.load_language_model(run.published, sharpness=2.0)
    _, samples = speechdata.load(run.data, "parallel")[0]
    wave = torch.from_numpy(samples.astype(np.float32))[None] / 32767
    clip = torch.from_numpy(reference_clip(samples))[None]
    assert torch.allclose(again.features(wave), codec.features(wave), atol=2e-2)
    assert (again.tokenize(wave) == codec.tokenize(wave)).float().mean() > 0.9
    assert (again.global_ids(clip) == codec.global_ids(clip)).float().mean() > 0.9
    for name, tensor in _language(run).state_dict().items():
        assert torch.allclose(model.state_dict()[name], tensor, atol=2e-3), name


def test_only_the_language_model_of_a_published_checkpoint_is_trained_on(run: Run, tmp_path: Path) -> None:
    tokenize.write(run.data, tmp_path / "run", device=CPU, start=run.published)
    language_stage.train(tmp_path / "run", SIZES, language_stage.Course(CPU, start=run.published))
    publish.write_language_model(tmp_path / "run", tmp_path / "new", run.published, sharpness=2.0)
    for file in (f for f in run.published.rglob("*") if f.is_file()):
        same = file.read_bytes() == (tmp_path / "new" / file.relative_to(run.published)).read_bytes()
        assert same == (file.relative_to(run.published) != Path("LLM", "model.safetensors")), file


def test_prompts_are_cut_at_words_and_lie_between_silences(run: Run) -> None:
    takes = speechdata.load(run.data, "prompts")
    whole = corpus.passages(SIZES.prompts, seed=2)
    assert all(whole[take.number].startswith(take.text) for take, _ in takes)
    assert any(len(take.text) < len(whole[take.number]) for take, _ in takes)
    assert all(1.0 < len(samples) / 16000 < 14 for _, samples in takes)
    quiet = [np.abs(samples[:1600]).max() < 300 for _, samples in takes]
    assert any(quiet) and not all(quiet)
    for take, samples in takes:
        end, place, length = take.words[-1]
        assert (place, length) == (len(take.text), 0)
        assert end <= len(samples) / 16000 + 1e-4  # moments are kept to four digits


def test_the_checkpoint_is_small_and_holds_no_pickle(run: Run) -> None:
    files = [file for file in run.published.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 30e6
    assert {file.suffix for file in files} == {".json", ".yaml", ".safetensors"}
