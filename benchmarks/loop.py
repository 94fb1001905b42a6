"""The engine's loop itself, on a step that is next to nothing: w ← w − lr · 2 w on one number.

Timed is a step with all that the engine does for it: the batch, training_step (only by default, in
replay it does not run), the cached program, the update, counts and hooks.

    python loop.py betty THREADS
"""

from clock import arguments, median, report

STEPS = 2000


def with_betty(threads: int, replay: bool) -> float:
    """Seconds a step."""
    import betty
    from betty import nn
    from betty.configs import Config, EngineConfig
    from betty.engine import Engine
    from betty.problems import ImplicitProblem

    betty.set_num_threads(threads)

    class Number(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(betty.ones(1))

    class Tiny(ImplicitProblem):
        def training_step(self, batch):
            w = self.module.w
            return (w * w).sum()

    module = Number()
    sgd = betty.optim.SGD(module.parameters(), lr=1e-6)
    tiny = Tiny("tiny", Config(replay=replay), module, sgd, train_data_loader=[betty.ones(1)])
    engine = Engine([tiny], EngineConfig(train_iters=STEPS), {})
    engine.run()
    return median(engine.run) / STEPS


def main() -> None:
    library, threads = arguments()
    name = "engine loop, a step of one number"
    if library == "betty":
        report({name: with_betty(threads, False), f"{name}, replay": with_betty(threads, True)})
    else:
        report({})


if __name__ == "__main__":
    main()
