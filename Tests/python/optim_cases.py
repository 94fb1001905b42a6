"""What optim_recorded.json was recorded on, with PyTorch 2.13: optimizers and schedules by name."""

STEPS = 6
SCHEDULE_STEPS = 14
START = [[0.5, -1.25, 2.0], [0.0, 0.75, -0.1]]

OPTIMIZERS = {
    "adadelta": ("Adadelta", {}),
    "adadelta, all": (
        "Adadelta", {"lr": 3.0, "rho": 0.7, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    "nadam": ("NAdam", {}),
    "nadam, decay": (
        "NAdam", {"lr": 0.1, "betas": (0.7, 0.8), "weight_decay": 0.1, "momentum_decay": 0.2}),
    "nadam, decoupled": (
        "NAdam", {"lr": 0.1, "weight_decay": 0.3, "decoupled_weight_decay": True,
                  "maximize": True, "eps": 1e-3}),
    "adamax": ("Adamax", {}),
    "adamax, all": (
        "Adamax", {"lr": 0.2, "betas": (0.6, 0.7), "eps": 1e-2, "weight_decay": 0.1,
                   "maximize": True}),
    "adam, amsgrad": (
        "Adam", {"lr": 0.3, "betas": (0.5, 0.6), "amsgrad": True, "weight_decay": 0.1}),
    "adam, amsgrad, maximize": ("Adam", {"lr": 0.1, "amsgrad": True, "maximize": True}),
    "adamw, amsgrad": ("AdamW", {"lr": 0.3, "betas": (0.5, 0.6), "amsgrad": True}),
    "rmsprop, centered": (
        "RMSprop", {"lr": 0.05, "alpha": 0.7, "centered": True, "momentum": 0.5,
                    "weight_decay": 0.1}),
    "adagrad": ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.2}),
    "sgd": ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}),
}  # fmt: skip


def loss(p, step):
    return (0.5 * (1 + 0.3 * step) * p * p + (2 * p).sin()).sum()


def metric(step):
    return [5.0, 4.0, 4.0, 3.9999, 4.2, 4.1, 3.0, 3.0, 3.0, 3.0, 3.0, 2.9, 2.9, 2.9][step]


def move(schedule, step):
    if type(schedule).__name__ == "ReduceLROnPlateau":
        schedule.step(metric(step))
    else:
        schedule.step()


def rates(optimizer):
    return [[group["lr"], group["momentum"]] for group in optimizer.param_groups]


def sequence(s, o):
    parts = [s.LinearLR(o, 0.25, 1.0, 3), s.CosineAnnealingLR(o, 5), s.ExponentialLR(o, 0.8)]
    return s.SequentialLR(o, parts, [3, 9])


SCHEDULES = {
    "step": lambda s, o: s.StepLR(o, 3, 0.5),
    "milestones": lambda s, o: s.MultiStepLR(o, [7, 2, 2], 0.1),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "constant": lambda s, o: s.ConstantLR(o, 0.25, 4),
    "linear": lambda s, o: s.LinearLR(o, 0.2, 0.9, 6),
    "polynomial": lambda s, o: s.PolynomialLR(o, 8, 2.0),
    "lambda": lambda s, o: s.LambdaLR(o, [lambda t: 1 / (1 + t), lambda t: 0.5**t]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda t: 1 - 0.05 * t),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 5, 0.05),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "one cycle": lambda s, o: s.OneCycleLR(o, [0.5, 1.0], total_steps=15),
    "one cycle, three phases": lambda s, o: s.OneCycleLR(
        o, 0.5, epochs=3, steps_per_epoch=6, three_phase=True, anneal_strategy="linear",
        div_factor=5, final_div_factor=10, pct_start=0.4),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.1, 0.5, step_size_up=3, step_size_down=2),
    "cyclic, halved": lambda s, o: s.CyclicLR(
        o, [0.1, 0.2], 0.5, step_size_up=2, mode="triangular2", cycle_momentum=False),
    "cyclic, exponential": lambda s, o: s.CyclicLR(
        o, 0.1, 0.5, step_size_up=3, mode="exp_range", gamma=0.9),
    "plateau": lambda s, o: s.ReduceLROnPlateau(o, factor=0.5, patience=1, cooldown=1),
    "plateau, max": lambda s, o: s.ReduceLROnPlateau(
        o, "max", 0.5, 2, threshold=0.1, threshold_mode="abs", min_lr=[0.15, 0.01]),
    "sequence": sequence,
    "chain": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.5, 3), s.ExponentialLR(o, 0.9), s.CosineAnnealingLR(o, 6)]),
}  # fmt: skip
