"""Learn whom to believe: a policy is trained on the rewards of several judges, some of them wrong.

For every context a policy draws an action; each judge then says what the action was worth. Some
judges know, the others judge by rules of their own. How much each judge counts is learned, so that
the policy does well on a small set of contexts whose true rewards are known. Two levels:

    upper   trust     minimise the expected cost on the known contexts   over the judges' weights
    lower   policy    minimise the weighted cost of its own draws        over the policy's network

The lower loss is a score-function estimate (Williams, 1992), since a draw has no derivative, and
`type="reinforce"` takes the upper gradient through it.

    python examples/policy_reweighting.py [--seeds 3] [--steps 1500]
"""

import argparse
from dataclasses import dataclass

import betty
import betty.nn as nn
import numpy as np
from betty.configs import Config, EngineConfig
from betty.distributions import Categorical
from betty.engine import Engine
from betty.hypergradient import score_loss
from betty.problems import ImplicitProblem

FEATURES, ACTIONS, HONEST, JUDGES = 8, 6, 2, 6
CONTEXTS, KNOWN, TEST = 512, 64, 2000
BATCH, NOISE = 128, 0.3


@dataclass
class World:
    """Contexts and what actions are worth: [contexts, actions], for the judges one more axis."""

    contexts: betty.Tensor
    judged: betty.Tensor  # [contexts, judges, actions]
    known: tuple[betty.Tensor, betty.Tensor]
    test: tuple[betty.Tensor, betty.Tensor]


def make_world(seed: int) -> World:
    """Rewards are linear in the context; a dishonest judge has a matrix of its own."""
    random = np.random.default_rng(seed)
    true = random.standard_normal((FEATURES, ACTIONS))
    own = random.standard_normal((JUDGES, FEATURES, ACTIONS))
    own[:HONEST] = true

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        contexts = random.standard_normal((count, FEATURES))
        return contexts, contexts @ true

    contexts, _ = draw(CONTEXTS)
    judged = np.einsum("nf,jfa->nja", contexts, own)
    judged += NOISE * random.standard_normal(judged.shape)
    known, test = draw(KNOWN), draw(TEST)

    def tensor(array: np.ndarray) -> betty.Tensor:
        return betty.from_numpy(array.astype(np.float32))

    known, test = (tuple(tensor(part) for part in pair) for pair in (known, test))
    return World(tensor(contexts), tensor(judged), known, test)


class Trust(nn.Module):
    """How much each judge counts; the weights add up to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.raw = nn.Parameter(betty.zeros(JUDGES))

    def forward(self) -> betty.Tensor:
        return self.raw.softmax(0)


def worth(network: nn.Module, contexts: betty.Tensor, rewards: betty.Tensor) -> betty.Tensor:
    """The mean reward that the policy expects."""
    return (network(contexts).softmax(1) * rewards).sum(1).mean()


class Known(ImplicitProblem):
    """One level: the expected cost where true rewards are known, and nothing else."""

    def training_step(self, batch):
        return -worth(self.module, *batch)


class Believing(ImplicitProblem):
    """Upper level: the expected cost where true rewards are known."""

    def training_step(self, batch):
        return -worth(self.policy.module, *batch)


class Policy(ImplicitProblem):
    """Lower level: draws actions and makes their weighted cost small."""

    def training_step(self, batch):
        contexts, judged = batch
        chances = Categorical(logits=self.module(contexts))
        actions = chances.sample()
        index = actions.reshape(-1, 1, 1).expand(-1, JUDGES, 1)
        said = judged.gather(2, index).squeeze(2)
        return score_loss(chances.log_prob(actions), -(said * self.believing()).sum(1))


def policy_network() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, 32), nn.Tanh(), nn.Linear(32, ACTIONS))


def train_on_known(world: World, steps: int) -> nn.Module:
    """The policy that the known contexts alone give."""
    network = policy_network()
    adam = betty.optim.Adam(network.parameters(), lr=0.01)
    known = Known("known", Config(), network, adam, train_data_loader=[world.known])
    Engine([known], EngineConfig(train_iters=steps)).run()
    return network


def train(world: World, steps: int, believe: bool) -> tuple[nn.Module, np.ndarray]:
    """The policy and the judges' weights, equal ones unless `believe`."""
    trust, network = Trust(), policy_network()
    rate = 0.02 if believe else 0.0
    batches = [
        (world.contexts[start : start + BATCH], world.judged[start : start + BATCH])
        for start in range(0, CONTEXTS, BATCH)
    ]
    upper = Believing(
        "believing",
        Config(),
        trust,
        betty.optim.Adam(trust.parameters(), lr=rate),
        train_data_loader=[world.known],
    )
    lower = Policy(
        "policy",
        Config(type="reinforce", unroll_steps=1),
        network,
        betty.optim.Adam(network.parameters(), lr=0.01),
        train_data_loader=batches,
    )
    dependencies = {"u2l": {upper: [lower]}, "l2u": {lower: [upper]}}
    Engine([upper, lower], EngineConfig(train_iters=steps), dependencies).run()
    return network, trust().detach().numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1500)
    options = parser.parse_args()
    if options.seeds < 1 or options.steps < 1:
        parser.error("--seeds and --steps must be positive")
    names = ("known contexts alone", "judges count alike", "trust is learned")
    rows: dict[str, list[float]] = {name: [] for name in names}
    trusted = []
    for seed in range(options.seeds):
        betty.manual_seed(seed)
        world = make_world(seed)
        best = world.test[1].amax(1).mean().item()
        alone = train_on_known(world, options.steps)
        alike, _ = train(world, options.steps, believe=False)
        learned, weights = train(world, options.steps, believe=True)
        for name, network in zip(names, (alone, alike, learned), strict=True):
            rows[name].append(100 * worth(network, *world.test).item() / best)
        trusted.append(100 * weights[:HONEST].sum())
    print(f"{'training':<22}reward, of the best policy's; mean of {options.seeds}")
    for name, values in rows.items():
        deviation = np.std(values, ddof=min(1, len(values) - 1))
        print(f"{name:<22}{np.mean(values):.1f} ± {deviation:.1f} %")
    print(f"trust in the {HONEST} honest judges of {JUDGES}: {np.mean(trusted):.0f} %")


if __name__ == "__main__":
    main()
