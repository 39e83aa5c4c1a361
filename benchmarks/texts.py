"""What is spoken, and how many ids each text gets.

On synthetic weights a language model does not know when a sentence is over, so the benchmark fixes the number of ids:
what the text would take to say.
"""

from dataclasses import dataclass

SENTENCES = (
    "The little boat left the harbour before the sun was up, and nobody on the quay had seen it go.",
    "By noon the wind had turned, the sea was grey, and the men began to look back at the hills behind them.",
    "They had bread and water for two days, a lamp, a coil of rope, and a map that was older than the boat.",
    "When the evening came at last they heard the bell of the island, slow and far away across the water.",
)


@dataclass(frozen=True)
class Text:
    """A text and the ids that its speech is given."""

    name: str
    text: str
    ids_each: int
    """Semantic ids of every segment."""
    segments: int
    """Segments that this software speaks it in."""

    @property
    def ids(self) -> int:
        """Semantic ids altogether."""
        return self.ids_each * self.segments


TEXTS = {
    text.name: text
    for text in (
        Text("short", "Good morning, how are you?", 75, 1),
        Text("middle", SENTENCES[0], 200, 1),
        Text("long", " ".join(SENTENCES), 125, 4),
    )
}
