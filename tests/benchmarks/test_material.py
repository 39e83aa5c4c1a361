"""What the benchmark works on is made as it says."""

from pathlib import Path

import torch
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM

from benchmarks.material import never_end
from sparktts_onnx.export.checkpoint.checkpoint import LANGUAGE_MODEL_FOLDER, open_checkpoint
from sparktts_onnx.export.checkpoint.weights import SAFETENSORS_NAME
from sparktts_onnx.export.language.weights import EMBEDDING
from synthetic.checkpoint import write_checkpoint
from synthetic.sizes import tiny_sizes

PROMPTS, PROMPT_IDS, SAMPLED = 40, 30, 50


def test_no_answer_ends_by_chance(tmp_path: Path) -> None:
    write_checkpoint(tiny_sizes(), tmp_path)
    folder = tmp_path / LANGUAGE_MODEL_FOLDER
    token_ids = open_checkpoint(tmp_path).token_ids
    ends = [token_ids.end_of_text, token_ids.end_semantic]
    before = load_file(folder / SAFETENSORS_NAME)
    assert _times_among_the_likeliest(folder, ends) > 0

    never_end(tmp_path)

    assert _times_among_the_likeliest(folder, ends) == 0
    after = load_file(folder / SAFETENSORS_NAME)
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed == {EMBEDDING}
    assert (before[EMBEDDING] != after[EMBEDDING]).any(axis=1).nonzero()[0].tolist() == sorted(ends)
    assert [path.name for path in folder.glob("*.safetensors")] == [SAFETENSORS_NAME]


@torch.no_grad()
def _times_among_the_likeliest(folder: Path, ends: list[int]) -> int:
    """Positions of random prompts at which an ending token is one of the 50 that are sampled from."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    prompts = torch.randint(model.config.vocab_size, (PROMPTS, PROMPT_IDS), generator=torch.Generator().manual_seed(0))
    likeliest = model(prompts).logits.topk(SAMPLED).indices
    return int(sum((likeliest == end).sum() for end in ends))
