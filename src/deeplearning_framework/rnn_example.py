"""Who is where? A recurrent network reads short stories and answers a question about each.

    mary to kitchen . john to garden . mary to office . where mary ? office

The stories are made up here, in the manner of the first of the bAbI tasks. People move, some of them twice,
and the question may be about any of them. So the answer is not always the last place named: the network has
to carry several places through the words that follow, and to overwrite the ones that are out of date.

``python -m deeplearning_framework.rnn_example`` trains an embedding and a plain recurrent cell to predict the
word that comes next, the answer included. It measures the answers on stories that were never trained on,
shows how sure the network is of some, and lets it tell stories of its own.

Source of the task: J. Weston and others, "Towards AI-complete question answering: a set of prerequisite toy
tasks" (2015).
"""

# ruff: noqa: T201 (printing is what this program is for)

from __future__ import annotations

import numpy as np

from deeplearning_framework import SGD, CrossEntropyLoss, Embedding, Layer, RNNCell, Tensor, no_grad
from deeplearning_framework.shapes import Array

NAMES = ["john", "mary", "sandra"]
PLACES = ["garden", "kitchen", "office", "hallway"]
WORDS = [*NAMES, *PLACES, "to", ".", "where", "?"]
NUMBER = {word: number for number, word in enumerate(WORDS)}
MOVES = 3
LENGTH = 4 * MOVES + 4  # words: four to a move, three to the question, and the answer

HIDDEN = 64
BATCH = 32
STEPS = 3000
EVERY = 300


def make_story(rng: np.random.Generator) -> list[str]:
    """Make up some moves, a question and its answer."""
    where: dict[str, str] = {}
    words: list[str] = []
    for _ in range(MOVES):
        name = str(rng.choice(NAMES))
        where[name] = str(rng.choice([place for place in PLACES if place != where.get(name)]))
        words += [name, "to", where[name], "."]
    asked = str(rng.choice(sorted(where)))
    return [*words, "where", asked, "?", where[asked]]


def make_stories(rng: np.random.Generator, n: int) -> Array:
    """Make up stories as word numbers (n, length)."""
    return np.array([[NUMBER[word] for word in make_story(rng)] for _ in range(n)])


def answer(words: list[str]) -> str | None:
    """Work out by rule what a story's question asks for; None if the story does not say."""
    asked = words[words.index("where") + 1]
    moves = zip(words, words[1:], words[2:], strict=False)
    return next((place for name, to, place in reversed(list(moves)) if (name, to) == (asked, "to")), None)


class Reader(Layer):
    """Reads word by word, and says after each what the next one may be."""

    def __init__(self) -> None:
        """Draw the weights."""
        super().__init__()
        self.embedding = Embedding(len(WORDS), HIDDEN)
        self.cell = RNNCell(HIDDEN, HIDDEN, len(WORDS), activation="tanh")
        # A plain cell remembers only if its start lets it: words must be loud enough to be heard, and the
        # state, multiplied by the same matrix at every word, must neither fade nor blow up.
        self.embedding.weight.data *= HIDDEN
        self.cell.w_hh.weight.data *= 0.7

    def forward(self, stories: Array) -> list[Tensor]:
        """Predict, from each word and all before it, the next: logits (n, words), one for each word."""
        hidden = self.cell.init_hidden(len(stories))
        predictions = []
        for word in stories.T:
            logits, hidden = self.cell.forward(self.embedding.forward(word), hidden)
            predictions.append(logits)
        return predictions

    def tell(self, rng: np.random.Generator) -> list[str]:
        """Draw a story word by word, each from the probabilities of the network."""
        words = [str(rng.choice(NAMES))]
        with no_grad():
            hidden = self.cell.init_hidden()
            while len(words) < LENGTH:
                logits, hidden = self.cell.forward(self.embedding.forward([NUMBER[words[-1]]]), hidden)
                words.append(str(rng.choice(WORDS, p=logits.softmax().data[0])))
        return words


def accuracy(reader: Reader, stories: Array) -> float:
    """The share of stories whose answer the network thinks the likeliest."""
    with no_grad():
        logits = reader.forward(stories[:, :-1])[-1]
    return float((logits.data.argmax(axis=1) == stories[:, -1]).mean())


def clip_gradients(parameters: list[Tensor], longest: float) -> None:
    """Shorten the gradient: through many steps of a recurrent network it can be larger than it means."""
    gradients = [(p, p.grad.data) for p in parameters if p.grad is not None]
    length = float(np.sqrt(sum((g * g).sum() for _, g in gradients)))
    if length > longest:
        for p, g in gradients:
            p.grad = g * (longest / length)


def train(reader: Reader, stories: Array, held_out: Array, rng: np.random.Generator) -> None:
    """Train on some stories, and print how the answers to others get better."""
    criterion = CrossEntropyLoss()
    optimizer = SGD(reader.get_parameters(), alpha=0.03, momentum=0.9)
    for step in range(STEPS + 1):
        batch = stories[rng.integers(0, len(stories), BATCH)]  # (batch, length)
        *others, last = [
            criterion.forward(logits, word)
            for logits, word in zip(reader.forward(batch[:, :-1]), batch[:, 1:].T, strict=True)
        ]
        # Most other words are up to chance, and no memory predicts them: the answer counts for more.
        loss = last
        for other in others:
            loss = loss + 0.1 * other
        if step % EVERY == 0:
            print(f"step {step:5d}   loss {loss.item():.3f}   held-out {accuracy(reader, held_out):.1%}")
        loss.backward()
        clip_gradients(optimizer.parameters, 1.0)
        if step == STEPS * 2 // 3:
            optimizer.alpha *= 0.3
        optimizer.step()


def main() -> None:
    """Train from a fixed seed, and print what the network makes of stories it does not know."""
    np.random.seed(0)
    rng = np.random.default_rng(1)
    held_out = make_stories(rng, 500)
    known = {tuple(story) for story in held_out.tolist()}
    stories = np.array([story for story in make_stories(rng, 6000).tolist() if tuple(story) not in known])

    last_place = held_out[:, 4 * MOVES - 2]
    print(f"{len(stories)} stories to train on; {len(held_out)} held out, none of them among the first")
    print(f"chance is {1 / len(PLACES):.0%}; always saying the last place named is right for", end=" ")
    print(f"{(last_place == held_out[:, -1]).mean():.1%}\n")

    reader = Reader()
    train(reader, stories, held_out, rng)

    print("\nStories it has not seen")
    for story in held_out[:5]:
        with no_grad():
            p = reader.forward(story[np.newaxis, :-1])[-1].softmax().data[0]  # (words,)
        guesses = ", ".join(f"{WORDS[i]} {p[i]:.0%}" for i in np.argsort(-p)[:2])
        print(f"  {' '.join(WORDS[i] for i in story)}\n      it says: {guesses}")

    print("\nStories it tells")
    for _ in range(5):
        words = reader.tell(rng)
        if words.count("where") == 1 and words[-2] == "?":
            verdict = "consistent" if answer(words) == words[-1] else f"should be {answer(words)}"
        else:
            verdict = "no story"
        print(f"  {' '.join(words)}   ({verdict})")


if __name__ == "__main__":
    main()
