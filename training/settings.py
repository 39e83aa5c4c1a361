"""How large everything is and how long each stage trains."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Amounts of one training run, and where its texts begin."""

    seed: int = 0
    """Of the texts: a run that goes on from another reads texts of its own."""
    parallel_texts: int = 5000
    """Texts said by two speakers, for the codec."""
    reading_texts: int = 32000
    """Texts said by the canonical voice, for the language model."""

    prompts: int = 6000
    """Passages recorded as prompts, for the language model to go on from."""

    rows: int = 12
    """Rows of a token-stage batch; each is two input renditions and one target."""
    row_seconds: float = 3.2
    """Length of a row."""
    token_steps: int = 1200
    """Updates of the token stage."""

    speaker_steps: int = 500
    """Updates of the speaker stage."""
    language_tokens: int = 5000
    """Ids in a batch of the language model."""
    language_workers: int = 0
    """Processes that make them; 0 is a thread."""
    language_rate: float = 2e-3
    """Its highest learning rate."""
    language_steps: int = 6000
    """Its updates."""

    crops: int = 8
    """Crops in a batch of the vocoder."""
    crop_frames: int = 56
    """Tokens of a crop."""
    vocoder_rate: float = 1.5e-3
    """Its highest learning rate."""
    vocoder_steps: int = 2400
    """Its updates."""

    sharpness: float = 1.8
    """What the language model's scores are multiplied by when it is published."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """What `named` takes."""
        return ("full", "gpu", "finetune", "short")

    @classmethod
    def named(cls, name: str) -> "Sizes":
        """'full'; 'gpu', larger batches for an accelerator; 'finetune', to go on from a published language model;
        'short': every stage for a moment, to see that it runs."""
        return {
            "full": cls(),
            "gpu": cls(
                reading_texts=40000,
                rows=32,
                token_steps=1050,
                speaker_steps=600,
                language_tokens=16000,
                language_workers=7,
                language_steps=4800,
                crops=24,
                vocoder_steps=5280,
            ),
            "finetune": cls(
                seed=20,
                parallel_texts=640,
                reading_texts=32000,
                prompts=6400,
                language_rate=8e-4,
            ),
            "short": cls(
                parallel_texts=120,
                reading_texts=48,
                prompts=24,
                rows=2,
                token_steps=10,
                speaker_steps=4,
                language_tokens=800,
                language_steps=6,
                crops=2,
                vocoder_steps=4,
            ),
        }[name]
